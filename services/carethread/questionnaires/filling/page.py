"""The page as HTML, and what a browser is told beside it.

Templates escape whatever they are given. Nothing is run or fetched but one script and one style sheet of ours; nothing
is kept, framed, or told to another site. Source: https://www.w3.org/TR/CSP3/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from carethread.core.ports import Response
from carethread.core.service import File
from carethread.interactions.rest.page import address, asset, headers, templates
from carethread.questionnaires.filling.blocks import Block
from carethread.questionnaires.filling.helping import Help, told
from carethread.questionnaires.filling.words import spoken, word
from carethread.questionnaires.rendering.words import Words
from carethread.questionnaires.safety.reaching import Reached

_HERE = "carethread.questionnaires.filling"
HEADERS: Mapping[str, str] = headers(
    "script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'",
    {
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Vary": "Accept-Language",
    },
)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a form with what is answered. `complaints` are (the control's id, the question, what is wrong);
    `elsewhere` are other parts where something is wrong; `kept`: what is answered can be saved for later; `live`: what
    is asked depends on answers; `lost` is help for what was posted and is not kept, `told`: whether somebody was
    reached for the rest; `asking` is the name of who asks, `until` the last day to answer; `moved`: things go by other
    numbers than on the page that was posted; `notice` is a text of `words`."""

    language: str
    languages: Sequence[tuple[str, str]]
    title: Words
    part: int
    parts: Sequence[object]
    blocks: Sequence[Block]
    answered: int
    asked: int
    version: int
    kept: bool
    live: bool
    checked: bool = False
    notice: str = ""
    complaints: Sequence[tuple[str, str, str]] = ()
    elsewhere: Sequence[int] = ()
    helps: Sequence[Help] = ()
    lost: Sequence[Help] = ()
    told: Reached = ""
    asking: str = ""
    until: str = ""
    moved: bool = False


def shown(page: Page, status: int = 200) -> Response:
    """The page as it is answered."""
    return _html("page.html", page.language, status, page=page)


def ended(
    name: str,
    language: str,
    status: int,
    *,
    text: str = "",
    until: str = "",
    go_on: str = "",
    helps: Sequence[Help] = (),
    reached: Reached = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page without questions: `name` is that of a text of `words`, `text` another one where it is not the same."""
    more = {"text": text, "until": until, "go_on": go_on, "helps": helps, "reached": reached}
    said = _html("end.html", spoken(language), status, name=name, **more)
    return Response(status, {**said.headers, **(headers or {})}, said.body)


def moved(where: str) -> Response:
    """What was posted is kept; go on there (a relative URL)."""
    return Response(303, {**HEADERS, "Location": where})


def _html(template: str, language: str, status: int, **values: object) -> Response:
    say: Callable[..., str] = partial(word, language=language)
    values["told"] = partial(told, language=language)
    made = templates(_HERE, trimmed=False).get_template(template)
    return Response(status, HEADERS, made.render(say=say, language=language, assets=_assets(), **values).encode())


def _assets() -> Mapping[str, str]:
    """Where the style sheet and the script are, from the page."""
    return {name.rpartition(".")[2]: f"../{address(_HERE, name)}" for name in ("fill.css", "fill.js")}


FILES = (
    File("console/fill.css", "text/css; charset=utf-8", partial(asset, _HERE, "fill.css")),
    File("console/fill.js", "text/javascript; charset=utf-8", partial(asset, _HERE, "fill.js")),
)

"""The page as HTML, and what a browser is told beside it.

Templates escape whatever they are given. Nothing is run or fetched but one script and one style sheet of ours; nothing
is kept, framed, or told to another site. Source: https://www.w3.org/TR/CSP3/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from carethread.core.ports import Response
from carethread.core.service import File
from carethread.questionnaires.filling.blocks import Block
from carethread.questionnaires.filling.helping import Help, told
from carethread.questionnaires.filling.words import spoken, word
from carethread.questionnaires.rendering.words import Words
from carethread.questionnaires.safety.reaching import Reached

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = "carethread.questionnaires.filling"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Vary": "Accept-Language",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a form with what is answered. `complaints` are (the control's id, the question, what is wrong);
    `elsewhere` are other parts where something is wrong; `kept`: what is answered can be saved for later; `live`: what
    is asked depends on answers; `told`: whether somebody was reached who is needed; `asking` is the name of who asks,
    `until` the last day to answer; `moved`: things go by other numbers than on the page that was posted; `notice` is a
    text of `words`."""

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
    made = _environment().get_template(template)
    return Response(status, HEADERS, made.render(say=say, language=language, assets=_assets(), **values).encode())


@lru_cache(1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # which would delay every start

    return Environment(
        loader=PackageLoader(_HERE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=False,
        auto_reload=False,
    )


def _asset(name: str) -> bytes:
    return files(_HERE).joinpath("static").joinpath(name).read_bytes()


@lru_cache(1)
def _assets() -> Mapping[str, str]:
    """Where the style sheet and the script are, from the page: named by what is in them, so they may be kept."""
    return {
        name.rpartition(".")[2]: f"../{name}?v={sha256(_asset(name)).hexdigest()[:16]}"
        for name in ("fill.css", "fill.js")
    }


FILES = (
    File("console/fill.css", "text/css; charset=utf-8", partial(_asset, "fill.css")),
    File("console/fill.js", "text/javascript; charset=utf-8", partial(_asset, "fill.js")),
)

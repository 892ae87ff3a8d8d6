"""The pack as a page: to be read on a screen, and printed on A4 (PDF by the browser). It fetches and runs nothing, so
that it may be kept as one file. Templates escape whatever they are given."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from urllib.parse import urlencode, urljoin

from carethread.core.clock import from_micros
from carethread.core.ports import Response
from carethread.interactions.rest.page import headers, templates
from carethread.metrics.explaining.picking import name_of
from carethread.metrics.reviewing import words
from carethread.metrics.reviewing.figures import Figure
from carethread.metrics.reviewing.lines import line
from carethread.metrics.reviewing.pack import Pack

_HERE = "carethread.metrics.reviewing"


def page(pack: Pack, base_url: str) -> Response:
    """The page as it is answered."""
    style = _style() + _running(f"{pack.department} · {words.month(pack.review.days.first)}")
    made = templates(_HERE).get_template("review.html")
    html = made.render(
        pack=pack,
        base=base_url,
        opened=lambda figure: _opened(pack, figure, base_url),
        style=style,
        words=words,
        line=line,
        when=from_micros,
        by_kind=_by_kind(pack),
        empty=_empty(pack),
    )
    return Response(200, _headers(style), html.encode())


def _opened(pack: Pack, figure: Figure, base_url: str) -> str:
    """Where a figure's number of the month is opened: the page beside FHIR's base."""
    days = pack.review.days
    asks = {"measure": figure.measure, "periodStart": f"{days.first}", "periodEnd": f"{days.last}"}
    asks |= {
        "department": pack.review.department,
        **({"group": name_of(figure.group, figure.place)} if figure.part else {}),
    }
    return f"{urljoin(f'{base_url}/', '../console/number')}?{urlencode(asks)}"


def _by_kind(pack: Pack) -> Mapping[str, Sequence[Figure]]:
    """The figures under the headings that there are any of, but those of nobody."""
    shown = [each for each in pack.figures if not each.is_of_nobody]
    found = {name: [each for each in shown if words.kind(each.kind) == name] for name in words.KINDS}
    return {name: each for name, each in found.items() if each}


def _empty(pack: Pack) -> list[str]:
    """The measures of which there is nothing to show."""
    shown = {each.title for each in pack.figures if not each.is_of_nobody}
    return [title for title in dict.fromkeys(each.title for each in pack.figures) if title not in shown]


def _headers(style: str) -> dict[str, str]:
    """What a browser is told: there is one style, and nothing to run or fetch. https://www.w3.org/TR/CSP3/"""
    known = b64encode(sha256(style.encode()).digest()).decode()
    return headers(f"style-src 'sha256-{known}'; form-action 'none'")


def _running(text: str) -> str:
    """What stands at the foot of each printed page, as CSS; of the text only letters and digits stand as they are, so
    that it ends neither the string nor the style. https://www.w3.org/TR/css-page-3/#margin-boxes"""
    said = "".join(each if each.isascii() and each.isalnum() else f"\\{ord(each):x} " for each in text)
    return f'@page {{ @bottom-left {{ content: "{said}"; font: 8pt system-ui, sans-serif; color: #555 }} }}\n'


@lru_cache(1)
def _style() -> str:
    return files(_HERE).joinpath("templates").joinpath("review.css").read_text("utf-8")

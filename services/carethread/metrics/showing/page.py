"""The charts as HTML: without any script, one style sheet of ours, and SVG in the page itself, so that nothing else is
fetched or told to another site. Templates escape whatever they are given. Source: https://www.w3.org/TR/CSP3/.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from carethread.core.clock import from_micros
from carethread.core.ports import Response
from carethread.core.service import File
from carethread.metrics.showing import plot, words
from carethread.metrics.showing.charts import Charts

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = "carethread.metrics.showing"
_STYLE = "metrics.css"
HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}

_SORRY: Mapping[int, tuple[str, str]] = {
    400: ("This address is not right", "Something in it cannot be read. Begin with all charts."),
    403: ("This is not for you to see", "You are not signed in, or may not see the practice's numbers."),
    404: ("There is nothing here", "There is no such measure or department. Begin with all charts."),
    503: ("Not yet", "The numbers are not there yet. Try again in a minute."),
}
_OTHERWISE = ("Something went wrong", "Try again in a minute.")


def shown(charts: Charts, base_url: str) -> Response:
    """The page as it is answered."""
    made = _environment().get_template("charts.html")
    values = {"charts": charts, "base": base_url, "words": words, "plot": plot, "when": from_micros(charts.as_of)}
    return Response(200, HEADERS, made.render(style=_style(), **values).encode())


def sorry(status: int, headers: Mapping[str, str], languages: str) -> Response:
    """What is said where there is no page to show."""
    title, text = _SORRY.get(status, _OTHERWISE)
    made = _environment().get_template("sorry.html").render(style=_style(), title=title, text=text)
    kept = {name: value for name, value in headers.items() if name in ("Retry-After", "WWW-Authenticate")}
    return Response(status, {**HEADERS, **kept}, made.encode())


@lru_cache(1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # which would delay every start

    return Environment(
        loader=PackageLoader(_HERE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _asset() -> bytes:
    return files(_HERE).joinpath("static").joinpath(_STYLE).read_bytes()


@lru_cache(1)
def _style() -> str:
    """Where the style sheet is, from the page: named by what is in it, so that it may be kept."""
    return f"{_STYLE}?v={sha256(_asset()).hexdigest()[:16]}"


FILES = (File(f"console/{_STYLE}", "text/css; charset=utf-8", _asset),)

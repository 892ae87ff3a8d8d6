"""The charts, and one number opened, as HTML: without any script, one style sheet of ours, and SVG in the page itself,
so that nothing else is fetched or told to another site. Templates escape whatever they are given.
Source: https://www.w3.org/TR/CSP3/.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from carethread.core.clock import from_micros
from carethread.core.ports import Response
from carethread.core.service import File
from carethread.interactions.rest.page import address, asset, headers, templates
from carethread.metrics.showing import plot, telling, words
from carethread.metrics.showing.charts import Charts
from carethread.metrics.showing.opening import Opened

_HERE = "carethread.metrics.showing"
_STYLE = "metrics.css"
HEADERS: Mapping[str, str] = headers("style-src 'self'; form-action 'self'")

_SORRY: Mapping[int, tuple[str, str]] = {
    400: ("This address is not right", "Something in it cannot be read. Begin with all charts."),
    403: ("This is not for you to see", "You are not signed in, or may not see the practice's numbers."),
    404: ("There is nothing here", "There is no such measure or department. Begin with all charts."),
    422: (
        "Nothing is counted",
        "This is not counted by SQL here, or a table of facts is not defined rightly: the log of metrics says which.",
    ),
    503: ("Not yet", "The numbers are not there yet. Try again in a minute."),
}
_OTHERWISE = ("Something went wrong", "Try again in a minute.")


def shown(charts: Charts, base_url: str) -> Response:
    """The page as it is answered."""
    made = templates(_HERE).get_template("charts.html")
    values = {"charts": charts, "base": base_url, "words": words, "plot": plot, "when": from_micros(charts.as_of)}
    return Response(200, HEADERS, made.render(style=address(_HERE, _STYLE), **values).encode())


def shown_number(opened: Opened, base_url: str) -> Response:
    """The page of one number as it is answered."""
    made = templates(_HERE).get_template("number.html")
    values = {"opened": opened, "base": base_url, "telling": telling, "when": from_micros(opened.as_of)}
    return Response(200, HEADERS, made.render(style=address(_HERE, _STYLE), **values).encode())


def sorry(status: int, answered: Mapping[str, str], languages: str, posted: bool) -> Response:
    """What is said where there is no page to show, to whoever reads it."""
    title, text = _SORRY.get(status, _OTHERWISE)
    made = templates(_HERE).get_template("sorry.html").render(style=address(_HERE, _STYLE), title=title, text=text)
    kept = {name: value for name, value in answered.items() if name in ("Retry-After", "WWW-Authenticate")}
    return Response(status, {**HEADERS, **kept}, made.encode())


FILES = (File(f"console/{_STYLE}", "text/css; charset=utf-8", partial(asset, _HERE, _STYLE)),)

"""The pages at `/` and `/console`: what is here, for whoever opens the address in a browser. They run nothing.

A FHIR client has its base below `/fhir`, and is told so at `/` as anywhere beside it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from hashlib import sha256
from importlib.resources import files

from carethread.core.context import Context, authorize, context_of
from carethread.core.errors import Forbidden
from carethread.core.ports import Response
from carethread.core.service import Page
from carethread.interactions.rest.page import headers, templates

_HERE = "carethread.gateway"

DESCRIPTIONS: Mapping[str, tuple[str, str]] = {
    "fhir/metadata": ("Capability statement", "what the FHIR API answers, as FHIR says it"),
    "openapi.json": ("OpenAPI", "the same for programs that read OpenAPI"),
    "asyncapi.json": ("AsyncAPI", "the events that are published, and their topics"),
    "readyz": ("Ready", "whether all is ready to answer"),
    "metrics": ("Prometheus", "how the services are doing"),
}
"""What stands beside FHIR, by its path: its name, and what it says."""


def fronts(pages: Sequence[Page]) -> Mapping[str, Callable[[Mapping[str, str]], Response]]:
    """The two pages by their paths, each as what answers a request's headers, whose names are in lower case."""
    named = [each for each in pages if each.title]
    return {"": partial(_front, named), "console": partial(_console, named)}


def _front(pages: Sequence[Page], asked: Mapping[str, str]) -> Response:
    return _answer("front.html", pages=_seen(pages, asked), descriptions=DESCRIPTIONS)


def _console(pages: Sequence[Page], asked: Mapping[str, str]) -> Response:
    return _answer("console.html", pages=_seen(pages, asked))


def _seen(pages: Sequence[Page], asked: Mapping[str, str]) -> list[Page]:
    """Those that the caller may see."""
    context = context_of(asked)
    return [each for each in pages if _may_see(each, context)]


def _may_see(page: Page, context: Context) -> bool:
    try:
        authorize("read", page.operation.partition("/")[0], context)
    except Forbidden:
        return False
    return True


def _answer(template: str, **values: object) -> Response:
    style = _style()
    known = b64encode(sha256(style.encode()).digest()).decode()
    made = templates(_HERE).get_template(template).render(style=style, **values)
    return Response(200, headers(f"style-src 'sha256-{known}'; form-action 'none'", {"Vary": "Accept"}), made.encode())


@lru_cache(1)
def _style() -> str:
    return files(_HERE).joinpath("templates").joinpath("front.css").read_text("utf-8")

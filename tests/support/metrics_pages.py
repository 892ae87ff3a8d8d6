"""The pages of service metrics as a browser gets them, over facts that do not change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page

from carethread.adapters.http.app import make_app
from carethread.adapters.http.fhir import answering
from carethread.core.clock import system_clock
from carethread.core.context import Context
from carethread.core.ports import Request, Response
from carethread.interactions.rest.handling import handle
from carethread.metrics import SERVICE
from support import accessible
from support.facts import Filled
from support.measuring import Metrics


@dataclass
class Standing:
    """Facts that need not be made anew for each look."""

    facts: Filled

    @contextmanager
    def look(self, *, leisure: bool = False) -> Iterator[Filled]:
        yield self.facts

    def check(self, sql: str) -> None:
        """All is taken."""


def browser_of(asked: Metrics) -> FlaskClient:
    """What asks for the pages of a service as it is set up."""

    def answer(request: Request, context: Context) -> Response:
        return handle(asked.runtime, request, asked.context)

    app = make_app(
        answering(answer, system_clock, lambda *_: None), max_body_bytes=1000, not_ready=list,
        exposition=lambda: (b"", ""), asyncapi=lambda _: Response(200), pages=SERVICE.pages, files=SERVICE.files,
    )  # fmt: skip
    return app.test_client()


_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def on_a_telephone(
    chromium: Browser, site: FlaskClient, folder: Path, pages: Mapping[str, str]
) -> Iterator[tuple[str, Page]]:
    """Each of the pages by its name, at 360 px and by day and by night: nothing is cut off, all has a name and can be
    told from its ground."""
    (folder / "metrics.css").write_bytes(site.get("/console/metrics.css").data)
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
        for scheme in _SCHEMES:
            page = chromium.new_page(viewport={"width": 360, "height": 640}, color_scheme=scheme)
            page.goto((folder / f"{name}.html").as_uri())
            assert not accessible.scrolls_sideways(page)
            assert (accessible.faint(page), accessible.small(page), accessible.unnamed(page)) == ([], [], [])
            yield name, page
            page.close()

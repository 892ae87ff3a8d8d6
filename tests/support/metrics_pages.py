"""The pages of service metrics as a browser gets them, over facts that do not change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask.testing import FlaskClient

from carethread.adapters.http.app import make_app
from carethread.adapters.http.fhir import answering
from carethread.core.clock import system_clock
from carethread.core.context import Context
from carethread.core.ports import Request, Response
from carethread.interactions.rest.handling import handle
from carethread.metrics import SERVICE
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

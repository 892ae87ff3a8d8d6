"""Somebody who fills in a form on its page, without a browser: what is opened, chosen, written and pressed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from werkzeug.test import Client, TestResponse

from carethread.adapters.http.app import make_app
from carethread.adapters.http.fhir import answering
from carethread.core.context import Context
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from support.posting import PostedForm, named


def client_of(runtime: Runtime, clock: Any) -> Client:
    """The pages of a service over HTTP."""

    def answer(request: Request, context: Context) -> Response:
        return handle(runtime, request, context)

    app = make_app(
        answering(answer, clock, lambda *_: None),
        max_body_bytes=2_000_000,
        not_ready=list,
        exposition=lambda: (b"", ""),
        asyncapi=lambda _: Response(200),
        pages=runtime.service.pages,
        files=runtime.service.files,
    )
    return app.test_client()


class Visitor:
    """Somebody at a link, with one window."""

    def __init__(self, client: Client, link: str, **headers: str) -> None:
        self.client, self.path = client, urlsplit(link).path
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.last: TestResponse
        self.form: PostedForm

    def open(self, query: str = "") -> Visitor:
        """Open the link anew."""
        return self._seen(self.client.get(self.path + query, headers=self.headers))

    def choose(self, link: str, *values: str, where: str = "") -> Visitor:
        """Choose answers to a question by their codes (or keys)."""
        name = f"v:{where}:{link}"
        offered = self.form.offered[name]
        keys = [next(key for key in offered if key == each or key.endswith(f"|{each}")) for each in values]
        self.form.choose(name, *keys)
        return self

    def write(self, link: str, text: str, part: str = "v", where: str = "0") -> Visitor:
        """Write into a field of a question that is on the page."""
        name = f"{part}:{where}:{link}"
        assert name in {each for each, _ in named(self.form.pairs, link)}, (name, self.form.pairs)
        self.form.choose(name, text)
        return self

    def press(self, button: str) -> Visitor:
        """Press a button, and go where that leads."""
        sent = self.client.post(self.path + self.form.action, data=urlencode(self.form.pressed(button)),
                                content_type="application/x-www-form-urlencoded", headers=self.headers)  # fmt: skip
        if sent.status_code == 303:
            return self.open(sent.headers["Location"])
        return self._seen(sent)

    @property
    def status(self) -> int:
        return self.last.status_code

    @property
    def html(self) -> str:
        return self.last.get_data(as_text=True)

    def _seen(self, response: TestResponse) -> Visitor:
        self.last = response
        self.form = PostedForm(self.html)
        return self

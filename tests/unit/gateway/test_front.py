"""What somebody finds who opens the address in a browser, and a FHIR client that misses its base."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from carethread.adapters.http.app import make_app
from carethread.composition.parts import registry
from carethread.core.errors import Forbidden
from carethread.core.ports import Response
from carethread.gateway import front
from carethread.gateway.front import DESCRIPTIONS, fronts

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = [page for service in registry().values() for page in service.pages]


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(value) for name, value in attrs if (tag, name) == ("a", "href")]


@pytest.fixture
def client() -> FlaskClient:
    app = make_app(
        lambda *_: Response(200), max_body_bytes=1000, not_ready=list, exposition=lambda: (b"", ""),
        asyncapi=lambda _: Response(200), pages=PAGES, fronts=fronts(PAGES),
    )  # fmt: skip
    return app.test_client()


def test_a_browser_finds_what_is_here_and_each_link_leads_somewhere(client: FlaskClient):
    answer = client.get("/", headers=BROWSER)
    links = Links(answer.text).found
    assert {"console", "console/metrics", *DESCRIPTIONS} == set(links)
    assert {client.get(f"/{link}", headers=BROWSER).status_code for link in links} == {200}
    assert answer.content_type == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy


@pytest.mark.parametrize("accepts", ["application/fhir+json", "*/*", ""])
def test_who_accepts_no_html_is_told_where_fhir_is(client: FlaskClient, accepts: str):
    answer = client.get("/", headers={"Accept": accepts})
    assert (answer.status_code, answer.content_type) == (404, "application/fhir+json;charset=utf-8")
    assert "/fhir" in answer.text


def test_the_console_lists_its_pages(client: FlaskClient):
    assert Links(client.get("/console").text).found == ["./", "console/metrics"]


def test_a_page_is_listed_for_who_may_see_it_only(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    def nobody(interaction: str, type_name: str, context: object) -> None:
        raise Forbidden(f"{interaction} of {type_name} is not for you.")

    monkeypatch.setattr(front, "authorize", nobody)
    assert Links(client.get("/console").text).found == ["./"]
    assert "nothing here for you" in client.get("/console").text
    assert "console/metrics" not in Links(client.get("/", headers=BROWSER).text).found


def test_a_link_that_is_for_one_person_is_not_listed():
    assert [each.path for each in PAGES if each.title and "<" in each.path] == []

"""The client is patient with a busy server, and finds the one entry that spoils a batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from carethread.importer.client import Away, Client, identifier_query

_Reply = tuple[int, dict[str, str], Any] | Exception
_BUSY: _Reply = (503, {"Retry-After": "2"}, None)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(
    monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> Callable[[Callable[[str, str, Any], _Reply]], Client]:
    """`client(reply)`: a client whose requests `reply(method, path, body)` answers."""

    def client(reply: Callable[[str, str, Any], _Reply]) -> Client:
        def urlopen(_pool: object, method: str, path: str, body: bytes | None = None, **options: Any) -> Any:
            if body:
                assert options["headers"]["X-CareThread-Backfill"] == "true"
            answer = reply(method, path, json.loads(body) if body else None)
            if isinstance(answer, Exception):
                raise answer
            status, headers, content = answer
            return urllib3.HTTPResponse(json.dumps(content).encode(), headers, status, preload_content=True)

        monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", urlopen)
        return Client("http://127.0.0.1:1/fhir/", patience=30, sleep=slept.append)

    return client


def _created(bundle: dict[str, Any]) -> _Reply:
    entries = [{"response": {"status": f"201 {entry['n']}"}} for entry in bundle["entry"]]
    return 200, {}, {"resourceType": "Bundle", "type": "batch-response", "entry": entries}


def _entries(count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(count)]


def test_a_busy_server_is_asked_again_when_it_says(client, slept):
    replies = [_BUSY, _BUSY, urllib3.exceptions.ProtocolError("gone")]
    patient = client(lambda _m, path, body: replies.pop(0) if replies else _created(body))
    assert [answer.status for answer in patient.put_all(_entries(2))] == ["201 0", "201 1"]
    assert slept == [2, 2, 1.0]


def test_a_server_that_stays_away(client, slept):
    with pytest.raises(Away, match="TimeoutError"):
        client(lambda *_: urllib3.exceptions.TimeoutError()).put_all(_entries(1))
    assert sum(slept) <= 30


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_server_that_takes_no_batches(client, status, slept):
    with pytest.raises(Away, match=str(status)):
        client(lambda *_: (status, {}, None)).put_all(_entries(1))
    assert slept == []


def test_an_answer_with_too_few_entries(client):
    with pytest.raises(Away, match="1 entries"):
        client(lambda *_: (200, {}, {"resourceType": "Bundle", "entry": [{}]})).put_all(_entries(2))


@pytest.mark.parametrize("spoiler", range(5))
@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_an_entry_that_spoils_its_batch_is_found(client, spoiler, status):
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "too-long"}]}

    def reply(_method: str, _path: str, body: Any) -> _Reply:
        return (status, {}, outcome) if {"n": spoiler} in body["entry"] else _created(body)

    answers = client(reply).put_all(_entries(5))
    assert [answer.code for answer in answers] == [status if n == spoiler else 201 for n in range(5)]
    assert answers[spoiler].issues == outcome["issue"]


def test_entries_whose_owner_is_busy_are_sent_again(client, slept):
    seen: list[int] = []

    def reply(_method: str, _path: str, body: Any) -> _Reply:
        seen.append(len(body["entry"]))
        status, headers, answer = _created(body)  # type: ignore[misc]  # never an exception here
        if len(seen) < 3:
            answer["entry"][-1]["response"]["status"] = "503 Service Unavailable"
        return status, headers, answer

    assert [answer.code for answer in client(reply).put_all(_entries(4))] == [201] * 4
    assert seen == [4, 1, 1]
    assert slept == [0.25, 0.5]


def test_outcomes_of_refused_entries(client):
    issue = {"severity": "error", "code": "value", "diagnostics": "…", "expression": ["Patient.gender"]}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    entry = {"response": {"status": "422 Unprocessable Content", "outcome": outcome}}
    (answer,) = client(lambda *_: (200, {}, {"resourceType": "Bundle", "entry": [entry]})).put_all(_entries(1))
    assert (answer.code, answer.issues) == (422, [issue])


def test_a_search_reads_all_pages_and_only_matches(client):
    def reply(method: str, path: str, _body: Any) -> _Reply:
        assert method == "GET"
        page: dict[str, Any] = {
            "resourceType": "Bundle",
            "entry": [{"resource": {"resourceType": "Practitioner", "id": path[-1]}}],
        }
        if path == "/fhir/Practitioner?identifier=1":
            page["entry"].append({"resource": {"resourceType": "OperationOutcome"}})
            page["link"] = [{"relation": "next", "url": "http://elsewhere/fhir/Practitioner?page=2"}]
        return 200, {}, page

    assert [each["id"] for each in client(reply).search("Practitioner", "identifier=1")] == ["1", "2"]


def test_a_search_that_is_refused_finds_nothing(client):
    assert list(client(lambda *_: (400, {}, {})).search("Practitioner", "x=1")) == []


def test_identifiers_in_a_query_are_escaped():
    assert (
        identifier_query([("urn:s", "a,b|c"), ("s", "$\\")]) == "identifier=urn%3As%7Ca%5C%2Cb%5C%7Cc,s%7C%5C%24%5C%5C"
    )


@pytest.mark.parametrize("base", ["fhir", "ftp://x/fhir", "http:///fhir", "http://x/fhir?a=b"])
def test_a_base_that_is_no_url(base):
    with pytest.raises(ValueError, match="base URL"):
        Client(base)

"""Transactions that are stored by one commit: each whole or not at all, with its own trace; what needs more is left to
be done alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from carethread.adapters.local import LocalPeer
from carethread.adapters.sql.engine import reading
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import outbox
from carethread.core.context import Context
from carethread.core.errors import Held
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response, Session
from carethread.core.service import Runtime
from carethread.interactions.update import update
from support.stores import runtime, service_of

CONTEXT = Context()


@pytest.fixture
def records(store: SqlStore) -> Runtime:
    return runtime(store, service_of("Observation", "Provenance"))


def observation(id_: str, **more: Any) -> Resource:
    code = {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": code, **more}


def put(resource: Resource, **conditions: str) -> Resource:
    path = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": f"urn:uuid:{path}", "resource": resource, "request": {"method": "PUT", "url": path} | conditions}


def request(*entries: Resource, trace: str = "") -> Request:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    headers = {"content-type": "application/fhir+json", "prefer": "return=minimal", "traceparent": trace}
    return Request("POST", "", headers=headers, body=json.render(bundle))


def counted(service: Runtime, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each transaction of the database from now on."""
    found: list[None] = []
    transact = service.store.transact

    def counting(work: Callable[[Session], Any]) -> Any:
        found.append(None)
        return transact(work)

    monkeypatch.setattr(service.store, "transact", counting)
    return found


def asked(service: Runtime, *requests: Request) -> list[Response | None]:
    return LocalPeer({"records": service}).call_at_once("records", requests)


def there(service: Runtime, *ids: str) -> list[str]:
    found = service.store.glance(lambda session: session.current([("Observation", id_) for id_ in ids]))
    return sorted(id_ for _, id_ in found)


def test_all_are_stored_by_one_commit_each_with_its_trace(records: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = [Context().traceparent for _ in range(3)]
    transactions = counted(records, monkeypatch)
    found = asked(
        records,
        *(request(put(observation(f"a{n}")), put(observation(f"b{n}")), trace=traces[n]) for n in range(3)),
    )
    assert len(transactions) == 1
    for number, answer in enumerate(found):
        assert answer and answer.status == 200
        entries = json.parse(answer.body)["entry"]
        assert [each["response"]["status"] for each in entries] == ["201 Created"] * 2
        locations = [each["response"]["location"] for each in entries]
        assert locations == [f"Observation/a{number}/_history/1", f"Observation/b{number}/_history/1"]
    store = records.store
    assert isinstance(store, SqlStore)
    with reading(store.engine) as connection:
        told = {row.id: row.traceparent for row in connection.execute(select(outbox.c.id, outbox.c.traceparent))}
    assert told == {f"{letter}{n}": traces[n] for letter in "ab" for n in range(3)}


def test_an_update_makes_the_next_version(records: Runtime) -> None:
    update(records, ("Observation", "a"), observation("a"), CONTEXT)
    again = observation("a", status="amended")
    one, other = asked(records, request(put(again)), request(put(observation("b"))))
    assert one and other and b"_history/2" in one.body and b"_history/1" in other.body


def test_one_that_is_refused_leaves_nothing_and_the_others_are_done(records: Runtime) -> None:
    update(records, ("Observation", "made"), observation("made"), CONTEXT)
    again = request(put(observation("a1")), put(observation("made"), ifNoneMatch="*"))
    wrong = request(put(observation("a2")), put(observation("a3") | {"status": "nonsense"}))
    found = asked(records, request(put(observation("b1"))), again, wrong, request(put(observation("b2"))))
    assert [bool(each) for each in found] == [True, False, False, True]
    assert there(records, "a1", "a2", "a3", "b1", "b2") == ["b1", "b2"]


def test_what_another_has_written_is_not_written_over(records: Runtime) -> None:
    first, second = asked(
        records, request(put(observation("a"))), request(put(observation("a", status="amended")), put(observation("b")))
    )
    assert first and not second and there(records, "a", "b") == ["a"]


@pytest.mark.parametrize(
    "more",
    [
        {"request": {"method": "GET", "url": "Observation/a"}},
        {"resource": {**observation("c")}, "request": {"method": "PUT", "url": "Observation?identifier=urn:x|1"}},
        {"request": {"method": "DELETE", "url": "Observation?identifier=urn:x|1"}},
    ],
    ids=["a read", "criteria", "a delete by criteria"],
)
def test_what_needs_more_is_left_to_be_done_alone(records: Runtime, more: Resource) -> None:
    alone, other = asked(records, request(put(observation("a")), more), request(put(observation("b"))))
    assert alone is None and other and there(records, "a", "b") == ["b"]


def test_what_is_no_small_transaction_is_left_alone(records: Runtime) -> None:
    large = request(put(observation("a", note=[{"text": "x" * 40_000}])))
    batch = Request("POST", "", headers=large.headers, body=large.body.replace(b"transaction", b"batch"))
    broken = Request("POST", "", headers=large.headers, body=b"{")
    single = Request("PUT", "Observation/a", headers=large.headers, body=json.render(observation("a")))
    assert asked(records, large, batch, broken, single) == [None] * 4
    assert there(records, "a") == []


def test_what_is_held_across_services_keeps_nobody_waiting(records: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    transact = records.store.transact

    def held(work: Callable[[Session], Any]) -> Any:
        def holding(session: Session) -> Any:
            def current(*_: object, **__: object) -> None:
                raise Held("It is held.")

            monkeypatch.setattr(session, "current", current)
            return work(session)

        return transact(holding)

    monkeypatch.setattr(records.store, "transact", held)
    assert asked(records, request(put(observation("a"))), request(put(observation("b")))) == [None, None]

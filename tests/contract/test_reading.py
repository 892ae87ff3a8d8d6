"""History, search and mirrors on a real store: pages that join, local references, copies that only grow newer."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Span, Stored
from carethread.core.service import Mirror
from carethread.interactions.mirror import keep, reaction
from carethread.interactions.search import search
from support.stores import BASE, put, runtime, service_of

SERVICE = service_of("Task", "Patient", "Observation")


def task(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Task", "id": "a", "status": "draft", "intent": "order", **members}


def test_a_search_knows_our_base_and_the_time(store: SqlStore) -> None:
    put(
        store,
        [
            {"resourceType": "Patient", "id": "p", "birthDate": "2025-12-01"},
            {"resourceType": "Patient", "id": "old", "birthDate": "2021-06-01"},
            {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}},
        ],
    )
    services = runtime(store, SERVICE)
    now = Context(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def found(type_name: str, name: str, value: str) -> list[str]:
        return [stored.id for stored in search(services, type_name, [(name, value)], now).matches]

    assert found("Observation", "subject", f"{BASE}/Patient/p") == ["o"]
    assert found("Observation", "subject", "https://else.example/fhir/Patient/p") == []
    assert found("Patient", "birthdate", "ap2025-11-29") == ["p"], "a tenth of the month since then"
    assert search(services, "Patient", [("_summary", "count")], now).total == 2
    assert search(services, "Patient", [("_count", "1"), ("_total", "accurate")], now).total == 2
    assert search(services, "Patient", [("_count", "1")], now).total is None, "it would take a second query"


def test_a_mirror_takes_events_in_any_order_and_number(store: SqlStore) -> None:
    """What is left is the highest version of each, as if each event had come once and in order."""
    services = runtime(store, SERVICE)
    events = [event(id_, n, deleted=(id_, n) == ("b", 4)) for id_ in "abc" for n in range(1, 5)]
    chance = random.Random(1)
    come = [*events, *chance.sample(events, 8)]
    chance.shuffle(come)
    handle = reaction(Mirror("Patient", "records")).handle
    for start in range(0, len(come), 3):
        part = come[start : start + 3]
        store.transact(lambda s, part=part: handle(services, s, part))  # type: ignore[misc]
    found = store.snapshot(lambda s: s.current([("Patient", id_) for id_ in "abc"]))
    assert {key[1]: (v.version, v.deleted) for key, v in found.items()} == {
        "a": (4, False),
        "b": (4, True),
        "c": (4, False),
    }
    assert [s.id for s in search(services, "Patient", [("family", "name4")], Context()).matches] == ["a", "c"]
    assert search(services, "Patient", [("family", "name1,name2,name3")], Context()).matches == []
    older = replace(found["Patient", "a"], version=2, body=b"{}", row=0)
    store.transact(lambda s: keep(services, s, [older]))
    assert store.snapshot(lambda s: s.current([("Patient", "a")]))["Patient", "a"].version == 4


def test_an_answer_that_comes_while_the_event_does_changes_nothing(store: SqlStore) -> None:
    services = runtime(store, SERVICE)
    body = json.render(patient("a", 1))
    answer = Stored("Patient", "a", 1, 1_700_000_000_000_000, False, body, key="Patient/a")
    for _ in range(2):
        store.transact(lambda s: keep(services, s, [answer, answer]))
    assert store.snapshot(lambda s: s.history_total(Span(("Patient",), "a"))) == 1


def patient(id_: str, number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": f"Name{number}"}]}


def event(id_: str, number: int, *, deleted: bool) -> Event:
    return Event(
        id=f"{id_}{number}",
        service="records",
        verb="deleted" if deleted else "updated",
        resource_type="Patient",
        resource_id=id_,
        version=number,
        time=1_700_000_000_000_000 + number,
        key=f"Patient/{id_}",
        data=json.render(patient(id_, number)),
    )

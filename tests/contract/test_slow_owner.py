"""An owner that answers slowly, and is asked before an event can be matched, delays that event and no other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.ports import Request
from support.stores import open_store
from support.subscribing import Practice, practice, subscription

MODERATE = "Observation?code-value-quantity=44261-6$ge10"
PATIENCE = 20.0


@pytest.fixture
def here(database_url: str, tmp_path: Path) -> Iterator[Practice]:
    opened: list[SqlStore] = []

    def open_one(name: str) -> SqlStore:
        url = database_url if database_url.startswith("postgres") else f"sqlite:///{tmp_path}/{name}.db"
        opened.append(open_store(url, name, pool=3))
        return opened[-1]

    yield practice(open_one, ("records", "subscriptions"))
    for store in opened:
        store.close()


def score(id_: str, patient: str) -> dict[str, Any]:
    survey = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "category": [{"coding": [survey]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-11-22T08:00:00Z",
        "valueQuantity": {"value": 12},
    }


def test_others_are_matched_while_an_owner_is_asked(here: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = str(here.subscribe(subscription("score-crossed-threshold", MODERATE))["id"])
    here.put("records", score("s1", "p1"))
    here.put("records", score("s2", "p2"))
    slow, other = here.events("records")[-2:]
    asked, answers = Signal(), Signal()
    peer = type(here.subscriptions.peer)
    call = peer.call

    def slowly(self: Any, service: str, request: Request) -> Any:
        if any("p1" in value for _, value in request.query):
            asked.set()
            assert answers.wait(PATIENCE)
        return call(self, service, request)

    monkeypatch.setattr(peer, "call", slowly)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(here.consume, [slow])
        try:
            assert asked.wait(PATIENCE)
            here.consume([other])
            assert here.subjects(watching) == ["create Observation/s2/1"]
            assert not waiting.done()
        finally:
            answers.set()
        waiting.result(PATIENCE)
    assert here.subjects(watching) == ["create Observation/s2/1", "create Observation/s1/1"]


def test_what_was_answered_is_not_asked_again(here: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    here.subscribe(subscription("score-crossed-threshold", MODERATE))
    for number in range(3):
        here.put("records", score(f"s{number}", f"p{number}"))
    events = here.events("records")[-3:]
    questions: list[Request] = []
    peer = type(here.subscriptions.peer)
    call = peer.call

    def counted(self: Any, service: str, request: Request) -> Any:
        questions.append(request)
        return call(self, service, request)

    monkeypatch.setattr(peer, "call", counted)
    here.consume(events)
    assert len(questions) == 3
    assert not here.matcher.asking.answers, "what is matched is forgotten"

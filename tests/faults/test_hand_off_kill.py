"""kill -9 in the middle of offers, answers and deadlines: each hand-off, its ledger and who answers say the same.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE
from carethread.careteams.handing.replaying import replay
from carethread.careteams.handing.states import position
from carethread.core.clock import to_micros
from carethread.core.ports import FOREVER, Entry
from support.deaths import kills
from support.event_workers import store_at
from support.hand_off_deaths import PEOPLE, act, clock, die, offers, prepare, timing
from support.stores import runtime

KILLS = kills(3)


def entries_of(store: SqlStore, id_: str) -> list[Entry]:
    return store.glance(lambda session: session.ledger.of([f"Task/{id_}"]))


def check(url: str) -> None:
    store = store_at(url, "careteams")
    prepare(store)
    begin = to_micros(clock())
    die(url, KILLS)
    service, worker = runtime(store, SERVICE), timing(store)
    for _ in range(60):
        act(service)
    while worker.step():
        pass
    tasks = {task["id"]: task for task in offers(store)}
    assert tasks
    answering = store.glance(lambda session: session.register.between([f"Patient/{p}" for p in PEOPLE], begin, FOREVER))
    waited = {timer.key for timer in store.glance(lambda session: session.timers.ahead("hand-off", 10_000))}
    steps: set[str] = set()
    for id_, task in tasks.items():
        entries = entries_of(store, id_)
        assert replay(entries) == position(task)
        assert [entry.turn for entry in entries] == list(range(1, len(entries) + 1))
        assert [entry.step for entry in entries].count("offered") == 1
        assert len([entry for entry in entries if entry.step in ("accepted", "declined", "expired")]) <= 1
        assert task["status"] != "requested" or id_ in waited, "its deadline will be noticed"
        for entry in entries:
            steps.add(entry.step)
            if entry.step == "accepted":
                passed = [each for each in answering if each.cause == f"Task/{id_}" and each.patient == entry.patient]
                assert [each.member for each in passed] == [entry.receiver], "who accepted came to answer, once"
                assert passed[0].since == entry.at
    assert {"offered", "accepted", "declined"} <= steps
    for person in PEOPLE:
        theirs = [each for each in answering if each.patient == f"Patient/{person}"]
        assert all(one.until == other.since for one, other in pairwise(theirs)), "nobody was without"
        assert theirs[-1].until == FOREVER
    store.close()


@pytest.mark.timeout(120 + 60 * KILLS)
def test_hand_offs(tmp_path: Path) -> None:
    check(f"sqlite:///{tmp_path}/careteams.db")


@pytest.mark.timeout(120 + 60 * KILLS)
def test_hand_offs_on_postgresql(postgres_database: str) -> None:
    check(postgres_database)

"""kill -9 in the middle of offers, answers and deadlines: each hand-off, its ledger and who answers say the same.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE
from carethread.careteams.handing.deadlines import MOST_ASKED
from carethread.careteams.handing.replaying import replay
from carethread.careteams.handing.states import position
from carethread.core.clock import to_micros
from carethread.core.fhir import json
from carethread.core.ports import FOREVER, Entry, Resource
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
                theirs = [each for each in answering if each.patient == entry.patient]
                (came,) = [each for each in theirs if each.since <= entry.at < each.until]
                assert came.member == entry.receiver, "who accepted came to answer"
                passed = [each for each in theirs if each.cause == f"Task/{id_}"]
                assert passed in ([came], []), "once"
                assert passed or came.since < entry.at, "who answered already goes on"
    assert {"offered", "accepted", "declined"} <= steps
    nobody_was_without(store, begin)
    in_the_end(store)
    nobody_was_without(store, begin)
    store.close()


def nobody_was_without(store: SqlStore, begin: int) -> None:
    """At each moment one member answers for each person, and whoever has come to it unasked was told so, once."""
    answering = store.glance(lambda session: session.register.between([f"Patient/{p}" for p in PEOPLE], begin, FOREVER))
    told = Counter(task["for"]["reference"] for task in alarms(store, "take-over"))
    for person in PEOPLE:
        theirs = [each for each in answering if each.patient == f"Patient/{person}"]
        assert all(one.until == other.since for one, other in pairwise(theirs)), "nobody was without"
        assert theirs[-1].until == FOREVER
        entries = store.glance(lambda session, p=person: session.ledger.of_patients([f"Patient/{p}"], 0, 10_000))  # type: ignore[misc]
        assert told[f"Patient/{person}"] == [entry.step for _, entry in entries].count("passed-on")
    assert told


def in_the_end(store: SqlStore) -> None:
    """Each deadline is noticed, once: nobody is waited for, and whoever has to know of it has one alarm."""
    ahead = timedelta()
    for _ in range(MOST_ASKED):
        ahead += timedelta(days=1)
        while timing(store, ahead).step():
            pass
    steps: Counter[str] = Counter()
    for task in offers(store):
        entries = entries_of(store, task["id"])
        assert replay(entries) == position(task)
        steps.update(entry.step for entry in entries)
        assert task["status"] != "requested", "nobody is waited for without end"
        assert len({entry.receiver for entry in entries}) >= len([e for e in entries if e.step == "escalated"])
        assert [entry.step for entry in entries].count("overdue") == (task["status"] == "accepted")
        for step, code in (("expired", "unanswered-hand-off"), ("overdue", "overdue-result")):
            told = [a for a in alarms(store, code) if a["focus"]["reference"] == f"Task/{task['id']}"]
            assert bool(told) == (entries[-1].step == step)
            assert len({alarm["owner"]["reference"] for alarm in told}) == len(told) <= (2 if step == "expired" else 1)
            assert all(a["meta"]["versionId"] == "1" or a["status"] != "requested" for a in told), "told once"
    assert {"expired", "escalated", "overdue"} <= steps.keys()


def alarms(store: SqlStore, code: str) -> list[Resource]:
    """The Tasks of ours with a code."""
    found = [json.parse_object(each.body) for chunk in store.dump("Task") for each in chunk.versions]
    return [task for task in found if any(c["code"] == code for c in task["code"]["coding"])]


@pytest.mark.timeout(120 + 60 * KILLS)
def test_hand_offs(database_url: str) -> None:
    check(database_url)

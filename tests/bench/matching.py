"""Events matched against many subscriptions, and numbered in the ledger: how many a second one processor does.

The subscriptions are as departments have them: most follow some people, some a practitioner, a department or a
specialty, a few everything of a topic. The events are visits that become booked, each told to eleven on the average.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from bench.figures import Figure
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Session
from carethread.core.ports.deliveries import NEVER, Interest, Subscriber
from carethread.core.service import Runtime
from carethread.subscriptions import SERVICE
from carethread.subscriptions.matching import Happening, Index
from carethread.subscriptions.reactions import Matcher
from carethread.subscriptions.topics import catalogue
from support import run
from support.stores import BASE, open_store, runtime
from support.subscribing import TOPICS

SUBSCRIPTIONS = 10_000
EVENTS = 5_000
GOAL = 500
_BATCH = 100


def measure() -> list[Figure]:
    """Match EVENTS events against SUBSCRIPTIONS subscriptions, by themselves, then with the ledger on SQLite."""
    events = [_event(number) for number in range(EVENTS)]
    index = Index(catalogue(), BASE)
    index.change(_interests())
    began = time.process_time()
    told = sum(len(index.matches(Happening(e, json.parse_object(e.data), "", BASE, {}), 0)) for e in events)
    alone = time.process_time() - began
    kept = _with_ledger(events)
    how = f"{EVENTS} events, {SUBSCRIPTIONS} subscriptions, {told} notifications; CPU seconds of one process"
    goal = f"≥ {GOAL}/s"
    return [
        Figure("events matched", goal, f"{EVENTS / alone:,.0f}/CPU-s", how),
        Figure("events matched and kept, SQLite", goal, f"{EVENTS / kept:,.0f}/CPU-s", f"batches of {_BATCH}"),
    ]


def _with_ledger(events: list[Event]) -> float:
    store = open_store(f"sqlite:///{run.folder('matching')}/subscriptions.db", "subscriptions")
    here, matcher = runtime(store, SERVICE), Matcher()
    wanted = list(_interests())

    def enlist(start: int) -> None:
        def work(session):
            for each in wanted[start : start + 1000]:
                subscriber = Subscriber(each.subscription, each.topic, "rest-hook", "active")
                session.deliveries.enlist(subscriber, each.filters, 0)

        store.transact(work)

    for start in range(0, SUBSCRIPTIONS, 1000):
        enlist(start)
    store.transact(lambda session: matcher.handle(here, session, []))  # reads the interests
    began = time.process_time()
    for start in range(0, EVENTS, _BATCH):
        store.transact(partial(_handled, matcher, here, events[start : start + _BATCH]))
    took = time.process_time() - began
    store.close()
    return took


def _handled(matcher: Matcher, here: Runtime, events: list[Event], session: Session) -> None:
    matcher.handle(here, session, events)


def _interests() -> Iterator[Interest]:
    for number in range(SUBSCRIPTIONS):
        if number % 1000 == 0:
            filters: tuple[str, ...] = ()
        elif number % 10 == 0:
            filters = (f"Appointment?practitioner=Practitioner/{number // 10}",)
        elif number % 10 == 1:
            filters = (f"Appointment?specialty={number % 97}&date=ge2026-06",)
        else:
            people = ",".join(f"Patient/{(number * 7 + each) % 20_000}" for each in range(3))
            filters = (f"Appointment?patient={people}",)
        yield Interest(f"s{number}", f"{TOPICS}appointment-booked", filters, "active", {}, NEVER)


def _event(number: int) -> Event:
    day = f"2026-{number % 12 + 1:02d}-01"
    resource = {
        "resourceType": "Appointment",
        "id": f"a{number}",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-01T08:00:00.000Z"},
        "status": "booked",
        "specialty": [{"coding": [{"system": "http://snomed.info/sct", "code": str(number % 1000)}]}],
        "description": "A visit.",
        "start": f"{day}T09:00:00Z",
        "end": f"{day}T09:30:00Z",
        "slot": [{"reference": f"Slot/{number}"}],
        "participant": [
            {"actor": {"reference": f"Patient/{number * 13 % 20_000}"}, "status": "accepted"},
            {"actor": {"reference": f"Practitioner/{number % 5000}"}, "status": "accepted"},
            {"actor": {"reference": f"Location/{number % 50}"}, "status": "accepted"},
        ],
    }
    return Event(
        id=f"e{number}",
        service="scheduling",
        verb="booked",
        resource_type="Appointment",
        resource_id=f"a{number}",
        version=1,
        time=number,
        key=f"Patient/{number * 13 % 20_000}",
        data=json.render(resource),
        sequence=number + 1,
    )

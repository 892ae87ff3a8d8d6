"""Workers that look at a measure, and die by SIGKILL at a named step while they tell of a signal or take one back:
`python -m support.signal_deaths --help`.

Each looks again and again: where no signal stands the numbers show one, and where one does they are corrected.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.session import SqlSession
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errands.sending import Sending
from carethread.core.errands.timing import Timing
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.publish import publish
from carethread.metrics import SERVICE as METRICS
from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, Counted
from carethread.metrics.series.buckets import before, buckets
from carethread.metrics.series.counting import Point
from carethread.metrics.series.telling import Told
from carethread.metrics.signals import watching
from carethread.metrics.signals.watching import RAISED, TIMER, Seen
from support.deaths import SOMETIME, Doom, all_die, die_committing, main, possible
from support.errand_deaths import MortalPeer, die_keeping
from support.measured import known
from support.stores import BASE

STEPS = ("looked", "kept", "claimed", "committing", "sending", "answered", SOMETIME)
"""In order: the measure is counted; what is told is requested; it is known that it is told; while it is committed;
before the owner of the Task has heard of it; after that, and before this is known; anywhere."""

SERVICES = (METRICS, CARETEAMS)
MEASURE = "no-show-rate"
MONTHS = 14


def place_of(url: str, name: str) -> tuple[str, str]:
    """The database of a service, and its schema there; `url` is a database, or `sqlite:///` and a folder."""
    return (f"{url}/{name}.db", "") if url.startswith("sqlite") else (url, name)


def clock() -> datetime:
    """A time of one day, which goes on."""
    return datetime(2030, 3, 20, tzinfo=UTC) + timedelta(microseconds=time.time_ns() // 1000 % 86_400_000_000)


class Practice:
    """Metrics, and who has the Tasks, in files of a folder or in schemas of a PostgreSQL database."""

    def __init__(self, url: str, doom: Doom | None = None) -> None:
        here: dict[str, Runtime] = {}
        peer: Any = MortalPeer(LocalPeer(here), doom) if doom else LocalPeer(here)
        for service in SERVICES:
            store = SqlStore(make_engine(*place_of(url, service.name)), service.name)
            here[service.name] = Runtime(service, store, LocalOwners(here), peer, BASE)
        self.here = here
        self.store = here["metrics"].store
        self.timing = Timing(here["metrics"], clock)
        at_once = {"at_once": peer.call_at_once} if doom else {}
        self.sending = Sending(here["metrics"], {"Task": "careteams"}, "gateway", **at_once)

    def prepare(self) -> None:
        """Have the measure known, and nothing due."""
        publish(self.here["metrics"], Context(clock=clock))

        def only_when_asked(session: Session) -> None:
            for timer in session.timers.ahead(TIMER, 1000):
                session.timers.cancel(TIMER, timer.key)

        self.store.transact(only_when_asked)

    def look(self) -> None:
        """Have the measure looked at, and send what comes of it."""
        self.store.transact(lambda session: session.timers.set(TIMER, MEASURE, to_micros(clock())))
        self.settle()

    def settle(self) -> None:
        """Do what is due, and send what is requested."""
        soon = to_micros(clock())
        while self._is_due(soon) and self.timing.step():
            pass
        while self.sending.step():
            pass

    def _is_due(self, soon: int) -> bool:
        first = self.store.glance(lambda session: session.timers.earliest())
        return first is not None and first <= soon

    def standing(self) -> list[str]:
        return self.store.glance(lambda session: session.places(RAISED, MEASURE))


def seen(runtime: Runtime, measure: Resource) -> Seen:
    """What is counted of the measure: in the last two months many missed visits, unless that has been told."""
    stands = bool(runtime.store.glance(lambda session: session.places(RAISED, MEASURE)))
    days = before(clock().date(), "month", MONTHS)
    points: list[Told] = []
    none = {each.name: 0 for each in known(MEASURE).groups[0].populations}
    for number, month in enumerate(buckets(days, "month")):
        missed = 8 if number >= MONTHS - 2 and not stands else 1 + number % 2
        counts = none | {"initial-population": 10, "denominator": 10, "numerator": missed}
        cell = Cell(counts, None, {})
        points.append((Point(month, [Counted(cell, {DEPARTMENT: {"north": cell}})], over=True), {}))
    return Seen(known(MEASURE), "month", points, to_micros(clock()), (), 0)


def die(url: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, steps=possible(STEPS, url), count=count)


def _live(url: str, doom: Doom) -> None:
    """Work until the doom has come."""
    claim_all = SqlSession.claim_all

    def looked(runtime: Runtime, measure: Resource) -> Seen:
        found = seen(runtime, measure)
        doom.at("looked")
        return found

    def claimed(self: SqlSession, kind: str, holders: Any) -> None:
        claim_all(self, kind, holders)
        if kind == RAISED:
            doom.at("claimed")

    patch.object(watching, "look", looked).start()
    patch.object(SqlSession, "claim_all", claimed).start()
    die_keeping(doom)
    die_committing(doom)
    practice = Practice(url, doom)
    practice.settle()
    while True:
        practice.look()


if __name__ == "__main__":
    main(_live, "url", most=4)

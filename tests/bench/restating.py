"""Restating: how soon after a no-show was corrected its measure and the signal of it are told anew, in a large practice
in which people go on to be booked and checked in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event as Signal
from threading import Lock, Thread
from typing import Any

from bench.figures import Figure
from bench.practice_of_a_million import NOW, write
from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.events.bus import EmbeddedPublisher, EmbeddedSubscription
from carethread.core.consuming.consumer import Consumer
from carethread.core.context import Context, new_id
from carethread.core.errands.timing import Timing
from carethread.core.events import Event, topic
from carethread.core.facts.manifest import Mark
from carethread.core.fhir import json
from carethread.core.ports import Progress, Request, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.mirror import reaction
from carethread.interactions.publish import publish
from carethread.interactions.rest.handling import handle
from carethread.metrics import SERVICE
from carethread.metrics.facts.differing import Differing
from carethread.metrics.facts.keeping import mirrors
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.running import run as publish_on
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.facts.tidying import Tidier
from carethread.metrics.signals.charting import Place
from carethread.metrics.signals.restating import Restating
from carethread.metrics.signals.standing import Raised
from carethread.metrics.signals.watching import RAISED, look
from support import run
from support.stores import BASE, open_store

TIMES, A_SECOND = 3, 20
"""Corrections, and visits of today that are checked in meanwhile."""

_RATE = "no-show-rate"
_MONTH = {"periodStart": "2030-02-01", "periodEnd": "2030-02-28"}
_MISSED = """
SELECT id, patient_id, practitioner_id, department_id, CAST(start_at AS VARCHAR) AS start_at FROM appointments
WHERE status = 'noshow' AND department_id IS NOT NULL AND start_at >= TIMESTAMP '2030-02-02'
  AND start_at < TIMESTAMP '2030-02-28' ORDER BY id LIMIT 100
"""


def measure() -> list[Figure]:
    """Correct visits of last month, one after the other."""
    folder = run.folder("restating")
    practice = Practice(folder)
    with practice.running():
        took = [practice.correct(each) for each in practice.missed[:TIMES]]
    numbers, signals = (sorted(each) for each in zip(*took, strict=True))
    said = (
        f"from the event until $evaluate-measure has it, the median of {TIMES} visits of last month, the slowest"
        f" {numbers[-1]:.1f} s; 1,000,000 appointments, SQLite, {A_SECOND} others a second checked in"
    )
    of_look = f"a look at the measure takes {practice.look:.1f} s; the slowest {signals[-1]:.1f} s"
    return [
        Figure("a corrected no-show: measure", "seconds", f"{numbers[TIMES // 2]:.1f} s", said),
        Figure("a corrected no-show: signal", "seconds", f"{signals[TIMES // 2]:.1f} s", of_look),
    ]


class Practice:
    """Metrics with the published facts of two years, a log of events, and the loops of a worker. Its clock goes from
    the moment up to which these facts are."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.began = folder, time.monotonic()
        self.shelf = ParquetShelf(folder / "facts")
        manifest = write(folder / "facts")
        self.shelf.put(replace(manifest, types={each.type: Mark(0, 0) for each in shipped()}))
        self.analytics = DuckAnalytics(folder / "facts", Bounds(threads=2))
        store = open_store(f"sqlite:///{folder}/metrics.db", "metrics")
        runtimes: dict[str, Runtime] = {}
        self.runtime = Runtime(
            SERVICE, store, LocalOwners(runtimes), LocalPeer(runtimes), BASE, analytics=self.analytics
        )
        runtimes["metrics"] = self.runtime
        publish(self.runtime, Context(clock=self.clock))
        store.transact(_filled)
        with self.analytics.look() as facts:
            self.missed = facts.query(_MISSED).dicts()
        rate = self.runtime.store.glance(lambda session: session.current([("Measure", _RATE)]))["Measure", _RATE]
        began = time.perf_counter()
        look(self.runtime, json.restore(rate.body))
        self.look = time.perf_counter() - began
        self.corrected: deque[Resource] = deque()

    def clock(self) -> datetime:
        return NOW + timedelta(seconds=time.monotonic() - self.began)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The loops, and the visits of today."""
        stop, restating = Signal(), Restating(self.runtime, self.clock)
        differing, replacing = Differing(self.shelf, shipped()), Lock()

        def judge() -> None:
            restating.changed(differing.found())
            restating.settle()

        publisher = Publisher(
            self.runtime.store, self.shelf, shipped(), self.clock, replacing=replacing, told=differing.published
        )
        tidier = Tidier(self.shelf, replacing)
        loops: list[Callable[[], object]] = [
            partial(self._consume, stop),
            partial(publish_on, publisher, tidier, self.shelf, stop, judge),
            partial(Timing(self.runtime, self.clock).run, stop),
            partial(self._tell, stop),
        ]
        threads = [Thread(target=each, daemon=True) for each in loops]
        for each in threads:
            each.start()
        time.sleep(5)  # what stands at the beginning is looked at
        yield
        stop.set()
        for each in threads:
            each.join(30)

    def _consume(self, stop: Signal) -> None:
        positions = partial(self.runtime.store.positions, "metrics")
        bus = EmbeddedSubscription(self.folder / "bus.db", [topic("Appointment")], positions)
        reactions = [reaction(mirror) for mirror in mirrors(shipped()) if mirror.type == "Appointment"]
        Consumer(self.runtime, bus, reactions).run(stop)

    def _tell(self, stop: Signal) -> None:
        """Put events into the log: somebody is checked in, and what is corrected."""
        log = EmbeddedPublisher(self.folder / "bus.db")
        log.fence("scheduling", 1)
        sequence, numbers = count(1), count(1)
        while not stop.wait(1 / A_SECOND):
            today = {"id": f"0191a3f0-0099-7abc-8def-{next(numbers):012}", "start_at": f"{NOW:%Y-%m-%d} 15:00:00"}
            some = [visit("arrived", created="2030-01-03T09:00:00Z", **today)]
            while self.corrected:
                some.append(self.corrected.popleft())
            log.send([_event(each, next(sequence)) for each in some])
        log.close()

    def correct(self, missed: dict[str, Any]) -> tuple[float, float]:
        """Say that somebody came: seconds until the number and until the signal of their department is told anew. The
        signal is one that no number shows, so that a look takes it back."""
        month = date(2029, 3, 1)
        key = Raised(Place(missed["department_id"], 0), "above", "one-beyond-three", month, month, 1).key
        self.runtime.store.transact(lambda session: session.claim_all(RAISED, {key: _RATE}))
        before = self.numerator()
        began = time.perf_counter()
        self.corrected.append(visit("fulfilled", **missed))
        until(lambda: self.numerator() == before - 1)
        number = time.perf_counter() - began
        until(lambda: not self.runtime.store.glance(lambda session: list(session.places(RAISED, _RATE))))
        return number, time.perf_counter() - began

    def numerator(self) -> int:
        request = Request("GET", f"Measure/{_RATE}/$evaluate-measure", tuple(_MONTH.items()), {})
        answer = handle(self.runtime, request, Context(clock=self.clock))
        assert answer.status == 200 and isinstance(answer.body, bytes), answer.body
        (group,) = json.parse_object(answer.body)["group"]
        return next(int(str(each["count"])) for each in group["population"] if "numerator" in str(each["code"]))


def _event(visit: Resource, sequence: int) -> Event:
    key = f"Appointment/{visit['id']}"
    return Event(new_id(), "scheduling", "updated", "Appointment", visit["id"], 2, time.time_ns() // 1000, key,
                 json.render(visit), sequence)  # fmt: skip


def _filled(session: Session) -> None:
    for subject in shipped():
        session.mark_mirrored(subject.mirror, None, Progress(1, 1, None))


def visit(status: str, id: str, start_at: str, created: str = "2030-01-01T09:00:00Z", **whose: str | None) -> Resource:
    """The second version of a visit."""
    people = [("Patient", whose.get("patient_id")), ("Practitioner", whose.get("practitioner_id"))]
    department = {"reference": f"Organization/{whose['department_id']}"} if whose.get("department_id") else None
    url = "https://carethread.dev/fhir/StructureDefinition/department"
    return {
        "resourceType": "Appointment",
        "id": id,
        "meta": {"versionId": "2"},
        **({"extension": [{"url": url, "valueReference": department}]} if department else {}),
        "status": status,
        "created": created,
        "start": f"{start_at.replace(' ', 'T')}Z",
        "participant": [{"actor": {"reference": f"{kind}/{to}"}, "status": "accepted"} for kind, to in people if to],
    }


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait. Raises RuntimeError where that takes too long."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"It was not so within {seconds:.0f} s.")
        time.sleep(0.05)

"""The front desk of one practitioner, for tests of the wait-list: clock and timers are moved by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.ports.offers import Offer
from carethread.interactions.update import update
from carethread.scheduling import SERVICE
from carethread.scheduling.rules import APPOINTMENT
from support.stores import runtime

NOW = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
HOUR = timedelta(hours=1)
TYPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "124"}]}


class Desk:
    """The front desk of one practitioner, with a clock that is moved by hand."""

    def __init__(self, store: SqlStore, now: datetime = NOW) -> None:
        self.store, self.now = store, now
        self.runtime = runtime(store, SERVICE)
        self.timing = Timing(self.runtime, self.clock)
        self.put({"resourceType": "Schedule", "id": "s", "actor": [{"reference": "Practitioner/gp"}]})

    def clock(self) -> datetime:
        return self.now

    def put(self, resource: dict[str, Any], **how: Any) -> None:
        context = replace(Context(clock=self.clock), **how)
        key = (resource["resourceType"], resource["id"])
        update(self.runtime, key, resource, context)

    def get(self, key: str) -> Resource:
        kind, _, id_ = key.partition("/")
        stored = self.store.glance(lambda session: session.current([(kind, id_)]))[kind, id_]
        found: Resource = json.parse(stored.body)
        return found

    def slot(self, id_: str, hours: float) -> None:
        start, end = self.now + hours * HOUR, self.now + (hours + 0.5) * HOUR
        span = {"start": instant(to_micros(start)), "end": instant(to_micros(end))}
        reference = {"reference": "Schedule/s"}
        self.put(
            {"resourceType": "Slot", "id": id_, "schedule": reference, "status": "free", "serviceType": [TYPE], **span}
        )

    def book(self, id_: str, slot: str, status: str = "booked") -> None:
        taken = self.get(f"Slot/{slot}")
        people = [
            {"actor": {"reference": actor}, "status": "accepted"} for actor in (f"Patient/{id_}", "Practitioner/gp")
        ]
        self.put(
            {
                "resourceType": "Appointment",
                "id": id_,
                "meta": {"profile": [APPOINTMENT]},
                "status": status,
                "slot": [{"reference": f"Slot/{slot}"}],
                "start": taken["start"],
                "end": taken["end"],
                "participant": people,
            }
        )

    def wait(self, id_: str, **more: Any) -> None:
        """Somebody waits; `more` are elements of the entry."""
        person = {"actor": {"reference": f"Patient/{id_}"}, "status": "needs-action"}
        entry = {"resourceType": "Appointment", "id": id_, "status": "waitlist", "participant": [person]}
        self.put({**entry, "serviceType": [TYPE], **more})

    def answer(self, id_: str, said: str, response: str = "", patient: str = "") -> None:
        self.put(
            {
                "resourceType": "AppointmentResponse",
                "id": response or f"{id_}-{said}",
                "appointment": {"reference": f"Appointment/{id_}"},
                "actor": {"reference": f"Patient/{patient or id_}"},
                "participantStatus": said,
            }
        )

    def work(self, hours: float = 0) -> None:
        """Do what is due by the clock, moved on by so much."""
        self.now += hours * HOUR
        while self.timing.step():
            pass

    def statuses(self, *ids: str) -> list[str]:
        return [self.get(f"Appointment/{id_}")["status"] for id_ in ids]

    def offers(self) -> list[Offer]:
        return [offer for _, offer in self.store.glance(lambda s: s.offers.between(0, 2**62, 0, 1000))]

    def outcomes(self) -> list[tuple[str, str]]:
        return [(offer.entry, offer.outcome) for offer in self.offers()]

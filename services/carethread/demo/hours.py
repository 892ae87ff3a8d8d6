"""Office hours turned into schedules and slots: a visit at 09:00 is at 09:00 by the department's clock, all year.

Local times are combined with the date in the department's zone, never added to an instant, so that a change to or from
daylight saving time moves the instant and not the visit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from carethread.demo.departments import CLINICIANS, Clinician
from carethread.demo.fhir import HL7, SNOMED, Resource, concept, ref, stamp

PAST = timedelta(weeks=6)
COMING = timedelta(weeks=4)
CLOSED = {(1, 1), (7, 4), (12, 25)}
"""Month and day of the public holidays on which nobody is seen."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One visit that a clinician offers; `start` and `end` are aware, in the department's zone."""

    clinician: Clinician
    start: datetime
    end: datetime

    @property
    def key(self) -> str:
        return f"{self.clinician.number:02d}-{self.start:%Y%m%d-%H%M}"

    @property
    def slot(self) -> str:
        return f"demo-slot-{self.key}"


def openings(clinician: Clinician, day: date) -> Iterator[Opening]:
    """What a clinician offers on a day, in order."""
    if (day.month, day.day) in CLOSED:
        return
    zone = clinician.department.tz
    for local in clinician.starts(day.weekday()):
        start = datetime.combine(day, local, zone)
        yield Opening(clinician, start, start + timedelta(minutes=clinician.department.minutes))


def window(today: date) -> list[date]:
    """The ten weeks of days that the demo practice shows: six weeks back, `today`, and on to four weeks ahead."""
    return [today - PAST + timedelta(days=n) for n in range((PAST + COMING).days)]


def schedules(today: date) -> Iterator[Resource]:
    """One Schedule a clinician, over the whole window."""
    for c in CLINICIANS:
        d = c.department
        first, last = (datetime.combine(day, time(), d.tz) for day in (today - PAST, today + COMING))
        yield {
            "resourceType": "Schedule", "id": c.schedule, "active": True,
            "serviceCategory": [concept(HL7 + "service-category", *d.category)],
            "serviceType": [concept(HL7 + "service-type", *d.service_type)],
            **({"specialty": [concept(SNOMED, *d.specialty)]} if d.specialty else {}),
            "actor": [
                c.reference,
                ref("HealthcareService", d.service, f"{d.name} visits"),
                ref("Location", d.location, f"{d.name} clinic"),
            ],
            "planningHorizon": {"start": stamp(first), "end": stamp(last)},
        }  # fmt: skip


def slots(today: date) -> Iterator[Resource]:
    """Every Slot of the window, free: the server turns it busy when it is booked."""
    for c in CLINICIANS:
        for day in window(today):
            for opening in openings(c, day):
                yield {
                    "resourceType": "Slot", "id": opening.slot,
                    "serviceType": [concept(HL7 + "service-type", *c.department.service_type)],
                    "schedule": ref("Schedule", c.schedule),
                    "status": "free",
                    "start": stamp(opening.start),
                    "end": stamp(opening.end),
                }  # fmt: skip

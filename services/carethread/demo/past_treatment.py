"""What people did for their health in the past: four weeks of something agreed on, noted as it was done, and the
medication that was given out to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from carethread.demo.bookings import EXTENSION, months_before
from carethread.demo.departments import DEPARTMENTS, Department
from carethread.demo.fhir import HOUSE, UCUM, Resource, concept, ref, stamp
from carethread.demo.people import Person
from carethread.demo.turns import Turns, chosen

AGREED = {
    "primary-care": ("diabetes", "Measure the blood sugar before breakfast"),
    "cardiology": ("hypertension", "Measure the blood pressure and write it down"),
    "mental-health": ("depression", "Go for a walk with somebody"),
    "orthopaedics": ("knee", "Exercises for the knee"),
}
"""By department: whom it agrees on something with, and on what."""

PLANS, WEEKS, TIMES = 2, 4, 3
"""How many such plans begin in a month, for how many weeks, and how often a week it is to be done."""

DONE = {3: 0.6, 2: 0.25, 1: 0.1, 0: 0.05}
"""How often in a week it is done."""

GIVEN = {
    "diabetes": ("A10BA02", "metformin"),
    "heart-failure": ("C03CA01", "furosemide"),
    "hypertension": ("C09AA02", "enalapril"),
}
"""What is given out for an illness, by its ATC code."""

ATC = "http://www.whocc.no/atc"
SUPPLY, LATE = 90, 40
"""Days for which it lasts, and after how many more somebody comes who comes late: one in five does, each time."""

TREATED = 30
"""So many are told of."""


def plans(residents: Sequence[Person], first: date, today: date) -> Iterator[Resource]:
    """CarePlans that are over before `today`, with a note for each time."""
    turns, month = Turns(), first
    while month + timedelta(weeks=WEEKS) < today:
        for d in DEPARTMENTS:
            illness, what = AGREED.get(d.key, ("", ""))
            ill = [p for p in residents if p.seen and illness in p.illnesses]
            for number in range(min(PLANS, len(ill))):
                p = ill[(month.year * 12 + month.month + number * (len(ill) // PLANS)) % len(ill)]
                yield _plan(d, p, what, month, turns)
        month = months_before(month, -1)


def _plan(d: Department, p: Person, what: str, month: date, turns: Turns) -> Resource:
    last = month + timedelta(weeks=WEEKS, days=-1)
    return {
        "resourceType": "CarePlan", "id": f"demo-plan-{d.key}-{month:%Y%m}-{p.number:03d}",
        "extension": [{"url": EXTENSION + "department",
                       "valueReference": ref("Organization", d.organization, d.name)}],
        "status": "completed", "intent": "plan",
        "category": [concept("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan")],
        "title": what,
        "subject": p.reference,
        "period": {"start": month.isoformat(), "end": last.isoformat()},
        "activity": [{
            "progress": list(_notes(d, month, turns)),
            "detail": {
                "status": "in-progress", "description": what,
                "scheduledTiming": {"repeat": {"frequency": TIMES, "period": 1, "periodUnit": "wk"}},
                "performer": [p.reference],
            },
        }],
    }  # fmt: skip


def _notes(d: Department, month: date, turns: Turns) -> Iterator[Resource]:
    for week in range(WEEKS):
        done = chosen(DONE, turns.next(month, d.key), f"done {d.key}")
        for turn in range(TIMES):
            day = month + timedelta(weeks=week, days=1 + 2 * turn)
            yield {
                "extension": [{"url": HOUSE + "StructureDefinition/progress-done", "valueBoolean": turn < done}],
                "time": stamp(datetime.combine(day, time(18), d.tz)),
                "text": "Done." if turn < done else "Not done.",
            }


def dispenses(residents: Sequence[Person], first: date, today: date) -> Iterator[Resource]:
    """What a pharmacy gave out, as often as people came for it."""
    treated = [(p, key) for p in residents if p.seen for key in GIVEN if key in p.illnesses]
    for place, (p, illness) in enumerate(treated[:TREATED]):
        day = first + timedelta(days=2 * place)
        while day < today:
            yield {
                "resourceType": "MedicationDispense", "id": f"demo-dispense-{p.number:03d}-{illness}-{day:%Y%m%d}",
                "status": "completed",
                "medicationCodeableConcept": concept(ATC, *GIVEN[illness]),
                "subject": p.reference,
                "daysSupply": {"value": SUPPLY, "unit": "days", "system": UCUM, "code": "d"},
                "whenHandedOver": stamp(datetime.combine(day, time(12), DEPARTMENTS[0].tz)),
            }  # fmt: skip
            day += timedelta(days=SUPPLY + (LATE if place % 5 == 4 else place % 3))

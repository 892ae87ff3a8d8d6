"""Stays in hospital of people with a failing heart or a worn knee, some of whom came back within 30 days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from carethread.demo.bookings import months_before
from carethread.demo.departments import DEPARTMENTS, Department, colleagues
from carethread.demo.fhir import HL7, ICD10, Resource, coding, concept, ref, stamp
from carethread.demo.illnesses import ILLNESSES
from carethread.demo.people import Person

STAYS = {"cardiology": ("heart-failure", 6), "orthopaedics": ("knee", 4)}
"""What people lie in hospital for, by department, and how many begin in a month."""

BACK = 5
"""One stay in so many has another after it."""


def stays(residents: Sequence[Person], first: date, today: date) -> Iterator[Resource]:
    """Encounters from `first` on that are over before `today`; nobody is in two at once, where few people are ill."""
    until: dict[int, date] = {}
    for d in DEPARTMENTS:
        illness, monthly = STAYS.get(d.key, ("", 0))
        ill = [p for p in residents if p.seen and illness in p.illnesses]
        number, month = 0, first
        while ill and month < today:
            for turn in range(monthly):
                number += 1
                p = ill[number % len(ill)]
                begun = month + timedelta(days=2 + turn * (24 // monthly))
                wanted = [(begun, 2 + number % 5), *([(begun + timedelta(days=14), 3)] if number % BACK == 0 else ())]
                for start, days in wanted:
                    over = start + timedelta(days=days)
                    if over < today and start > until.get(p.number, date.min):
                        until[p.number] = over
                        yield _stay(d, illness, p, start, over)
            month = months_before(month, -1)


def _stay(d: Department, illness: str, p: Person, begun: date, over: date) -> Resource:
    return {
        "resourceType": "Encounter", "id": f"demo-stay-{d.key}-{begun:%Y%m%d}-{p.number:03d}", "status": "finished",
        "class": coding(HL7 + "v3-ActCode", "IMP", "inpatient encounter"),
        "priority": concept(HL7 + "v3-ActPriority", "EM", "emergency"),
        "subject": p.reference,
        "participant": [{"individual": colleagues(d.key)[p.number % 3].reference}],
        "period": {"start": stamp(datetime.combine(begun, time(9), d.tz)),
                   "end": stamp(datetime.combine(over, time(15), d.tz))},
        "reasonCode": [concept(ICD10, *ILLNESSES[illness].icd10)],
        "hospitalization": {"dischargeDisposition": concept(HL7 + "discharge-disposition", "home", "Home")},
        "serviceProvider": ref("Organization", d.organization, d.name),
    }  # fmt: skip

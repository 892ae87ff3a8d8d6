"""The visits of the past, and what an EHR told of them. Of the openings every fifth is told, without its Slot, for
nothing of the past can be booked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from random import Random

from carethread.demo.bookings import Booking
from carethread.demo.departments import DEPARTMENTS, Clinician, colleagues
from carethread.demo.fhir import HL7, ICD10, SNOMED, Resource, coding, concept, ref, stamp
from carethread.demo.illnesses import ILLNESSES
from carethread.demo.people import Person
from carethread.demo.turns import Turns

ONE_IN = 5
"""Of the openings so many are told as one."""

YEARLY = timedelta(days=364)
APART = timedelta(days=4)
"""Who comes again sooner would count as not having been helped: none of these is told."""


def some(visits: Sequence[Booking]) -> list[Booking]:
    """One of so many openings, of each department and month and of each outcome alike, by time; and more of those that
    there are few of: called off late, or taken by somebody who had waited."""
    turns, told = Turns(), []
    for each in sorted(visits, key=lambda each: (each.opening.start, each.id)):
        day, department = each.opening.start.date(), each.opening.clinician.department.key
        late = each.cancelled is not None and (day - each.cancelled).days <= 1
        turn = turns.next(day, (department, each.ends, late, each.shifts, each.again))
        one_in = 2 if each.again else 3 if late else ONE_IN
        if turn % one_in == 2 * day.month % one_in:
            told.append(each)
    return told


def encounters(kept: Sequence[Booking]) -> Iterator[Resource]:
    """Every fifth visit as the EHR tells it: with its reason, where the person has an illness of that department."""
    last: dict[int, datetime] = {}
    for each in kept:
        p, start = each.person, each.opening.start
        if Random(f"encounter/{each.id}").random() >= 1 / 5 or (p.number in last and start - last[p.number] < APART):
            continue
        last[p.number] = start
        department = each.opening.clinician.department
        found = [ILLNESSES[key] for key in p.illnesses if ILLNESSES[key].department == department.key]
        reason = concept(ICD10, *found[0].icd10) if found else concept(SNOMED, "185349003", "Encounter for check up")
        id_ = each.id.replace("appointment", "encounter")
        yield {
            **_seen(id_, p, each.opening.clinician, start, each.opening.end),
            "appointment": [ref("Appointment", each.id)],
            "reasonCode": [reason],
        }


def checkups(residents: Sequence[Person], first: date, today: date) -> Iterator[Resource]:
    """That everybody is seen once a year, by their doctor or a nurse, from the first month on: a past in which nobody
    was known at first would tell of continuity that wanes."""
    home, nurses = DEPARTMENTS[0], colleagues("primary-care")[4:]
    for p in (each for each in residents if each.seen):
        clinician = nurses[p.number % len(nurses)] if p.number % 2 else p.doctor
        for begun in checked(p, first, today):
            over = begun + timedelta(minutes=home.minutes)
            yield _seen(f"demo-checkup-{p.number:03d}-{begun:%Y%m}", p, clinician, begun, over)


def checked(p: Person, first: date, today: date) -> list[datetime]:
    """When somebody was seen for their yearly check-up."""
    day = first + timedelta(days=p.number % 25)
    days = (each for each in (day, day + YEARLY) if each < today)
    return [datetime.combine(each, time(8 + p.number % 9), DEPARTMENTS[0].tz) for each in days]


def _seen(id: str, p: Person, clinician: Clinician, begun: datetime, over: datetime) -> Resource:
    d = clinician.department
    return {
        "resourceType": "Encounter", "id": id, "status": "finished",
        "class": coding(HL7 + "v3-ActCode", "AMB", "ambulatory"),
        "subject": p.reference,
        "participant": [{"individual": clinician.reference}],
        "period": {"start": stamp(begun), "end": stamp(over)},
        "serviceProvider": ref("Organization", d.organization, d.name),
    }  # fmt: skip

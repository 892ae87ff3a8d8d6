"""What happened in the fifteen months before: enough of it that trends, signals and strata have something to tell.

It is loaded after the practice itself, as history, so that it calls nobody and asks nobody for anything. Of the visits
every fifth opening is told, without its Slot, for nothing of the past can be booked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random

from carethread.demo import past_answers, past_stays, people
from carethread.demo.bookings import Booking, appointment, between, months_before
from carethread.demo.fhir import HL7, ICD10, SNOMED, Resource, coding, concept, ref, stamp
from carethread.demo.hours import PAST
from carethread.demo.illnesses import ILLNESSES
from carethread.demo.people import Person

MONTHS = 15
"""Whole months before that of today: a year to know what is usual, and a quarter that is judged by it."""

ONE_IN = 5
"""Of the openings so many are told as one."""

INSURER = "demo-insurer"
_INSURED = (("HMO", "health maintenance organization policy"), ("PPO", "preferred provider organization policy"))
_PUBLIC = ("PUBLICPOL", "public healthcare")


def history(seed: int, today: date) -> Iterator[Resource]:
    """Every resource of the past, in the order to load them, after those of `practice.generate` for the same day."""
    residents = people.population(seed)
    first = months_before(today, MONTHS)
    visits = list(between(seed, first, today - timedelta(days=1), residents))
    told = [each for each in visits if each.status(today) and drawn(each, "told") < 1 / ONE_IN]
    before = [each for each in told if each.opening.start.date() < today - PAST]
    kept = [each for each in told if each.status(today) == "fulfilled"]

    yield insurer()
    yield from coverages(residents, first)
    for each in before:
        yield {name: value for name, value in appointment(each, str(each.status(today))).items() if name != "slot"}
    yield from encounters([each for each in kept if each.opening.start.date() < today - PAST])
    yield from past_stays.stays(residents, first, today)
    yield from past_answers.replies(kept, today)
    yield from past_answers.pulses(seed, first, today)
    yield from past_answers.courses(seed, residents, today)
    yield from past_answers.needs(residents, first, today)


def drawn(booking: Booking, what: str) -> float:
    """A number from 0 to 1 that is the same for a visit whenever it is told."""
    return Random(f"{what}/{booking.id}").random()


def insurer() -> Resource:
    """Who pays for most people."""
    return {
        "resourceType": "Organization", "id": INSURER, "active": True,
        "type": [concept(HL7 + "organization-type", "pay", "Payer")],
        "name": "Demo Insurance",
    }  # fmt: skip


def coverages(residents: Sequence[Person], first: date) -> Iterator[Resource]:
    """Who is insured how; one in twelve is not."""
    for p in residents:
        if p.number % 12 == 0:
            continue
        public = p.age >= 65 or p.hardship > 0.55
        yield {
            "resourceType": "Coverage", "id": f"demo-coverage-{p.number:03d}", "status": "active",
            "type": concept(HL7 + "v3-ActCode", *(_PUBLIC if public else _INSURED[p.number % 2])),
            "beneficiary": p.reference,
            "period": {"start": first.replace(month=1, day=1).isoformat()},
            "payor": [ref("Organization", INSURER, "Demo Insurance")],
        }  # fmt: skip


def encounters(kept: Sequence[Booking]) -> Iterator[Resource]:
    """Every third visit as the EHR tells it: with its reason, where the person has an illness of that department."""
    for each in kept:
        if drawn(each, "encounter") >= 1 / 3:
            continue
        department = each.opening.clinician.department
        found = [ILLNESSES[key] for key in each.person.illnesses if ILLNESSES[key].department == department.key]
        reason = concept(ICD10, *found[0].icd10) if found else concept(SNOMED, "185349003", "Encounter for check up")
        yield {
            "resourceType": "Encounter", "id": each.id.replace("appointment", "encounter"), "status": "finished",
            "class": coding(HL7 + "v3-ActCode", "AMB", "ambulatory"),
            "subject": each.person.reference,
            "participant": [{"individual": each.opening.clinician.reference}],
            "appointment": [ref("Appointment", each.id)],
            "period": {"start": stamp(each.opening.start), "end": stamp(each.opening.end)},
            "reasonCode": [reason],
            "serviceProvider": ref("Organization", department.organization, department.name),
        }  # fmt: skip

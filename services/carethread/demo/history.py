"""What happened in the fifteen months before: enough of it that trends, signals and strata have something to tell.

It is loaded after the practice itself, as history, so that it calls nobody and asks nobody for anything. Numbers stay
what they are by turns (`turns`), so that one department stands out, by what has changed there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from carethread.demo import past_answers, past_handing, past_stays, past_treatment, past_visits, people
from carethread.demo.bookings import appointment, between, months_before
from carethread.demo.fhir import HL7, Resource, concept, ref
from carethread.demo.hours import PAST
from carethread.demo.people import Person

MONTHS = 15
"""Whole months before that of today: a year to know what is usual, and a quarter that is judged by it."""

INSURER = "demo-insurer"
_INSURED = (("HMO", "health maintenance organization policy"), ("PPO", "preferred provider organization policy"))
_PUBLIC = ("PUBLICPOL", "public healthcare")


def history(seed: int, today: date) -> Iterator[Resource]:
    """Every resource of the past, in the order to load them, after those of `practice.generate` for the same day."""
    residents = people.population(seed)
    first = months_before(today, MONTHS)
    visits = list(between(seed, first, today - timedelta(days=1), residents))
    told = past_visits.some([each for each in visits if each.status(today)])
    before = [each for each in told if each.opening.start.date() < today - PAST]
    kept = [each for each in told if each.status(today) == "fulfilled"]

    yield insurer()
    yield from coverages(residents, first)
    for each in before:
        yield {name: value for name, value in appointment(each, str(each.status(today))).items() if name != "slot"}
    yield from past_visits.encounters([each for each in kept if each.opening.start.date() < today - PAST])
    yield from past_visits.checkups(residents, first, today)
    yield from past_stays.stays(residents, first, today)
    yield from past_treatment.dispenses(residents, first, today)
    yield from past_treatment.plans(residents, first, today)
    yield from past_handing.hand_offs(residents, first, today)
    yield from past_answers.asking(first, today)
    yield from past_answers.replies(kept, today)
    yield from past_answers.pulses(first, today)
    yield from past_answers.courses(seed, residents, today)
    yield from past_answers.needs(residents, first, today)


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

"""Hand-offs of the past, from one department to another: most were answered within the hours there were for that, and
their results came back. All of them are over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from carethread.demo.bookings import EXTENSION, months_before
from carethread.demo.departments import DEPARTMENTS, FAMILY_DOCTORS, Clinician, Department, colleagues
from carethread.demo.fhir import HOUSE, Resource, concept, ref, stamp
from carethread.demo.people import Person
from carethread.demo.turns import Turns, chosen

DAYS = (3, 12, 21)
"""Of a month on which somebody is handed over to a department."""

ANSWER, RESULT = timedelta(hours=4), timedelta(days=7)
"""What there is time for, of what is urgent (docs/hand-offs.md)."""

DECLINED = 0
MINUTES = {20: 0.25, 55: 0.3, 110: 0.2, 200: 0.1, 300: 0.1, DECLINED: 0.05}
"""After how many minutes a hand-off is accepted."""

RESULT_DAYS = {1: 0.25, 2: 0.25, 4: 0.25, 6: 0.15, 9: 0.1}
"""After how many days its result is there."""


def hand_offs(residents: Sequence[Person], first: date, today: date) -> Iterator[Resource]:
    """Tasks from `first` on that are over before `today`."""
    here, turns, month = [p for p in residents if p.seen], Turns(), first
    while month < today:
        for place, d in enumerate(DEPARTMENTS):
            for number in DAYS:
                offered = datetime.combine(month.replace(day=number), time(10, 5 * place), d.tz)
                turn = turns.next(offered.date(), d.key)
                p = here[(turn * 7 + month.month * 31 + place * 53) % len(here)]
                made = _hand_off(d, p, offered, turn)
                if made["executionPeriod"]["end"][:10] < today.isoformat():
                    yield made
        month = months_before(month, -1)


def _hand_off(d: Department, p: Person, offered: datetime, turn: int) -> Resource:
    asks, takes = _people(d, p)
    accepted = chosen(MINUTES, turn, f"minutes {d.key}")
    answered = offered + timedelta(minutes=accepted or 30)
    over = answered + timedelta(days=chosen(RESULT_DAYS, turn, f"result {d.key}")) if accepted else answered
    return {
        "resourceType": "Task", "id": f"demo-hand-off-{d.key}-{offered:%Y%m%d}",
        "meta": {"profile": [HOUSE + "StructureDefinition/task-hand-off"]},
        "extension": [
            {"url": EXTENSION + "department", "valueReference": ref("Organization", d.organization, d.name)},
            {"url": EXTENSION + "result-by", "valueInstant": stamp(offered + RESULT)},
        ],
        "status": "completed" if accepted else "rejected",
        **({} if accepted else {"statusReason": {"text": "Somebody else is the right one to ask"}}),
        "intent": "order", "priority": "urgent",
        "code": concept(HOUSE + "CodeSystem/hand-off-kind", "follow-up", "Follow-up"),
        "description": "See to what the last visit asks for",
        "for": p.reference,
        "authoredOn": stamp(offered),
        "lastModified": stamp(over),
        "requester": asks.reference,
        "owner": takes.reference,
        "restriction": {"period": {"start": stamp(offered), "end": stamp(offered + ANSWER)}},
        "executionPeriod": ({"start": stamp(answered)} if accepted else {}) | {"end": stamp(over)},
        **({"output": [{"type": {"text": "What came of it"}, "valueString": "Seen; the plan stays as it is."}]}
           if accepted else {}),
    }  # fmt: skip


def _people(d: Department, p: Person) -> tuple[Clinician, Clinician]:
    """Who hands over and who is asked: a family doctor asks another department, a heart doctor asks them."""
    if d is DEPARTMENTS[0]:
        return colleagues(DEPARTMENTS[1].key)[p.number % 3], p.doctor
    return p.doctor if p.doctor in FAMILY_DOCTORS else FAMILY_DOCTORS[0], colleagues(d.key)[p.number % 3]

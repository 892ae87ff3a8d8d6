"""When one Appointment is in the way of another, told without a database."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.ports import Occupied
from carethread.scheduling.booking.occupancy import (
    beside,
    beyond,
    named_by,
    newly,
    overlaps,
    seats,
    slot_of,
    slot_place,
    taken_anew,
)

BASE = "http://127.0.0.1:8080/fhir"
TIMES = {"start": "2031-03-03T09:00:00Z", "end": "2031-03-03T09:30:00Z"}
LATER = {"start": "2031-03-03T10:00:00Z", "end": "2031-03-03T10:30:00Z"}


def visit(*actors: str, **members: Any) -> dict[str, Any]:
    people = [{"actor": {"reference": each}, "status": "accepted"} for each in actors]
    return {"resourceType": "Appointment", "status": "booked", "participant": people, **TIMES, **members}


def taking(actor: str, appointment: str = "other") -> Occupied:
    return Occupied(actor, 10, 20, appointment)


def test_a_slot_has_as_many_seats_as_its_capacity() -> None:
    assert seats("s", 3) == ["s", "s#1", "s#2"]
    assert {slot_of(seat) for seat in seats("s", 3)} == {"s"}


def test_who_is_taken_is_told_once_for_each_and_by_the_name_that_was_given() -> None:
    mine = visit("Patient/p", "PractitionerRole/r")
    aliases = {"PractitionerRole/r": ["Practitioner/x"]}
    others = [taking("PractitionerRole/r"), taking("Practitioner/x"), taking("Practitioner/x", "third")]
    found = overlaps(mine, others, (), aliases, BASE)
    assert [(each.kind, each.where) for each in found] == [("overlap", "Appointment.participant[1].actor")] * 2
    assert named_by(aliases, "Practitioner/x") == {"Practitioner/x", "PractitionerRole/r"}


def test_who_shares_a_slot_shares_those_who_give_it_but_is_at_one_place() -> None:
    rows = [taking("Slot/s", "mine"), taking("Practitioner/x", "mine"), taking("Patient/p", "mine")]
    others = [taking("Slot/s"), taking("Practitioner/x"), taking("Slot/t", "third")]
    sharing = beside(rows, others)
    assert sharing == {"other"}
    mine = visit("Patient/p", "Practitioner/x")
    assert overlaps(mine, [taking("Practitioner/x")], sharing, {}, BASE) == []
    assert len(overlaps(mine, [taking("Practitioner/x", "third")], sharing, {}, BASE)) == 1
    assert len(overlaps(mine, [taking("Patient/p")], sharing, {}, BASE)) == 1
    assert newly(rows, [taking("Practitioner/x", "mine")]) == [taking("Patient/p", "mine")]


@pytest.mark.parametrize(
    ("after", "anew"),
    [
        (visit("Patient/p", status="pending"), False),
        (visit(), False),
        (visit("Patient/p", "Practitioner/x"), True),
        (visit("Patient/p", **LATER), True),
        (visit("Patient/p", slot=[{"reference": "Slot/s"}]), True),
    ],
)
def test_what_an_appointment_takes_anew(after: dict[str, Any], anew: bool) -> None:
    assert taken_anew(visit("Patient/p"), after, BASE) is anew
    assert taken_anew(visit("Patient/p", status="cancelled"), visit("Patient/p"), BASE)


def test_the_time_is_one_of_the_slots_of_each_schedule() -> None:
    one, two = ("Schedule", "one"), ("Schedule", "two")
    assert beyond(visit(), [(one, dict(TIMES)), (two, {**TIMES, "end": LATER["end"]})]) == []
    found = beyond(visit(**LATER), [(one, dict(TIMES)), (two, dict(LATER))])
    assert [each.text for each in found] == ["It goes beyond its Slots of Schedule/one."]
    assert (
        slot_place(visit(slot=[{"reference": "Slot/a"}, {"reference": "Slot/b"}]), "b", BASE) == "Appointment.slot[1]"
    )

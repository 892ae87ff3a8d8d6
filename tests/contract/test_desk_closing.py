"""What a provider's cancellation closes, on both databases: their slots, not the room's, and no group that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.desk import Desk, desk, of, patient, schedule, slot, wish
from support.stores import put

SNOMED = "http://snomed.info/sct"
PLANS = {
    "doctor": "Practitioner/doctor",
    "service": "HealthcareService/service",
    "room": "Location/room",
    "device": "Device/device",
    "role": "PractitionerRole/interpreter",
    "talker": "Practitioner/talker",
}
BY_PROVIDER = {"name": "by", "valueCode": "provider"}


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben", "cay"):
            made.put(patient(name), service="records")
        role = {"coding": [{"system": SNOMED, "code": "40570005"}]}
        put(made.stores["scheduling"], [{"resourceType": "PractitionerRole", "id": "interpreter", "code": [role]}])
        for name, actor in PLANS.items():
            made.put(schedule(name, actor))
            made.put(slot(name, name, 30))
        yield made


def visit(*slots: str) -> list[Resource]:
    """The parameters of a booking where one of the people interprets."""
    system = "http://terminology.hl7.org/CodeSystem/participant-type"
    interprets: Resource = {"type": [{"coding": [{"system": system, "code": "translator"}]}], "status": "needs-action"}
    people: list[Resource] = [{"actor": {"reference": "Patient/ann"}, "status": "needs-action"}]
    if "talker" in slots:
        people.append({"actor": {"reference": "Practitioner/talker"}, **interprets})
        people += [
            {"actor": {"reference": PLANS[each]}, "status": "needs-action"} for each in slots if each != "talker"
        ]
    made = {"resourceType": "Appointment", "status": "proposed", "participant": people}
    return [*wish(slots), {"name": "appointment-resource", "resource": made}]


@pytest.mark.parametrize(
    "slots, reason, closed",
    [
        (("doctor", "room", "device", "role"), "prov-pers", {"doctor"}),
        (("doctor", "room", "talker"), "prov", {"doctor"}),
        (("doctor", "service", "room"), "prov-hosp", {"doctor", "service"}),
        (("doctor", "room", "device"), "maint", {"room", "device"}),
        (("room",), "prov", {"room"}),
        (("doctor",), "maint", {"doctor"}),
        (("doctor", "room"), "pat", set()),
    ],
)
def test_only_the_slots_of_who_cancels_are_closed(
    front: Desk, slots: tuple[str, ...], reason: str, closed: set[str]
) -> None:
    booked = front.done("book", *visit(*slots))
    front.done("cancel", of(booked), {"name": "reason", "valueCode": reason})
    found = {each: front.status(f"Slot/{each}") for each in slots}
    assert found == {each: "busy-unavailable" if each in closed else "free" for each in slots}


def test_a_group_goes_on_until_the_provider_cancels_the_last(front: Desk) -> None:
    front.put(slot("group", "doctor", 40, seats=3))
    first, second, third = (front.done("book", *wish(["group"], who)) for who in ("ann", "ben", "cay"))
    front.done("cancel", of(first), BY_PROVIDER)
    assert front.status("Slot/group") == "free"
    held = front.done("hold", *wish(["group"], "ann"))
    front.done("cancel", of(second), BY_PROVIDER)
    front.done("cancel", of(third), BY_PROVIDER)
    assert front.status("Slot/group") == "free", "somebody holds a seat"
    last = front.done("book", of(held))
    front.done("cancel", of(last), BY_PROVIDER)
    assert front.status("Slot/group") == "busy-unavailable"


def test_a_hold_that_is_over_keeps_no_group_open(front: Desk) -> None:
    front.put(slot("group", "doctor", 40, seats=2))
    visit_ = front.done("book", *wish(["group"], "ann"))
    held = front.done("hold", *wish(["group"], "ben"))
    front.pass_time(minutes=6)
    front.done("cancel", of(visit_), BY_PROVIDER)
    assert front.status("Slot/group") == "busy-unavailable"
    front.fire()
    assert (front.status(f"Appointment/{held['id']}"), front.status("Slot/group")) == ("cancelled", "busy-unavailable")

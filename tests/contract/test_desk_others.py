"""What is kept for somebody stays theirs, on both databases: a hold, and an offer of the wait-list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.desk import Desk, desk, of, patient, schedule, slot, wish

SERVICE = [{"coding": [{"system": "urn:example:services", "code": "talk"}]}]
REFUSED = (422, [("business-rule", "")])


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben"):
            made.put(patient(name), service="records")
        for number, plan in enumerate(("one", "two")):
            made.put(schedule(plan, f"Practitioner/{plan}"))
            made.put({**slot(plan, plan, 30 + number), "serviceType": SERVICE})
        yield made


def people(appointment: Resource) -> set[str]:
    return {each["actor"]["reference"] for each in appointment["participant"]}


def test_a_hold_is_nobody_elses(front: Desk) -> None:
    held = front.done("hold", *wish(["one"], "ann"))
    for name in ("hold", "book"):
        assert front.refused(name, of(held), *wish([], "ben")) == REFUSED
    assert front.refused("reschedule", of(held), *wish(["two"], "ben")) == REFUSED
    else_ = [{"actor": {"reference": "Patient/ben"}, "status": "accepted"}]
    details = {"resourceType": "Appointment", "status": "proposed", "participant": else_}
    assert front.refused("book", of(held), {"name": "appointment-resource", "resource": details}) == REFUSED
    assert people(front.done("book", of(held), *wish([], "ann"))) == {"Patient/ann", "Practitioner/one"}


def test_a_hold_for_nobody_yet_becomes_somebodys(front: Desk) -> None:
    held = front.done("hold", *wish(["one"]))
    assert people(front.done("book", of(held), *wish([], "ben"))) == {"Patient/ben", "Practitioner/one"}


def test_an_offer_is_of_its_slot_and_for_who_waits(front: Desk) -> None:
    visit = front.done("book", *wish(["one"], "ben"))
    person = {"actor": {"reference": "Patient/ann"}, "status": "needs-action"}
    entry = {"resourceType": "Appointment", "id": "w", "status": "waitlist", "participant": [person]}
    front.put({**entry, "serviceType": SERVICE})
    front.put(slot("two", "two", 31, status="busy-unavailable"))
    front.done("cancel", of(visit))
    front.fire()
    assert front.read("Appointment/w")["slot"] == [{"reference": "Slot/one"}]
    front.put({**slot("two", "two", 31), "serviceType": SERVICE})
    assert front.refused("book", of("w"), *wish([], "ben")) == REFUSED
    for name in ("book", "reschedule"):
        assert front.refused(name, of("w"), *wish(["two"])) == REFUSED
    for name in ("hold", "renew"):
        assert front.refused(name, of("w")) == REFUSED
    assert people(front.done("release", of("w"))) == {"Patient/ann"}


def test_a_hold_has_its_end_whoever_writes_it(front: Desk) -> None:
    held = front.done("hold", *wish(["one"], "ann"))
    endless = {name: value for name, value in held.items() if name != "extension"}
    answer = front.ask("PUT", f"Appointment/{held['id']}", endless)
    assert (answer.status, b"hold-until is set by the operations" in answer.body) == (422, True)
    assert front.ask("PUT", f"Appointment/{held['id']}", {**endless, "status": "booked"}).status == 200

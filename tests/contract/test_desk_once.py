"""A request of the desk is done once, on both databases: by its Idempotency-Key, or by an identifier that it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.desk import Desk, desk, lasting, of, patient, refer, schedule, slot, wish

REFUSED = (422, [("duplicate", "")])


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben"):
            made.put(patient(name), service="records")
        made.put(schedule("one", "Practitioner/one"))
        for number in range(2):
            made.put(slot(f"one-{number}", "one", 1 + number))
        yield made


def details(**members: object) -> Resource:
    people = [{"actor": {"reference": "Patient/ann"}, "status": "needs-action"}]
    made = {"resourceType": "Appointment", "status": "proposed", "participant": people, **members}
    return {"name": "appointment-resource", "resource": made}


OTHERS: dict[str, Sequence[Resource]] = {
    "comment": wish(["one-0"], "ann", comment="By the window"),
    "no patient": wish(["one-0"]),
    "more people": [*wish(["one-0"], "ann"), *refer("patient", "Patient/ben")],
    "another slot": wish(["one-1"], "ann"),
    "another time": [
        *wish(["one-0"], "ann"), details(start="2031-03-03T09:10:00Z", end="2031-03-03T09:20:00Z"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ["book", "hold"])
def test_a_key_is_for_one_request(front: Desk, name: str) -> None:
    made = front.done(name, *wish(["one-0"], "ann"), Idempotency_Key="k")
    again = front.done(name, *wish(["one-0"], "ann"), Idempotency_Key="k")
    assert (again["id"], again["meta"]["versionId"]) == (made["id"], "1")
    for what, other in OTHERS.items():
        assert front.refused(name, *other, Idempotency_Key="k") == REFUSED, what
    front.done("cancel" if name == "book" else "release", of(made))
    assert front.done(name, *wish(["one-0"], "ann"), Idempotency_Key="k")["status"] == "cancelled"
    assert front.ask("DELETE", f"Appointment/{made['id']}").status == 204
    assert front.refused(name, *wish(["one-1"], "ann"), Idempotency_Key="k") == REFUSED
    assert front.done(name, *wish(["one-0"], "ann"), Idempotency_Key="k")["id"] == made["id"]


def test_how_long_something_is_held_is_part_of_the_request(front: Desk) -> None:
    front.done("hold", *wish(["one-0"], "ann"), lasting(5), Idempotency_Key="k")
    assert front.refused("hold", *wish(["one-0"], "ann"), lasting(6), Idempotency_Key="k") == REFUSED


def test_an_identifier_is_for_one_request(front: Desk) -> None:
    said = details(identifier=[{"system": "urn:example:visits", "value": "7"}])
    made = front.done("book", *refer("slot", "Slot/one-0"), said)
    assert front.done("book", *refer("slot", "Slot/one-0"), said)["id"] == made["id"]
    for other in ([*refer("slot", "Slot/one-1"), said], [*wish(["one-0"], comment="Late"), said]):
        assert front.refused("book", *other) == REFUSED


def test_what_was_refused_has_used_no_key(front: Desk) -> None:
    front.done("book", *wish(["one-0"], "ann"))
    assert front.refused("book", *wish(["one-0"], "ben"), Idempotency_Key="k")[0] == 409
    assert front.done("book", *wish(["one-1"], "ben"), Idempotency_Key="k")["status"] == "booked"

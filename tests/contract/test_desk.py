"""The desk on both databases: what each operation does, what it refuses, and that it does it once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from carethread.core.ports import Resource
from support.desk import OURS, Desk, desk, lasting, of, patient, schedule, slot, wish


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Two practitioners and a room with slots of half an hour, and three people."""
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben", "cay"):
            made.put(patient(name), service="records")
        made.put(schedule("one", "Practitioner/one"))
        made.put(schedule("two", "Practitioner/two"))
        made.put(schedule("room", "Location/room"))
        for plan in ("one", "two", "room"):
            for number in range(4):
                made.put(slot(f"{plan}-{number}", plan, 1 + number / 2))
        yield made


def marked(appointment: Resource, name: str) -> Resource:
    return next((each for each in appointment.get("extension", ()) if each["url"] == OURS + name), {})


def test_a_hold_keeps_several_slots_until_it_is_booked(front: Desk) -> None:
    held = front.done("hold", *wish(["one-0", "room-0"], "ann"))
    assert held["status"] == "pending"
    assert marked(held, "hold-until")["valueInstant"] == "2031-03-03T08:05:00.000Z"
    assert {(p["actor"]["reference"], p["status"]) for p in held["participant"]} == {
        ("Patient/ann", "tentative"), ("Practitioner/one", "tentative"), ("Location/room", "tentative")
    }  # fmt: skip
    assert [front.status(f"Slot/{name}") for name in ("one-0", "room-0")] == ["busy", "busy"]
    status, issues = front.refused("book", *wish(["two-0", "room-0"], "ben"))
    assert (status, issues[0]) == (409, ("not-found", ""))
    assert front.status("Slot/two-0") == "free", "nothing is half booked"
    booked = front.done("book", of(held), {"name": "comment", "valueString": "by the window"})
    assert (booked["id"], booked["status"], booked["comment"]) == (held["id"], "booked", "by the window")
    assert {p["status"] for p in booked["participant"]} == {"accepted"}
    assert not marked(booked, "hold-until")
    assert front.done("book", of(held))["meta"]["versionId"] == booked["meta"]["versionId"], "booked again it stays"


def test_what_was_given_up_is_held_anew_by_another_appointment(front: Desk) -> None:
    held = front.done("hold", *wish(["one-0"], "ann"))
    front.done("release", of(held))
    for name in ("hold", "book"):
        answer = front.call(name, of(held))
        assert answer.status == 422
        assert b"$hold or $book the Slots anew" in answer.body
    again = front.done("hold", *wish(["one-0"], "ann"))
    assert (again["status"], again["id"] == held["id"]) == ("pending", False)


def test_who_is_not_here_hides_nothing_else(front: Desk) -> None:
    front.done("book", *wish(["one-0"], "ann"))
    for name in ("book", "hold"):
        status, issues = front.refused(name, *wish(["gone", "one-0"], "nobody"))
        assert (status, issues) == (
            422,
            [("not-found", ""), ("not-found", "unknown"), ("conflict", "slot")],
        )
    passed = wish(["two-0"], "nobody", override_role="manager", override_reason="Urgent")
    assert front.refused("book", *passed) == (422, [("not-found", "")])


def test_a_hold_ends_by_itself_and_can_still_be_booked_while_nobody_took_its_slots(front: Desk) -> None:
    held = front.done("hold", *wish(["one-0"], "ann"))
    front.pass_time(minutes=5)
    assert front.status(f"Appointment/{held['id']}") == "pending", "every process is dead"
    assert front.done("book", of(held))["status"] == "booked"
    again = front.done("hold", *wish(["one-1"], "ann"))
    front.pass_time(minutes=5)
    front.fire()
    assert (front.status(f"Appointment/{again['id']}"), front.status("Slot/one-1")) == ("cancelled", "free")
    assert front.done("book", of(again))["status"] == "booked"


def test_who_meets_a_hold_that_is_over_ends_it(front: Desk) -> None:
    held = front.done("hold", *wish(["one-0"], "ann"))
    front.pass_time(minutes=5)
    other = front.done("book", *wish(["one-0"], "ben"))
    assert (front.status(f"Appointment/{held['id']}"), other["status"]) == ("cancelled", "booked")
    assert front.refused("book", of(held))[0] == 409
    front.fire()
    assert front.status("Slot/one-0") == "busy"


def test_a_hold_is_renewed_and_released(front: Desk) -> None:
    held = front.done("hold", *wish(["one-0"], "ann"), lasting(2))
    assert marked(held, "hold-until")["valueInstant"] == "2031-03-03T08:02:00.000Z"
    front.pass_time(minutes=1)
    renewed = front.done("renew", of(held))
    assert marked(renewed, "hold-until")["valueInstant"] == "2031-03-03T08:06:00.000Z"
    front.pass_time(minutes=2)
    front.fire()
    assert front.status(f"Appointment/{held['id']}") == "pending"
    released = front.done("release", of(held))
    assert (released["status"], front.status("Slot/one-0")) == ("cancelled", "free")
    assert front.done("release", of(held))["meta"]["versionId"] == released["meta"]["versionId"]


def test_what_is_moved_frees_the_old_and_takes_the_new(front: Desk) -> None:
    booked = front.done("book", *wish(["one-0", "room-0"], "ann"))
    moved = front.done("reschedule", of(booked), *wish(["two-1", "room-1"]))
    assert (moved["id"], moved["status"], moved["start"]) == (booked["id"], "booked", "2031-03-03T09:30:00.000Z")
    assert {p["actor"]["reference"] for p in moved["participant"]} == {
        "Patient/ann", "Practitioner/two", "Location/room"
    }  # fmt: skip
    expected = {"one-0": "free", "room-0": "free", "two-1": "busy", "room-1": "busy"}
    assert {name: front.status(f"Slot/{name}") for name in expected} == expected
    front.done("book", *wish(["one-1"], "ben"))
    status, _ = front.refused("reschedule", of(booked), *wish(["one-1", "room-2"]))
    assert status == 422, "the Slots have no time in common"
    status, _ = front.refused("reschedule", of(booked), *wish(["one-1", "room-1"]))
    assert status == 409
    assert {name: front.status(f"Slot/{name}") for name in expected} == expected, "it stays where it was"


def test_a_patients_cancellation_frees_and_a_providers_closes(front: Desk) -> None:
    front.pass_time(days=-2)
    booked = front.done("book", *wish(["one-0"], "ann"))
    cancelled = front.done("cancel", of(booked), {"name": "reason", "valueCode": "pat-lt"})
    assert (cancelled["status"], front.status("Slot/one-0")) == ("cancelled", "free")
    assert marked(cancelled, "cancelled-by")["valueCode"] == "patient"
    assert marked(cancelled, "late-cancellation")["valueBoolean"] is False
    booked = front.done("book", *wish(["one-0"], "ann"))
    cancelled = front.done("cancel", of(booked), {"name": "by", "valueCode": "provider"})
    assert front.status("Slot/one-0") == "busy-unavailable"
    assert cancelled["cancelationReason"]["coding"][0]["code"] == "prov"
    requests = front.runtime.store.snapshot(lambda session: session.requests.all())
    assert [each.wanted.type for each in requests] == ["Task"]
    front.pass_time(days=2)
    late = front.done("book", *wish(["one-1"], "ann"))
    assert marked(front.done("cancel", of(late)), "late-cancellation")["valueBoolean"] is True


KEY = {"Idempotency_Key": "k-1"}


def test_the_same_request_is_done_once(front: Desk) -> None:
    asked = wish(["one-0"], "ann")
    first = front.done("book", *asked, **KEY)
    assert front.done("book", *asked, **KEY)["id"] == first["id"]
    assert front.refused("book", *wish(["one-1"], "ann"), **KEY)[0] == 422
    assert front.refused("book", *wish(["one-0"], "ben"), **KEY)[0] == 422
    held = front.done("hold", *wish(["one-1"], "ann"), **KEY)
    assert held["id"] != first["id"], "a key is of one operation"
    front.done("cancel", of(first))
    assert front.done("book", *asked, **KEY)["status"] == "cancelled", "the answer is what became of it"
    assert front.refused("book", *asked, Idempotency_Key="x" * 256)[0] == 400


def sent(front: Desk, *slots: str, **members: Any) -> Resource:
    """The parameter with an Appointment that is to be."""
    made = {
        "resourceType": "Appointment",
        "status": "proposed",
        "slot": [{"reference": f"Slot/{each}"} for each in slots],
        "participant": [{"actor": {"reference": "Patient/ann"}, "status": "needs-action"}],
        **members,
    }
    return {"name": "appointment-resource", "resource": made}


def test_an_identifier_books_once(front: Desk) -> None:
    number = [{"system": "urn:example:orders", "value": "7,1|x"}]
    first = front.done("book", sent(front, "one-0", identifier=number))
    assert front.done("book", sent(front, "one-0", identifier=number))["id"] == first["id"]
    assert front.refused("book", sent(front, "one-1", identifier=number)) == (422, [("duplicate", "")])


PEOPLE: dict[str, Resource] = {
    "deceased": {"deceasedDateTime": "2030-01-01"},
    "dead": {"deceasedBoolean": True},
    "inactive": {"active": False},
    "merged": {"active": False, "link": [{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]},
}


@pytest.mark.parametrize("name", [*PEOPLE, "nobody"])
@pytest.mark.parametrize("operation", ["hold", "book", "check"])
def test_who_cannot_come_is_not_booked(front: Desk, operation: str, name: str) -> None:
    if name in PEOPLE:
        front.put(patient(name, **PEOPLE[name]), service="records")
    status, issues = front.refused(operation, *wish(["one-0"], name))
    code = "not-found" if name == "nobody" else "business-rule"
    assert (status, issues[0]) == (200 if operation == "check" else 422, (code, ""))
    assert front.status("Slot/one-0") == "free"


def test_who_dies_after_the_hold_is_not_booked(front: Desk) -> None:
    held = front.done("hold", *wish(["one-0"], "ann"))
    front.put(patient("ann", deceasedBoolean=True), service="records")
    assert front.refused("book", of(held))[0] == 422
    assert front.refused("reschedule", of(held), *wish(["one-1"]))[0] == 422


def test_a_person_who_comes_as_a_resource_is_known_or_registered(front: Desk) -> None:
    number = [{"system": "urn:example:records", "value": "r-1"}]
    front.put(patient("known", identifier=number), service="records")
    resource = {"name": "patient-resource", "resource": {"resourceType": "Patient", "identifier": number}}
    booked = front.done("book", *wish(["one-0"]), resource)
    assert booked["participant"][0]["actor"]["reference"] == "Patient/known"
    resource["resource"] = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:example:records", "value": "new"}],
    }
    booked = front.done("book", *wish(["one-1"]), resource)
    requests = front.runtime.store.snapshot(lambda session: session.requests.all())
    assert [(r.wanted.type, f"Patient/{r.wanted.id}") for r in requests] == [
        ("Patient", booked["participant"][0]["actor"]["reference"])
    ]


def test_what_cannot_be_is_refused_with_all_that_is_in_its_way(front: Desk) -> None:
    front.put(slot("past", "one", -1))
    front.put(slot("gap", "one", 7))
    front.put({**slot("closed", "one", 8), "status": "busy-unavailable"})
    front.put({**slot("video", "one", 9), "extension": [{"url": OURS + "modality", "valueCode": "video"}]})
    in_person = [{"url": OURS + "modality", "valueCode": "in-person"}]
    expected = {
        "past": (wish(["past"], "ann"), 422, {"past"}),
        "unknown": (wish(["nowhere", "one-0", "never"], "ann"), 422, {"unknown"}),
        "closed": (wish(["closed"], "ann"), 409, {"", "slot"}),
        "no time in common": (wish(["one-0", "room-3"], "ann"), 422, {""}),
        "a gap": (wish(["one-0", "gap"], "ann"), 422, {""}),
        "modality": ([sent(front, "video", extension=in_person)], 422, {"modality"}),
        "end before start": (
            [sent(front, "one-0", start="2031-03-03T09:30:00Z", end="2031-03-03T09:00:00Z")], 422, {"time"}
        ),
        "beyond the slot": (
            [sent(front, "one-0", start="2031-03-03T09:00:00Z", end="2031-03-03T10:00:00Z")], 422, {"time"}
        ),
        "the slot of another schedule": (
            [sent(front, "one-0", participant=[
                {"actor": {"reference": who}, "status": "needs-action"} for who in ("Patient/ann", "Practitioner/two")
            ])], 422, {"time"},
        ),
        "no slot": (wish([], "ann"), 400, {""}),
        "no patient": (wish(["one-0"]), 422, {""}),
    }  # fmt: skip
    for name, (asked, status, kinds) in expected.items():
        found, issues = front.refused("book", *asked)
        assert (found, {kind for _, kind in issues}) == (status, kinds), name
    assert front.refused("book", *wish(["nowhere", "one-0", "never"], "ann"))[1] == [("not-found", "unknown")] * 2
    assert front.status("Slot/one-0") == "free"
    assert front.read("Appointment")["type"] == "searchset"
    assert "entry" not in front.read("Appointment"), "nothing is half booked"


def test_who_held_a_slot_may_hold_it_anew_when_that_is_over(front: Desk) -> None:
    first = front.done("hold", *wish(["one-0"], "ann"))
    front.pass_time(minutes=5)
    assert front.done("hold", *wish(["one-0"], "ann"))["id"] != first["id"]
    assert front.status(f"Appointment/{first['id']}") == "cancelled"


def test_of_many_that_want_what_was_held_one_has_it(front: Desk) -> None:
    """Its holder among them: no deadlock, one winner."""
    for number in range(6):
        front.put(patient(f"p{number}"), service="records")
    held = front.done("hold", *wish(["one-0", "room-0"], "ann"))
    front.pass_time(minutes=5)
    asked = [[of(held)], *(wish(["one-0", "room-0"], f"p{number}") for number in range(6))]
    with ThreadPoolExecutor(len(asked)) as pool:
        statuses = sorted(answer.status for answer in pool.map(lambda parts: front.call("book", *parts), asked))
    assert statuses == [200] + [409] * 6
    assert [front.status(f"Slot/{name}") for name in ("one-0", "room-0")] == ["busy", "busy"]

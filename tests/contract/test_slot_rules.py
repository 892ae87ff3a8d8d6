"""What a Slot and a Schedule may be, and what of them stays while somebody is to come, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.desk import OURS, Desk, desk, of, patient, refer, schedule, slot, wish

CAPACITY = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
EHR = {"url": OURS + "schedule-master", "valueCode": "ehr"}


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben", "cay", "dan"):
            made.put(patient(name), service="records")
        made.put(schedule("one", "Practitioner/one"))
        made.put(slot("nine", "one", 1))
        yield made


def put(front: Desk, resource: Resource, **how: Any) -> tuple[int, list[str]]:
    """The status of an update, and the elements that it is refused for."""
    answer = front.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **how)
    issues = json.parse_object(answer.body).get("issue", []) if answer.status >= 400 else []
    return answer.status, [each["expression"][0] for each in issues]


@pytest.mark.parametrize("seats", [0, -1, 1001, 3_000_000])
def test_a_slot_has_a_number_of_seats_that_can_be(front: Desk, seats: int) -> None:
    wrong = {**slot("many", "one", 2), "extension": [{"url": CAPACITY, "valueInteger": seats}]}
    assert put(front, wrong) == (422, ["Slot.extension[0]"])
    assert put(front, {**wrong, "extension": [{"url": CAPACITY, "valueString": "3"}]})[0] == 422
    assert put(front, wrong, backfill=True)[0] == 201, "history says what was"
    assert front.done("book", *wish(["many"], "ann"))["status"] == "booked"


def test_a_slot_ends_after_it_starts(front: Desk) -> None:
    assert put(front, slot("none", "one", 2, 0)) == (422, ["Slot.end"])
    assert put(front, slot("none", "one", 2, -30)) == (422, ["Slot.end"])
    assert put(front, {**slot("none", "one", 2, -30), "meta": {"profile": [OURS + "slot"]}})[0] == 422


def test_no_fewer_seats_than_are_taken(front: Desk) -> None:
    front.put(slot("group", "one", 5, seats=3))
    first, second, third = (front.done("book", *wish(["group"], who)) for who in ("ann", "ben", "cay"))
    assert put(front, slot("group", "one", 5, status="busy", seats=2)) == (409, ["Slot.extension"])
    front.done("cancel", of(first))
    assert put(front, slot("group", "one", 5, status="busy", seats=2))[0] == 200, "who stays has a seat"
    assert front.refused("book", *wish(["group"], "dan"))[0] == 409
    front.done("cancel", of(third))
    assert front.status("Slot/group") == "free"
    assert put(front, slot("group", "one", 5, seats=1)) == (409, ["Slot.status"])
    assert put(front, slot("group", "one", 5, status="busy", seats=1))[0] == 200
    assert front.refused("book", *wish(["group"], "dan"))[0] == 409
    front.done("cancel", of(second))
    assert front.status("Slot/group") == "free"
    assert front.done("book", *wish(["group"], "dan"))["status"] == "booked"


def test_fewer_seats_than_an_ehr_has_filled_are_taken_as_they_come(front: Desk) -> None:
    front.put(schedule("ehr", "Practitioner/two", extension=[EHR]))
    front.put(slot("group", "ehr", 5, seats=3))
    for who in ("ann", "ben", "cay"):
        front.done("book", *wish(["group"], who))
    assert put(front, slot("group", "ehr", 5, status="busy", seats=1))[0] == 200
    assert front.refused("book", *wish(["group"], "dan"))[0] == 409
    assert put(front, slot("group", "ehr", 5.5, status="busy", seats=1))[0] == 200, "the EHR moves it"


def test_a_slot_stays_where_it_is_while_it_is_booked(front: Desk) -> None:
    front.put(schedule("two", "Practitioner/two"))
    visit = front.done("book", *wish(["nine"], "ann"))
    busy = front.read("Slot/nine")
    assert put(front, {**slot("nine", "one", 1.25), "status": "busy"}) == (409, ["Slot.start"])
    assert put(front, {**slot("nine", "one", 1, 60), "status": "busy"}) == (409, ["Slot.end"])
    assert put(front, {**slot("nine", "two", 1), "status": "busy"}) == (409, ["Slot.schedule"])
    assert put(front, {**busy, "comment": "By the window"})[0] == 200
    assert put(front, {**slot("nine", "one", 1.25), "status": "busy"}, backfill=True)[0] == 200
    front.done("cancel", of(visit))
    assert put(front, slot("nine", "two", 2))[0] == 200


def test_a_schedule_is_there_while_somebody_is_to_come(front: Desk) -> None:
    visit = front.done("book", *wish(["nine"], "ann"))
    assert front.ask("DELETE", "Schedule/one").status == 409
    front.done("cancel", of(visit))
    assert front.ask("DELETE", "Schedule/one").status == 204
    assert front.refused("book", *wish(["nine"], "ann")) == (422, [("not-found", "unknown")])
    front.put(schedule("ehr", "Practitioner/two", extension=[EHR]))
    front.put(slot("theirs", "ehr", 2))
    front.done("book", *wish(["theirs"], "ann"))
    assert front.ask("DELETE", "Schedule/ehr").status == 204


def test_what_was_of_a_schedule_is_no_reason_to_keep_it(front: Desk) -> None:
    front.done("book", *wish(["nine"], "ann"))
    front.pass_time(hours=3)
    assert front.ask("DELETE", "Schedule/one").status == 204


def test_a_schedule_that_is_not_in_use_is_in_the_way(front: Desk) -> None:
    front.put(slot("lost", "nowhere", 1))
    assert front.refused("book", *wish(["lost"], "ann")) == (422, [("not-found", "unknown")])
    assert front.refused("check", *wish(["lost"], "ann")) == (200, [("not-found", "unknown")])
    front.put(schedule("one", "Practitioner/one", active=False))
    assert front.refused("hold", *wish(["nine"], "ann")) == (422, [("business-rule", "hours")])
    passed = wish(["nine"], "ann", override_role="manager", override_reason="Comes in for this one")
    assert front.done("book", *passed)["status"] == "booked"


def test_a_seat_is_one_persons(front: Desk) -> None:
    front.put(slot("group", "one", 5, seats=3))
    both = [*wish(["group"], "ann"), *refer("patient", "Patient/ben")]
    for name in ("book", "hold"):
        assert front.refused(name, *both) == (422, [("business-rule", "time")])
    assert front.status("Slot/group") == "free"
    one = front.done("book", *wish(["group"], "ann"))
    twice = {**one, "participant": [*one["participant"], {"actor": {"reference": "Patient/ben"}, "status": "accepted"}]}
    assert put(front, twice) == (422, ["Appointment.slot[0]"])
    couple = [*wish(["nine"], "ben"), *refer("patient", "Patient/cay")]
    assert front.done("book", *couple)["status"] == "booked", "of one seat all may come who belong together"


def test_what_is_booked_takes_time_and_slots_of_ours(front: Desk) -> None:
    booked = front.done("book", *wish(["nine"], "ann"))
    new = {name: value for name, value in booked.items() if name != "id"}
    front.put(slot("ten", "one", 2))
    new |= {"slot": [{"reference": "Slot/ten"}], "start": "2031-03-03T10:00:00Z", "end": "2031-03-03T10:30:00Z"}
    new["requestedPeriod"] = [{"start": "2031-03-03T10:00:00Z", "end": "2031-03-03T10:30:00Z"}]
    nothing = {**new, "id": "none", "end": new["start"]}
    assert put(front, {name: each for name, each in nothing.items() if name != "minutesDuration"})[0] == 422
    for wrong in ({"display": "At ten"}, {"reference": "https://elsewhere.example/Slot/ten"}):
        assert put(front, {**new, "id": "none", "slot": [wrong]}) == (422, ["Appointment.slot[0]"])
    assert put(front, {**new, "id": "some"})[0] == 201


def test_finding_offers_no_group_to_several(front: Desk) -> None:
    front.put(slot("group", "one", 5, seats=4))

    def found(*people: str) -> int:
        parameters = refer("patient-reference", *(f"Patient/{who}" for who in people))
        answer = front.ask("POST", "Appointment/$find", {"resourceType": "Parameters", "parameter": parameters})
        assert answer.status == 200, answer.body
        entries = json.parse_object(answer.body).get("entry", [])
        return sum(each["resource"]["resourceType"] == "Appointment" for each in entries)

    assert (found("ann"), found("ann", "ben")) == (2, 1)


@pytest.mark.parametrize("said", [{"required": "information-only"}, {"required": "optional"}, {"status": "declined"}])
def test_nobody_who_is_needed_opts_out(front: Desk, said: dict[str, str]) -> None:
    front.put(schedule("too", "Practitioner/one"))
    front.put(slot("too", "too", 1))
    people = [
        {"actor": {"reference": who}, "status": "accepted", **said} for who in ("Practitioner/one", "Patient/ann")
    ]
    details = {"resourceType": "Appointment", "status": "proposed", "participant": people}
    visit = front.done("book", *wish(["nine"]), {"name": "appointment-resource", "resource": details})
    assert {(each["required"], each["status"]) for each in visit["participant"]} == {("required", "accepted")}
    assert front.refused("book", *wish(["too"], "ben")) == (409, [("not-found", ""), ("conflict", "overlap")])
    front.put(schedule("two", "Practitioner/two"))
    front.put(slot("at-two", "two", 1))
    assert front.refused("book", *wish(["at-two"], "ann"))[0] == 409


def test_of_a_rooms_schedule_one_slot_is_taken_at_a_time(front: Desk) -> None:
    front.put(schedule("room", "Location/room"))
    front.put(schedule("site", "HealthcareService/walk-in", "Location/site"))
    front.put(schedule("two", "Practitioner/two"))
    front.put(slot("at-two", "two", 1))
    for plan in ("room", "site"):
        front.put(slot(f"{plan}-short", plan, 1))
        front.put(slot(f"{plan}-long", plan, 1, 60))
        front.put(slot(f"{plan}-later", plan, 2))
    visit = front.done("book", *wish(["nine", "room-short"], "ann"))
    for name in ("book", "check"):
        status, issues = front.refused(name, *wish(["at-two", "room-long"], "ben"))
        assert (status, ("conflict", "overlap") in issues) == ({"book": 409, "check": 200}[name], True)
    assert front.done("book", *wish(["room-later"], "ben"))["status"] == "booked"
    moved = front.done("reschedule", of(visit), *wish(["nine", "room-long"]))
    assert moved["slot"] == [{"reference": "Slot/nine"}, {"reference": "Slot/room-long"}], (
        "its own room is no hindrance"
    )
    assert front.refused("book", *wish(["at-two", "room-short"], "cay"))[0] == 409
    front.done("cancel", of(visit))
    assert front.done("book", *wish(["at-two", "room-short"], "cay"))["status"] == "booked"
    for name, who in (("site-short", "ann"), ("site-long", "dan")):
        assert front.done("book", *wish([name], who))["status"] == "booked", "a place with several is no room"


def test_finding_offers_no_room_that_is_taken(front: Desk) -> None:
    front.put(schedule("room", "Location/room"))
    front.put(slot("short", "room", 1))
    front.put(slot("long", "room", 1, 60))

    def found() -> list[str]:
        parameters = refer("location-reference", "Location/room")
        answer = front.ask("POST", "Appointment/$find", {"resourceType": "Parameters", "parameter": parameters})
        assert answer.status == 200, answer.body
        entries = json.parse_object(answer.body).get("entry", [])
        proposed = [each["resource"] for each in entries if each["resource"]["resourceType"] == "Appointment"]
        return sorted(each["slot"][0]["reference"] for each in proposed)

    assert found() == ["Slot/long", "Slot/short"]
    front.done("book", *wish(["short"], "ann"))
    assert found() == []


def test_a_room_is_taken_once_by_who_come_together(front: Desk) -> None:
    front.put(schedule("room", "Location/room"))
    everybody = ("ann", "ben", "cay", "dan")
    for who in everybody:
        front.put(slot(f"for-{who}", "room", 1))
    with ThreadPoolExecutor(len(everybody)) as pool:
        answers = list(pool.map(lambda who: front.call("book", *wish([f"for-{who}"], who)).status, everybody))
    assert sorted(answers) == [200, 409, 409, 409]

"""Whom to book again on both databases: by need, with the reasons, until they have another visit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.interactions.rest.handling import handle
from carethread.scheduling.rebooking import bumped
from carethread.scheduling.rules import REASONS
from support import desk as desks
from support.desk import Desk, of, patient, refer, schedule, slot, wish
from support.stores import open_store
from support.stores import put as stored

SERVICE = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "124"}]}]
OTHER = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "57"}]}]
PEOPLE = ("ann", "ben", "cay")
PROVIDER = {"name": "by", "valueCode": "provider"}


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Two practitioners with slots of half an hour a day ahead, and three people, of whom copies are here."""
    with desks.desk(tmp_path, database_url) as made:
        for name in PEOPLE:
            made.put(patient(name), service="records")
        stored(made.stores["scheduling"], [patient(name) for name in PEOPLE])
        for plan in ("one", "two"):
            made.put(schedule(plan, f"Practitioner/{plan}", "Location/north"))
            for number in range(8):
                made.put(slot(f"{plan}-{number}", plan, 24 + number / 2, serviceType=SERVICE))
        yield made


def ask(front: Desk, query: str = "") -> Response:
    return handle(front.runtime, Request("GET", "Appointment/$to-rebook", parse_qsl(query)), front.context())


def listed(front: Desk, query: str = "") -> list[dict[str, Any]]:
    """The visits of the list, each by the names of its parts; `why` has all its reasons."""
    answer = ask(front, query)
    assert answer.status == 200, answer.body
    total, *visits = json.parse_object(answer.body)["parameter"]
    assert total["valueUnsignedInt"] >= len(visits)
    found = []
    for visit in visits:
        parts = {part["name"]: value for part in visit["part"] for key, value in part.items() if key.startswith("val")}
        whys = [part["part"] for part in visit["part"] if part["name"] == "why"]
        found.append({**parts, "why": {code["valueCode"]: points["valueDecimal"] for code, points in whys}})
    return found


def names(front: Desk, query: str = "") -> list[str]:
    return [each["patient"]["reference"].removeprefix("Patient/") for each in listed(front, query)]


def bump(front: Desk, slot_id: str, person: str, **details: Any) -> Resource:
    """A visit that the provider cancels a minute after it was booked."""
    people = [{"actor": {"reference": f"Patient/{person}"}, "status": "needs-action"}]
    asked = {"resourceType": "Appointment", "status": "proposed", "participant": people, **details}
    more = [{"name": "appointment-resource", "resource": asked}] if details else []
    made = front.done("book", *wish([slot_id], person), *more)
    front.pass_time(minutes=1)
    return front.done("cancel", of(made), PROVIDER)


def requested(front: Desk, type_name: str) -> list[Resource]:
    store = front.stores["scheduling"]
    numbers = [each.number for each in store.glance(lambda session: session.requests.all())]
    whole = store.glance(lambda session: [session.requests.all(number=number)[0] for number in numbers])
    bodies: list[Resource] = [json.parse_object(each.wanted.body) for each in whole]
    return [body for body in bodies if body["resourceType"] == type_name]


HIGH_RISK = {"system": "http://snomed.info/sct", "code": "723509005"}


def test_a_providers_cancellation_lists_its_people_by_need_and_says_why(front: Desk) -> None:
    flag = {"resourceType": "Flag", "id": "f", "status": "active", "code": {"coding": [HIGH_RISK]}}
    stored(front.stores["scheduling"], [{**flag, "subject": {"reference": "Patient/ben"}}])
    bump(front, "one-0", "ann")
    bump(front, "one-1", "ben")
    bump(front, "one-2", "cay", priority=1)
    first, second, third = listed(front)
    assert [each["patient"]["reference"] for each in (first, second, third)] == [
        "Patient/cay", "Patient/ben", "Patient/ann"
    ]  # fmt: skip
    assert (float(first["why"]["priority"]), float(second["why"]["high-risk"])) == (80, 15)
    assert float(second["score"]) == pytest.approx(sum(map(float, second["why"].values())))
    assert first["service"] == SERVICE[0]
    assert first["period"]["start"] == "2031-03-04T09:00:00.000Z"
    tasks = {task["id"]: task["for"]["reference"] for task in requested(front, "Task")}
    assert {each["task"]["reference"]: each["patient"]["reference"] for each in (first, second, third)} == {
        f"Task/{id_}": person for id_, person in tasks.items()
    }
    assert names(front, "_count=1") == ["cay"]
    assert [front.status(f"Slot/one-{number}") for number in range(3)] == ["busy-unavailable"] * 3


def test_who_waited_too_long_comes_before_all(front: Desk) -> None:
    bump(front, "one-0", "ann", priority=1)
    front.put(
        {
            "resourceType": "Appointment",
            "id": "old",
            "status": "cancelled",
            "priority": 9,
            "created": "2030-01-01",
            "start": "2031-03-04T12:00:00Z",
            "end": "2031-03-04T12:30:00Z",
            "cancelationReason": {"coding": [{"system": REASONS, "code": "prov"}]},
            "participant": [{"actor": {"reference": "Patient/ben"}, "status": "accepted"}],
        },
        backfill=True,
    )
    first, second = listed(front)
    assert (first["patient"]["reference"], "longest-wait" in first["why"]) == ("Patient/ben", True)
    assert "task" not in first, "an EHR has cancelled it: nobody here was asked"
    assert second["patient"]["reference"] == "Patient/ann"


def test_who_is_booked_again_is_listed_no_more(front: Desk) -> None:
    bump(front, "one-0", "ann")
    held = front.done("hold", *wish(["two-0"], "ann"))
    assert names(front) == ["ann"], "a hold is no visit"
    booked = front.done("book", of(held))
    assert names(front) == []
    front.done("cancel", of(booked), {"name": "by", "valueCode": "patient"})
    assert names(front) == [], "it was their own wish"


def test_cancelled_twice_they_are_listed_once_and_have_waited_since_the_first(front: Desk) -> None:
    bump(front, "one-0", "ann")
    front.pass_time(hours=10)
    again = bump(front, "two-0", "ann")
    bump(front, "two-1", "ben")
    found = listed(front)
    assert found[0]["appointment"]["reference"] == f"Appointment/{again['id']}"
    assert [each["patient"]["reference"] for each in found] == ["Patient/ann", "Patient/ben"]
    assert float(found[0]["why"]["waiting"]) == pytest.approx(20 * 10 / 24 / 42, abs=0.02)


def test_what_stood_before_or_is_for_something_else_is_not_in_its_place(front: Desk) -> None:
    front.put(slot("early", "one", 12, serviceType=SERVICE))
    before = front.done("book", *wish(["two-4"], "ann"))
    bump(front, "early", "ann")
    front.put(slot("other", "two", 48, serviceType=OTHER))
    front.done("book", *wish(["other"], "ann"))
    front.done("reschedule", of(before), *refer("slot", "Slot/two-6"))
    assert names(front) == ["ann"]


def test_one_new_visit_stands_for_one_that_was_cancelled(front: Desk) -> None:
    for number in (0, 1):
        front.put(slot(f"day-{number}", "one", 48 + 24 * number, serviceType=SERVICE))
    made = [front.done("book", *wish([f"day-{number}"], "ann")) for number in (0, 1)]
    front.pass_time(minutes=1)
    for each in made:
        front.done("cancel", of(each), PROVIDER)
    assert names(front) == ["ann", "ann"]
    front.done("book", *wish(["two-0"], "ann"))
    assert names(front) == ["ann"]


def test_an_entry_of_the_wait_list_that_becomes_a_visit_is_one(front: Desk) -> None:
    people = [{"actor": {"reference": "Patient/ann"}, "status": "needs-action"}]
    entry = {"resourceType": "Appointment", "id": "w", "status": "waitlist", "serviceType": SERVICE}
    front.put({**entry, "created": "2031-03-01", "participant": people})
    bump(front, "one-0", "ann")
    assert names(front) == ["ann"]
    front.done("book", *wish(["two-0"]), id_="w")
    assert names(front) == []


def test_a_change_of_what_is_cancelled_brings_nobody_back(front: Desk) -> None:
    gone = bump(front, "one-0", "ann")
    front.pass_time(minutes=1)
    front.done("book", *wish(["two-0"], "ann"))
    front.pass_time(minutes=1)
    front.put({**front.read(f"Appointment/{gone['id']}"), "comment": "Told by phone."})
    assert names(front) == []


def test_a_patients_cancellation_lists_nobody(front: Desk) -> None:
    made = front.done("book", *wish(["one-0"], "ann"))
    front.done("cancel", of(made), {"name": "by", "valueCode": "patient"})
    assert names(front) == []


def test_who_comes_no_more_is_not_listed_and_who_was_merged_under_their_new_name(front: Desk) -> None:
    bump(front, "one-0", "ann")
    bump(front, "one-1", "ben")
    link = [{"other": {"reference": "Patient/cay"}, "type": "replaced-by"}]
    merged = patient("ann", active=False, link=link)
    stored(front.stores["scheduling"], [merged, patient("ben", deceasedBoolean=True)])
    assert names(front) == ["cay"]
    front.done("book", *wish(["two-0"], "cay"))
    assert names(front) == []


def test_by_practitioner_place_and_period(front: Desk) -> None:
    bump(front, "one-0", "ann")
    bump(front, "two-1", "ben")
    assert names(front, "practitioner=two") == names(front, "practitioner=Practitioner/two") == ["ben"]
    assert names(front, "practitioner=one,two&location=north") == ["ann", "ben"]
    assert names(front, "location=Location/south") == []
    assert names(front, "from=2031-03-05") == names(front, "to=2031-03-03") == []
    assert names(front, "from=2031-03-04&to=2031-03-04T08:00:00Z") == ["ann"]


def test_one_whose_task_is_closed_is_done_with(front: Desk, tmp_path: Path, database_url: str) -> None:
    url = f"sqlite:///{tmp_path}/careteams.db" if database_url.startswith("sqlite") else database_url
    careteams = open_store(url, "careteams")
    try:
        beside = Desk({**front.stores, "careteams": careteams})
        bump(beside, "one-0", "ann")
        (task,) = requested(beside, "Task")
        assert "task-status" not in listed(beside)[0], "its owner has not made it yet"
        beside.put(task, service="careteams")
        assert listed(beside)[0]["task-status"] == "requested"
        beside.put({**task, "status": "rejected"}, service="careteams")
        assert names(beside) == []
    finally:
        careteams.close()


def test_stranded_bookings_come_in_the_same_order(front: Desk) -> None:
    front.done("book", *wish(["one-0"], "ann"))
    people = [{"actor": {"reference": "Patient/ben"}, "status": "needs-action"}]
    urgent = {"resourceType": "Appointment", "status": "proposed", "priority": 1, "participant": people}
    about = {"name": "appointment-resource", "resource": urgent}
    front.done("book", *wish(["one-3"], "ben"), about)
    front.put(schedule("one", "Practitioner/one", active=False))
    total, *found = front.read("Schedule/one/$stranded")["parameter"]
    parts = [{part["name"]: part for part in each["part"]} for each in found]
    assert total["valueUnsignedInt"] == 2
    assert [each["slot"]["valueReference"]["reference"] for each in parts] == ["Slot/one-3", "Slot/one-0"]
    assert [each["valueCode"] for each in parts[0]["why"]["part"] if "valueCode" in each] == ["priority"]
    assert float(parts[0]["score"]["valueDecimal"]) > float(parts[1]["score"]["valueDecimal"])


@pytest.mark.parametrize(
    "query",
    [
        "_count=0",
        "_count=1001",
        "_count=x",
        f"_count={'9' * 5000}",
        "_count=%C2%B2",
        "from=tomorrow",
        "from=2031-03-02&to=2031-03-01",
        "from=2001-01-01&to=2031-01-01",
        "practitioner=Patient/ann",
        "practitioner=,",
        "location=a b",
        "patient=ann",
        "from=2031-03-01&from=2031-03-02",
    ],
)
def test_what_cannot_be_asked(front: Desk, query: str) -> None:
    answer = ask(front, query)
    assert answer.status == 400, answer.body
    assert json.parse_object(answer.body)["issue"][0]["expression"][0] in query


def test_too_many(front: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bumped, "MOST", 1)
    bump(front, "one-0", "ann")
    bump(front, "one-1", "ben")
    answer = ask(front)
    assert (answer.status, b"too-costly" in answer.body) == (403, True)

"""The Tasks by which people are booked again: of one shape, one for each visit and person, until they are done with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.errands.sending import Sending
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request, Resource
from carethread.interactions.rest.handling import handle
from support.availability import availability, rule
from support.desk import Desk, of, patient, refer, schedule, slot, wish
from support.stores import open_store
from support.stores import put as stored

SERVICE = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "124"}]}]
OTHER = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "57"}]}]
PROVIDER = {"name": "by", "valueCode": "provider"}
BY_PATIENT = {"name": "by", "valueCode": "patient"}


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Two practitioners of one department, with slots of half an hour a day ahead; the owner of Tasks beside them."""
    names = ("records", "scheduling", "careteams")
    sqlite = database_url.startswith("sqlite")
    stores = {name: open_store(f"sqlite:///{tmp_path}/{name}.db" if sqlite else database_url, name) for name in names}
    made = Desk(stores)
    for name in ("ann", "ben"):
        made.put(patient(name), service="records")
        stored(stores["scheduling"], [patient(name)])
    provider = {"reference": "Organization/eyes"}
    made.put({"resourceType": "HealthcareService", "id": "eye", "providedBy": provider})
    for plan in ("one", "two"):
        made.put(schedule(plan, f"Practitioner/{plan}", "HealthcareService/eye"))
        for number in range(8):
            made.put(slot(f"{plan}-{number}", plan, 24 + number / 2, serviceType=SERVICE))
    yield made
    for store in stores.values():
        store.close()


def tasks(front: Desk) -> list[Resource]:
    """What the owner of Tasks has, once all that was requested has been sent."""
    runtime = front.runtime
    owners = {"Task": "careteams", "Communication": "careteams", "Provenance": "records", "AuditEvent": "records"}
    sending = Sending(runtime, owners, "gateway")
    while sending.step():
        pass
    assert runtime.store.glance(lambda session: session.requests.all()) == [], "nothing was refused"
    asked = Request("GET", "Task", [("code", "rebook"), ("_sort", "_id")])
    bundle = json.parse_object(handle(front.runtimes["careteams"], asked, front.context()).body)
    return [each["resource"] for each in bundle.get("entry", ())]


def statuses(front: Desk) -> list[str]:
    return sorted(task["status"] for task in tasks(front))


def close(front: Desk, plan: str = "one") -> None:
    """The hours of a Schedule are gone; whoever was booked is stranded."""
    hours = [availability(rule())]
    front.put(schedule(plan, f"Practitioner/{plan}", "HealthcareService/eye", active=False, extension=hours))
    front.fire()


def booked(front: Desk, slot_id: str, person: str = "ann", **details: Any) -> Resource:
    people = [{"actor": {"reference": f"Patient/{person}"}, "status": "needs-action"}]
    asked = {"resourceType": "Appointment", "status": "proposed", "participant": people, **details}
    more = [{"name": "appointment-resource", "resource": asked}] if details else []
    return front.done("book", *wish([slot_id], person), *more)


@pytest.mark.parametrize("why", ["cancelled", "stranded"])
def test_both_kinds_have_one_shape(front: Desk, why: str) -> None:
    made = booked(front, "one-0", priority=2)
    if why == "cancelled":
        front.done("cancel", of(made), PROVIDER)
    else:
        close(front)
    (task,) = tasks(front)
    assert [issue for issue in validate(task) if issue.severity == "error"] == []
    assert {name: task[name] for name in ("status", "intent", "priority")} == {
        "status": "requested", "intent": "order", "priority": "urgent"
    }  # fmt: skip
    assert task["restriction"]["period"]["end"] == made["start"]
    assert task["focus"]["reference"] == f"Appointment/{made['id']}"
    assert task["for"]["reference"] == "Patient/ann"
    assert task["owner"]["reference"] == "Organization/eyes"
    assert task["reasonCode"]["coding"][0]["code"] == {"cancelled": "prov", "stranded": "closed"}[why]


def test_stranded_and_then_cancelled_it_is_one_task(front: Desk) -> None:
    made = booked(front, "one-0")
    close(front)
    front.done("cancel", of(made), PROVIDER)
    assert statuses(front) == ["requested"]
    (task,) = tasks(front)
    listed = json.parse_object(front.ask("GET", "Appointment/$to-rebook").body)["parameter"][1]["part"]
    named = next(part for part in listed if part["name"] == "task")["valueReference"]["reference"]
    assert named == f"Task/{task['id']}", "the list names the same one"


def test_everyone_of_a_visit_has_their_own(front: Desk) -> None:
    made = front.done("book", *wish(["one-0"], "ann"), *refer("patient", "Patient/ben"))
    close(front)
    assert sorted(task["for"]["reference"] for task in tasks(front)) == ["Patient/ann", "Patient/ben"]
    front.done("cancel", of(made), BY_PATIENT)
    assert statuses(front) == ["cancelled", "cancelled"]


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ("moved", "completed"),
        ("moved to the same time", "completed"),
        ("cancelled by the patient", "cancelled"),
        ("entered in error", "cancelled"),
        ("deleted", "cancelled"),
        ("arrived", "completed"),
        ("a comment", "requested"),
    ],
)
def test_a_stranded_visit_is_settled_when_nobody_has_to_do_it(front: Desk, what: str, becomes: str) -> None:
    made = booked(front, "one-0")
    close(front)
    match what:
        case "moved":
            front.done("reschedule", of(made), *refer("slot", "Slot/two-3"))
        case "moved to the same time":
            front.done("reschedule", of(made), *refer("slot", "Slot/two-0"))
        case "cancelled by the patient":
            front.done("cancel", of(made), BY_PATIENT)
        case "entered in error":
            front.put({**front.read(f"Appointment/{made['id']}"), "status": "entered-in-error"})
        case "deleted":
            assert front.ask("DELETE", f"Appointment/{made['id']}").status in (200, 204)
        case "arrived":
            front.pass_time(hours=24)
            front.put({**front.read(f"Appointment/{made['id']}"), "status": "arrived"})
        case _:
            front.put({**front.read(f"Appointment/{made['id']}"), "comment": "Told by phone."})
    assert statuses(front) == [becomes]


def test_another_visit_for_the_same_service_settles_the_first_that_was_cancelled(front: Desk) -> None:
    front.put(slot("other", "two", 30, serviceType=OTHER))
    first = booked(front, "one-0")
    front.done("cancel", of(first), PROVIDER)
    booked(front, "other")
    assert statuses(front) == ["requested"], "it is for something else"
    held = front.done("hold", *wish(["two-1"], "ann"))
    assert statuses(front) == ["requested"], "a hold is no visit"
    front.done("book", of(held))
    assert statuses(front) == ["completed"]


def test_one_new_visit_settles_one(front: Desk) -> None:
    for number in (0, 1):
        front.put(slot(f"day-{number}", "one", 48 + 24 * number, serviceType=SERVICE))
    made = [booked(front, f"day-{number}") for number in (0, 1)]
    for each in made:
        front.pass_time(minutes=1)
        front.done("cancel", of(each), PROVIDER)
    new = booked(front, "two-0")
    front.put({**front.read(f"Appointment/{new['id']}"), "comment": "A change of it settles no more."})
    found = {task["focus"]["reference"]: task["status"] for task in tasks(front)}
    assert found == {f"Appointment/{made[0]['id']}": "completed", f"Appointment/{made[1]['id']}": "requested"}


def test_what_somebody_has_closed_or_noted_stays(front: Desk) -> None:
    one, other = booked(front, "one-0"), booked(front, "one-1", "ben")
    close(front)
    for task in tasks(front):
        closed = "rejected" if task["for"]["reference"] == "Patient/ben" else "in-progress"
        front.put({**task, "status": closed, "note": [{"text": "Called."}]}, service="careteams")
    front.done("reschedule", of(one), *refer("slot", "Slot/two-3"))
    front.done("reschedule", of(other), *refer("slot", "Slot/two-4"))
    found = {task["for"]["reference"]: (task["status"], task["note"][0]["text"]) for task in tasks(front)}
    assert found == {"Patient/ann": ("completed", "Called."), "Patient/ben": ("rejected", "Called.")}


def test_stranded_again_at_its_new_time_it_is_asked_for_again(front: Desk) -> None:
    made = booked(front, "one-0")
    close(front)
    front.done("reschedule", of(made), *refer("slot", "Slot/two-3"))
    close(front, "two")
    assert statuses(front) == ["completed", "requested"]
    front.fire()
    assert statuses(front) == ["completed", "requested"]

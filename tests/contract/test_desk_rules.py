"""The desk's rules on both databases: conflicts and who may pass over them, states, seats, and an EHR that decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Asked, Resource
from support.desk import OURS, Desk, desk, of, patient, schedule, slot, wish

PROFILE = OURS + "appointment"


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben", "cay"):
            made.put(patient(name), service="records")
        made.put(schedule("one", "Practitioner/one"))
        for number in range(4):
            made.put(slot(f"one-{number}", "one", 1 + number / 2))
        yield made


def code(of_what: str) -> list[Resource]:
    return [{"coding": [{"system": "urn:example:services", "code": of_what}]}]


def requested(front: Desk) -> list[Asked]:
    return front.runtime.store.snapshot(
        lambda session: [session.requests.all(a.number)[0] for a in session.requests.all()]
    )


def kinds(front: Desk, *parts: Resource) -> list[str]:
    status, issues = front.refused("check", *parts)
    assert status == 200
    return sorted(kind or code for code, kind in issues)


def test_a_check_tells_all_that_is_in_the_way_and_changes_nothing(front: Desk) -> None:
    front.put(schedule("else", "Practitioner/one"))
    front.put({**slot("elsewhere", "else", 1), "serviceType": code("talk")})
    front.put({**slot("full", "one", 1, seats=1), "serviceType": code("talk")})
    assert kinds(front, *wish(["full"], "ann")) == ["informational"]
    front.done("book", *wish(["elsewhere"], "ann"))
    front.done("book", *wish(["one-3"], "ben"))
    assert kinds(front, *wish(["full"], "ann")) == ["duplicate", "overlap", "overlap"]
    front.pass_time(hours=2)
    assert kinds(front, *wish(["full", "nowhere"], "ann")) == ["duplicate", "overlap", "overlap", "past", "unknown"]
    assert kinds(front, *wish(["one-3"], "ben")) == ["overlap", "slot"]
    assert front.status("Slot/full") == "free"


def test_hours_and_absences_of_a_schedule_are_kept(front: Desk) -> None:
    parts = [
        {"url": "zone", "valueCode": "Europe/Vienna"},
        {"url": "rule", "extension": [
            *({"url": "day", "valueCode": day} for day in ("mon", "tue")),
            {"url": "start", "valueTime": "10:00:00"}, {"url": "end", "valueTime": "12:00:00"},
            {"url": "slot-minutes", "valuePositiveInt": 30},
        ]},
        {"url": "absence", "valuePeriod": {"start": "2031-03-04", "end": "2031-03-04"}},
    ]  # fmt: skip
    front.put(
        schedule("two", "Practitioner/two", active=True, extension=[{"url": OURS + "availability", "extension": parts}])
    )
    front.put(slot("in", "two", 1.5))
    front.put(slot("out", "two", 4))
    front.put(slot("away", "two", 25.5))
    assert kinds(front, *wish(["in"], "ann")) == ["informational"]
    assert kinds(front, *wish(["out"], "ann")) == ["hours"]
    assert kinds(front, *wish(["away"], "ann")) == ["absence"]
    assert front.refused("book", *wish(["away"], "ann")) == (422, [("business-rule", "absence")])


BY_THE_LEAD = {"override_role": "desk-lead", "override_reason": "both have agreed"}


def test_who_may_passes_over_what_is_in_the_way_and_it_is_told(front: Desk) -> None:
    front.put(schedule("else", "Practitioner/one"))
    front.put(slot("elsewhere", "else", 1))
    front.done("book", *wish(["one-0"], "ann"))
    asked = wish(["elsewhere"], "ben")
    assert front.refused("book", *asked) == (409, [("not-found", ""), ("conflict", "overlap")])
    assert front.refused("book", *wish(["elsewhere"], "ben", override_role="clinician"))[0] == 422, "without a reason"
    assert front.refused("book", *wish(["elsewhere"], "ben", **{**BY_THE_LEAD, "override_role": "cook"}))[0] == 422
    booked = front.done("book", *wish(["elsewhere"], "ben", **BY_THE_LEAD))
    mark = next(each for each in booked["extension"] if each["url"] == OURS + "override")
    assert {(part["url"], part.get("valueCode", part.get("valueString"))) for part in mark["extension"]} == {
        ("role", "desk-lead"), ("reason", "both have agreed"), ("conflict", "overlap")
    }  # fmt: skip
    told = {each.wanted.type: json.parse_object(each.wanted.body) for each in requested(front)}
    assert set(told) == {"Provenance", "AuditEvent"}
    assert told["Provenance"]["target"] == [{"reference": f"Appointment/{booked['id']}/_history/1"}]
    for resource in told.values():
        front.put(resource, service="records")
    front.put({**booked, "comment": "changed"})
    assert len(requested(front)) == 2, "it is told once"
    assert front.refused("book", *wish(["one-0"], "cay", **BY_THE_LEAD))[0] == 409, "a seat is taken once, whoever asks"
    front.pass_time(hours=2)
    assert front.done("book", *wish(["one-1"], "cay", **BY_THE_LEAD))["status"] == "booked"


def test_a_slot_of_several_seats_has_as_many_people(front: Desk) -> None:
    front.put(slot("group", "one", 5, seats=2))
    first = front.done("book", *wish(["group"], "ann"))
    assert front.status("Slot/group") == "free"
    held = front.done("hold", *wish(["group"], "ben"))
    assert front.status("Slot/group") == "busy"
    assert front.refused("book", *wish(["group"], "cay")) == (409, [("not-found", ""), ("conflict", "capacity")])
    assert kinds(front, *wish(["group"], "cay")) == ["capacity"]
    front.pass_time(minutes=6)
    front.done("book", *wish(["group"], "cay"))
    assert (front.status(f"Appointment/{held['id']}"), front.status("Slot/group")) == ("cancelled", "busy")
    front.done("cancel", of(first))
    assert front.status("Slot/group") == "free"
    url = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
    for none in (0, -1):
        wrong = {
            **slot("none", "one", 6),
            "extension": [{"url": url, "valueInteger": none}],
            "meta": {"profile": [OURS + "slot"]},
        }
        assert front.ask("PUT", "Slot/none", wrong).status == 422


def test_one_practitioner_of_two_schedules_is_held_once(front: Desk) -> None:
    front.put(schedule("else", "Practitioner/one"))
    front.put(slot("elsewhere", "else", 1.25))
    held = front.done("hold", *wish(["one-0"], "ann"))
    assert front.refused("hold", *wish(["elsewhere"], "ben")) == (409, [("not-found", ""), ("conflict", "overlap")])
    front.pass_time(minutes=5)
    assert front.done("hold", *wish(["elsewhere"], "ben"))["status"] == "pending"
    assert front.status(f"Appointment/{held['id']}") == "cancelled"
    assert front.status("Slot/one-0") == "free", "the slot is free though its practitioner is not"


def become(front: Desk, appointment: Resource, status: str, **members: Any) -> tuple[int, Resource]:
    answer = front.ask("PUT", f"Appointment/{appointment['id']}", {**appointment, "status": status, **members})
    return answer.status, json.parse_object(answer.body)


def test_the_course_of_a_visit_leaves_its_times(front: Desk) -> None:
    visit = front.done("book", *wish(["one-0"], "ann"))
    times = {}
    for number, status in enumerate(("arrived", "checked-in", "fulfilled")):
        front.pass_time(minutes=10)
        code_, visit = become(front, visit, status)
        assert code_ == 200
        mark = next(each for each in visit["extension"] if each["url"] == OURS + "visit-times")
        times = {part["url"]: part["valueInstant"] for part in mark["extension"]}
        assert len(times) == number + 1
    assert times == {
        "arrived": "2031-03-03T08:10:00.000Z",
        "checked-in": "2031-03-03T08:20:00.000Z",
        "ended": "2031-03-03T08:30:00.000Z",
    }
    assert become(front, visit, "booked")[0] == 422


def test_a_missed_visit_that_was_none_is_corrected_and_it_is_told(front: Desk) -> None:
    visit = front.done("book", *wish(["one-0"], "ann"))
    front.pass_time(hours=1)
    _, visit = become(front, visit, "noshow")
    assert become(front, visit, "booked")[0] == 422
    assert become(front, visit, "arrived")[0] == 200
    (told,) = requested(front)
    assert told.wanted.type == "Provenance"
    provenance = json.parse_object(told.wanted.body)
    front.put(provenance, service="records")
    assert [each["reference"].rpartition("/")[2] for each in provenance["target"]] == ["3"]


def test_what_an_ehr_tells_is_taken_as_it_comes(front: Desk) -> None:
    visit = front.done("book", *wish(["one-0"], "ann"))
    become(front, visit, "fulfilled")
    plain = {name: value for name, value in visit.items() if name not in ("meta", "extension")}
    assert become(front, plain, "booked")[0] == 200, "without our profile"
    answer = front.ask("PUT", f"Appointment/{visit['id']}", {**visit, "status": "proposed"}, backfill=True)
    assert answer.status == 200


def test_an_ehr_that_decides_confirms_or_the_slot_is_free_again(front: Desk) -> None:
    master = {"url": OURS + "schedule-master", "valueCode": "ehr"}
    front.put(schedule("ehr", "Practitioner/two", extension=[master]))
    front.put(slot("a", "ehr", 30))
    front.put(slot("b", "ehr", 31))
    first, second = (front.done("book", *wish([name], who)) for name, who in (("a", "ann"), ("b", "ben")))
    urls = {each["url"].rpartition("/")[2] for each in first["extension"]}
    assert (first["status"], urls) == ("pending", {"confirm-by"})
    assert front.done("book", of(first))["meta"]["versionId"] == "1", "it is asked already"
    assert front.status("Slot/a") == "busy"
    assert become(front, {**first, "extension": []} | {"extension": [master]}, "booked")[0] in (200, 422)
    confirmed = {name: value for name, value in first.items() if name not in ("extension", "meta")}
    assert become(front, confirmed, "booked")[0] == 200
    front.pass_time(hours=24)
    front.fire()
    assert (front.status(f"Appointment/{first['id']}"), front.status("Slot/a")) == ("booked", "busy")
    assert (front.status(f"Appointment/{second['id']}"), front.status("Slot/b")) == ("cancelled", "free")


def test_what_is_over_is_not_changed(front: Desk) -> None:
    visit = front.done("book", *wish(["one-0"], "ann"))
    assert front.refused("release", of(visit))[0] == 422
    assert front.refused("renew", of(visit))[0] == 422
    assert front.refused("hold", of(visit))[0] == 422
    assert front.refused("book", of(visit), *wish(["one-1"]))[0] == 422
    cancelled = front.done("cancel", of(visit))
    assert front.done("cancel", of(visit))["meta"]["versionId"] == cancelled["meta"]["versionId"]
    assert front.refused("book", of(visit))[0] == 422, "what was cancelled is not booked again by itself"
    held = front.done("hold", *wish(["one-2"], "ben"))
    front.done("release", of(held))
    assert front.refused("book", of(held))[0] == 422, "what was released is not booked again by itself"
    assert front.refused("reschedule", of(visit), *wish(["one-1"]))[0] == 422
    for name in ("hold", "book", "renew", "release", "reschedule", "cancel", "check"):
        assert front.refused(name, of("nobody"), *(wish(["one-1"]) if name == "reschedule" else []))[0] == 404, name


def test_the_parameters_are_read_closely(front: Desk) -> None:
    visit = front.done("book", *wish(["one-0"], "ann"))
    assert front.refused("cancel", {"name": "comment", "valueString": "x"})[0] == 400
    assert front.refused("cancel", of(visit), {"name": "reason", "valueCode": "weather"})[0] == 422
    assert front.refused("cancel", of(visit), {"name": "reason", "valueInteger": 1})[0] == 400
    assert front.refused("cancel", of(visit), {"name": "by", "valueCode": "nobody"})[0] == 422
    assert front.refused("cancel", of(visit), {"name": "why", "valueCode": "x"})[0] == 400
    assert front.refused("book", {"name": "slot", "valueString": "Slot/one-1"})[0] == 400
    assert front.refused("book", {"name": "slot", "valueReference": {"reference": "Patient/ann"}})[0] == 400
    assert front.refused("book", of(visit), id_="other")[0] == 400
    assert front.done("cancel", id_=visit["id"])["status"] == "cancelled"
    assert front.ask("GET", "Appointment/$book").status == 405


def test_a_booking_by_an_appointment_with_an_id_changes_that_one(front: Desk) -> None:
    visit = front.done("book", *wish(["one-0"], "ann"))
    moved = {**visit, "slot": [{"reference": "Slot/one-1"}]}
    moved = {name: value for name, value in moved.items() if name not in ("start", "end", "requestedPeriod")}
    front_moved = front.done(
        "book",
        {
            "name": "appointment-resource",
            "resource": {**moved, "status": "booked", "start": "2031-03-03T09:30:00Z", "end": "2031-03-03T10:00:00Z"},
        },
    )
    assert (front_moved["id"], front_moved["start"]) == (visit["id"], "2031-03-03T09:30:00Z")
    assert (front.status("Slot/one-0"), front.status("Slot/one-1")) == ("free", "busy")
    gone = front.done("book", {"name": "appointment-resource", "resource": {**front_moved, "status": "cancelled"}})
    assert (gone["status"], front.status("Slot/one-1")) == ("cancelled", "free")
    assert PROFILE in gone["meta"]["profile"]

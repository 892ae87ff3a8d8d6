"""What a hostile client sends to scheduling on both databases is answered with 4xx, at once: the ends of the calendar,
and lists without an end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.interactions.rest.handling import handle
from support.desk import OURS, Desk, desk, patient, refer, schedule, slot, wish

EDGES = [
    {"start": "9999-12-31T23:00:00-14:00", "end": "9999-12-31T23:30:00-14:00"},
    {"start": "0001-01-01T00:00:00+14:00", "end": "0001-01-01T00:30:00+14:00"},
    {"start": "2031-03-03T09:00:00Z", "end": "9999-12-31T23:59:59Z"},
]


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        made.put(patient("ann"), service="records")
        made.put(schedule("one", "Practitioner/one"))
        made.put(slot("a", "one", 1))
        yield made


def said(answer: Response) -> tuple[int, str, str]:
    """Status, and code and text of the first issue."""
    issue = json.parse_object(answer.body)["issue"][0]
    return answer.status, issue["code"], issue["diagnostics"]


def get(front: Desk, path: str, *query: tuple[str, str]) -> Response:
    return handle(front.runtime, Request("GET", path, query, {}), front.context())


def details(**members: Any) -> Resource:
    person = {"actor": {"reference": "Patient/ann"}, "status": "accepted"}
    made = {"resourceType": "Appointment", "status": "proposed", "participant": [person], **members}
    return {"name": "appointment-resource", "resource": made}


@pytest.mark.parametrize("span", EDGES, ids=["after", "before", "into"])
def test_nothing_takes_place_at_the_ends_of_the_calendar(front: Desk, span: dict[str, str]) -> None:
    for id_, meta in (("x", {"source": "urn:ehr"}), ("y", {"profile": [OURS + "slot"]})):
        sent = {**slot(id_, "one", 1), **span, "meta": meta}
        for backfill in (False, True):
            answer = front.ask("PUT", f"Slot/{id_}", sent, backfill=backfill)
            assert said(answer)[0] == 422 and "every zone" in said(answer)[2]
    visit: Resource = {"resourceType": "Appointment", "id": "z", "status": "booked", **span}
    visit["participant"] = [{"actor": {"reference": "Patient/ann"}, "status": "accepted"}]
    assert said(front.ask("PUT", "Appointment/z", visit))[0] == 422
    for name in ("book", "hold"):
        answer = front.call(name, *wish(["a"], "ann"), details(**span))
        assert said(answer)[0] == 422
    assert front.call("check", *wish(["a"], "ann"), details(**span)).status == 200
    assert front.status("Slot/a") == "free"


def test_reports_over_the_ends_of_the_calendar_are_answered(front: Desk) -> None:
    for first, last in (("9999-12-20", "9999-12-31"), ("0001-01-01", "0001-01-20")):
        answer = get(front, "Schedule/$reconcile", ("from", first), ("to", last))
        assert answer.status in (200, 400), answer.body
        assert b"'start'" not in answer.body


@pytest.mark.parametrize(
    ("name", "value"), [("slot", "Slot/s{}"), ("patient", "Patient/p{}"), ("patient-resource", "")]
)
@pytest.mark.parametrize("operation", ["book", "check", "hold", "reschedule"])
def test_how_many_may_be_named_is_said(front: Desk, operation: str, name: str, value: str) -> None:
    many: list[Resource] = (
        refer(name, *(value.format(number) for number in range(101)))
        if value
        else [{"name": name, "resource": {"resourceType": "Patient"}}] * 101
    )
    appointment = front.done("book", *wish(["a"], "ann"))["id"] if operation == "reschedule" else ""
    answer = front.call(operation, *many, id_=appointment)
    assert said(answer) == (400, "too-costly", f"{name} is given 100 times at most.")


@pytest.mark.parametrize("part", ["participant", "slot"])
def test_how_many_an_appointment_may_have_is_said(front: Desk, part: str) -> None:
    each = {"reference": "Slot/a"} if part == "slot" else {"actor": {"reference": "Patient/x"}, "status": "accepted"}
    answer = front.call("check", *wish(["a"]), details(**{part: [each] * 101}))
    assert said(answer) == (400, "too-costly", f"appointment-resource has 100 of {part} at most.")


def test_a_plain_appointment_of_ours_has_a_hundred_participants_at_most(front: Desk) -> None:
    people = [{"actor": {"reference": f"Patient/p{number}"}, "status": "accepted"} for number in range(101)]
    sent = {"resourceType": "Appointment", "meta": {"profile": [OURS + "appointment"]}, "status": "proposed"}
    assert said(front.ask("POST", "Appointment", {**sent, "participant": people}))[0] == 422


def test_the_same_is_named_once_however_often_it_is_given(front: Desk) -> None:
    made = front.done("book", *refer("slot", *["Slot/a"] * 150), *refer("patient", *["Patient/ann"] * 150))
    assert (len(made["slot"]), len(made["participant"])) == (1, 2)


@pytest.mark.parametrize("count", ["²", "٣", "9" * 5000])
def test_a_count_is_a_few_digits(front: Desk, count: str) -> None:
    for path in ("Appointment/$unresolved", "Appointment/$find-huddle", "Appointment/$find", "Appointment/$to-rebook"):
        more = (("participant", "Practitioner/a"), ("participant", "Practitioner/b")) if "huddle" in path else ()
        status, _, text = said(get(front, path, ("_count", count), *more))
        assert (status, text.partition(" ")[0]) == (400, "_count")


def test_a_huddle_has_a_bound_on_teams_and_people(front: Desk) -> None:
    for name, kind, most in (("team", "CareTeam", 20), ("participant", "Practitioner", 30)):
        many = [(name, f"{kind}/x{number}") for number in range(most + 1)]
        answer = get(front, "Appointment/$find-huddle", *many)
        assert said(answer) == (400, "too-costly", f"{name} is given {most} times at most.")


def test_the_length_of_a_hold_is_shown_as_it_may_be_sent(front: Desk) -> None:
    wrong = {"name": "duration", "valueDuration": {"value": 5}}
    text = said(front.call("hold", *wish(["a"], "ann"), wrong))[2]
    shown = json.parse_object(text[text.index("{") : text.rindex("}") + 1].encode())
    assert front.done("hold", *wish(["a"], "ann"), {"name": "duration", "valueDuration": shown})["status"] == "pending"

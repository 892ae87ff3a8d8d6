"""How people meet: what was asked for binds a visit, what its Slots gave it does not; and what need not be said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Request
from carethread.interactions.rest.handling import handle
from support import desk as desks
from support.desk import OURS, Desk, of, patient, refer, schedule, slot, wish


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """A practitioner with slots in person, by video, by both, and of which nothing is said; each half an hour."""
    with desks.desk(tmp_path, database_url) as made:
        made.put(patient("ann"), service="records")
        made.put(schedule("one", "Practitioner/one"))
        for number, ways in enumerate((["in-person"], ["video"], ["in-person", "video"], [])):
            for again in range(2):
                made.put(
                    slot("-".join(ways or ["any"]) + f"-{again}", "one", 1 + number + again / 2, **offering(*ways))
                )
        yield made


def offering(*ways: str) -> dict[str, Any]:
    return {"extension": [{"url": OURS + "modality", "valueCode": way} for way in ways]} if ways else {}


def way(appointment: dict[str, Any]) -> list[str]:
    said = appointment.get("extension", ())
    return [each["valueCode"] for each in said if each["url"] == OURS + "modality"]


def by(*ways: str, **more: Any) -> dict[str, Any]:
    """Members of an Appointment, not a whole one."""
    members = {"resourceType": "Appointment", **offering(*ways), **more}
    return {"name": "appointment-resource", "resource": members}


def test_what_the_slot_gave_follows_the_slot(front: Desk) -> None:
    made = front.done("book", *wish(["in-person-0"], "ann"))
    assert way(made) == ["in-person"]
    made = front.done("reschedule", of(made), *refer("slot", "Slot/video-0"))
    assert way(made) == ["video"]
    made = front.done("reschedule", of(made), *refer("slot", "Slot/in-person-video-0"))
    assert way(made) == [], "the Slot leaves it open"
    made = front.done("reschedule", of(made), *refer("slot", "Slot/in-person-1"))
    assert way(made) == ["in-person"]


def test_a_hold_and_its_booking_ask_for_no_more(front: Desk) -> None:
    held = front.done("hold", *wish(["in-person-0"], "ann"))
    made = front.done("book", of(held))
    assert way(front.done("reschedule", of(made), *refer("slot", "Slot/video-0"))) == ["video"]


def test_what_was_asked_for_binds(front: Desk) -> None:
    made = front.done("book", *wish(["in-person-0"], "ann"), by("in-person"))
    assert front.refused("reschedule", of(made), *refer("slot", "Slot/video-0")) == (
        422, [("business-rule", "modality")]
    )  # fmt: skip
    made = front.done("reschedule", of(made), *refer("slot", "Slot/any-0"))
    assert way(made) == ["in-person"]
    assert way(front.done("reschedule", of(made), *refer("slot", "Slot/video-0"), by("video"))) == ["video"]


def test_what_is_changed_after_it_was_booked_is_asked_for(front: Desk) -> None:
    made = front.done("book", *wish(["any-0"], "ann"))
    front.put({**front.read(f"Appointment/{made['id']}"), **offering("phone")})
    assert front.refused("reschedule", of(made), *refer("slot", "Slot/video-0"))[0] == 422


def test_a_proposal_asks_for_nothing(front: Desk) -> None:
    asked = Request("GET", "Appointment/$find", [("start", "2031-03-03"), ("end", "2031-03-03")])
    found = json.parse_object(handle(front.runtime, asked, front.context()).body)
    id_ = next(
        each["resource"]["id"]
        for each in found["entry"]
        if each["resource"]["slot"] == [{"reference": "Slot/in-person-0"}]
    )
    made = front.done("book", of(id_), *refer("patient", "Patient/ann"))
    assert way(made) == ["in-person"]
    assert way(front.done("reschedule", of(made), *refer("slot", "Slot/video-0"))) == ["video"]


def test_only_what_is_wished_for_need_be_said(front: Desk) -> None:
    made = front.done("book", *wish(["any-0"], "ann"), by(description="First visit", priority=3))
    assert (made["status"], made["description"], made["priority"]) == ("booked", "First visit", 3)
    assert [each["actor"]["reference"] for each in made["participant"]] == ["Patient/ann", "Practitioner/one"]
    held = front.done("hold", *wish(["any-1"], "ann"), by(comment="By the window"))
    assert (held["status"], held["comment"]) == ("pending", "By the window")


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"priority": "high"}, "priority"),
        ({"participant": []}, "participant"),
        ({"status": "asked"}, "status"),
        ({"nothing": 1}, "nothing"),
    ],
)
def test_what_is_said_has_to_be_right(front: Desk, members: dict[str, Any], where: str) -> None:
    answer = front.call("book", *wish(["any-0"], "ann"), by(**members))
    assert answer.status in (400, 422) and where.encode() in answer.body


@pytest.mark.parametrize("body", [{"parameter": "x"}, {"parameter": [1, {"name": "appointment-resource"}]}, {}])
def test_a_body_that_is_none(front: Desk, body: dict[str, Any]) -> None:
    answer = front.ask("POST", "Appointment/$book", {"resourceType": "Parameters", **body})
    assert answer.status in (400, 422), answer.body

"""When somebody came, was seen and went, on both databases: told as it happens, and never made up afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carethread.core.clock import instant, to_micros
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import Reaction
from carethread.scheduling import SERVICE
from support.desk import START, Desk, desk, patient, schedule, slot, wish

VISIT_TIMES = "https://carethread.dev/fhir/StructureDefinition/visit-times"
STARTED = next(each for each in SERVICE.reactions if each.name == "visit-started")
AT = {"start": "2031-03-03T09:10:00+01:00"}


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        made.put(patient("one"), service="records")
        made.put(schedule("gp", "Practitioner/gp"))
        made.put(slot("nine", "gp", 1))
        yield made


def booked(front: Desk) -> str:
    found: str = front.done("book", *wish(["nine"], "one"))["id"]
    return found


def said(front: Desk, id_: str, status: str) -> int:
    visit = {**front.read(f"Appointment/{id_}"), "status": status}
    return front.ask("PUT", f"Appointment/{id_}", visit).status


def times(front: Desk, id_: str) -> dict[str, str]:
    extensions = front.read(f"Appointment/{id_}").get("extension", ())
    parts = [part for each in extensions if each["url"] == VISIT_TIMES for part in each["extension"]]
    return {part["url"]: part["valueInstant"] for part in parts}


def told(front: Desk, *encounters: Resource, reaction: Reaction = STARTED) -> None:
    """Encounters as their events bring them."""
    events = [
        Event(f"e{number}", "records", "updated", "Encounter", "e", number, 0, "", json.render(each))
        for number, each in enumerate(encounters)
    ]
    front.runtime.store.transact(lambda session: reaction.handle(front.runtime, session, events))


def encounter(id_: str, status: str, **more: Any) -> Resource:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    about = [{"reference": f"Appointment/{id_}"}]
    return {"resourceType": "Encounter", "id": "e", "status": status, "class": kind, "appointment": about, **more}


@pytest.mark.parametrize(
    "status, more, started",
    [
        ("in-progress", {"period": AT}, "2031-03-03T08:10:00.000Z"),
        ("finished", {"period": {**AT, "end": "2031-03-03T09:40:00+01:00"}}, "2031-03-03T08:10:00.000Z"),
        ("finished", {"statusHistory": [{"status": "in-progress", "period": AT}]}, "2031-03-03T08:10:00.000Z"),
        ("arrived", {"period": AT}, None),
        ("in-progress", {"period": {"start": "2031-03-03"}}, None),
        ("in-progress", {}, None),
        ("entered-in-error", {"statusHistory": [{"status": "in-progress", "period": AT}]}, None),
        ("in-progress", {"period": AT, "appointment": [{"reference": "Appointment/nobody"}]}, None),
    ],
    ids=["now", "done", "history", "came", "a-day", "untimed", "in-error", "unknown"],
)
def test_a_visit_began_when_its_encounter_says(front: Desk, status: str, more: Resource, started: str | None) -> None:
    id_ = booked(front)
    told(front, encounter(id_, status, **more))
    assert times(front, id_) == ({"started": started} if started else {})


def test_what_is_known_stays(front: Desk) -> None:
    id_ = booked(front)
    front.pass_time(minutes=55)
    assert said(front, id_, "arrived") == 200
    told(front, encounter(id_, "in-progress", period=AT))
    version = front.read(f"Appointment/{id_}")["meta"]["versionId"]
    told(front, encounter(id_, "in-progress", period={"start": "2031-03-03T11:00:00Z"}))
    found = front.read(f"Appointment/{id_}")
    assert found["meta"]["versionId"] == version and found["status"] == "arrived"
    assert times(front, id_) == {"arrived": "2031-03-03T08:55:00.000Z", "started": "2031-03-03T08:10:00.000Z"}


def test_a_correction_makes_up_no_time(front: Desk) -> None:
    id_ = booked(front)
    front.pass_time(hours=1, minutes=10)
    assert said(front, id_, "noshow") == 200
    front.pass_time(hours=1)
    assert said(front, id_, "arrived") == 200
    assert times(front, id_) == {}
    assert said(front, id_, "fulfilled") == 200
    assert times(front, id_) == {"ended": instant(to_micros(front.now))}


def test_who_comes_late_after_all_has_come_then(front: Desk) -> None:
    id_ = booked(front)
    front.pass_time(hours=1, minutes=10)
    assert said(front, id_, "noshow") == 200
    front.pass_time(minutes=5)
    assert said(front, id_, "arrived") == 200
    assert times(front, id_) == {"arrived": instant(to_micros(START + timedelta(hours=1, minutes=15)))}


def test_the_next_day_nobody_came_just_now(front: Desk) -> None:
    id_ = booked(front)
    front.pass_time(days=1)
    assert said(front, id_, "arrived") == 200
    assert said(front, id_, "fulfilled") == 200
    assert times(front, id_) == {}


def test_before_it_begins_nobody_missed_it_and_it_is_not_over(front: Desk) -> None:
    front.put(slot("later", "gp", 100))
    id_ = front.done("book", *wish(["later"], "one"))["id"]
    assert [said(front, id_, status) for status in ("noshow", "fulfilled")] == [422, 422]
    front.pass_time(hours=80)
    assert said(front, id_, "arrived") == 200, "the day before"
    assert said(front, id_, "noshow") == 422
    assert said(front, id_, "fulfilled") == 200, "they were seen early"


def test_who_was_let_in_days_before_is_not_seen_yet(front: Desk) -> None:
    front.put(slot("later", "gp", 100))
    id_ = front.done("book", *wish(["later"], "one"))["id"]
    assert said(front, id_, "checked-in") == 200
    assert said(front, id_, "fulfilled") == 422
    new = {**front.read(f"Appointment/{id_}"), "id": "new", "status": "noshow", "slot": []}
    del new["slot"]
    assert front.ask("PUT", "Appointment/new", new).status == 422
    assert front.ask("PUT", "Appointment/new", new, backfill=True).status == 201, "history is taken as it is told"

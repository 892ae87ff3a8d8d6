"""On both databases: whoever is taken is taken in every role, and under every id that they have had."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Stored
from carethread.interactions import mirror
from carethread.interactions.rest.handling import handle
from support.desk import OURS, START, Desk, desk, of, patient, schedule, slot, wish


def role(id_: str, of_whom: str) -> Resource:
    return {"resourceType": "PractitionerRole", "id": id_, "practitioner": {"reference": of_whom}}


def known(front: Desk, resource: Resource, version: int = 1) -> None:
    """Have the copy of what another service owns come to scheduling, and do what follows."""
    body = json.render(resource)
    stored = Stored(resource["resourceType"], resource["id"], version, 0, False, body, "PUT", "k", "")
    mirror.remember(front.runtime, [stored])
    front.fire()


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben", "cay"):
            made.put(patient(name), service="records")
        for number in (1, 2):
            known(made, role(f"r{number}", "Practitioner/x"))
            made.put(schedule(f"d{number}", f"PractitionerRole/r{number}"))
            made.put(slot(f"d{number}-0", f"d{number}", 1))
        made.put(schedule("own", "Practitioner/x"))
        made.put(slot("own-0", "own", 1))
        yield made


@pytest.mark.parametrize("other", ["d2-0", "own-0"])
def test_one_clinician_of_two_departments_is_booked_once(front: Desk, other: str) -> None:
    booked = front.done("book", *wish(["d1-0"], "ann"))
    status, issues = front.refused("book", *wish([other], "ben"))
    assert (status, issues) == (409, [("not-found", ""), ("conflict", "overlap")])
    said = json.parse_object(front.call("check", *wish([other], "ben")).body)["issue"]
    assert [each["details"]["coding"][0]["code"] for each in said] == ["overlap"]
    assert said[0]["expression"] == ["Appointment.participant[1].actor"], "by the role that names the person"
    front.done("cancel", of(booked))
    front.done("book", *wish([other], "ben"))
    assert front.refused("book", *wish(["d1-0"], "ann"))[0] == 409


def test_a_plain_write_is_held_to_it_too(front: Desk) -> None:
    front.done("book", *wish(["own-0"], "ann"))
    begin = START + timedelta(hours=1)
    people = [{"actor": {"reference": who}, "status": "accepted"} for who in ("Patient/ben", "PractitionerRole/r2")]
    sent = {
        "resourceType": "Appointment", "meta": {"profile": [OURS + "appointment"]}, "status": "booked",
        "start": begin.isoformat(), "end": (begin + timedelta(minutes=30)).isoformat(), "participant": people,
        "slot": [{"reference": "Slot/d2-0"}],
    }  # fmt: skip
    answer = front.ask("POST", "Appointment", sent)
    assert (answer.status, b"Practitioner/x is taken" in answer.body) == (409, True)


def test_a_role_that_becomes_anothers_takes_that_one(front: Desk) -> None:
    front.done("book", *wish(["d1-0"], "ann"))
    known(front, role("r1", "Practitioner/y"), 2)
    front.done("book", *wish(["own-0"], "ben"))
    front.put(schedule("other", "Practitioner/y"))
    front.put(slot("other-0", "other", 1))
    assert front.refused("book", *wish(["other-0"], "cay"))[0] == 409


def test_a_role_that_is_known_later_takes_its_practitioner(front: Desk) -> None:
    front.put(schedule("d3", "PractitionerRole/r3"))
    front.put(slot("d3-0", "d3", 1))
    front.done("book", *wish(["d3-0"], "ann"))
    known(front, role("r3", "Practitioner/x"))
    assert front.refused("book", *wish(["own-0"], "ben"))[0] == 409


def times(front: Desk, operation: str, **params: Any) -> list[str]:
    query = tuple((name.replace("_", "-"), each) for name, given in params.items() for each in given)
    request = Request("GET", f"Appointment/${operation}", query, {}, b"")
    answer = handle(front.runtime, request, front.context())
    assert answer.status == 200, answer.body
    entries = json.parse_object(answer.body).get("entry", ())
    return [each["resource"]["start"] for each in entries if each["resource"]["resourceType"] == "Appointment"]


@pytest.mark.parametrize("who", ["Practitioner/x", "PractitionerRole/r2"])
def test_finding_knows_that_somebody_is_taken_in_another_role(front: Desk, who: str) -> None:
    span = {"start": ["2031-03-03T09:00:00Z"]}
    both = {"participant": [who, "Practitioner/z"], "minutes": ["30"], **span}
    assert times(front, "find", actor=[who], **span)[0].startswith("2031-03-03T09:00")
    assert times(front, "find-huddle", **both)[0].startswith("2031-03-03T09:00")
    front.done("book", *wish(["d1-0"], "ann"))
    assert times(front, "find", actor=[who], **span) == []
    assert times(front, "find-huddle", **both)[0].startswith("2031-03-03T09:30")


def test_the_ids_of_a_person_who_was_merged_are_one(front: Desk) -> None:
    front.put(schedule("else", "Practitioner/z"))
    front.put({**slot("else-0", "else", 1), "serviceType": [{"coding": [{"code": "talk"}]}]})
    front.put({**slot("else-5", "else", 5), "serviceType": [{"coding": [{"code": "talk"}]}]})
    front.done("book", *wish(["d1-0"], "ann"))
    link = [{"other": {"reference": "Patient/ben"}, "type": "replaced-by"}]
    known(front, patient("ann", active=False, link=link), 9)
    assert front.refused("book", *wish(["else-0"], "ben"))[0] == 409
    assert [kind for _, kind in front.refused("check", *wish(["else-0"], "ben"))[1]] == ["overlap"]
    front.done("book", *wish(["else-5"], "ben"))

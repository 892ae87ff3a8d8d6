"""The desk keeps to a template as slots do: nights, weeks that take turns, and Slots at a place of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.scheduling.rules import PLACE
from support.availability import availability, rule
from support.desk import Desk, desk, of, patient, schedule, slot, wish

WEEK = 7 * 24
"""In hours. The desk opens on Monday, 2031-03-03, at three in New York, where the clocks change on the 9th."""


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        made.put(patient("ann"), service="records")
        yield made


@pytest.mark.parametrize(
    ("hour", "kinds"),
    [
        (2.5, []),
        (3, ["hours"]),
        (21, ["hours"]),
        (WEEK + 1, ["hours"]),
        (2 * WEEK + 1.5, []),
        (2 * WEEK + 2, ["hours"]),
        (2 * WEEK - 6, []),
        (2 * WEEK - 6.5, ["hours"]),
    ],
)
def test_a_night_of_every_second_week_is_kept(front: Desk, hour: float, kinds: list[str]) -> None:
    nights = rule("22:00", "06:00", 30, ("sun",), overnight=True, valid={"start": "2031-03-02"}, every_weeks=2)
    plan = availability(nights, zone="America/New_York")
    master = {"url": "https://carethread.dev/fhir/StructureDefinition/schedule-master", "valueCode": "ehr"}
    front.put(schedule("night", "Practitioner/one", active=True, extension=[plan, master]))
    front.put(slot("s", "night", hour))
    status, issues = front.refused("check", *wish(["s"], "ann"))
    assert (status, [kind for _, kind in issues if kind]) == (200, kinds)
    booked = front.call("book", *wish(["s"], "ann"))
    assert booked.status == (422 if kinds else 200), booked.body


def test_what_is_found_at_a_place_of_its_own_is_booked_there(front: Desk) -> None:
    heart = [{"coding": [{"system": "urn:example:services", "code": "heart"}]}]
    front.put(schedule("one", "Practitioner/one", "Location/main", active=True, serviceType=heart))
    branch: Resource = {"url": PLACE, "valueReference": {"reference": "Location/branch"}}
    front.put(slot("here", "one", 1))
    front.put(slot("there", "one", 2, extension=[branch]))
    query = "start=2031-03-03&end=2031-03-03&service-type=heart&patient-reference=Patient/ann"
    pairs = [tuple(each.split("=")) for each in query.split("&")]
    parts = [
        {"name": name, "valueReference": {"reference": value}} if "reference" in name else
        {"name": name, "valueDateTime" if name in ("start", "end") else "valueString": value}
        for name, value in (*pairs, ("location-reference", "Location/branch"))
    ]  # fmt: skip
    answer = front.call("find", *parts)
    assert answer.status == 200, answer.body
    (entry,) = json.parse_object(answer.body)["entry"]
    held = front.done("hold", of(entry["resource"]))
    booked = front.done("book", of(held))
    people = [each["actor"]["reference"] for each in booked["participant"]]
    assert sorted(people) == ["Location/branch", "Patient/ann", "Practitioner/one"]
    assert booked["slot"] == [{"reference": "Slot/there"}] and booked["serviceType"] == heart
    front.put(patient("ben"), service="records")
    other = front.done("book", *wish(["here"], "ben"))
    assert "Location/main" in [each["actor"]["reference"] for each in other["participant"]]

"""Huddles on both databases: found where all are free, booked as any other Appointment, and then in the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import Conflict, Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource
from carethread.core.service import Call, Runtime
from carethread.interactions.update import update
from carethread.scheduling import SERVICE
from carethread.scheduling.huddles.operations import find_huddle
from support.stores import BASE, open_store

NOW = datetime.fromisoformat("2026-03-02T09:00:00+00:00")


class Desk:
    def __init__(self, store, careteams) -> None:
        people: dict[str, Runtime] = {}
        people["careteams"] = Runtime(CARETEAMS, careteams, LocalOwners(people), LocalPeer(people), BASE)
        self.runtime = people["scheduling"] = Runtime(SERVICE, store, LocalOwners(people), LocalPeer(people), BASE)
        members = [{"member": {"reference": who}} for who in ("Practitioner/gp", "Practitioner/nurse", "Patient/one")]
        self.put({"resourceType": "CareTeam", "id": "t", "participant": members}, people["careteams"])

    def put(self, resource: Resource, runtime: Runtime | None = None) -> None:
        key = (resource["resourceType"], resource["id"])
        update(runtime or self.runtime, key, resource, Context(clock=lambda: NOW))

    def taken(self, id_: str, who: str, hours: float, status: str = "booked") -> None:
        start = NOW + timedelta(hours=hours)
        span = {"start": instant(to_micros(start)), "end": instant(to_micros(start + timedelta(minutes=30)))}
        people = [{"actor": {"reference": who}, "status": "accepted"}]
        self.put({"resourceType": "Appointment", "id": id_, "status": status, "participant": people, **span})

    def find(self, **params: str) -> list[Resource]:
        given = {name.rstrip("_"): [value] for name, value in params.items()}
        call = Call("Appointment", "", given, None, Request("GET", "Appointment/$find-huddle"))
        answer = find_huddle(self.runtime, call, Context(clock=lambda: NOW))
        return [each["resource"] for each in json.parse_object(answer.body).get("entry", ())]


@pytest.fixture
def desk(database_url: str, tmp_path) -> Iterator[Desk]:
    opened = open_store(database_url, "scheduling")
    careteams = open_store(f"sqlite:///{tmp_path}/careteams.db", "careteams")
    yield Desk(opened, careteams)
    opened.close()
    careteams.close()


def starts(found: list[Resource]) -> list[str]:
    return [each["start"][11:16] for each in found]


def test_where_all_of_a_team_are_free(desk: Desk) -> None:
    desk.taken("a", "Practitioner/gp", 0)
    desk.taken("b", "Practitioner/nurse", 1)
    desk.taken("c", "Practitioner/nurse", 2, "cancelled")
    desk.taken("d", "Patient/one", 2)
    found = desk.find(team="CareTeam/t", end="2026-03-02T11:30:00Z")
    assert starts(found) == ["09:30", "10:30", "11:00"]
    assert [each["actor"]["reference"] for each in found[0]["participant"]] == ["Practitioner/gp", "Practitioner/nurse"]


def test_booked_it_is_in_the_way(desk: Desk) -> None:
    first = desk.find(team="CareTeam/t", _count="1")[0]
    desk.put({**first, "id": "h", "status": "booked"})
    with pytest.raises(Conflict, match="Practitioner/gp is taken"):
        desk.put({**first, "id": "again", "status": "booked"})
    assert starts(desk.find(team="CareTeam/t", _count="1")) == ["09:30"]


def test_within_the_hours_of_those_who_have_any(desk: Desk) -> None:
    desk.put(hours("gp", "11:00", "12:00"))
    assert starts(desk.find(team="CareTeam/t", end="2026-03-03")) == ["11:00", "11:30"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({}, Invalid),
        ({"participant": "Practitioner/gp"}, Invalid),
        ({"participant": "Patient/one"}, Malformed),
        ({"team": "CareTeam/nobody"}, Invalid),
        ({"team": "CareTeam/t", "end": "soon"}, Malformed),
        ({"team": "CareTeam/t", "start": "2026-03-04", "end": "2026-03-03"}, Malformed),
        ({"team": "CareTeam/t", "end": "2126-03-03"}, Malformed),
        ({"team": "CareTeam/t", "minutes": "0"}, Malformed),
        ({"team": "CareTeam/t", "_count": "-1"}, Malformed),
        ({"team": "CareTeam/t", "what": "1"}, Malformed),
    ],
    ids=["nobody", "alone", "patient", "no-team", "no-date", "backwards", "century", "no-time", "count", "unknown"],
)
def test_bad_input(desk: Desk, wrong: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        desk.find(**wrong)


def hours(who: str, start: str, end: str) -> Resource:
    """A Schedule that is open on Mondays between two local times."""
    rule = [
        {"url": "day", "valueCode": "mon"},
        {"url": "start", "valueTime": f"{start}:00"},
        {"url": "end", "valueTime": f"{end}:00"},
        {"url": "slot-minutes", "valuePositiveInt": 30},
    ]
    availability = [{"url": "zone", "valueCode": "Europe/London"}, {"url": "rule", "extension": rule}]
    extension = {"url": "https://carethread.dev/fhir/StructureDefinition/availability", "extension": availability}
    actor = [{"reference": f"Practitioner/{who}"}]
    return {"resourceType": "Schedule", "id": f"s-{who}", "extension": [extension], "actor": actor}

"""A series on both databases: all of it or nothing, at nine also when the clocks change, one or the rest changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import Conflict, FhirError, Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource
from carethread.core.service import Call, Runtime
from carethread.interactions.update import update
from carethread.records import SERVICE as RECORDS
from carethread.scheduling import SERVICE
from carethread.scheduling.series.operations import book, cancel, move
from support.stores import BASE, open_store

LONDON = ZoneInfo("Europe/London")
NOW = datetime.fromisoformat("2026-03-01T09:00:00+00:00")


class Desk:
    """A practitioner and a room with slots at nine and at ten, every day of March and April."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.put({"resourceType": "Schedule", "id": "gp", "actor": [{"reference": "Practitioner/gp"}]})
        for day in range(0, 60, 7):
            for hour in (9, 10):
                self.slot(datetime(2026, 3, 2, hour, tzinfo=LONDON) + timedelta(days=day))

    def context(self) -> Context:
        return Context(clock=lambda: NOW)

    def put(self, resource: Resource) -> None:
        update(self.runtime, (resource["resourceType"], resource["id"]), resource, self.context())

    def slot(self, begin: datetime) -> None:
        end = begin + timedelta(minutes=30)
        span = {"start": instant(to_micros(begin)), "end": instant(to_micros(end))}
        schedule = {"reference": "Schedule/gp"}
        id_ = begin.astimezone(LONDON).strftime("d%m%dh%H")
        self.put({"resourceType": "Slot", "id": id_, "schedule": schedule, "status": "free", **span})

    def call(self, handler, id_: str = "", key: str = "", **params: Any) -> list[Resource]:
        parts = [
            {"name": name, "valueReference": {"reference": value}}
            if name in ("schedule", "patient")
            else {"name": name, "valueString": value}
            for name, value in params.items()
        ]
        headers = {"idempotency-key": key} if key else {}
        request = Request("POST", "Appointment/$x", headers=headers)
        body = {"resourceType": "Parameters", "parameter": parts}
        answer = handler(self.runtime, Call("Appointment", id_, {}, body, request), self.context())
        return [entry["resource"] for entry in json.parse_object(answer.body).get("entry", ())]

    def book(self, rule: str = "FREQ=WEEKLY;COUNT=6", key: str = "", **more: str) -> list[Resource]:
        given = {"rule": rule, "start": "2026-03-02T09:00:00", "zone": "Europe/London", "schedule": "Schedule/gp"}
        return self.call(book, key=key, **{**given, "patient": "Patient/one", **more})

    def taken(self) -> list[str]:
        """The slots that are busy."""
        found = self.runtime.store.glance(lambda session: session.calendar.slots("gp", 0, 2**62))
        return [opening.slot for opening in found if opening.status == "busy"]


@pytest.fixture
def desk(database_url: str, tmp_path) -> Iterator[Desk]:
    opened = open_store(database_url, "scheduling")
    records = open_store(f"sqlite:///{tmp_path}/records.db", "records")
    people: dict[str, Runtime] = {}
    people["records"] = Runtime(RECORDS, records, LocalOwners(people), LocalPeer(people), BASE)
    update(people["records"], ("Patient", "one"), {"resourceType": "Patient", "id": "one"}, Context())
    yield Desk(Runtime(SERVICE, opened, LocalOwners(people), LocalPeer(people), BASE))
    opened.close()
    records.close()


def test_each_occurrence_is_an_appointment_at_nine(desk: Desk) -> None:
    made = desk.book()
    starts = [datetime.fromisoformat(each["start"]).astimezone(LONDON).isoformat() for each in made]
    assert starts[3:5] == ["2026-03-23T09:00:00+00:00", "2026-03-30T09:00:00+01:00"]
    assert {each["status"] for each in made} == {"booked"}
    assert len({each["meta"]["tag"][0]["code"] for each in made}) == 1
    assert desk.taken() == ["d0302h09", "d0309h09", "d0316h09", "d0323h09", "d0330h09", "d0406h09"]


def test_all_that_is_in_the_way_is_told_and_nothing_is_booked(desk: Desk) -> None:
    desk.book("FREQ=WEEKLY;COUNT=1", start="2026-03-09T09:00:00")
    desk.book("FREQ=WEEKLY;COUNT=1", start="2026-03-23T09:00:00")
    with pytest.raises(Conflict) as refused:
        desk.book("FREQ=WEEKLY;COUNT=12")
    said = " ".join(issue.diagnostics for issue in refused.value.issues)
    assert "2026-03-09" in said and "2026-03-23" in said and "has no Slot" in said
    assert desk.taken() == ["d0309h09", "d0323h09"]


def test_asked_again_it_is_done_once(desk: Desk) -> None:
    first, second = desk.book(key="k"), desk.book(key="k")
    assert [each["id"] for each in first] == [each["id"] for each in second]
    assert len(desk.taken()) == 6


def test_the_rest_is_moved_by_local_time(desk: Desk) -> None:
    made = desk.book()
    moved = desk.call(move, made[2]["id"], start="2026-03-16T10:00:00", zone="Europe/London", scope="rest")
    assert [each["id"] for each in moved] == [each["id"] for each in made[2:]]
    assert desk.taken() == ["d0302h09", "d0309h09", "d0316h10", "d0323h10", "d0330h10", "d0406h10"]


def test_a_week_later_each_leaves_its_place_before_another_needs_it(desk: Desk) -> None:
    made = desk.book()
    desk.call(move, made[0]["id"], start="2026-03-09T09:00:00", zone="Europe/London", scope="rest")
    assert desk.taken() == ["d0309h09", "d0316h09", "d0323h09", "d0330h09", "d0406h09", "d0413h09"]
    desk.call(move, made[0]["id"], start="2026-03-02T09:00:00", zone="Europe/London", scope="rest")
    assert desk.taken()[0] == "d0302h09"


def test_one_is_moved_and_one_is_cancelled(desk: Desk) -> None:
    made = desk.book("FREQ=WEEKLY;COUNT=3")
    desk.call(move, made[0]["id"], start="2026-03-02T10:00:00", zone="Europe/London")
    desk.call(cancel, made[1]["id"])
    assert desk.taken() == ["d0302h10", "d0316h09"]
    desk.call(cancel, made[0]["id"], scope="rest")
    assert desk.taken() == []


def test_what_cannot_be_moved_stays_whole(desk: Desk) -> None:
    made = desk.book()
    before = desk.taken()
    with pytest.raises(Conflict, match="has no Slot"):
        desk.call(move, made[0]["id"], start="2026-03-02T11:00:00", zone="Europe/London", scope="rest")
    assert desk.taken() == before


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"rule": "FREQ=WEEKLY"}, Invalid),
        ({"zone": "Europe/Nowhere"}, Invalid),
        ({"zone": "../etc/passwd"}, Invalid),
        ({"start": "2026-03-02T09:00:00Z"}, Invalid),
        ({"start": "soon"}, Invalid),
        ({"patient": "Patient/nobody"}, FhirError),
        ({"schedule": "Practitioner/gp"}, Malformed),
    ],
    ids=["no-end", "zone", "path", "start-with-zone", "no-time", "no-patient", "no-schedule"],
)
def test_bad_input_books_nothing(desk: Desk, wrong: dict[str, str], error: type[FhirError]) -> None:
    with pytest.raises(error):
        desk.book(**wrong)
    assert desk.taken() == []

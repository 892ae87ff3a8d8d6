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
from carethread.core.fhir.search.dates import moment
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
            else {"name": name, "valueDuration": value}
            if name == "duration"
            else {"name": name, "valueString" if isinstance(value, str) else "resource": value}
            for name, values in params.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        headers = {"idempotency-key": key} if key else {}
        request = Request("POST", "Appointment/$x", headers=headers)
        body = {"resourceType": "Parameters", "parameter": parts}
        answer = handler(self.runtime, Call("Appointment", id_, {}, body, request), self.context())
        return [entry["resource"] for entry in json.parse_object(answer.body).get("entry", ())]

    def book(self, rule: str = "FREQ=WEEKLY;COUNT=6", key: str = "", **more: Any) -> list[Resource]:
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


def lasting(desk: Desk, minutes: int, **more: Any) -> list[Resource]:
    """A series in quarters of an hour, from nine to ten on two Mondays."""
    desk.put({"resourceType": "Schedule", "id": "quarters", "actor": [{"reference": "Practitioner/other"}]})
    for day in (2, 9):
        for quarter in range(4):
            begin = datetime(2026, 3, day, 9, 15 * quarter, tzinfo=LONDON)
            span = {"start": instant(to_micros(begin)), "end": instant(to_micros(begin + timedelta(minutes=15)))}
            about = {"schedule": {"reference": "Schedule/quarters"}, "status": "free"}
            slot = {"resourceType": "Slot", "id": f"q{day}-{quarter}", **about, **span}
            update(desk.runtime, ("Slot", slot["id"]), slot, Context(clock=lambda: NOW, backfill=True))
    duration = {"value": minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
    return desk.book("FREQ=WEEKLY;COUNT=2", **{"schedule": "Schedule/quarters", "duration": duration, **more})


def slots_of(appointments: list[Resource]) -> list[list[str]]:
    return [[slot["reference"].removeprefix("Slot/") for slot in each["slot"]] for each in appointments]


def test_a_visit_may_take_slots_that_follow_each_other(desk: Desk) -> None:
    made = lasting(desk, 30)
    assert slots_of(made) == [["q2-0", "q2-1"], ["q9-0", "q9-1"]]
    assert [moment(each["end"]) - moment(each["start"]) for each in made] == [30 * 60_000_000] * 2
    moved = desk.call(move, made[0]["id"], start="2026-03-02T09:15:00", zone="Europe/London", scope="rest")
    assert slots_of(moved) == [["q2-1", "q2-2"], ["q9-1", "q9-2"]]
    with pytest.raises(Conflict) as refused:
        desk.call(move, made[0]["id"], start="2026-03-02T09:45:00", zone="Europe/London", scope="this")
    assert "begins at 2026-03-02T10:00:00.000Z, as long" in refused.value.issues[0].diagnostics


@pytest.mark.parametrize("minutes", [0, 481])
def test_a_visit_lasts_as_long_as_a_visit_does(desk: Desk, minutes: int) -> None:
    with pytest.raises(Invalid) as refused:
        lasting(desk, minutes)
    assert refused.value.issues[0].expression == "duration"


def test_a_visit_of_which_a_part_is_taken_is_not_booked(desk: Desk) -> None:
    lasting(desk, 30)
    with pytest.raises(Conflict):
        lasting(desk, 45, start="2026-03-02T09:15:00")


def test_asked_again_it_is_done_once(desk: Desk) -> None:
    first, second = desk.book(key="k"), desk.book(key="k")
    assert [each["id"] for each in first] == [each["id"] for each in second]
    assert len(desk.taken()) == 6


@pytest.mark.parametrize(
    "other",
    [
        {"start": "2026-03-02T10:00:00"},
        {"start": "2026-03-03T07:00:00"},
        {"rule": "FREQ=WEEKLY;COUNT=5"},
        {"rule": "FREQ=WEEKLY;COUNT=7"},
        {"schedule": "Schedule/other"},
        {"rule": "FREQ=WEEKLY;COUNT=6;INTERVAL=1"},
        {"comment": "by the window"},
    ],
    ids=["hour", "no-slot-then", "fewer", "more", "schedule", "rule", "comment"],
)
def test_a_key_is_for_one_series(desk: Desk, other: dict[str, str]) -> None:
    desk.book(key="k")
    with pytest.raises(Invalid, match="Idempotency-Key") as refused:
        desk.book(key="k", **other)
    assert [issue.code for issue in refused.value.issues] == ["duplicate"]


def test_an_identifier_is_of_one_appointment(desk: Desk) -> None:
    details: Resource = {"resourceType": "Appointment", "identifier": [{"system": "urn:x", "value": "1"}]}
    more: dict[str, Any] = {"appointment-resource": details}
    with pytest.raises(Invalid, match="An identifier names one Appointment"):
        desk.book(**more)
    assert desk.taken() == []


def test_the_same_schedule_is_taken_once_however_often_it_is_given(desk: Desk) -> None:
    desk.book("FREQ=WEEKLY;COUNT=1", schedule=["Schedule/gp"] * 150)
    assert desk.taken() == ["d0302h09"]
    with pytest.raises(Malformed, match="schedule is given 100 times at most"):
        desk.book(schedule=[f"Schedule/s{number}" for number in range(101)])


@pytest.mark.parametrize(
    ("start", "zone"), [("9999-12-31T09:00:00", "Europe/London"), ("0001-01-01T00:00:00", "Asia/Tokyo")]
)
def test_nothing_is_moved_to_the_ends_of_the_calendar(desk: Desk, start: str, zone: str) -> None:
    made = desk.book("FREQ=WEEKLY;COUNT=2")
    with pytest.raises(Invalid, match="start is a local time"):
        desk.call(move, made[0]["id"], start=start, zone=zone, scope="rest")


def test_asked_again_after_a_move_it_is_still_that_series(desk: Desk) -> None:
    made = desk.book(key="k")
    desk.call(move, made[0]["id"], start="2026-03-02T10:00:00", zone="Europe/London")
    assert [each["start"][11:13] for each in desk.book(key="k")][:2] == ["10", "09"]


def test_days_can_be_left_out(desk: Desk) -> None:
    desk.book("FREQ=WEEKLY;COUNT=1", start="2026-03-16T09:00:00")
    made = desk.book("FREQ=WEEKLY;COUNT=4", **{"except": "2026-03-16"})
    assert [each["start"][:10] for each in made] == ["2026-03-02", "2026-03-09", "2026-03-23"]


def test_what_is_in_the_way_of_a_move_is_named_by_its_new_time(desk: Desk) -> None:
    made = desk.book("FREQ=WEEKLY;COUNT=2")
    with pytest.raises(Conflict) as refused:
        desk.call(move, made[0]["id"], start="2026-03-02T11:00:00", zone="Europe/London", scope="rest")
    said = [issue.diagnostics.partition(": ")[0] for issue in refused.value.issues]
    assert sorted(said) == ["2026-03-02T11:00:00.000Z", "2026-03-09T11:00:00.000Z"]


def test_what_nobody_else_is_in_the_way_of_is_no_conflict(desk: Desk) -> None:
    desk.slot(datetime(2026, 2, 23, 9, tzinfo=LONDON))
    with pytest.raises(Invalid, match="in the past"):
        desk.book("FREQ=WEEKLY;COUNT=1", start="2026-02-23T09:00:00")


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
        ({"start": "2026-W51-1"}, Invalid),
        ({"start": "9999-12-31T23:59:59"}, Invalid),
        ({"start": "0001-01-01T00:00:00", "zone": "Asia/Tokyo"}, Invalid),
        ({"rule": "FREQ=DAILY;INTERVAL=0;BYMONTH=3;COUNT=5"}, Invalid),
        ({"rule": "FREQ=DAILY;UNTIL=00010101T000000Z", "zone": "America/New_York"}, Invalid),
        ({"except": "2026-W11-1"}, Invalid),
        ({"except": "monday"}, Invalid),
        ({"except": "2026-03-03"}, Invalid),
        ({"patient": "Patient/nobody"}, FhirError),
        ({"schedule": "Practitioner/gp"}, Malformed),
    ],
    ids=[
        "no-end",
        "zone",
        "path",
        "start-with-zone",
        "no-time",
        "week",
        "last",
        "first",
        "never",
        "until",
        "week-out",
        "no-day",
        "not-that-day",
        "no-patient",
        "no-schedule",
    ],
)
def test_bad_input_books_nothing(desk: Desk, wrong: dict[str, str], error: type[FhirError]) -> None:
    with pytest.raises(error):
        desk.book(**wrong)
    assert desk.taken() == []

"""Slots follow the template of their Schedule on both databases; what is booked, held or blocked stays as it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.adapters.sql.store.store import SqlStore
from carethread.core import zones
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.errors import Conflict, FhirError, Invalid
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request, Resource, Session
from carethread.core.ports.calendar import FOREVER
from carethread.interactions.delete import delete
from carethread.interactions.rest.handling import handle
from carethread.interactions.update import update
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling import SERVICE
from carethread.scheduling.availability import remaking
from carethread.scheduling.availability.remaking import Made, remake
from carethread.scheduling.availability.stranded import stranded_among
from carethread.scheduling.rules import APPOINTMENT, HOLD_UNTIL
from support.availability import EVERY_DAY, WEEKDAYS, availability, rule, schedule
from support.stores import open_store, runtime

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
"""In London, whose clocks change four weeks later."""


class Desk:
    """Scheduling on a database, with a clock that a test moves."""

    def __init__(self, store: SqlStore, id_: str = "s") -> None:
        self.store = store
        self.id = id_
        self.services = runtime(store, SERVICE)
        self.now = MONDAY + timedelta(hours=6)
        self.timing = Timing(self.services, clock=lambda: self.now)

    @property
    def context(self) -> Context:
        return Context(clock=lambda: self.now)

    def put(self, resource: Resource) -> None:
        update(self.services, (resource["resourceType"], resource["id"]), resource, self.context)

    def work(self) -> int:
        """Do what is due; how many transactions that took."""
        steps = 0
        while self.timing.step():
            steps += 1
        return steps

    def remake(self) -> Made:
        return remake(self.services, self.id, self.context)

    def slot(self, id_: str) -> Resource:
        found = self.store.snapshot(lambda session: session.current([("Slot", id_)]))["Slot", id_]
        return dict(json.parse(found.body))

    def slots(self) -> dict[str, Resource]:
        """What is open or taken, by its begin in London's time, such as `02 09:00`."""

        def work(session: Session) -> list[Resource]:
            keys = [("Slot", each.slot) for each in session.calendar.slots(self.id, 0, FOREVER)]
            return [json.parse(stored.body) for stored in session.current(keys).values()]

        found = {f"{local(slot['start']):%d %H:%M}": slot for slot in self.store.snapshot(work)}
        return dict(sorted(found.items()))

    def book(self, slot: Resource, id_: str = "a", status: str = "booked") -> None:
        self.put(visit(slot, id_, status))

    def hold(self, slot: Resource, id_: str, seconds: int) -> None:
        """As the desk does."""
        until = (self.now + timedelta(seconds=seconds)).isoformat()
        mark = {"url": HOLD_UNTIL, "valueInstant": until}
        made = {**visit(slot, id_, "pending"), "extension": [mark]}

        def work(session: Session) -> None:
            unit = WriteUnit(self.services, session, self.context)
            unit.do(Command("Appointment", id_, made, own=True))
            unit.store()

        self.store.transact(work)

    def stranded(self) -> list[tuple[str, str]]:
        """By the operation: whom, and why."""
        answer = handle(self.services, Request("GET", "Schedule/s/$stranded"), self.context)
        assert answer.status == 200, answer.body
        parameters = json.parse_object(answer.body)
        assert [issue for issue in validate(parameters) if issue.severity == "error"] == []
        total, *found = parameters["parameter"]
        assert total == {"name": "total", "valueUnsignedInt": len(found)}
        parts = [{part["name"]: part for part in each["part"]} for each in found]
        return [(each["appointment"]["valueReference"]["reference"], each["reason"]["valueCode"]) for each in parts]

    def tasks(self) -> list[Resource]:
        """The Tasks that were asked for."""

        def work(session: Session) -> list[Resource]:
            requests = session.requests
            asked = [requests.all(each.number)[0].wanted for each in requests.all()]
            return [json.parse(wanted.body) for wanted in asked if wanted.type == "Task"]

        return self.store.transact(work)


def visit(slot: Resource, id_: str, status: str) -> Resource:
    return {
        "resourceType": "Appointment",
        "id": id_,
        "meta": {"profile": [APPOINTMENT]},
        "status": status,
        "slot": [{"reference": f"Slot/{slot['id']}"}],
        "start": slot["start"],
        "end": slot["end"],
        "participant": [{"actor": {"reference": f"Patient/of-{id_}"}, "status": "accepted"}],
    }


def local(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo("Europe/London"))


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    store = open_store(database_url, "scheduling")
    yield Desk(store)
    store.close()


def mornings(*, horizon: int = 3, minutes: int = 60, **more: Any) -> Resource:
    return schedule(availability(rule("09:00", "12:00", minutes), horizon=horizon, **more))


def times(desk: Desk) -> list[str]:
    return list(desk.slots())


def statuses(desk: Desk) -> dict[str, str]:
    return {time: slot["status"] for time, slot in desk.slots().items()}


def test_slots_are_made_when_a_schedule_is_stored(desk: Desk) -> None:
    service = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "124"}]}
    hours = rule(
        "09:00", "11:00", 60, capacity=4, modality=("in-person", "video"), location={"reference": "Location/r"}
    )
    desk.put(schedule(availability(hours, rule("11:00", "12:00", 60, service_type=service), horizon=2),
                      serviceType=[{"text": "Visits"}], specialty=[{"text": "Hearts"}]))  # fmt: skip
    assert times(desk) == []
    desk.work()
    assert times(desk) == ["02 09:00", "02 10:00", "02 11:00", "03 09:00", "03 10:00", "03 11:00"]
    first, _, last, *_ = desk.slots().values()
    for slot in (first, last):
        assert [
            issue
            for issue in validate(slot)
            if issue.severity in ("error", "warning") and "dom-6" not in issue.diagnostics
        ] == []
    assert first["schedule"] == {"reference": "Schedule/s"} and first["status"] == "free"
    assert first["serviceType"] == [{"text": "Visits"}] and first["specialty"] == [{"text": "Hearts"}]
    assert [next(v for k, v in e.items() if k != "url") for e in first["extension"]] == [
        4, "in-person", "video", {"reference": "Location/r"},
    ]  # fmt: skip
    assert last["serviceType"] == [service] and "extension" not in last
    opening = desk.store.snapshot(lambda session: session.calendar.slots("s", 0, FOREVER))[0]
    assert opening.capacity == 4 and "modality|video" in opening.kinds.split()


def test_each_day_opens_another(desk: Desk) -> None:
    desk.put(mornings(horizon=2))
    desk.work()
    assert {time[:2] for time in times(desk)} == {"02", "03"}
    assert desk.work() == 0
    desk.now = MONDAY + timedelta(days=1, hours=2)
    desk.work()
    assert {time[:2] for time in times(desk)} == {"02", "03", "04"}, "the past stays as it is"
    versions = {slot["meta"]["versionId"] for slot in desk.slots().values()}
    assert versions == {"1"}, "what is as it should be is not written again"


def test_made_again_nothing_happens(desk: Desk) -> None:
    desk.put(mornings())
    assert desk.remake() == Made(created=9)
    assert desk.remake() == Made(kept=9)


def test_local_time_stays_over_the_change_of_the_clocks(desk: Desk) -> None:
    desk.now = MONDAY + timedelta(days=26)
    desk.put(schedule(availability(rule("00:30", "03:00", 30, ("sat", "sun", "mon")), horizon=3)))
    desk.work()
    assert [time[3:] for time in times(desk)] == [
        *("00:30", "01:00", "01:30", "02:00", "02:30"), *("00:30", "02:00", "02:30"),
        *("00:30", "01:00", "01:30", "02:00", "02:30"),
    ]  # fmt: skip


def test_a_night_clinic_is_open_over_midnight_and_the_change_of_the_clocks(desk: Desk) -> None:
    desk.now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    nights = rule("22:00", "06:00", 120, ("sat",), overnight=True)
    desk.put(schedule(availability(nights, horizon=3)))
    desk.work()
    assert list(desk.slots()) == ["28 22:00", "29 02:00", "29 04:00"], "one o'clock is none on the 29th"
    assert desk.remake() == Made(kept=3)
    desk.now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    desk.put(schedule(availability(nights, horizon=1), id_="s"))
    desk.work()
    made = desk.slots()
    assert [time for time, slot in made.items() if slot["start"] > "2026-10"] == ["24 22:00"], "up to the horizon"
    desk.now += timedelta(days=1)
    desk.work()
    assert [slot["start"] for slot in desk.slots().values() if slot["start"] > "2026-10"] == [
        "2026-10-24T21:00:00.000Z",
    ], "what would have begun before it was known of is left alone"


def test_every_second_week_is_open_every_second_week(desk: Desk) -> None:
    first = {"start": "2026-03-04"}
    desk.put(schedule(availability(rule("09:00", "10:00", 60, ("thu",), valid=first, every_weeks=2), horizon=60)))
    desk.work()
    days = [local(slot["start"]).strftime("%m-%d %H:%M") for slot in desk.slots().values()]
    assert sorted(days) == ["03-05 09:00", "03-19 09:00", "04-02 09:00", "04-16 09:00", "04-30 09:00"]
    (taken, *_) = [slot for slot in desk.slots().values() if slot["start"] == "2026-03-19T09:00:00.000Z"]
    desk.book(taken)
    other = rule("09:00", "10:00", 60, ("thu",), valid={"start": "2026-03-12"}, every_weeks=2)
    desk.put(schedule(availability(other, horizon=60)))
    desk.work()
    assert desk.stranded() == [("Appointment/a", "hours")], "it is of the other weeks now"


def test_what_goes_on_behind_a_stretch_knows_what_is_in_its_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of a day; the hours before and after a change meet over each midnight."""
    monkeypatch.setattr(remaking, "STRETCH", 12)

    def whole(minutes: int, start: str) -> Resource:
        return schedule(availability(rule(start, start, minutes, EVERY_DAY, overnight=True), horizon=4))

    desk.put(whole(60, "22:00"))
    desk.work()
    desk.book(desk.slots()["04 00:00"])
    assert len(desk.slots()) == 3 * 24 + 18
    desk.put(whole(90, "21:15"))
    desk.work()
    times_ = list(desk.slots())
    assert "03 22:45" not in times_ and "04 00:00" in times_, "where somebody is nothing else is made"
    assert "02 22:45" in times_ and "03 00:00" not in times_ and "04 22:45" in times_
    spans = sorted((slot["start"], slot["end"]) for slot in desk.slots().values())
    assert all(one[1] <= other[0] for one, other in pairwise(spans)), "none overlap"
    assert desk.remake() == Made(kept=len(times_))
    assert desk.stranded() == []


def test_a_change_leaves_alone_what_is_booked_held_or_blocked(desk: Desk) -> None:
    desk.put(mornings(horizon=1))
    desk.work()
    nine, ten, eleven = desk.slots().values()
    desk.book(nine)
    desk.hold(ten, "h", 300)
    desk.put({**eleven, "status": "busy-unavailable"})
    before = desk.slots()
    desk.put(schedule(availability(rule("09:00", "13:00", 45), horizon=1)))
    desk.work()
    after = desk.slots()
    assert {time: after[time] for time in before} == before, "not touched"
    assert list(after) == ["02 09:00", "02 10:00", "02 11:00", "02 12:00"], (
        "and nothing in their way, but what is behind"
    )
    assert desk.stranded() == [] == desk.tasks(), "the hours are still open"


def test_what_becomes_free_is_made_to_fit(desk: Desk) -> None:
    desk.put(mornings(horizon=1))
    desk.work()
    desk.book(desk.slots()["02 10:00"])
    desk.put(mornings(horizon=1, minutes=30))
    desk.work()
    assert times(desk) == ["02 09:00", "02 09:30", "02 10:00", "02 11:00", "02 11:30"]
    desk.book(desk.slots()["02 10:00"], status="cancelled")
    assert desk.remake() == Made(created=2, kept=4)
    assert times(desk) == ["02 09:00", "02 09:30", "02 10:00", "02 10:30", "02 11:00", "02 11:30"]


def test_what_is_given_up_outside_the_hours_is_offered_to_nobody(desk: Desk) -> None:
    desk.put(mornings(horizon=2))
    desk.work()
    ten = desk.slots()["02 10:00"]
    desk.book(ten)
    desk.put(mornings(horizon=2, minutes=30, absence={"start": "2026-03-02", "end": "2026-03-02"}))
    desk.work()
    desk.book(ten, status="cancelled")
    assert [time for time in times(desk) if time.startswith("02")] == [], "in the same transaction"
    desk.put(mornings(horizon=2, minutes=60))
    desk.work()
    assert desk.slots()["02 10:00"]["id"] == ten["id"]
    desk.book(ten, "b")
    desk.put(mornings(horizon=2, minutes=30))
    desk.work()
    desk.book(ten, "b", status="cancelled")
    desk.work()
    assert times(desk)[2:4] == ["02 10:00", "02 10:30"], "what is wanted in its place is made at once"
    edited = {**desk.slots()["02 10:30"], "end": "2026-03-02T10:45:00Z"}
    desk.put(edited)
    assert desk.slots()["02 10:30"]["end"] == edited["end"], "what somebody changes is left to the next comparison"


def test_what_changes_of_a_free_slot_is_written_and_what_is_not_ours_stays(desk: Desk) -> None:
    desk.put(mornings(horizon=1))
    desk.work()
    nine = desk.slots()["02 09:00"]
    note = {"url": "https://elsewhere.example/note", "valueString": "By the window"}
    desk.put({**nine, "comment": "Bring the list", "extension": [note]})
    assert desk.remake() == Made(kept=3), "what others add is no change"
    desk.put(schedule(availability(rule("09:00", "12:00", 60, modality="video"), horizon=1)))
    assert desk.remake() == Made(changed=3)
    after = desk.slots()["02 09:00"]
    assert after["comment"] == "Bring the list" and after["extension"][0] == note
    assert after["extension"][1]["valueCode"] == "video" and after["id"] == nine["id"]
    desk.put(mornings(horizon=1))
    assert desk.remake() == Made(changed=3) and "extension" not in desk.slots()["02 10:00"]


def test_an_absence_takes_away_what_is_free_and_strands_what_is_booked(desk: Desk) -> None:
    desk.put(mornings(horizon=2))
    desk.work()
    before = desk.slots()
    desk.book(before["02 10:00"])
    desk.hold(before["02 11:00"], "h", 300)
    desk.put(mornings(horizon=2, absence={"start": "2026-03-02", "end": "2026-03-02"}))
    desk.work()
    assert times(desk) == ["02 10:00", "02 11:00", "03 09:00", "03 10:00", "03 11:00"]
    assert desk.stranded() == [("Appointment/a", "absence")], "a hold ends by itself"
    (task,) = desk.tasks()
    assert [issue for issue in validate(task) if issue.severity == "error"] == []
    assert task["focus"] == {"reference": "Appointment/a"} and task["for"] == {"reference": "Patient/of-a"}
    assert task["code"]["coding"][0]["code"] == "rebook" and task["reasonCode"]["coding"][0]["code"] == "absence"
    assert task["restriction"]["period"]["end"] == before["02 10:00"]["start"].replace("Z", "") + "Z"
    desk.remake()
    assert len(desk.tasks()) == 1, "asked for once"
    desk.put(mornings(horizon=2))
    desk.work()
    again = desk.slots()
    assert list(again) == list(before) and {s["id"] for s in again.values()} == {s["id"] for s in before.values()}
    assert desk.stranded() == [] and again["02 09:00"]["meta"]["versionId"] == "3", "made, removed and made again"


STRANDING = {
    "hours": mornings(horizon=1) | {"extension": [availability(rule("13:00", "14:00"), horizon=1)]},
    "holiday": mornings(horizon=1, holiday="2026-03-02"),
    "period": mornings(horizon=1) | {"planningHorizon": {"start": "2026-03-03"}},
    "closed": mornings(horizon=1) | {"active": False},
    "modality": schedule(availability(rule("09:00", "12:00", 60, modality="phone"), horizon=1)),
    "place": schedule(availability(rule("09:00", "12:00", 60, location={"reference": "Location/2"}), horizon=1)),
    "service": schedule(
        availability(rule("09:00", "12:00", 60, service_type={"coding": [{"system": "urn:x", "code": "b"}]}), horizon=1)
    ),
}


@pytest.mark.parametrize("reason", STRANDING)
def test_why_a_booking_is_stranded(desk: Desk, reason: str) -> None:
    hours = rule(
        "09:00", "12:00", 60, modality="video", location={"reference": "Location/1"},
        service_type={"coding": [{"system": "urn:x", "code": "a"}]},
    )  # fmt: skip
    desk.put(schedule(availability(hours, horizon=1)))
    desk.work()
    desk.book(desk.slots()["02 10:00"])
    before = desk.slots()["02 10:00"]
    desk.put(STRANDING[reason])
    desk.work()
    assert desk.stranded() == [("Appointment/a", reason)]
    assert [task["reasonCode"]["coding"][0]["code"] for task in desk.tasks()] == [reason]
    assert desk.slots()["02 10:00"] == before
    free = [time for time, status in statuses(desk).items() if status == "free"]
    open_ = {"hours": ["02 13:00", "02 13:30"], "holiday": [], "period": [], "closed": []}
    assert free == open_.get(reason, ["02 09:00", "02 11:00"])


def test_a_schedule_that_is_gone_or_makes_none_any_more(desk: Desk) -> None:
    for end in ("deleted", "without", "ehr"):
        desk.put(mornings(horizon=1))
        desk.work()
        assert len(times(desk)) == 3
        if end == "deleted":
            delete(desk.services, ("Schedule", "s"), desk.context)
        else:
            desk.put(schedule(master="ehr") if end == "ehr" else schedule())
        desk.work()
        assert times(desk) == [], end
        assert desk.store.snapshot(lambda session: session.timers.earliest()) is None, "and none will be"


def test_slots_of_others_are_taken_as_they_come(desk: Desk) -> None:
    other = {
        "resourceType": "Slot", "id": "extra", "schedule": {"reference": "Schedule/s"}, "status": "free",
        "start": "2026-03-02T09:10:00Z", "end": "2026-03-02T09:20:00Z",
    }  # fmt: skip
    desk.put(schedule(availability(rule()), master="ehr"))
    desk.put(other)
    desk.work()
    assert times(desk) == ["02 09:10"], "an EHR's schedule gets none from us"
    desk.put(mornings(horizon=1))
    desk.work()
    assert times(desk) == ["02 09:00", "02 09:10", "02 10:00", "02 11:00"]
    desk.book(desk.slots()["02 09:10"])
    desk.put(mornings(horizon=1, minutes=30))
    desk.work()
    assert times(desk) == ["02 09:10", "02 09:30", "02 10:00", "02 10:30", "02 11:00", "02 11:30"]
    assert desk.stranded() == [], "an extra slot is of no hours"
    desk.put(mornings(horizon=1, absence={"start": "2026-03-02", "end": "2026-03-02"}))
    assert desk.stranded() == [("Appointment/a", "absence")]
    desk.put(schedule(master="ehr"))
    assert desk.stranded() == [], "that is for the EHR to say"


def test_a_group_with_somebody_in_it_stays(desk: Desk) -> None:
    group = rule("09:00", "10:00", 60, capacity=3)
    desk.put(schedule(availability(group, horizon=1)))
    desk.work()
    desk.book(desk.slots()["02 09:00"])
    before = desk.slots()
    assert before["02 09:00"]["status"] == "free"
    desk.put(mornings(horizon=1, minutes=20))
    desk.work()
    after = desk.slots()
    assert after["02 09:00"] == before["02 09:00"]
    assert list(after) == ["02 09:00", "02 10:00", "02 10:20", "02 10:40", "02 11:00", "02 11:20", "02 11:40"]


def test_what_began_already_is_left_alone(desk: Desk) -> None:
    desk.put(mornings(horizon=1))
    desk.work()
    desk.now = MONDAY + timedelta(hours=10, minutes=30)
    desk.put(mornings(horizon=1, absence={"start": "2026-03-01", "end": "2026-03-05"}))
    desk.work()
    assert times(desk) == ["02 09:00", "02 10:00"]


def test_a_shorter_horizon_takes_away_what_is_behind_it(desk: Desk) -> None:
    desk.put(mornings(horizon=10))
    desk.work()
    desk.put(mornings(horizon=1))
    desk.work()
    assert times(desk) == ["02 09:00", "02 10:00", "02 11:00"]


def test_new_data_of_a_zone_moves_the_slots(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(mornings(horizon=1))
    desk.work()
    desk.book(desk.slots()["02 11:00"])
    monkeypatch.setattr(zones, "ZoneInfo", lambda name: ZoneInfo("Europe/Helsinki"))
    monkeypatch.setattr(remaking, "_template", remaking._template.__wrapped__)  # a new process has read none yet
    desk.remake()
    assert times(desk) == ["02 07:00", "02 08:00", "02 09:00", "02 11:00"]
    assert desk.stranded() == [("Appointment/a", "hours")]


def test_it_goes_on_where_it_was_killed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remaking, "STRETCH", 15)
    desk.put(mornings(horizon=28, minutes=20))
    steps = 0
    whole = stranded_among

    def dies(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps % 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(remaking, "stranded_among", dies)
    seen = []
    while True:
        try:
            if not desk.timing.step():
                break
        except KeyboardInterrupt:
            seen.append(len(times(desk)))
    assert len(seen) > 5 and seen == sorted(seen) and len(set(seen)) > 5, "each time a stretch was left or made whole"
    assert len(times(desk)) == 20 * 9
    monkeypatch.setattr(remaking, "stranded_among", whole)
    assert desk.remake() == Made(kept=180)


def test_a_dense_past_template_is_cleared_in_bounded_stretches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remaking, "STRETCH", 20)
    desk.put(mornings(horizon=7, minutes=5))
    assert desk.remake().created == 180
    desk.put(mornings(horizon=7, minutes=60))
    made = desk.remake()
    assert (made.changed, made.removed, made.created) == (15, 165, 0) and len(times(desk)) == 15


def test_a_change_in_between_has_all_made_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remaking, "STRETCH", 15)
    desk.put(mornings(horizon=28))
    desk.timing.step()
    assert 0 < len(times(desk)) < 60
    desk.put(mornings(horizon=28, minutes=90))
    desk.work()
    assert len(times(desk)) == 40 and {slot["end"][11:16] for slot in desk.slots().values()} >= {"10:30", "12:00"}


def test_a_slot_that_was_withdrawn_or_moved_by_hand(desk: Desk) -> None:
    desk.put(mornings(horizon=1))
    desk.work()
    nine, ten, _ = desk.slots().values()
    desk.put({**nine, "status": "entered-in-error"})
    desk.put({**ten, "start": "2026-03-02T10:20:00Z"})
    desk.remake()
    assert times(desk) == ["02 10:00", "02 11:00"], "the withdrawn one stays so; the moved one is put back"


@pytest.mark.parametrize(
    ("resource", "where", "said"),
    [
        (schedule(availability(rule(), zone="Europe/Atlantis")), "Schedule.extension[0].extension[0]", "IANA"),
        (
            schedule(availability(rule("12:00", "09:00"))),
            "Schedule.extension[0].extension[2].extension[6]",
            "before end",
        ),
        (schedule(availability(rule(), horizon=36525)), "Schedule.extension[0].extension[1]", "from 1 to 731"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused_whole(desk: Desk, resource: Resource, where: str, said: str) -> None:
    for body in (resource, {name: value for name, value in resource.items() if name != "meta"}):
        headers = {"content-type": "application/fhir+json"}
        answer = handle(desk.services, Request("PUT", "Schedule/s", (), headers, json.render(body)), desk.context)
        (issue,) = json.parse_object(answer.body)["issue"]
        assert answer.status == 422 and issue["expression"] == [where] and said in issue["diagnostics"]
    assert desk.store.snapshot(lambda session: session.current([("Schedule", "s")])) == {}


def test_stranded_asks_for_a_schedule_that_is_there(desk: Desk) -> None:
    for path, status in (("Schedule/none/$stranded", 404), ("Schedule/s/$stranded?when=now", 400)):
        path, _, query = path.partition("?")
        pairs = [("when", "now")] if query else []
        assert handle(desk.services, Request("GET", path, pairs), desk.context).status == status


def test_a_crowd_books_while_the_template_changes(desk: Desk) -> None:
    """Whoever has a slot keeps it, and beside it nothing is offered at the same time."""
    desk.put(mornings(horizon=7, minutes=30))
    desk.remake()
    slots = [slot for slot in desk.slots().values() if slot["status"] == "free"]
    booked: list[Resource] = []
    problems: list[BaseException] = []

    def book(number: int) -> None:
        for place, slot in enumerate(slots[number::4]):
            try:
                desk.book(slot, f"a{number}-{place}")
                booked.append(desk.slot(slot["id"]))
            except (Conflict, Invalid):
                pass
            except FhirError as error:
                problems.append(error)

    def change(minutes: int) -> None:
        try:
            desk.put(mornings(horizon=7, minutes=minutes))
            desk.remake()
        except FhirError as error:
            problems.append(error)

    threads = [threading.Thread(target=book, args=(number,)) for number in range(4)]
    threads += [threading.Thread(target=change, args=(minutes,)) for minutes in (45, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    desk.remake()
    after = {slot["id"]: slot for slot in desk.slots().values()}
    assert all(after[slot["id"]] == slot and slot["status"] == "busy" for slot in booked), "as they were booked"
    spans = sorted((slot["start"], slot["end"]) for slot in after.values())
    assert all(one[1] <= other[0] for one, other in pairwise(spans)), "none overlap"


HOURS = st.builds(
    lambda start, hours, minutes, days: rule(f"{start:02d}:00", f"{start + hours:02d}:00", minutes, days),
    st.integers(6, 12), st.integers(1, 5), st.sampled_from([20, 30, 45, 60]),
    st.sampled_from([WEEKDAYS, ("mon",), ("tue", "wed")]),
) | st.builds(
    lambda start, end, minutes: rule(f"{start:02d}:15", f"{end:02d}:00", minutes, overnight=True),
    st.integers(20, 23), st.integers(1, 5), st.sampled_from([30, 45, 90]),
)  # fmt: skip
AWAY = st.none() | st.integers(0, 2).map(lambda day: {"start": f"2026-03-0{2 + day}", "end": "2026-03-04"})
CHANGES = st.lists(
    st.tuples(HOURS, AWAY, st.integers(1, 4), st.lists(st.integers(0, 60), max_size=3)),
    min_size=1, max_size=4,
)  # fmt: skip


def test_whatever_the_changes_the_slots_are_those_of_the_last(tmp_path: Path) -> None:
    """Free ones are those of a fresh schedule with the last template, but where something taken is in the way."""
    store = open_store(f"sqlite:///{tmp_path}/store.db", "scheduling")
    numbers = count()

    @settings(max_examples=25, deadline=None)
    @given(changes=CHANGES)
    def holds(changes: Any) -> None:
        desk, fresh = Desk(store, f"old-{next(numbers)}"), Desk(store, f"new-{next(numbers)}")
        taken: list[Resource] = []
        last: Resource = {}
        for number, (hours, away, horizon, wishes) in enumerate(changes):
            last = schedule(availability(hours, horizon=horizon, **({"absence": away} if away else {})), id_=desk.id)
            desk.put(last)
            desk.remake()
            assert desk.remake().kept == len(desk.slots())
            free = [slot for slot in desk.slots().values() if slot["status"] == "free"]
            for wish in wishes:
                if free:
                    slot = free.pop(wish % len(free))
                    desk.book(slot, f"{desk.id}-{number}-{len(free)}")
                    taken.append(desk.slot(slot["id"]))
        fresh.put({**last, "id": fresh.id})
        fresh.remake()
        spans = [(slot["start"], slot["end"]) for slot in taken]
        after = desk.slots().values()
        stand = [slot for slot in after if slot["status"] != "free"]
        assert stand == sorted(taken, key=lambda slot: str(slot["start"])), "not touched"
        assert [(slot["start"], slot["end"]) for slot in after if slot["status"] == "free"] == [
            (slot["start"], slot["end"])
            for slot in fresh.slots().values()
            if not any(slot["start"] < end and start < slot["end"] for start, end in spans)
        ]

    holds()
    store.close()

"""What a practice lays down on a Schedule, on both databases: when a cancellation is late, how long an EHR may take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.scheduling.policies import CONFIRM_WITHIN, LATE_WITHIN, NO_SHOW_POLICY
from carethread.scheduling.rules import CONFIRM_BY, LATE
from support import desk as desks
from support.desk import OURS, Desk, of, patient, schedule, slot, wish
from support.stores import put

PATIENT = {"name": "by", "valueCode": "patient"}
MASTER = {"url": OURS + "schedule-master", "valueCode": "ehr"}


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desks.desk(tmp_path, database_url) as made:
        made.put(patient("ann"), service="records")
        yield made


def lasting(url: str, value: float, code: str) -> Resource:
    return {"url": url, "valueDuration": {"value": value, "system": "http://unitsofmeasure.org", "code": code}}


def plan(front: Desk, name: str, *extensions: Resource, hour: float = 30) -> None:
    """A Schedule with one slot so many hours ahead."""
    more: dict[str, Any] = {"extension": list(extensions)} if extensions else {}
    front.put(schedule(name, f"Practitioner/{name}", **more))
    front.put(slot(f"{name}-0", name, hour))


def is_late(front: Desk, *slots: str) -> bool:
    made = front.done("book", *wish(slots, "ann"))
    gone = front.done("cancel", of(made), PATIENT)
    return extension(gone, LATE).get("valueBoolean") is True


@pytest.mark.parametrize(
    ("said", "late"),
    [
        ((), False),
        ((lasting(LATE_WITHIN, 2, "d"),), True),
        ((lasting(LATE_WITHIN, 1799, "min"),), False),
        ((lasting(LATE_WITHIN, 30.5, "h"),), True),
    ],
    ids=["a-day", "two-days", "just-not", "part-of-an-hour"],
)
def test_a_schedule_says_when_a_cancellation_is_late(front: Desk, said: tuple[Resource, ...], *, late: bool) -> None:
    plan(front, "one", *said)
    assert is_late(front, "one-0") is late


def test_of_several_schedules_the_longest_time_holds_and_none_is_never_late(front: Desk) -> None:
    plan(front, "one", lasting(LATE_WITHIN, 48, "h"))
    plan(front, "two", lasting(LATE_WITHIN, 0, "h"))
    assert is_late(front, "one-0", "two-0")
    front.pass_time(hours=29.5)
    assert not is_late(front, "two-0")


def test_a_missed_visit_that_turns_out_to_have_been_cancelled_is_not_called_late(front: Desk) -> None:
    plan(front, "one")
    made = front.done("book", *wish(["one-0"], "ann"))
    front.pass_time(hours=40)
    front.put({**made, "status": "noshow"})
    corrected = front.put({**front.read(f"Appointment/{made['id']}"), "status": "cancelled"})
    assert (corrected["status"], extension(corrected, LATE)) == ("cancelled", {})


def test_a_schedule_says_how_long_its_ehr_may_take(front: Desk) -> None:
    plan(front, "one", MASTER)
    plan(front, "two", MASTER, lasting(CONFIRM_WITHIN, 90, "min"))
    plan(front, "ours", lasting(CONFIRM_WITHIN, 1, "min"))
    plan(front, "soon", MASTER, lasting(CONFIRM_WITHIN, 90, "d"), hour=50)

    def due(*slots: str) -> str:
        made = front.done("book", *wish(slots, "ann"))
        front.done("cancel", of(made), PATIENT)
        found: str = extension(made, CONFIRM_BY)["valueInstant"]
        return found

    assert due("one-0") == "2031-03-04T08:00:00.000Z"
    assert due("one-0", "two-0", "ours-0") == "2031-03-03T09:30:00.000Z"
    assert due("soon-0") == "2031-03-05T10:00:00.000Z", "no longer than until it begins"


@pytest.mark.parametrize(
    "wrong",
    [
        lasting(LATE_WITHIN, -1, "h"),
        lasting(LATE_WITHIN, 91, "d"),
        lasting(LATE_WITHIN, 1, "wk"),
        lasting(LATE_WITHIN, 1e300, "d"),
        lasting(CONFIRM_WITHIN, 0, "h"),
        {"url": CONFIRM_WITHIN, "valueDuration": {"value": 1}},
        {"url": CONFIRM_WITHIN, "valueString": "a day"},
        {"url": NO_SHOW_POLICY, "valueCode": "always"},
    ],
)
def test_nonsense_is_refused(front: Desk, wrong: Resource) -> None:
    answer = front.ask("PUT", "Schedule/one", schedule("one", "Practitioner/one", extension=[wrong]))
    assert answer.status == 422, answer.body
    assert "Schedule.extension[0]" in json.parse_object(answer.body)["issue"][0]["expression"][0]


def test_what_is_nonsense_and_stored_counts_as_nothing_said(front: Desk) -> None:
    plan(front, "one", MASTER)
    wrong = {"url": LATE_WITHIN, "valueDuration": {"value": 5, "code": "a"}}
    put(front.stores["scheduling"], [schedule("one", "Practitioner/one", extension=[wrong])])
    assert not is_late(front, "one-0")

"""A call to a critical answer: what it is, and for how long each has time."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.careteams.alerting.call import NEXT, OPEN, OVER, SEEN, called, calling, due, is_call, is_open
from carethread.careteams.tasks import TASKS
from carethread.core.ports import Resource

MINUTE = 60_000_000
NOW = 1_930_000_000_000_000


def call(**members: Any) -> Resource:
    coding = [{"system": TASKS, "code": "critical-answer"}]
    return {"resourceType": "Task", "status": "requested", "priority": "stat", "code": {"coding": coding}, **members}


def test_what_an_ehr_sends_and_what_has_another_code_is_none() -> None:
    assert is_call(call())
    assert not is_call(None)
    assert not is_call(call(meta={"source": "urn:ehr"}))
    assert not is_call(call(code={"coding": [{"system": TASKS, "code": "activity"}]}))
    assert not is_call(call(code={"coding": [{"system": "urn:other", "code": "critical-answer"}]}))


@pytest.mark.parametrize(("priority", "minutes"), [("stat", 5), ("asap", 15), ("urgent", 60), ("routine", 60)])
def test_the_time_that_a_priority_gives(priority: str, minutes: int) -> None:
    made = calling(call(priority=priority), "Practitioner/1", NOW)
    assert due(made) - NOW == minutes * MINUTE
    assert called(made, "") == "Practitioner/1"


def test_the_pace_slows_down_and_never_stops() -> None:
    made, now, times = call(), NOW, []
    for _ in range(60):
        made = calling(made, "Practitioner/1", now)
        times.append((due(made) - now) // MINUTE)
        now = due(made)
    assert times[:4] == [5, 5, 5, 5]
    assert times == sorted(times)
    assert times[-1] == 60


def test_given_back_it_begins_anew() -> None:
    made = calling(call(), "Practitioner/1", NOW)
    later = calling(made, "Practitioner/2", NOW + 600 * MINUTE, anew=True)
    assert due(later) - NOW == 605 * MINUTE


def test_where_nobody_is_there_it_is_the_departments_or_nobodys() -> None:
    made = calling(call(owner={"reference": "Practitioner/1"}), "Organization/1", NOW)
    assert (made["owner"]["reference"], called(made, "")) == ("Organization/1", "")
    assert "owner" not in calling(made, "", NOW)


def test_who_is_silent_has_not_acknowledged() -> None:
    assert [status for status in (*OPEN, *SEEN, *OVER) if is_open(call(status=status))] == list(OPEN)
    assert not NEXT.keys() & set(OVER)
    assert all("rejected" not in each and "failed" not in each for each in NEXT.values())

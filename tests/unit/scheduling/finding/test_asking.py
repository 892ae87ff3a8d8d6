"""What `$find` is asked: whatever a client sends is read, or refused by the name of the parameter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from carethread.core.clock import to_micros
from carethread.core.errors import Malformed
from carethread.core.moments import DAY, LAST
from carethread.core.ports import Request
from carethread.core.service import Call, Limits
from carethread.scheduling.finding.asking import Asked, asked
from carethread.scheduling.finding.given import NAMES

NOW = to_micros(datetime(2031, 1, 6, tzinfo=UTC))


def ask(*parts: tuple[str, Any], **params: list[str]) -> Asked:
    """Parameters of the body, each with its Timing, and those of the URL."""
    body = {"resourceType": "Parameters", "parameter": [{"name": name, "valueTiming": value} for name, value in parts]}
    call = Call("Appointment", "", params, body if parts else None, Request("POST", "Appointment/$find"))
    return asked(call, NOW, Limits(), "https://care.example/fhir")


def test_a_null_in_a_timing_is_passed_over() -> None:
    hidden = {"extension": [{"url": "urn:x", "valueString": "x"}]}
    repeat = {"dayOfWeek": [None, "mon"], "_dayOfWeek": [hidden, None], "timeOfDay": [None], "when": [None]}
    [window] = ask(("timing", {"repeat": repeat})).windows
    assert (window.days, window.start, window.end) == (frozenset({0}), 0, 24 * 60)


@pytest.mark.parametrize("name", NAMES)
def test_a_timing_without_windows_says_nothing_of_any_parameter(name: str) -> None:
    timing = {"event": ["2026"]}
    if name == "patient-resource":
        with pytest.raises(Malformed):
            ask((name, timing))
    else:
        assert ask((name, timing)).windows == []


@pytest.mark.parametrize(
    "bounds",
    [
        {"start": "9999-12-31T23:00:00-14:00"},
        {"end": "0001-01-01T00:00:00+14:00"},
        {"start": "9999-12-31", "end": "0001-01-01"},
    ],
)
def test_bounds_at_the_ends_of_the_calendar_leave_nothing_to_look_through(bounds: dict[str, str]) -> None:
    found = ask(("timing", {"repeat": {"boundsPeriod": bounds}}))
    assert NOW <= found.begin == found.end <= LAST


@pytest.mark.parametrize(
    ("name", "most"), [("team", 20), ("window", 200), ("preferred-window", 200), ("language", 200)]
)
def test_how_often_a_parameter_may_stand_is_said(name: str, most: int) -> None:
    value = {"team": "CareTeam/{}", "language": "l{}"}.get(name, "mon 0{1}:{2:02}-24:00")
    values = [value.format(number, number // 60, number % 60) for number in range(most + 1)]
    ask(**{name: values[:most]})
    with pytest.raises(Malformed, match=f"{name} is given {most} times at most") as refused:
        ask(**{name: values})
    assert refused.value.issues[0].code == "too-costly"


def test_what_is_given_twice_is_looked_for_once() -> None:
    assert len(ask(window=["mon 09:00-10:00"] * 9).windows) == 1


def test_a_start_that_is_past_needs_no_end() -> None:
    found = ask(start=["2025-01-01"])
    assert (found.begin, found.end) == (NOW, NOW + 90 * DAY)


@pytest.mark.parametrize("member", ["valueReference", "valuePeriod"])
def test_an_object_is_refused_where_none_is_read(member: str) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "_cursor", member: {"reference": "Patient/1"}}]}
    for given, refused in (({}, True), ({"_cursor": ["Patient/1"]}, member == "valuePeriod")):
        call = Call("Appointment", "", given, body, Request("POST", "Appointment/$find"))
        if refused:
            with pytest.raises(Malformed, match=f"_cursor is not given by {member}"):
                asked(call, NOW, Limits(), "https://care.example/fhir")
        else:
            assert asked(call, NOW, Limits(), "https://care.example/fhir").cursor == "Patient/1"


def test_what_is_passed_over_may_be_an_object() -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "colour", "valuePeriod": {"start": "2031"}}]}
    request = Request("POST", "Appointment/$find", (), {"prefer": "handling=lenient"})
    assert asked(Call("Appointment", "", {}, body, request), NOW, Limits(), "https://care.example/fhir").begin == NOW

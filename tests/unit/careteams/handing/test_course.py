"""The course of a hand-off: what its Task says, what the ledger says of it, and that both say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.handing.replaying import mentions, next_entry, replay
from carethread.careteams.handing.states import (
    KIND,
    KINDS,
    MARKS,
    NEXT,
    STATUS,
    STATUS_OF,
    State,
    dated,
    marked,
    position,
    state_of,
    stepped_by,
)
from carethread.careteams.handing.terms import ANSWER, RESULT, URGENCIES, answer_due, next_due, result_due
from carethread.core.fhir import json
from carethread.core.ports import Entry, Resource

HOUR = 3_600_000_000

PROFILES = Path(__file__).parents[4] / "fhir_profiles"


def codes(name: str) -> set[str]:
    concepts = json.parse_object((PROFILES / "CodeSystem" / f"{name}.json").read_bytes())["concept"]
    return {each["code"] for each in concepts}


def hand_off(state: State, *marks: str, owner: str = "Practitioner/b", end: str = "2031-03-03T09:00:00Z") -> Resource:
    task: dict[str, Any] = {
        "resourceType": "Task",
        "status": STATUS_OF[state],
        "for": {"reference": "Patient/p"},
        "requester": {"reference": "Practitioner/a"},
        "owner": {"reference": owner},
        "restriction": {"period": {"end": end}},
    }
    return marked(task, *marks)


def test_codes_are_those_that_are_published() -> None:
    assert set(KINDS) == codes("hand-off-kind")
    assert codes("hand-off-status") == MARKS
    assert KIND.endswith("hand-off-kind") and STATUS.endswith("hand-off-status")


def test_marks_keep_what_others_say() -> None:
    task = {**hand_off("offered"), "businessStatus": {"text": "Waits.", "coding": [{"system": "urn:x", "code": "y"}]}}
    made = marked(task, "escalated")
    assert made["businessStatus"] == {
        "text": "Waits.",
        "coding": [{"system": STATUS, "code": "escalated"}, {"system": "urn:x", "code": "y"}],
    }
    assert marked(made)["businessStatus"] == task["businessStatus"]
    assert "businessStatus" not in marked(hand_off("offered", "offered"))


def test_who_took_a_step() -> None:
    assert stepped_by(hand_off("offered", "offered")) == "Practitioner/a"
    assert stepped_by(hand_off("offered", "escalated")) == ""
    assert stepped_by(hand_off("accepted")) == "Practitioner/b"
    assert stepped_by(hand_off("withdrawn")) == "Practitioner/a"
    assert stepped_by(hand_off("expired", "expired", "overdue")) == ""


COURSES = {
    "offered": [("offered", "offered"), ("offered", "escalated"), ("offered", "passed-on")],
    "accepted": [("accepted", ""), ("accepted", "overdue")],
    "ended": [("declined", ""), ("withdrawn", ""), ("expired", "expired"), ("returned", ""), ("failed", "")],
}


@given(st.data())
def test_the_ledger_comes_to_say_what_the_task_does(data: st.DataObject) -> None:
    """Along any course, with any number of writes that change nothing between."""
    state: State = "draft"
    entries: list[Entry] = []
    number = 0
    while state in NEXT and number < 12:
        number += 1
        state = data.draw(st.sampled_from(sorted(NEXT[state])))
        marks = [mark for each in COURSES.values() for found, mark in each if found == state] or [""]
        mark = data.draw(st.sampled_from(marks))
        if mark == "passed-on" and not entries:
            mark = "offered"
        owner = data.draw(st.sampled_from(["Practitioner/b", "Practitioner/c"]))
        task = hand_off(state, *([mark] if mark else []), owner=owner)
        if mark == "passed-on" and (stands := replay(entries)):
            task = hand_off(state, mark, owner=stands.receiver)
            entries.append(Entry("Task/t", len(entries) + 1, "Patient/p", "passed-on", number, "", "a", "c"))
        new = next_entry(task, "t", "Patient/p", number, entries)
        entries += [new] if new else []
        assert next_entry(task, "t", "Patient/p", number, entries) is None, "it is entered once"
        assert replay(entries) == (None if state == "draft" and not entries else position(task)) or state == "draft"
    assert [entry.turn for entry in entries] == list(range(1, len(entries) + 1))
    assert set(mentions(entries)) <= {"Practitioner/b", "Practitioner/c"}


def test_an_expired_offer_is_told_from_one_that_failed() -> None:
    assert state_of(hand_off("expired", "expired", "overdue")) == "expired"
    assert state_of(hand_off("failed")) == "failed"


def test_the_more_urgent_the_sooner() -> None:
    assert list(ANSWER.values()) == sorted(ANSWER.values())
    assert list(RESULT) == list(URGENCIES)
    for urgency in URGENCIES:
        assert 0 < next_due(urgency, 0) <= answer_due(urgency, 0) < result_due(urgency, 0)
    assert answer_due("whenever", 0) == answer_due("routine", 0)


def test_when_it_was_accepted_and_when_it_was_over_is_kept_as_it_happened():
    offered, sent = hand_off("offered"), {"executionPeriod": {"start": "1999"}}
    assert "executionPeriod" not in dated({}, {**offered, **sent}, HOUR)
    accepted = dated(offered, {**hand_off("accepted"), **sent}, HOUR)
    assert accepted["executionPeriod"] == {"start": "1970-01-01T01:00:00.000Z"}
    later = dated(accepted, {**hand_off("accepted"), **sent}, 2 * HOUR)
    assert later["executionPeriod"] == accepted["executionPeriod"]
    returned = dated(later, hand_off("returned"), 3 * HOUR)
    assert returned["executionPeriod"] == {"start": "1970-01-01T01:00:00.000Z", "end": "1970-01-01T03:00:00.000Z"}
    over: tuple[State, ...] = ("declined", "withdrawn", "failed")
    for state in over:
        assert dated(offered, hand_off(state), HOUR)["executionPeriod"] == {"end": "1970-01-01T01:00:00.000Z"}

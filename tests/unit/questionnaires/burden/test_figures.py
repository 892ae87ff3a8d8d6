"""Figures over many responses, what of them is hidden, and how they are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carethread.core.few import ENOUGH, hidden
from carethread.core.fhir.validation import validate
from carethread.core.ports.efforts import Effort
from carethread.questionnaires.burden.figures import ABANDONED, FIGURES, Value
from carethread.questionnaires.burden.reporting import Month, Parts, individual, summary

SECOND = 1_000_000
NOW = 10 * ABANDONED
BLANK = Effort("r", "urn:form", "", "PractitionerRole/a", NOW - 9, NOW - 9)


def done(worked: int = 0, **more: Any) -> Effort:
    return replace(BLANK, **{"ended": NOW, "ending": "completed", "worked": worked * SECOND, **more})


def figures(*efforts: Effort) -> dict[str, Value]:
    return {each.code: each.of([one for one in efforts if each.about(one)], NOW) for each in FIGURES}


def test_nothing_is_no_number() -> None:
    assert figures() == {
        "completed": Value(0, 0, None), "abandoned": Value(0, 0, None), "seconds-median": Value(0, None, None),
        "seconds-p90": Value(0, None, None), "prefilled": Value(0, 0, None), "edited": Value(0, 0, None),
    }  # fmt: skip


def test_what_was_started_is_completed_or_abandoned_or_open() -> None:
    stopped = replace(BLANK, ending="stopped", ended=NOW)
    left, open_ = replace(BLANK, saved=NOW - ABANDONED), replace(BLANK, saved=NOW - ABANDONED + 1)
    found = figures(done(), done(), stopped, left, open_)
    assert (found["completed"], found["abandoned"]) == (Value(5, 2, 0.4), Value(5, 2, 0.4))


def test_a_time_is_one_that_somebody_has_taken() -> None:
    found = figures(*(done(seconds) for seconds in (0, 10, 20, 30, 40, 0)))
    assert (found["seconds-median"], found["seconds-p90"]) == (Value(4, None, 20), Value(4, None, 40))


def test_shares_of_answers() -> None:
    found = figures(done(given=10, prefilled=4, changed=1), done(given=2), replace(BLANK, prefilled=0))
    assert (found["prefilled"], found["edited"]) == (Value(12, 3, 0.25), Value(4, 1, 0.25))


def test_groups_of_one_to_ten_people_are_hidden() -> None:
    people = {"a": set(map(str, range(11))), "b": set(map(str, range(10))), "none": set[str]()}
    assert hidden({"a": people["a"], "none": people["none"]}) == set()
    assert hidden({"a": people["a"], "b": people["b"]}) == {"a", "b"}  # else b is the whole without a
    assert hidden({"b": people["b"]}) == {"b"}


PEOPLE = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from([str(n) for n in range(40)]), max_size=40))


@given(PEOPLE)
def test_nothing_about_few_people_can_be_had_by_subtracting(people: dict[str, set[str]]) -> None:
    found = hidden(people)
    for name in people.keys() - found:
        assert len(people[name]) >= ENOUGH or not people[name]
    rest = set[str]().union(*(people[name] for name in found))
    shown_too = [name for name in people if people[name] and name not in found]
    assert not rest or len(rest) >= ENOUGH or not shown_too


MONTH = Month("2031-03-01", "2031-03-31")
PARTS = Parts("department", lambda effort: effort.department, lambda name: {"text": name or "unknown"})


def reported(*efforts: Effort) -> dict[str, Any]:
    report = summary(efforts, PARTS, lambda effort: effort.author, MONTH, NOW)
    assert [each for each in validate(report) if each.severity in ("error", "fatal")] == []
    return {group["code"]["coding"][0]["code"]: group for group in report["group"]}


def by(number: int, department: str, worked: int = 0) -> Effort:
    return done(worked, author=f"PractitionerRole/{number}", department=department, given=1)


def scores(group: dict[str, Any]) -> dict[str, Any]:
    """The score of each part; None where it is masked."""
    (stratifier,) = group["stratifier"]
    return {each["value"]["text"]: each["measureScore"].get("value") for each in stratifier["stratum"]}


def test_a_report_of_all() -> None:
    efforts = [by(number, "north", number) for number in range(12)] + [by(number, "south") for number in range(20, 33)]
    found = reported(*efforts)
    assert found["completed"]["measureScore"] == {"value": 1}
    assert scores(found["completed"]) == {"north": 1, "south": 1}
    assert found["seconds-median"]["measureScore"]["value"] == 6
    assert scores(found["seconds-median"]) == {"north": 6}  # eleven have a time
    assert [each["count"] for each in found["prefilled"]["population"]] == [25, 0]


def test_what_is_masked_has_no_number_at_all() -> None:
    efforts = [by(number, "north", 7) for number in range(12)] + [by(99, "south", 1)] * 30
    found = reported(*efforts)
    for code in ("completed", "abandoned", "seconds-median", "seconds-p90", "prefilled"):
        assert scores(found[code]) == {"north": None, "south": None}, code
        assert all("population" not in each for each in found[code]["stratifier"][0]["stratum"])
    alone = reported(*[by(1, "north", 5)] * 50)
    assert all("population" not in group for group in alone.values() if group["code"]["coding"][0]["code"] != "edited")
    assert alone["seconds-median"]["measureScore"]["extension"][0]["valueCode"] == "masked"


def test_a_report_of_one_is_whole() -> None:
    report = individual([done(5), done(7)], "PractitionerRole/a", MONTH, NOW)
    assert [each for each in validate(report) if each.severity in ("error", "fatal")] == []
    assert report["group"][2]["measureScore"]["value"] == 5
    assert (report["type"], report["subject"]["reference"]) == ("individual", "PractitionerRole/a")

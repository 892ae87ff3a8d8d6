"""A form that comes later than responses to it: what is critical in them is found then; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carethread.core.errands.timing import Timing
from carethread.core.ports import Resource
from carethread.questionnaires.safety import later
from carethread.questionnaires.safety.telling import CALL, REVIEW
from support.calling import HARM, STEM, called_practice, calls
from support.care import Care
from support.instruments import answering, shipped

PHQ = shipped("phq-9")
LATE = "https://example.org/Questionnaire/late"
MILD = {**PHQ.raw, "item": [{n: v for n, v in each.items() if n != "extension"} for each in PHQ.raw["item"]]}
EHR = {"meta": {"source": "urn:example:ehr"}}


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with called_practice(tmp_path, database_url) as made:
        yield made


def form(id_: str = "late", version: str = "1", **more: Any) -> Resource:
    return {**PHQ.raw, "id": id_, "url": LATE, "version": version, **EHR, **more}


def sent(practice: Care, id_: str, *, harm: int = 1, version: str = "|1", days: float = 0, **more: Any) -> Resource:
    """What an EHR sends of a form that is not here."""
    when = (practice.now - timedelta(days=days)).isoformat(timespec="seconds")
    made = answering(PHQ, {STEM: 0, HARM: harm}, id=id_, authored=when, **EHR)
    return practice.put({**made, "questionnaire": LATE + version, **more})


def come(practice: Care, questionnaire: Resource, *, backfill: bool = False, seconds: float = 11) -> int:
    """The form comes, and what follows from that; how many times something was due."""
    practice.put(questionnaire, backfill=backfill)
    practice.pass_time(seconds=seconds)
    timing, count = Timing(practice.runtimes["questionnaires"], lambda: practice.now), 0
    while timing.step():
        count += 1
    practice.send("questionnaires")
    return count


def told(practice: Care, code: str) -> set[str]:
    """The responses for which there are Tasks."""
    return {each["reasonReference"]["reference"].partition("/")[2] for each in calls(practice, code)}


def test_what_is_of_now_calls_and_what_is_of_the_past_is_listed(practice: Care) -> None:
    sent(practice, "now")
    sent(practice, "day", days=0.9)
    sent(practice, "past", days=2)
    sent(practice, "well", harm=0)
    sent(practice, "wrong", status="entered-in-error")
    practice.send("questionnaires")
    assert calls(practice) == [], "nobody could know"
    come(practice, form())
    assert (told(practice, CALL), told(practice, REVIEW)) == ({"now", "day"}, {"past"})


def test_what_comes_with_its_form_as_history_calls_nobody(practice: Care) -> None:
    sent(practice, "now")
    come(practice, form(), backfill=True)
    assert (told(practice, CALL), told(practice, REVIEW)) == (set(), {"now"})


def test_it_is_found_once_however_often_the_form_comes(practice: Care) -> None:
    sent(practice, "now")
    come(practice, form())
    before = calls(practice)
    assert come(practice, form(status="retired")) == 0, "it asks what it did"
    assert come(practice, form(version="1.1")) == 1
    assert come(practice, form("other", version="1")) == 1
    assert calls(practice) == before


def test_another_version_is_of_those_who_answered_it(practice: Care) -> None:
    """What was judged by the form that was there is not judged anew by one that is not what was asked."""
    come(practice, {**MILD, "id": "first", "url": LATE, "version": "1", **EHR})
    for id_, version in (("first", "|1"), ("second", "|2"), ("none", "")):
        sent(practice, id_, version=version)
    come(practice, form("second", "2"))
    assert told(practice, CALL) == {"second"}


def test_the_first_version_is_for_all(practice: Care) -> None:
    for id_, version in (("same", "|1"), ("other", "|7"), ("none", "")):
        sent(practice, id_, version=version)
    come(practice, form())
    assert told(practice, CALL) == {"same", "other", "none"}


def test_they_are_looked_through_some_at_a_time(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "_AT_ONCE", 2)
    for number in range(5):
        sent(practice, f"r{number}")
    assert come(practice, form(), seconds=9) == 0, "what is being stored meanwhile may not have seen it"
    assert come(practice, form(), seconds=2) == 3
    assert len(told(practice, CALL)) == 5


def test_what_is_said_meanwhile_is_what_counts(practice: Care) -> None:
    sent(practice, "r")
    practice.put(form())
    sent(practice, "r", harm=0)
    come(practice, form())
    assert calls(practice) == []


def test_nobody_looks_for_a_form_without_critical_answers_or_one_that_came_along(practice: Care) -> None:
    assert come(practice, {**MILD, "id": "plain", "url": LATE, "version": "1", **EHR}) == 0
    assert come(practice, {**PHQ.raw}) == 0

"""Which limits hold, and what is said where they are passed."""

from __future__ import annotations

from carethread.careteams.workload.limits import LIMITS, TEXTS, limits, over, wording
from carethread.core.ports import Resource
from carethread.core.service import PROFILES


def said(code: str, most: object) -> Resource:
    parts = [{"url": "code", "valueCode": code}, {"url": "most", "valueInteger": most}]
    return {"extension": [{"url": PROFILES + "workload-limit", "extension": parts}]}


def test_the_nearest_that_says_something_holds() -> None:
    assert limits([]) == LIMITS
    assert limits([said("open-tasks", 5), said("open-tasks", 9)])["open-tasks"] == 5
    assert limits([{}, said("open-tasks", 9)])["open-tasks"] == 9
    assert limits([said("mood", 5), said("open-tasks", -1), said("open-tasks", "x")]) == LIMITS


def test_only_what_is_more_is_over() -> None:
    assert over({"open-tasks": 5, "overdue-tasks": 3}, {"open-tasks": 5, "overdue-tasks": 2}) == ["overdue-tasks"]
    assert over({"accountable": 500}, LIMITS) == []


def test_the_words_ask_and_do_not_blame() -> None:
    text = wording(list(TEXTS))
    assert "Ask how they are doing" in text
    assert all(each not in text.lower() for each in ("fail", "late", "poor", "behind", "must"))

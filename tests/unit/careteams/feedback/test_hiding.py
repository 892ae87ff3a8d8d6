"""Of few people no number of feedback is told, nor follows from those that are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from carethread.careteams.feedback import terms
from carethread.careteams.feedback.figures import (
    ANSWERED,
    CLOSED,
    OPENED,
    OVERDUE,
    SAID,
    SHARE,
    TO_CLOSE,
    figures,
)  # fmt: skip
from carethread.careteams.feedback.terms import TOLD, TOLD_OPENLY, WHY_UNTOLD, WITHDRAWN, concept, with_output
from carethread.careteams.feedback.themes import COMMENTS, SEVERITY_HIGH, UNCODED, themes
from carethread.core.few import ENOUGH, is_few
from carethread.core.ports import Resource

NOW = 1_900_000_000_000_000
DAY, LATE = {"start": "2029-01-01T08:00:00Z", "end": "2029-01-01T10:00:00Z"}, "2099-01-01T00:00:00Z"


def feedback(status: str, state: str = "waiting", *, taken: bool = False, due: str = DAY["end"]) -> Resource:
    ran = {"completed": DAY, "requested": {"start": DAY["start"]} if taken else {}}.get(status, {})
    return {
        "resourceType": "Task", "id": "1", "status": status, "businessStatus": concept(terms.STATES, state),
        "authoredOn": "2029-01-01T06:00:00Z", "restriction": {"period": {"end": due}}, "executionPeriod": ran,
    }  # fmt: skip


WAYS = [
    feedback("requested"), feedback("requested", taken=True), feedback("requested", due=LATE),
    feedback("completed", TOLD), feedback("completed", TOLD_OPENLY), feedback("completed", WHY_UNTOLD),
    feedback("cancelled", WITHDRAWN),
]  # fmt: skip
PARTS = {
    SAID: (SAID,), WITHDRAWN: (SAID,), OPENED: (SAID,), CLOSED: (SAID,), ANSWERED: (SAID,), OVERDUE: (SAID, OPENED),
    TOLD: (SAID, CLOSED), TOLD_OPENLY: (SAID, CLOSED), WHY_UNTOLD: (SAID, CLOSED),
}  # fmt: skip
"""Each figure, and those that count whatever it counts."""


def every(numbers: Sequence[int]) -> list[Resource]:
    return [way for way, number in zip(WAYS, numbers, strict=True) for _ in range(number)]


@given(st.lists(st.sampled_from([0, 1, 5, 10, 11, 12, 30]), min_size=len(WAYS), max_size=len(WAYS)))
@example([0, 0, 2, 30, 0, 0, 0])
def test_no_number_of_few_is_told_nor_the_rest_of_one(numbers: list[int]) -> None:
    tasks = every(numbers)
    found = figures(tasks, NOW, [f"Patient/{each}" for each in range(len(tasks))])
    told = {name: count for name, count in found.counts.items() if name not in found.masked}
    assert found.counts == figures(tasks, NOW).counts
    for name, count in told.items():
        assert not is_few(count)
        assert all(not is_few(told[whole] - count) for whole in PARTS[name] if whole in told)
    for one, other in combinations((TOLD, TOLD_OPENLY, WHY_UNTOLD), 2):
        if {one, other, CLOSED} <= told.keys():
            assert not is_few(told[CLOSED] - told[one] - told[other])
    if {SAID, OPENED, CLOSED} <= told.keys():
        assert not is_few(told[SAID] - told[OPENED] - told[CLOSED])
    if SHARE not in found.masked and CLOSED in told and found.share_told is not None:
        learned = round(found.share_told * told[CLOSED])
        assert not is_few(learned)
        assert not is_few(told[CLOSED] - learned)
    assert not ({SHARE, OVERDUE} - found.masked and CLOSED in found.masked and OPENED in found.masked)


def test_what_is_of_many_is_told() -> None:
    tasks = every([11, 11, 11, 11, 11, 11, 11])
    assert figures(tasks, NOW, [f"Patient/{each}" for each in range(len(tasks))]).masked == set()


def test_many_tasks_of_few_people_are_of_few() -> None:
    found = figures(every([0, 0, 0, 40, 0, 0, 0]), NOW, [f"Patient/{each % 10}" for each in range(40)])
    assert found.masked >= {SAID, CLOSED, SHARE, TO_CLOSE}


def comment(*found: str, status: str = "completed", severity: str = "low") -> Resource:
    made: Resource = {"status": status}
    made = with_output(made, terms.THEME, *({"valueCodeableConcept": concept(terms.THEMES, each)} for each in found))
    return with_output(made, terms.SEVERITY, {"valueCodeableConcept": concept(terms.SEVERITIES, severity)})


COMMENTED = [
    comment("waiting"), comment("respect"), comment("waiting", "costs"), comment("costs", severity="high"),
    comment(status="requested"), comment("other", status="cancelled"),
]  # fmt: skip


@given(st.lists(st.sampled_from([0, 1, 6, 10, 11, 12, 30]), min_size=len(COMMENTED), max_size=len(COMMENTED)))
@example([12, 11, 0, 10, 0, 0])
def test_no_theme_of_few_is_told_nor_the_rest_of_one(numbers: list[int]) -> None:
    tasks = [each for each, number in zip(COMMENTED, numbers, strict=True) for _ in range(number)]
    found = themes(tasks, [f"Task/{each}" for each in range(len(tasks))])
    told = {name: count for name, count in found.counts().items() if name not in found.masked}
    of = {code: count for code, count in found.of.items() if code not in found.masked}
    assert not any(map(is_few, (*told.values(), *of.values())))
    whole = told.get(COMMENTS)
    if whole is None:
        assert not told
        assert not of
        return
    coded = whole - told.get(UNCODED, 0)
    assert not any(is_few(coded - count) for count in (*of.values(), told.get(SEVERITY_HIGH, 0), 0))
    kept = found.of.keys() - of.keys()
    if UNCODED in told and len(kept) == 1:  # each comment has a theme at least
        assert coded - sum(of.values()) < ENOUGH - 1 or found.of[min(kept)] >= ENOUGH

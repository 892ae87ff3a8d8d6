"""Of few people no number of feedback is told, nor follows from those that are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from hypothesis import example, given, settings
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
from carethread.careteams.feedback.themes import ALL, COMMENTS, SEVERITY_HIGH, UNCODED, themes
from carethread.core.few import ENOUGH, is_few
from carethread.core.ports import Resource
from unit.metrics.suppressing.test_adversary import PRIME, solved

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


Asked = Callable[..., Mapping[str, int | None]]
"""What is told of Tasks, by name; None: it is not told."""


def told_figures(*given: Any) -> dict[str, int | None]:
    found = figures(given[0], NOW, *given[1:])
    return {name: None if name in found.masked else count for name, count in found.counts.items()}


def told_themes(*given: Any) -> dict[str, int | None]:
    found = themes(*given)
    return {name: None if name in found.masked else n for name, n in {**dict.fromkeys(ALL, 0), **found.of}.items()} | {
        name: None if name in found.masked else count for name, count in found.counts().items()
    }


def known_of(ask: Asked, ways: Sequence[Resource], practice: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, str]]:
    """The departments and names of which few people's numbers are told, or follow from what is told of all
    departments and of each."""
    heard = {
        where: [(way, f"Patient/{where}{i}{j}") for i, way in enumerate(ways) for j in range(numbers[i])]
        for where, numbers in practice.items()
    }
    split = {where: ([way for way, _ in some], [who for _, who in some]) for where, some in heard.items()}
    whole = ask(
        [way for some, _ in split.values() for way in some], [who for _, some in split.values() for who in some]
    )
    answers = {
        where: ask(*split[where], {each: some for each, some in split.items() if each != where and some[0]}, where)
        for where in practice
    }
    stands = [{name for name, count in ask([way]).items() if count} for way in ways]
    known: list[dict[Any, int]] = []
    for of, answer in ((practice.keys(), whole), *(({where}, answer) for where, answer in answers.items())):
        for name, count in answer.items():
            atoms = [(where, i) for where in of for i, names in enumerate(stands) if name in names]
            known += [dict.fromkeys(atoms, 1)] if count is not None else []
            known += [{each: 1} for each in atoms] if count == 0 else []
    for where in practice:
        for name in whole:
            atoms = [(where, i) for i, names in enumerate(stands) if name in names]
            known.append({(where, name): 1, **dict.fromkeys(atoms, PRIME - 1)})
    found: set[Any] = {*solved(known)}
    for where, numbers in practice.items():
        for name in whole:
            if is_few(sum(numbers[i] for i, names in enumerate(stands) if name in names)) and (where, name) in found:
                yield where, name


BY_DEPARTMENT = st.sampled_from([0, 0, 1, 5, 10, 11, 12, 30])


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({each: st.lists(BY_DEPARTMENT, min_size=7, max_size=7) for each in "xyz"}))
@example({"x": [14, 0, 0, 0, 0, 0, 0], "y": [3, 0, 0, 0, 0, 0, 0], "z": [0] * 7})
def test_no_number_of_few_of_a_department_follows_from_those_of_all(practice: dict[str, list[int]]) -> None:
    assert list(known_of(told_figures, WAYS, practice)) == []


THEMED = [*COMMENTED, comment("waiting", "respect"), comment("respect", "costs", severity="high")]
"""As many themes as a comment may have, so that they add up to nothing."""


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({each: st.lists(BY_DEPARTMENT, min_size=8, max_size=8) for each in "xyz"}))
@example({"x": [14, 0, 0, 0, 0, 0, 0, 0], "y": [3, 20, 0, 0, 0, 0, 0, 0], "z": [40, 20, 0, 0, 0, 0, 0, 0]})
@example({"x": [12, 3, 0, 0, 0, 0, 0, 0], "y": [0, 40, 0, 0, 0, 0, 0, 0], "z": [0, 50, 0, 0, 0, 0, 0, 0]})
def test_no_theme_of_few_of_a_department_follows_from_those_of_all(practice: dict[str, list[int]]) -> None:
    assert list(known_of(told_themes, THEMED, practice)) == []


def test_the_smallest_other_department_is_masked_with_one_that_has_few() -> None:
    of = {where: [WAYS[0]] * number for where, number in (("few", 3), ("small", 14), ("big", 40), ("large", 50))}
    split = {where: (tasks, [f"Patient/{where}{i}" for i in range(len(tasks))]) for where, tasks in of.items()}
    told = {}
    for where, (tasks, who) in split.items():
        others = {each: some for each, some in split.items() if each != where}
        told[where] = SAID not in figures(tasks, NOW, who, others, where).masked
    assert told == {"few": False, "small": False, "big": True, "large": True}

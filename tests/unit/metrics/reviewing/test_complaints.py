"""Complaints by what they are about; numbers of few people are not told, nor can they be worked out."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import combinations
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from carethread.core.few import is_few
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.reviewing.asking import Review
from carethread.metrics.reviewing.complaints import UNREAD, UNSAID, WORDLESS, Complaints, Line, _hidden, complaints
from support.facts import facts_of
from support.reviewing import Resource, complaint, ward
from unit.metrics.suppressing.test_adversary import PRIME, solved

FEBRUARY = Review("ward", Days(date(2030, 2, 1), date(2030, 2, 28)))


def found(*resources: Resource, masks: bool = False) -> Complaints:
    with facts_of([ward(), *resources]) as facts:
        return complaints(facts, FEBRUARY, masks=masks)


def test_they_are_counted_by_theme_and_severity() -> None:
    told = found(
        *complaint("a", "p", "waiting", "respect", severity="high"),
        *complaint("b", "q", "waiting", severity="low"),
        *complaint("c", "q"),
        *complaint("d", "q", comment=False),
        *complaint("e", "q", "costs", day="2030-01-31"),
        *complaint("f", "q", "costs", day="2030-03-01"),
    )
    assert told.whole == Line("", 4, 1)
    assert told.themes == [
        Line("waiting", 2, 0), Line("respect", 1, 0), Line("costs", 0, 1), Line(UNREAD, 1, 0), Line(WORDLESS, 1, 0)
    ]  # fmt: skip
    assert [(each.name, each.now) for each in told.severities] == [
        ("high", 1), ("low", 1), (UNSAID, 0), (UNREAD, 1), (WORDLESS, 1)
    ]  # fmt: skip


def test_what_is_withdrawn_or_elsewhere_does_not_count() -> None:
    withdrawn, comment = complaint("a", "p", "waiting")
    elsewhere = [each | {"extension": []} for each in complaint("b", "p", "waiting")]
    praise = complaint("c", "p", "praise")[1]
    low = [each | {"reasonCode": {"text": "low"}} for each in complaint("d", "p", "care")]
    told = found(withdrawn | {"status": "cancelled"}, comment, *elsewhere, praise, *low)
    assert told == Complaints(Line("", 0, 0), [], [])


def test_a_month_is_that_of_the_department() -> None:
    zone = {"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": "America/New_York"}
    early, _ = complaint("a", "p", "waiting", day="2030-03-01")
    resources = [ward() | {"extension": [zone]}, early | {"authoredOn": "2030-03-01T03:00:00Z"}]
    with facts_of(resources) as facts:
        assert complaints(facts, FEBRUARY, masks=False).whole.now == 1
        assert complaints(facts, Review("other", FEBRUARY.days), masks=False).whole.now == 0


def test_of_few_people_nothing_is_told() -> None:
    few = [each for i in range(3) for each in complaint(f"c{i}", f"p{i}", "waiting")]
    assert found(*few, masks=True) == Complaints(Line("", None, 0), [Line("waiting", None, 0)], [Line(UNSAID, None, 0)])
    same = [each for i in range(30) for each in complaint(f"c{i}", "p", "waiting")]
    assert found(*same, masks=True).whole.now is None, "many complaints of one person"
    nameless = [each for i in range(12) for each in complaint(f"c{i}", "", "waiting")]
    assert found(*nameless, masks=True).themes == [Line("waiting", 12, 0)], "each without a name is somebody's"


NUMBERS = st.sampled_from([0, 0, 0, 1, 5, 10, 11, 20, 30])
WAYS = [
    (("without words",), ("without words",)), (("not read yet",), ("not read yet",)),
    *(((theme,), (severity,)) for theme in ("waiting", "care") for severity in ("high", "low")),
    (("waiting", "care"), ("low",)), (("care", "costs"), (UNSAID,)),
]  # fmt: skip
"""In which ways complaints stand: their themes, and their severity."""

THEMES = ("waiting", "care", "costs")
OTHERS = [
    (themes, (severity,))
    for n in (1, 2, 3) for themes in combinations(THEMES, n) for severity in ("high", "low", UNSAID)
    if (themes, (severity,)) not in WAYS
]  # fmt: skip
"""In which they could, as far as is known."""


@settings(max_examples=150, deadline=None)
@given(st.lists(NUMBERS, min_size=len(WAYS), max_size=len(WAYS)))
@example([20, 0, 0, 0, 5, 30, 0, 0])
@example([3, 0, 20, 0, 12, 30, 0, 0])
@example([3, 20, 0, 5, 20, 30, 0, 0])
def test_no_number_of_few_is_told_or_follows(numbers: list[int]) -> None:
    places = [[("", ""), *(("theme", each) for each in themes), ("severity", how)] for themes, (how,) in WAYS + OTHERS]
    people: Counter[tuple[str, str]] = Counter({("", ""): 0, ("read", ""): sum(numbers[2:])})
    for of, number in zip(places, numbers, strict=False):
        people.update(dict.fromkeys(of, number) if number else {})
    kept = _hidden({place: (number, number) for place, number in people.items()})
    assert not any(is_few(people[place]) for place in people.keys() - kept - {("read", "")})
    known: list[dict[Any, int]] = []
    every = {place for of in places for place in of}
    for place in every:
        ways: dict[Any, int] = {i: 1 for i, of in enumerate(places) if place in of}
        known.append({place: PRIME - 1, **ways})
        if place not in kept:
            known += [ways, *([] if people[place] else ({way: 1} for way in ways))]
    found: set[Any] = {*solved(known)}
    assert not [place for place in every if is_few(people[place]) and place in found]


def test_what_is_told_of_many_is_told() -> None:
    """A few that nobody has read hide how many are read, and so of each part the smallest number."""
    cells = {("", ""): 63, ("read", ""): 60, ("theme", "care"): 40, ("theme", "costs"): 20, ("theme", UNREAD): 3}
    cells |= {("severity", "high"): 12, ("severity", "low"): 48, ("severity", UNREAD): 3}
    assert _hidden({place: (people, people) for place, people in cells.items()}) == {
        ("theme", UNREAD), ("severity", UNREAD), ("theme", "costs"), ("severity", "high")
    }  # fmt: skip

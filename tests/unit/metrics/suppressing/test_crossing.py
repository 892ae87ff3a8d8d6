"""Groups of a Measure that are of the same people: whoever adds and subtracts what is told of all of them does not come
to a number of few people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.few import ENOUGH
from carethread.metrics.evaluating.asking import Asked
from carethread.metrics.evaluating.counting import Counted
from carethread.metrics.measures.definition import LANGUAGE, Definition, definition
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place
from carethread.metrics.suppressing.crossing import tells_few, told_of
from carethread.metrics.suppressing.masking import masked
from unit.metrics.suppressing.test_adversary import MONTHS, PRACTICE, Visit, is_told, many

SQL = """
SELECT 'Visit/' || number AS resource, subject, "at", department, NULL AS practitioner, TRUE AS initial_population,
  status LIKE '%a%' AS a, status LIKE '%b%' AS b, status LIKE '%c%' AS c, status LIKE '%d%' AS d
FROM made WHERE "at" >= $start AND "at" < $end
"""
"""What became of a visit is said by letters, which may come together in any way."""

Groups = tuple[tuple[str, str], ...]
"""Denominator and numerator of each."""

ASKED = Asked(str(MONTHS[0].first), str(MONTHS[0].last), MONTHS[0], "summary", "", "", "", "")
OVERLAPPING: Groups = (("a", "b"), ("a", "c"), ("d", "c"))


def measure(groups: Groups) -> Definition:
    def criteria(name: str, column: str) -> dict[str, Any]:
        return {"code": {"coding": [{"code": name}]}, "criteria": {"language": LANGUAGE, "expression": column}}

    parted = [criteria(each, each) for each in ("department", "sex")]
    made = [
        {
            "population": [
                criteria("initial-population", "initial_population"),
                criteria("denominator", denominator),
                criteria("numerator", numerator),
            ],
            "stratifier": parted,
        }
        for denominator, numerator in groups
    ]
    url = "https://example.org/m"
    return definition({"id": "m", "url": url, "scoring": {"coding": [{"code": "proportion"}]}, "group": made}, SQL, "")


def told(groups: Groups, visits: list[Visit]) -> tuple[list[Counted], Mapping[Place, Hidden]]:
    PRACTICE.fill(visits)
    return masked(PRACTICE, measure(groups), ASKED, lambda said: None)


Unknown = tuple[Place, str]
"""How many visits of a cell stand in one way."""

PRIME = 2**61 - 1


class Known:
    """Sums of unknowns of which the value is known."""

    def __init__(self) -> None:
        self.rows: dict[Unknown, dict[Unknown, int]] = {}

    def rest(self, sum_: Mapping[Unknown, int]) -> dict[Unknown, int]:
        """What does not follow of a sum."""
        left = dict(sum_)
        while pivot := next((each for each in left if each in self.rows), None):
            times = left[pivot]
            for name, value in self.rows[pivot].items():
                left[name] = (left.get(name, 0) - times * value) % PRIME
            left = {name: value for name, value in left.items() if value}
        return left

    def add(self, sum_: Mapping[Unknown, int]) -> None:
        left = self.rest(sum_)
        if left:
            pivot = min(left)
            inverse = pow(left[pivot], -1, PRIME)
            row = {name: value * inverse % PRIME for name, value in left.items()}
            for other, of in list(self.rows.items()):
                times = of.get(pivot, 0)
                if times:
                    less = {name: (of.get(name, 0) - times * row.get(name, 0)) % PRIME for name in {*of, *row}}
                    self.rows[other] = {name: value for name, value in less.items() if value}
            self.rows[pivot] = row


def places(visits: list[Visit]) -> dict[str, list[Place]]:
    sexes = {"f": "female", "m": "male", "o": "other"}
    return {
        "department": [("department", each) for each in sorted({where for _, _, where, _ in visits})],
        "sex": [("sex", sexes[each]) for each in sorted({who[0] for who, *_ in visits})],
    }


def within(groups: Groups, place: int, population: str, way: str) -> bool:
    """Whether who stands in a way is in a population: the numerator is of the denominator."""
    denominator, numerator = groups[place]
    if population == "initial-population":
        return True
    return denominator in way and (population == "denominator" or numerator in way)


def found_out(groups: Groups, visits: list[Visit]) -> Iterator[tuple[Place, tuple[str, ...]]]:
    """The cells and the ways in which few people stand, of which the number follows from what is told."""
    counted, hidden = told(groups, visits)
    ways = sorted({way for *_, way in visits})
    people: defaultdict[Unknown, set[str]] = defaultdict(set)
    by_column = places(visits)
    cells = [WHOLE, *(place for of in by_column.values() for place in of)]
    for who, _, where, way in visits:
        sex = {"f": "female", "m": "male", "o": "other"}[who[0]]
        for place in (WHOLE, ("department", where), ("sex", sex)):
            people[place, way].add(who)
    known = Known()
    for way in ways:
        for of in by_column.values():
            known.add({(WHOLE, way): PRIME - 1, **{(place, way): 1 for place in of}})
    for cell in cells:
        for i in range(len(groups)):
            for population in ("initial-population", "denominator", "numerator"):
                if is_told(hidden.get(cell, Hidden.NOTHING), population):
                    known.add({(cell, way): 1 for way in ways if within(groups, i, population, way)})
    assert counted[0].whole.standings
    numbers = [(i, population) for i in range(len(groups)) for population in ("denominator", "numerator")]
    apart = {way: tuple(within(groups, *number, way) for number in numbers) for way in ways}
    kinds = sorted(set(apart.values()))
    for cell in cells:
        for size in range(1, len(kinds) + 1):
            for some in combinations(kinds, size):
                chosen = tuple(way for way in ways if apart[way] in some)
                behind = len(set().union(*(people[cell, way] for way in chosen)))
                if 0 < behind < ENOUGH and not known.rest({(cell, way): 1 for way in chosen}):
                    yield cell, chosen


@st.composite
def practices(draw: st.DrawFn) -> list[Visit]:
    visits: list[Visit] = []
    known = st.sampled_from(["", "a", "ab", "ac", "abc", "ad", "acd", "d", "cd", "abcd"])
    ways = draw(st.lists(known, min_size=2, max_size=5, unique=True))
    for sex, where in [("f", "x"), ("m", "x"), ("f", "y"), ("m", "z")]:
        for way in ways:
            number = draw(st.sampled_from([0, 1, 3, 8, 11, 14, 30]))
            shared = draw(st.booleans())
            visits += [(f"{sex}{i}" if shared else f"{sex}{where}{way}{i}", 0, where, way) for i in range(number)]
    return visits


@settings(max_examples=40, deadline=None)
@given(practices(), st.sampled_from([OVERLAPPING, (("a", "b"), ("a", "c")), (("d", "c"), ("a", "b"), ("a", "d"))]))
def test_no_number_of_few_people_follows_across_groups(visits: list[Visit], groups: Groups) -> None:
    if visits:
        assert list(found_out(groups, visits)) == []


def test_who_has_answered_one_question_and_not_another_is_not_told() -> None:
    """33 people have answered, and 30 of them the other question too."""
    visits = [*many(15, status="abd"), *many(15, status="ad", sex="m"), *many(3, status="ab", sex="o")]
    counted, hidden = told((("a", "b"), ("d", "b")), visits)
    assert [each.whole.counts["denominator"] for each in counted] == [33, 30]
    assert hidden[WHOLE] is Hidden.ALL
    assert told((("a", "b"),), visits)[1].get(WHOLE, Hidden.NOTHING) is Hidden.NOTHING, "by itself each group is told"


def test_who_overlaps_in_any_way_is_told_where_nothing_follows() -> None:
    """Of two answers some people have given each only: how many is not what one number less another is."""
    visits = [*many(40, status="ad"), *many(20, status="abd"), *many(14, status="bd", sex="m")]
    visits += [*many(3, status="ab", sex="o"), *many(20, status="", sex="o")]
    _, hidden = told((("a", "b"), ("d", "b")), visits)
    assert WHOLE not in hidden


def test_three_groups_that_part_the_same_people() -> None:
    """Nobody's part is few in its group: less both numerators there are 4."""
    visits = [*many(20, status="ab"), *many(20, status="ac", sex="m"), *many(4, status="a", sex="o")]
    assert told((("a", "b"), ("a", "c")), visits)[1][WHOLE] is Hidden.ALL
    enough = [*visits, *many(12, status="a", sex="m")]
    assert WHOLE not in told((("a", "b"), ("a", "c")), enough)[1]


def test_more_combinations_than_are_tried_are_not_told() -> None:
    standings: dict[tuple[int, ...], int] = {(1 << i,): 1 for i in range(60)}
    assert tells_few([standings], [1 << i for i in range(60)])
    paired: dict[tuple[int, ...], int] = {(1 << i | 1 << (i + 1) % 60,): 2 for i in range(60)}
    assert tells_few([paired], [1 << i for i in range(60)])


@pytest.mark.parametrize(("adds", "told_"), [(True, False), (False, True)])
def test_people_in_several_cells_are_no_more_than_in_one(adds: bool, told_: bool) -> None:
    assert tells_few([{(1,): 6}, {(1,): 6}], [1], adds=adds) is told_


def test_of_the_first_groups_own_population_lists_are_told() -> None:
    one = measure((("a", "b"),)).groups
    assert told_of(one, scored=True) == [0b010, 0b100]
    assert told_of(one, scored=False) == [0b001, 0b010, 0b100]

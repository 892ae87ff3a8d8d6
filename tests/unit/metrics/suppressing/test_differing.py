"""What few people's values differ in is not told: no sum that is told, or that follows from such sums, is of people
of whom some, and few, have another value than the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.few import is_few
from carethread.metrics.evaluating.counting import Cell, Counted, Likeness
from carethread.metrics.measures.definition import Group
from carethread.metrics.suppressing.cells import WHOLE, Hidden, hidden, tells_score
from support import measured

Person = tuple[str, tuple[float, ...]]
"""The stratum that somebody is in, and their values."""

GROUP = replace(measured.known("no-show-rate").groups[0], scoring="continuous-variable", value="v", method="sum")


def differing(people: Iterable[Person]) -> int:
    """How many people have another value than that which most have alone."""
    all_ = [set(values) for _, values in people]
    alone = Counter(next(iter(values)) for values in all_ if len(values) == 1)
    return len(all_) - max(alone.values(), default=0)


def cell(people: list[Person]) -> Cell:
    alone = Counter(values[0] for _, values in people if len(set(values)) == 1)
    usual, most = alone.most_common(1)[0] if alone else (None, 0)
    counts = {each.name: 100 for each in GROUP.populations}
    return Cell(counts, 1.0, {"rest": len(people)}, {}, Likeness(usual, most, len(people) - most))


def levels(people: list[Person], group: Group = GROUP) -> dict[str, Hidden]:
    """What of each stratum is not told; of the whole by an empty name."""
    strata = {where: cell([each for each in people if each[0] == where]) for where, _ in people}
    found = hidden([group], [Counted(cell(people), {"kind": strata})], ["kind"])
    named = {value: found.get(("kind", value), Hidden.NOTHING) for value in strata}
    return {**named, "": found.get(WHOLE, Hidden.NOTHING)}


alike = st.tuples(st.sampled_from("abcd"), st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0]), st.sampled_from([1, 5, 11, 30]))
others = st.tuples(st.sampled_from("abcd"), st.sampled_from([(2.0,), (0.0, 1.0), (7.0,)]), st.integers(1, 12))


@settings(max_examples=150, deadline=None)
@given(st.lists(alike, min_size=1, max_size=8), st.lists(others, max_size=4))
def test_no_sum_is_told_or_follows_of_people_of_whom_few_differ(
    most: list[tuple[str, float, int]], few: list[tuple[str, tuple[float, ...], int]]
) -> None:
    people: list[Person] = [(where, (value,)) for where, value, many in most for _ in range(many)]
    people += [(where, values) for where, values, many in few for _ in range(many)]
    found = levels(people)
    told = {where for where, level in found.items() if tells_score(GROUP, level)}
    for where in told:
        assert not is_few(differing(each for each in people if where in ("", each[0])))
    left = [each for each in people if each[0] not in told]
    if "" in told and left:
        assert len({where for where, _ in left}) > 1
        assert not is_few(differing(left)), "the whole less the strata that are told"


def many(where: str, value: float, people: int) -> list[Person]:
    return [(where, (value,))] * people


def test_only_the_number_that_few_differ_in_is_not_told() -> None:
    people = many("a", 0, 40) + many("b", 0, 40) + many("a", 1, 1)
    assert set(levels(people).values()) == {Hidden.SCORE}, "the whole is of one, and so is each that holds them"
    assert set(levels(people[:-1]).values()) == {Hidden.NOTHING}, "nobody differs"
    assert set(levels([*people, *people[-1:] * 10]).values()) == {Hidden.NOTHING}, "eleven do"


def test_a_stratum_in_which_few_differ_is_not_alone() -> None:
    of_one = many("d", 0, 30) + many("d", 1, 1)
    found = levels([each for where in "abc" for value in (0, 1) for each in many(where, value, 20)] + of_one)
    assert found["d"] is Hidden.SCORE and found[""] is Hidden.NOTHING
    assert sorted(found.values()) == [Hidden.NOTHING] * 3 + [Hidden.SCORE] * 2


@pytest.mark.parametrize("method", ["sum", "average", "median"])
def test_each_number_that_is_made_of_many_is_hidden(method: str) -> None:
    assert not tells_score(replace(GROUP, method=method), Hidden.SCORE)
    assert tells_score(replace(GROUP, method=method), Hidden.BESIDE)


def test_a_share_is_told_where_a_sum_beside_it_is_not() -> None:
    assert tells_score(measured.known("no-show-rate").groups[0], Hidden.SCORE)

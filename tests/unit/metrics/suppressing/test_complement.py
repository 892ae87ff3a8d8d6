"""Which strata are hidden along with others: the smallest, as few as make it safe, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.suppressing import cells
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place, hidden
from support import measured

GROUPS = measured.known("no-show-rate").groups
CROSSED = measured.known("hand-off-closure").groups
people = st.sampled_from([0, 0, 1, 5, 10, 11, 12, 40])


def one_by_one(levels: Any, strata: Any, level: Hidden, told: Sequence[int], *, adds: bool) -> None:
    """The same, looked at after each."""
    inside = [value for value in levels if levels[value] >= level]
    others = sorted(strata.keys() - set(inside), key=lambda value: (sum(strata[value].behind[level]), value))
    while inside and others and not cells._is_safe([strata[value] for value in inside], level, told, adds=adds):
        levels[others[0]] = level
        inside.append(others.pop(0))


def counted(strata: Mapping[str, Sequence[int]]) -> list[Counted]:
    """One group of which each stratum has as many came and as many missed."""
    names = ("denominator-exclusion", "numerator", "rest", "beside", "unresolved")
    counts = {each.name: 100 for each in GROUPS[0].populations}
    whole = Cell(counts, None, dict.fromkeys(names, 5000))
    by = {
        value: Cell(counts, None, dict(zip(("numerator", "rest"), some, strict=True))) for value, some in strata.items()
    }
    return [Counted(whole, {"kind": by})]


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.tuples(people, people), max_size=12), st.booleans()
)
def test_as_few_are_hidden_as_one_by_one(strata: dict[str, tuple[int, int]], adds: bool) -> None:
    once = ["kind"] if adds else []
    assert hidden(GROUPS, counted(strata), once) == _slowly(lambda: hidden(GROUPS, counted(strata), once))


standings = st.dictionaries(st.integers(0, 2**6 - 1).map(lambda way: (way,)), people, max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(standings, min_size=1, max_size=8), st.booleans())
def test_as_few_are_hidden_where_populations_overlap(found: list[dict[tuple[int, ...], int]], adds: bool) -> None:
    many: dict[tuple[int, ...], int] = {(1 << i,): 4000 for i in range(6)}
    made = [
        Counted(
            Cell({each.name: 100 for each in group.populations}, None, {}, many),
            {"kind": {str(i): Cell({}, None, {}, each) for i, each in enumerate(found)}},
        )
        for group in CROSSED
    ]
    once = ["kind"] if adds else []
    assert hidden(CROSSED, made, once) == _slowly(lambda: hidden(CROSSED, made, once))


def _slowly(work: Callable[[], Mapping[Place, Hidden]]) -> Mapping[Place, Hidden]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cells, "_complement", one_by_one)
        return work()


def test_a_thousand_strata_are_looked_at_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but one must be hidden: nobody else missed a visit, so that those two are not hidden among others."""
    looked: list[int] = []
    is_safe = cells._is_safe

    def counts(tallies: Sequence[Any], *given: Any, **more: Any) -> bool:
        looked.append(len(tallies))
        return is_safe(tallies, *given, **more)

    monkeypatch.setattr(cells, "_is_safe", counts)
    strata = {"few": (2, 20), **{f"s{i:03}": (0, 11 + i) for i in range(998)}, "last": (50, 5000)}
    found = hidden(GROUPS, counted(strata), ["kind"])
    assert WHOLE not in found
    assert len(found) == 1000
    assert len(looked) <= 2 * 11, "by halves, for both levels"

"""What needs what, in order, and where that goes in circles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carethread.questionnaires.forms.ordering import ordered

GRAPHS = st.integers(1, 7).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, size), max_size=3), min_size=size, max_size=size)
)


@given(GRAPHS)
def test_each_is_behind_what_it_needs_or_in_a_circle_or_needs_one_that_is(graph: list[list[int]]) -> None:
    needs = dict(enumerate(graph))
    found, circles = ordered(needs)
    for node in found:
        assert all(other in found[: found.index(node)] for other in needs[node] if other in needs)
    for circle in circles:
        assert all(after in needs[node] for node, after in zip(circle, circle[1:] + circle[:1], strict=True))
        assert not set(circle) & set(found)
    assert len(found) == len(set(found))
    assert bool(circles) == (len(found) < len(needs))

"""The judge of booking histories, beside one that tries every order."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.linearizable import Kind, Op, after, linearizable

KINDS = ("take", "refused", "leave", "seen-taken", "seen-free")

histories = st.lists(
    st.builds(
        lambda called, lasts, kind, who: Op(called, called + lasts, kind, who),
        st.integers(0, 12).map(float),
        st.integers(1, 6).map(float),
        st.sampled_from(KINDS),
        st.sampled_from(["a", "b"]),
    ),
    max_size=6,
)


def every_order(history: list[Op]) -> bool:
    """Try all orders in which nothing comes before what was over when it began."""
    for order in permutations(history):
        if any(later.answered < op.called for number, op in enumerate(order) for later in order[number + 1 :]):
            continue
        state = ""
        for op in order:
            if (then := after(state, op)) is None:
                break
            state = then
        else:
            return True
    return False


@given(histories)
def test_as_every_order_says(history: list[Op]) -> None:
    assert linearizable(history) == every_order(history)


@pytest.mark.parametrize(
    ("history", "good"),
    [
        ([], True),
        ([Op(0, 1, "take", "a"), Op(2, 3, "refused", "b")], True),
        ([Op(0, 3, "take", "a"), Op(1, 2, "take", "b")], False),
        ([Op(0, 1, "take", "a"), Op(2, 3, "leave", "a"), Op(4, 5, "refused", "b")], False),
        ([Op(0, 1, "take", "a"), Op(2, 9, "leave", "a"), Op(4, 5, "refused", "b"), Op(6, 7, "take", "b")], True),
        ([Op(0, 1, "take", "a"), Op(2, 3, "seen-free")], False),
        ([Op(0, 1, "leave", "a")], False),
    ],
    ids=["nothing", "one-winner", "two-winners", "ghost", "in-between", "lost", "never-had"],
)
def test_what_can_have_happened(history: list[Op], good: bool) -> None:
    assert linearizable(history) is good


def test_a_long_history_is_judged_quickly() -> None:
    turns: list[tuple[Kind, str]] = []
    for turn in range(500):
        turns += [("take", f"a{turn}"), ("leave", f"a{turn}")]
    history = [Op(float(n), n + 1.5, kind, who) for n, (kind, who) in enumerate(turns)]
    assert all(before.called < later.called for before, later in pairwise(history))
    assert linearizable(history)

"""The judge of booking histories, beside one that tries every order."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.linearizable import Kind, Op, State, after, linearizable

KINDS: tuple[Kind, ...] = ("take", "move", "firm", "renew", "leave", "over", "seen-taken", "seen-free")
CLASHES = {"x": ["y"], "y": ["x"]}

histories = st.lists(
    st.builds(
        lambda called, lasts, kind, who, slots, done, until: Op(called, called + lasts, kind, who, slots, done, until),
        st.integers(0, 12).map(float),
        st.integers(1, 6).map(float),
        st.sampled_from(KINDS),
        st.sampled_from(["a", "b"]),
        st.sampled_from([("x",), ("y",), ("x", "room")]),
        st.booleans(),
        st.sampled_from([0.0, 9.0]),
    ),
    max_size=6,
)


def every_order(history: list[Op]) -> bool:
    """Try all orders in which nothing comes before what was over when it began."""
    for order in permutations(history):
        if any(later.answered < op.called for number, op in enumerate(order) for later in order[number + 1 :]):
            continue
        state: State = frozenset()
        for op in order:
            if (then := after(state, op, CLASHES)) is None:
                break
            state = then
        else:
            return True
    return False


@given(histories)
def test_as_every_order_says(history: list[Op]) -> None:
    assert linearizable(history, CLASHES) == every_order(history)


def took(called: float, answered: float, who: str, *slots: str, until: float = 0) -> Op:
    return Op(called, answered, "take", who, slots or ("x",), until=until)


def refused(called: float, answered: float, who: str, *slots: str) -> Op:
    return Op(called, answered, "take", who, slots or ("x",), done=False)


def left(called: float, answered: float, who: str, until: float = 0) -> Op:
    return Op(called, answered, "leave", who, until=until)


def over(at: float, who: str) -> Op:
    return Op(at, at, "over", who, until=at)


@pytest.mark.parametrize(
    ("history", "good"),
    [
        ([], True),
        ([took(0, 1, "a"), refused(2, 3, "b")], True),
        ([took(0, 3, "a"), took(1, 2, "b")], False),
        ([took(0, 1, "a"), left(2, 3, "a"), refused(4, 5, "b")], False),
        ([took(0, 1, "a"), left(2, 9, "a"), refused(4, 5, "b"), took(6, 7, "b")], True),
        ([took(0, 1, "a"), Op(2, 3, "seen-free", slots=("x",))], False),
        ([left(0, 1, "a")], False),
        ([took(0, 1, "a", "x", "room"), refused(2, 3, "b", "room"), refused(2, 3, "c", "x")], True),
        ([took(0, 1, "a", "x", "room"), took(2, 3, "b", "room")], False),
        ([took(0, 1, "a", "room"), refused(2, 3, "b", "x", "room"), took(4, 5, "c")], True),
        ([took(0, 1, "a", "room"), refused(2, 3, "b", "x", "room"), refused(4, 5, "c")], False),
        ([took(0, 1, "a"), took(2, 3, "b", "y")], False),
        ([took(0, 1, "a"), refused(2, 3, "b", "y")], True),
        ([took(0, 1, "a", "x", "room"), Op(2, 5, "move", "a", ("y", "room")), took(3, 4, "b")], False),
        ([took(0, 1, "a", "x", "room"), Op(2, 5, "move", "a", ("z", "room")), took(3, 4, "b")], True),
        ([took(0, 1, "a", until=5), over(5, "a"), took(6, 7, "b")], True),
        ([took(0, 1, "a", until=5), over(5, "a"), took(3, 4, "b")], False),
        ([took(0, 1, "a", until=5), over(5, "a"), refused(6, 7, "b")], False),
        ([took(0, 1, "a", until=5), over(5, "a"), Op(2, 3, "firm", "a", ("x",)), took(6, 7, "b")], False),
        ([took(0, 1, "a", until=5), over(5, "a"), Op(6, 7, "firm", "a", ("x",)), refused(8, 9, "b")], True),
        ([took(0, 1, "a", until=5), over(5, "a"), took(6, 7, "b"), Op(8, 9, "firm", "a", ("x",))], False),
        ([took(0, 1, "a", until=5), Op(2, 3, "renew", "a", ("x",), until=8), over(5, "a"), refused(6, 7, "b")], True),
        ([took(0, 1, "a", until=5), over(5, "a"), left(6, 7, "a", until=5)], True),
    ],
    ids=[
        "nothing",
        "one-winner",
        "two-winners",
        "ghost",
        "in-between",
        "lost",
        "never-had",
        "both",
        "half-taken",
        "nothing-of-both",
        "half-a-booking",
        "overlap",
        "overlap-told",
        "two-at-once",
        "moved-on",
        "hold-ends",
        "hold-ends-early",
        "ghost-hold",
        "firm-in-time",
        "firm-late",
        "firm-too-late",
        "renewed",
        "given-up-late",
    ],
)
def test_what_can_have_happened(history: list[Op], good: bool) -> None:
    assert linearizable(history, CLASHES) is good


def test_a_long_history_is_judged_quickly() -> None:
    turns: list[tuple[Kind, str]] = []
    for turn in range(500):
        turns += [("take", f"a{turn}"), ("leave", f"a{turn}")]
    history = [Op(float(n), n + 1.5, kind, who, ("x",)) for n, (kind, who) in enumerate(turns)]
    assert all(before.called < later.called for before, later in pairwise(history))
    assert linearizable(history)

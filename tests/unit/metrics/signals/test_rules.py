"""The Western Electric rules: each alone, and all against a computation that looks at every window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.signals.charts import Chart, Limit
from carethread.metrics.signals.rules import Signal, holding, signals


def charted(zs: Sequence[float | None]) -> Chart:
    """The chart of points so many standard deviations off the centre; None is an empty bucket."""
    limits = [None if z is None else Limit(0, 1, -3, 3, z, (z > 0) - (z < 0)) for z in zs]
    return Chart("xmr", 0, limits)


EXAMPLES: Mapping[str, tuple[Sequence[float | None], list[Signal]]] = {
    "a point on the limit is not beyond it": ([0.1, 3.0], []),
    "one beyond three": ([0.1, 3.1, -0.1], [Signal("one-beyond-three", "above", 1, 1)]),
    "below": ([0.1, -3.1], [Signal("one-beyond-three", "below", 1, 1)]),
    "two of three": ([0.1, 2.1, -0.5, 2.1], [Signal("two-of-three-beyond-two", "above", 1, 3)]),
    "two of three, on both sides": ([2.1, -2.1, 0.5], []),
    "an empty bucket is no point": ([2.1, None, -0.5, None, 2.1], [Signal("two-of-three-beyond-two", "above", 0, 4)]),
    "two of four": ([2.1, 0.1, 0.1, 2.1], []),
    "four of five": ([1.1, 1.1, -0.2, 1.1, 1.1], [Signal("four-of-five-beyond-one", "above", 0, 4)]),
    "four of five, the last not": ([1.1, 1.1, 1.1, 0.5, -1.1], []),
    "seven in a row": ([0.1] * 7 + [-0.1], []),
    "eight in a row": ([-0.1] + [0.1] * 8, [Signal("eight-in-a-row", "above", 1, 8)]),
    "on the centre is on no side": ([0.1] * 4 + [0.0] + [0.1] * 4, []),
    "it lasts": ([0.1] * 10 + [-0.1], [Signal("eight-in-a-row", "above", 0, 9)]),
    "another rule is the same signal": (
        [2.1, 2.1, 3.5, 0.5, -0.5],
        [Signal("two-of-three-beyond-two", "above", 0, 2)],
    ),
    "it comes again": (
        [3.5, 0.5, 3.5],
        [Signal("one-beyond-three", "above", 0, 0), Signal("one-beyond-three", "above", 2, 2)],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    zs, expected = EXAMPLES[name]
    assert signals(charted(zs)) == expected


def test_a_signal_holds_as_long_as_the_last_point_shows_it() -> None:
    seen = charted([0.1, 3.1, None])
    (signal,) = signals(seen)
    assert holding(seen, signal)
    assert not holding(charted([0.1, 3.1, 0.1]), signal)


def test_without_a_standard_deviation_a_long_run_is_all_that_is_told() -> None:
    limits = [Limit(0, 0, 0, 0, None, 1)] * 8
    assert [each.rule for each in signals(Chart("p", 0, limits))] == ["eight-in-a-row"]


zs = st.lists(st.one_of(st.none(), st.sampled_from([-3.5, -2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 3.5])), max_size=30)


@settings(max_examples=200)
@given(zs)
def test_a_signal_is_where_a_window_shows_a_rule(given_: list[float | None]) -> None:
    places = [i for i, z in enumerate(given_) if z is not None]
    points = [z for z in given_ if z is not None]
    shown: dict[str, set[int]] = {"above": set(), "below": set()}
    for side, sign in (("above", 1), ("below", -1)):
        for need, among, beyond in ((1, 1, 3), (2, 3, 2), (4, 5, 1), (8, 8, 0)):
            for end in range(len(points)):
                window = points[max(0, end + 1 - among) : end + 1]
                if sign * points[end] > beyond and sum(sign * z > beyond for z in window) >= need:
                    shown[side].add(places[end])
    covered: dict[str, set[int]] = {"above": set(), "below": set()}
    for signal in signals(charted(given_)):
        assert given_[signal.since] is not None and signal.since <= signal.last
        covered[signal.side] |= set(range(signal.since, signal.last + 1))
        assert signal.last in shown[signal.side]
    assert all(shown[side] <= covered[side] for side in shown)

"""Common free time, beside a model that looks at every quarter of an hour."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carethread.scheduling.huddles.gaps import STEP, common

QUARTERS = 40
spans = st.lists(
    st.tuples(st.integers(0, QUARTERS * 15), st.integers(1, 120)).map(
        lambda s: (s[0] * 60_000_000, sum(s) * 60_000_000)
    ),
    max_size=6,
)


def closed(hours: set[int]):
    """Open in these quarters only."""

    def why(begin: int, end: int) -> str:
        quarters = range(begin // STEP, -(-end // STEP))
        return "" if all(quarter in hours for quarter in quarters) else "hours"

    return why


@given(
    taken=spans,
    shut=st.sets(st.integers(0, QUARTERS)),
    minutes=st.sampled_from([15, 20, 30, 60]),
    begin=st.integers(0, 90),
)
def test_as_looked_at_one_by_one(taken, shut, minutes, begin) -> None:
    length, end, first = minutes * 60_000_000, QUARTERS * STEP, begin * 60_000_000
    hours = closed(set(range(QUARTERS)) - shut)
    expected, free_from = [], first
    for quarter in range(QUARTERS):
        start = quarter * STEP
        stop = start + length
        if start < free_from or stop > end or hours(start, stop) or any(b < stop and e > start for b, e in taken):
            continue
        expected.append((start, stop))
        free_from = -(-stop // STEP) * STEP
    assert list(common(first, end, length, taken, [hours])) == expected


def test_nobody_has_hours_and_nobody_is_taken() -> None:
    assert list(common(0, 3 * STEP, STEP, [], [])) == [(0, STEP), (STEP, 2 * STEP), (2 * STEP, 3 * STEP)]

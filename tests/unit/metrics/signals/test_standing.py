"""Which signals are raised, stand, end and are withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.series.buckets import before, buckets
from carethread.metrics.signals.charting import Line, Place
from carethread.metrics.signals.charts import Sample
from carethread.metrics.signals.standing import KEPT, LOOKED_AT, Over, Raised, decided, read

PLACE = Place("north", 0)
USUAL = [0.1, 0.2] * 6
MONTHS = [each.first for each in buckets(before(date(2031, 1, 1), "month", 120), "month")]


def line(values: Sequence[float | None], start: int = 0) -> Line:
    return [(MONTHS[start + i], Sample(value, 100)) for i, value in enumerate(values)]


def step(standing: Sequence[Raised], seen: Line, now: int = 1) -> tuple[list[Raised], list[Over]]:
    return decided(standing, {PLACE: seen[-KEPT:]}, ["p"], now)


def test_a_signal_is_raised_once_and_ends_when_it_is_not_to_be_seen() -> None:
    assert step([], line(USUAL)) == ([], [])
    (raised,), gone = step([], line([*USUAL, 0.4]), 7)
    assert (raised.side, raised.rule, raised.since) == ("above", "one-beyond-three", MONTHS[12]) and not gone
    assert (raised.baseline, raised.at) == (MONTHS[0], 7)
    assert step([raised], line([*USUAL, 0.4]), 8) == ([], [])
    assert step([raised], line([*USUAL, 0.4, 0.4, None]), 9) == ([], [])
    fresh, (ended,) = step([raised], line([*USUAL, 0.4, 0.4, None, 0.15]), 10)
    assert not fresh and ended == Over(raised, "ended", MONTHS[15])


def test_corrected_data_withdraw_a_signal_and_one_that_was_not_told_is_not_missed() -> None:
    (raised,), _ = step([], line([*USUAL, 0.4]))
    assert step([raised], line([*USUAL, 0.15])) == ([], [Over(raised, "withdrawn")])
    assert step([raised], line(USUAL)) == ([], [Over(raised, "withdrawn")])
    assert step([raised], []) == ([], [Over(raised, "withdrawn")])
    (again,), _ = step([], line([*USUAL, 0.4]), 2)
    assert again != raised and again.key != raised.key, "one that is given again is told anew"


def test_a_department_or_a_group_that_is_gone_has_no_signals() -> None:
    (raised,), _ = step([], line([*USUAL, 0.4]))
    assert decided([raised], {}, ["p"], 1) == ([], [Over(raised, "withdrawn")])
    (other,) = [Raised(Place("north", 3), raised.side, raised.rule, raised.since, raised.baseline, 1)]
    assert decided([other], {}, ["p"], 1) == ([], [Over(other, "withdrawn")])


def test_both_sides_and_departments_are_told_apart() -> None:
    (raised,), _ = step([], line([*USUAL, 0.4]))
    (below,), gone = step([raised], line([*USUAL, 0.4, 0.0]))
    assert below.side == "below" and gone == [Over(raised, "ended", MONTHS[13])]
    south = Place("south", 0)
    fresh, _ = decided([raised], {PLACE: line([*USUAL, 0.4]), south: line([*USUAL, 0.4])}, ["p"], 1)
    assert [each.place for each in fresh] == [south]


def test_a_shift_stands_until_it_has_become_usual() -> None:
    values: list[float | None] = [*USUAL, *[0.4] * (KEPT + 1)]
    (raised,), _ = step([], line(values[:13]))
    for end in range(14, KEPT + 1):
        assert step([raised], line(values[:end])) == ([], []), end
    assert step([raised], line(values[: KEPT + 1])) == ([], [Over(raised, "ended")])


def test_a_key_is_read_as_it_was_written() -> None:
    for place in (PLACE, Place("", 2), Place("Organization/north", 0), Place("a/1/above", 1)):
        raised = Raised(place, "below", "eight-in-a-row", MONTHS[3], MONTHS[0], 1_900_000_000_000_000)
        assert read(raised.key) == raised


values = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.1, 0.2, 0.4])), min_size=LOOKED_AT, max_size=60)


@settings(max_examples=60, deadline=None)
@given(values)
def test_month_after_month_each_signal_is_raised_once_and_a_look_again_changes_nothing(
    given_: list[float | None],
) -> None:
    standing: list[Raised] = []
    told = set()
    for end in range(1, len(given_) + 1):
        seen = line(given_[:end])
        fresh, gone = step(standing, seen, end)
        left = [each for each in standing if each not in {one.raised for one in gone}]
        assert all(each.why == "ended" for each in gone), "nothing was corrected"
        for each in fresh:
            assert (each.side, each.rule, each.since, each.baseline) not in told
            told.add((each.side, each.rule, each.since, each.baseline))
        standing = [*left, *fresh]
        assert len({each.side for each in standing}) == len(standing)
        assert step(standing, seen, end + 1) == ([], [])

"""The score of a proportion."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carethread.metrics.rules import score


def test_without_a_denominator_there_is_no_score() -> None:
    assert score({}) is None
    assert score({"numerator": 3}) is None
    assert score({"numerator": 0, "denominator": 0}) is None


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_the_score_is_the_proportion_with_four_decimals(numerator: int, denominator: int) -> None:
    found = score({"numerator": numerator, "denominator": denominator, "initial-population": 1})
    assert found is not None
    assert abs(found - numerator / denominator) <= 0.00005 + 1e-12
    assert len(found.text.partition(".")[2]) == 4


def test_a_numerator_that_is_not_counted_is_none() -> None:
    found = score({"denominator": 4})
    assert found is not None
    assert found.text == "0.0000"

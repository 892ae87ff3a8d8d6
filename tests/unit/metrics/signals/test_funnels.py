"""Funnel limits against the distributions added up term by term."""

from __future__ import annotations

from itertools import accumulate
from math import comb, exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.signals.funnels import TAILS, Kind, funnel


def passed(kind: Kind, size: int, centre: float) -> list[float]:
    """By count how probable it is that there are no more."""
    if kind == "p":
        return list(accumulate(comb(size, k) * centre**k * (1 - centre) ** (size - k) for k in range(size + 1)))
    mean = size * centre
    return list(accumulate(accumulate(range(1, 600), lambda term, k: term * mean / k, initial=exp(-mean))))


@settings(max_examples=60)
@given(st.sampled_from(["p", "u"]), st.integers(1, 120), st.floats(0.02, 0.98))
def test_limits_are_those_of_the_distribution(kind: Kind, size: int, centre: float) -> None:
    found = funnel(kind, centre, size, centre)
    for told, tail in TAILS.items():
        chances = passed(kind, size, centre)
        lower, upper = (each * size for each in found.limits[told])
        for limit, probability in ((lower, tail), (upper, 1 - tail)):
            whole = next(k for k, chance in enumerate(chances) if chance >= probability - 1e-12)
            assert max(whole - 1, 0) - 1e-6 <= limit <= whole + 1e-6
    assert found.position == "within" or size < 30
    (wide, wider) = (found.limits[told] for told in ("warning", "alarm"))
    assert wider[0] <= wide[0] <= wide[1] <= wider[1]


def test_positions() -> None:
    assert (funnel("p", 0.2, 100, 0.2).position, funnel("p", 0.2, 100, 0.2).beyond) == ("within", None)
    warned, alarmed, low = funnel("p", 0.3, 100, 0.2), funnel("p", 0.4, 100, 0.2), funnel("p", 0.02, 100, 0.2)
    assert (warned.position, warned.beyond) == ("above", "warning")
    assert (alarmed.position, alarmed.beyond) == ("above", "alarm")
    assert (low.position, low.beyond) == ("below", "alarm")
    assert funnel("p", 0.0, 5, 0.2).position == "within", "none of few is no wonder"


@pytest.mark.parametrize("kind", ["p", "u"])
def test_many_are_as_the_normal_distribution_says(kind: Kind) -> None:
    exact, normal = (funnel(kind, 0.1, size, 0.1).limits for size in (20_000, 20_001))
    for told in TAILS:
        assert exact[told] == pytest.approx(normal[told], abs=2e-4)


def test_where_nothing_varies_and_where_nobody_is() -> None:
    assert funnel("p", 0.1, 5, 0.0).position == "above"
    assert funnel("p", 1.0, 5, 1.0).position == funnel("u", 0.0, 5, 0.0).position == "within"
    with pytest.raises(ValueError, match="somebody"):
        funnel("p", 0.0, 0, 0.1)

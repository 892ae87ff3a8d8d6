"""Whether a department's number differs from that of all by more than chance: limits around the number of all, wider
the less a department has. They are no ranking: departments within them are not told apart.

Limits are exact: the number that is passed by chance with the probability of a tail, of a binomial distribution for a
share and of a Poisson distribution for a rate, interpolated between the whole numbers on both sides. 95 % is a warning,
99.8 % an alarm. Pure.

Source: D. J. Spiegelhalter, Funnel plots for comparing institutional performance, Statistics in Medicine 24 (2005),
appendix A.1, https://doi.org/10.1002/sim.1970.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, lgamma, log, sqrt
from typing import Literal

Kind = Literal["p", "u"]
Told = Literal["warning", "alarm"]
Position = Literal["within", "above", "below"]

TAILS: Mapping[Told, float] = {"warning": 0.025, "alarm": 0.001}
"""The probability of either tail: 95 % is between the limits of a warning, 99.8 % between those of an alarm."""

_MOST = 20_000
"""Units beyond which the normal distribution is as exact, and faster."""
_NORMAL: Mapping[Told, float] = {"warning": 1.959964, "alarm": 3.090232}


@dataclass(frozen=True, slots=True)
class Funnel:
    """The limits (lower, upper) of one department; where its number is, and the widest limits that it is beyond."""

    limits: Mapping[Told, tuple[float, float]]
    position: Position
    beyond: Told | None


def funnel(kind: Kind, value: float, size: int, centre: float) -> Funnel:
    """Where a number of so many is among numbers whose common one is `centre`. Raises ValueError for no size."""
    if size <= 0:
        raise ValueError("There are limits for a number of somebody.")
    limits = {told: _limits(kind, size, centre, told) for told in TAILS}
    position: Position = "within"
    beyond: Told | None = None
    for told, (lower, upper) in limits.items():
        if not lower - 1e-9 <= value <= upper + 1e-9:
            position, beyond = "above" if value > upper else "below", told
    return Funnel(limits, position, beyond)


def _limits(kind: Kind, size: int, centre: float, told: Told) -> tuple[float, float]:
    if kind == "p" and not 0 < centre < 1:
        return centre, centre
    if centre <= 0:
        return 0.0, 0.0
    most = float(size) if kind == "p" else float("inf")
    if size > _MOST or size * centre > _MOST:
        off = _NORMAL[told] * sqrt(centre * (1 - centre if kind == "p" else 1.0) / size)
        return max(centre - off, 0.0), min(centre + off, most / size)
    chance = _binomial(size, centre) if kind == "p" else _poisson(size * centre)
    lower, upper = (_quantile(chance, p, most) / size for p in (TAILS[told], 1 - TAILS[told]))
    return lower, upper


def _quantile(chance: Callable[[int], float], p: float, most: float) -> float:
    """The least whole number that is not passed with probability p, less the part of it that is too much."""
    count, total = 0, chance(0)
    while total < p and count < most:
        count += 1
        total += chance(count)
    return max(count - (total - p) / chance(count), 0.0)


def _binomial(size: int, share: float) -> Callable[[int], float]:
    def chance(count: int) -> float:
        ways = lgamma(size + 1) - lgamma(count + 1) - lgamma(size - count + 1)
        return exp(ways + count * log(share) + (size - count) * log(1 - share))

    return chance


def _poisson(mean: float) -> Callable[[int], float]:
    return lambda count: exp(count * log(mean) - mean - lgamma(count + 1))

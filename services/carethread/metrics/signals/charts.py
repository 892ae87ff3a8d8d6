"""Statistical process control: by how many standard deviations each point of a series is off the centre of a baseline.

A share is charted as p, a rate as u, any other number as XmR: the standard deviation of p and u follows from how much
each point is of, that of XmR from how much neighbouring points differ, so that a slow drift does not widen it. Centre
and limits come from the baseline alone; later points are judged by them and do not move them. Pure.

Sources: D. C. Montgomery, Introduction to Statistical Quality Control (p with a varying sample size 7.3, u 7.3.2,
individuals 6.4; d2 for two observations is 1.128); NHS England, Making Data Count, which charts by XmR with the same
constant (3 / 1.128 = 2.66).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Literal

Kind = Literal["p", "u", "xmr"]

LEAST = 12
"""Points of a baseline; with fewer there are no limits that mean something."""

_D2 = 1.128
"""The mean range of two observations in standard deviations (Montgomery, appendix VI)."""

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Sample:
    """One bucket: its number (None: of nobody), and what that is of: the denominator of a share or a rate."""

    value: float | None
    size: float = 1.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What a point is judged by. `sigma` is a standard deviation, 0 where nothing varies; `z` how many of these the
    point is off the centre, None where that cannot be said. `side` is 1 above the centre, -1 below, else 0. `lower` and
    `upper` are three standard deviations off, as far as there are such numbers: a share is between 0 and 1, a time not
    below 0."""

    centre: float
    sigma: float
    lower: float
    upper: float
    z: float | None
    side: int


@dataclass(frozen=True, slots=True)
class Chart:
    """`limits` has None for an empty bucket."""

    kind: Kind
    centre: float
    limits: Sequence[Limit | None]


def chart(kind: Kind, samples: Sequence[Sample], baseline: int = LEAST, *, signed: bool = True) -> Chart | None:
    """The chart of samples of which the first so many that are not empty are the baseline; None where there are fewer.
    `signed`: such a number can be below 0, which no share and no rate can.

    Raises ValueError for a baseline that is shorter than `LEAST`.
    """
    if baseline < LEAST:
        raise ValueError(f"A baseline has {LEAST} points or more.")
    there = [each for each in samples if each.value is not None and each.size > 0][:baseline]
    if len(there) < baseline:
        return None
    centre = _centre(kind, there)
    spread = _spread(kind, there, centre)
    return Chart(kind, centre, [_limit(kind, each, centre, spread, signed) for each in samples])


def _centre(kind: Kind, there: Sequence[Sample]) -> float:
    if kind == "xmr":
        return sum(each.value or 0.0 for each in there) / len(there)
    return sum((each.value or 0.0) * each.size for each in there) / sum(each.size for each in there)


def _spread(kind: Kind, there: Sequence[Sample], centre: float) -> float:
    """The standard deviation of a point that is of one."""
    if kind == "p":
        return sqrt(max(centre * (1 - centre), 0.0))
    if kind == "u":
        return sqrt(max(centre, 0.0))
    ranges = [abs((after.value or 0.0) - (before.value or 0.0)) for before, after in pairwise(there)]
    return sum(ranges) / len(ranges) / _D2


def _limit(kind: Kind, sample: Sample, centre: float, spread: float, signed: bool) -> Limit | None:
    if sample.value is None or sample.size <= 0:
        return None
    sigma = spread if kind == "xmr" else spread / sqrt(sample.size)
    off = sample.value - centre
    nothing = _NOTHING * max(1.0, abs(centre))
    side = 0 if abs(off) <= nothing else 1 if off > 0 else -1
    lower, upper = centre - 3 * sigma, centre + 3 * sigma
    return Limit(
        centre=centre,
        sigma=sigma,
        lower=lower if kind == "xmr" and signed else max(lower, 0.0),
        upper=min(upper, 1.0) if kind == "p" else upper,
        z=off / sigma if sigma > nothing else None,
        side=side,
    )

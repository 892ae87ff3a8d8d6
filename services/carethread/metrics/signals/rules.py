"""The four rules of the Western Electric Company, by which points of a chart are more than chance. Pure.

A point beyond three standard deviations; two of three beyond two; four of five beyond one; eight in a row on one side
of the centre; each on one side, and each told at the last point that it needs. Empty buckets are no points. Where
nothing varied in the baseline there is no standard deviation to be beyond, and the last rule alone holds.

Sources: Western Electric Company, Statistical Quality Control Handbook (1956), pages 25 to 27; D. C. Montgomery,
Introduction to Statistical Quality Control, 5.3.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from carethread.metrics.signals.charts import Chart, Limit

Side = Literal["above", "below"]
SIDES: Mapping[Side, int] = {"above": 1, "below": -1}

_SLACK = 1e-9
"""A point on a limit is not beyond it, however it was rounded."""


@dataclass(frozen=True, slots=True)
class Rule:
    """So many (`need`) of so many points (`among`) beyond so many standard deviations; `said` in words, whatever the
    points are of."""

    need: int
    among: int
    beyond: int
    said: str


RULES: Mapping[str, Rule] = {
    "one-beyond-three": Rule(1, 1, 3, "it is beyond three standard deviations"),
    "two-of-three-beyond-two": Rule(2, 3, 2, "two of three are beyond two standard deviations"),
    "four-of-five-beyond-one": Rule(4, 5, 1, "four of five are beyond one standard deviation"),
    "eight-in-a-row": Rule(8, 8, 0, "eight or more in a row are on one side of the usual"),
}
"""By name, the plainest first."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A stretch of points at each of which a rule holds: which held first, and from which to which point of the series:
    `since` the first that the rule counted, `last` the last at which any holds."""

    rule: str
    side: Side
    since: int
    last: int


def signals(chart: Chart) -> list[Signal]:
    """The signals of a chart, by when they were first to be seen."""
    points = [(place, limit) for place, limit in enumerate(chart.limits) if limit is not None]
    found: list[tuple[int, Signal]] = []
    for side in SIDES:
        begun: tuple[int, str, int] | None = None
        for i in range(len(points) + 1):
            held = _held(points, i, side) if i < len(points) else None
            if held and begun is None:
                begun = (i, *held)
            elif begun and not held:
                found.append((begun[0], Signal(begun[1], side, begun[2], points[i - 1][0])))
                begun = None
    return [signal for _, signal in sorted(found, key=lambda pair: (pair[0], pair[1].side))]


def holding(chart: Chart, signal: Signal) -> bool:
    """Whether a signal is still to be seen at the last point."""
    return signal.last == max((place for place, limit in enumerate(chart.limits) if limit is not None), default=-1)


def _held(points: Sequence[tuple[int, Limit]], at: int, side: Side) -> tuple[str, int] | None:
    """The first rule that holds at a point, and since when."""
    for name, rule in RULES.items():
        counted = [place for place, limit in points[max(0, at - rule.among + 1) : at + 1] if _beyond(limit, rule, side)]
        if len(counted) >= rule.need and counted[-1] == points[at][0]:
            return name, counted[0]
    return None


def _beyond(limit: Limit, rule: Rule, side: Side) -> bool:
    sign = SIDES[side]
    if rule.beyond == 0:
        return limit.side == sign
    return limit.z is not None and limit.z * sign > rule.beyond + _SLACK

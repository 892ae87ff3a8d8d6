"""Where everything of a chart stands: points, limits and ticks within a drawing of so many units. Pure.

It is drawn small, so that its letters can be read on a telephone, where it is no smaller than on a desk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10

from carethread.metrics.showing.points import Point

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 42, 10, 10, 24
_MOST_TICKS, _MOST_LABELS = 5, 5

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with where it stands."""

    point: Point
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Plot:
    """`runs` are the parts of the line between gaps, as points of SVG; `marks` the points that there are; `hidden`
    where (x) masked ones would be. `band` is what is between the limits, `centre` the line of the usual, both empty
    without a chart; `targets` are heights. `ticks` are heights with their numbers, `labels` places (x) of points. Where
    there is no number at all there are neither ticks nor targets: what is wanted alone is no scale."""

    runs: Sequence[str]
    marks: Sequence[Mark]
    hidden: Sequence[float]
    band: str
    centre: str
    targets: Sequence[float]
    ticks: Sequence[tuple[float, float]]
    labels: Sequence[tuple[float, Point]]


def begun(points: Sequence[Point]) -> Sequence[Point]:
    """The same from the first on of which there is anything, a number or that it is masked: half a chart of nothing
    tells nothing."""
    first = next((i for i, each in enumerate(points) if each.value is not None or each.masked), len(points))
    return points[first:]


def plot(points: Sequence[Point], wanted: Sequence[float], *, share: bool) -> Plot:
    """The chart of points with lines at what is `wanted`. `share`: numbers are between 0 and 1."""
    heights = [h for each in points for h in (each.value, each.lower, each.upper) if h is not None]
    wanted = wanted if heights else ()
    low, high, step = scale([*heights, *wanted], share=share)

    def x(i: int) -> float:
        return round(LEFT + (i + 0.5) * (WIDTH - LEFT - RIGHT) / max(len(points), 1), 1)

    def y(number: float) -> float:
        part = (number - low) / (high - low)
        return round(HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM), 1)

    def line(of: Sequence[float | None]) -> list[Place]:
        return [(x(i), y(each)) for i, each in enumerate(of) if each is not None]

    known = [None if each.value is None else (x(i), y(each.value)) for i, each in enumerate(points)]
    upper, lower = line([each.upper for each in points]), line([each.lower for each in points])
    every = max(1, ceil(len(points) / _MOST_LABELS))
    ticks = [low + i * step for i in range(round((high - low) / step) + 1)]
    return Plot(
        runs=[_text(each) for each in _runs(known) if len(each) > 1],
        marks=[Mark(each, *place) for each, place in zip(points, known, strict=True) if place],
        hidden=[x(i) for i, each in enumerate(points) if each.masked],
        band=_text([*upper, *reversed(lower)]) if len(upper) > 1 else "",
        centre=_text(line([each.centre for each in points])),
        targets=[y(each) for each in wanted],
        ticks=[(y(each), each) for each in ticks if heights],
        labels=[(x(i), points[i]) for i in range(0, len(points), every)],
    )


def scale(heights: Sequence[float], *, share: bool) -> tuple[float, float, float]:
    """From where to where an axis goes that shows all heights, and its step: 1, 2 or 5 times a power of ten. It has
    0 on it, so that a small change does not look like a large one."""
    low, high = min([0.0, *heights]), max([0.0, *heights])
    if high <= low:
        high = low + 1.0
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * (1 - 1e-9))
    bottom, top = floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step
    return bottom, min(top, 1.0) if share and high <= 1.0 < top else top, step


def _runs(places: Sequence[Place | None]) -> Iterator[list[Place]]:
    for there, some in groupby(places, key=lambda each: each is not None):
        if there:
            yield [each for each in some if each is not None]


def _text(places: Sequence[Place]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)

"""A figure's months as a line of a chart: places of points within a small drawing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from carethread.metrics.reviewing.figures import Figure

WIDTH, HEIGHT = 132, 30
_EDGE = 3.5


@dataclass(frozen=True, slots=True)
class Line:
    """`runs` are the parts of the line between months that are not told or of nobody, each as points of SVG; `band` is
    what is between the limits, `centre` the height of the usual, None without a chart; `alone` are the points that have
    no neighbour, `last` is that of the month of the review."""

    runs: Sequence[str]
    alone: Sequence[tuple[float, float]]
    band: str
    centre: float | None
    last: tuple[float, float] | None


def line(figure: Figure) -> Line:
    """The line of the months that are shown."""
    values = figure.values
    numbers = [each.number for each in values if each.number is not None]
    limits = [each.limit for each in values if each.limit]
    heights = [*numbers, *(each.lower for each in limits), *(each.upper for each in limits)]
    low, high = (min(heights), max(heights)) if heights else (0.0, 1.0)

    def place(i: int, number: float) -> tuple[float, float]:
        part = (number - low) / (high - low) if high > low else 0.5
        x = _EDGE + i * (WIDTH - 2 * _EDGE) / max(len(values) - 1, 1)
        return round(x, 1), round(HEIGHT - _EDGE - part * (HEIGHT - 2 * _EDGE), 1)

    runs = list(_runs([None if each.number is None else place(i, each.number) for i, each in enumerate(values)]))
    upper = [place(i, each.limit.upper) for i, each in enumerate(values) if each.limit]
    lower = [place(i, each.limit.lower) for i, each in enumerate(values) if each.limit]
    now = figure.now.number
    return Line(
        runs=[_points(each) for each in runs if len(each) > 1],
        alone=[each[0] for each in runs if len(each) == 1],
        band=_points([*upper, *reversed(lower)]) if len(upper) > 1 else "",
        centre=place(0, figure.usual)[1] if figure.usual is not None and limits else None,
        last=place(len(values) - 1, now) if now is not None else None,
    )


def _runs(points: Sequence[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    for there, some in groupby(points, key=lambda each: each is not None):
        if there:
            yield [each for each in some if each is not None]


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)

"""The points of a chart, read from the reports that `$series` answers: what is masked there is not known here. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.metrics.evaluating.counting import size
from carethread.metrics.exporting.rows import Row, rows
from carethread.metrics.signals.drawing import CHART


@dataclass(frozen=True, slots=True)
class Signal:
    """What a point is a part of: the rule that found it, on which side of the usual, since the bucket of which day."""

    rule: str
    side: str
    since: date


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket. `value` is None where it is of nobody or masked; `size` how many it is of, None where that is not
    told; `centre`, `lower` and `upper` are those of the chart, None without one. `over`: the bucket is."""

    start: date
    end: date
    value: float | None
    size: int | None
    masked: bool
    over: bool
    centre: float | None = None
    lower: float | None = None
    upper: float | None = None
    signal: Signal | None = None


def points(reports: Sequence[Resource], group: int) -> list[Point]:
    """Those of one group of a Measure, by its place."""
    return [_point(report, group) for report in reports]


def _point(report: Resource, place: int) -> Point:
    told = report["group"][place]
    row = next(rows({**report, "group": [{**told, "stratifier": []}]}))
    value, masked = _value(row)
    chart = _chart(told)
    return Point(
        start=date.fromisoformat(row.start),
        end=date.fromisoformat(row.end),
        value=value,
        size=size(row.counts),
        masked=masked,
        over=report["status"] != "pending",
        centre=_number(chart.get("centre")),
        lower=_number(chart.get("lower")),
        upper=_number(chart.get("upper")),
        signal=chart.get("signal"),
    )


def _value(row: Row) -> tuple[float | None, bool]:
    """The number, and whether it is masked. A cohort has no score and is shown by how many it is."""
    if row.score is not None or row.absent:
        return row.score, row.absent == "masked"
    count = row.counts.get("initial-population")
    return (None, True) if count is None else (float(count), False)


def _chart(group: Resource) -> dict[str, Any]:
    parts = extension(group, CHART).get("extension", ())
    found = {each["url"]: value for each in parts for name, value in each.items() if name.startswith("value")}
    told = extension({"extension": list(parts)}, "signal").get("extension", ())
    said = {each["url"]: value for each in told for name, value in each.items() if name.startswith("value")}
    if said:
        found["signal"] = Signal(said["rule"], said["side"], date.fromisoformat(said["since"]))
    return found


def _number(value: Any) -> float | None:
    return None if value is None else float(str(value))

"""The chart of a series, told by the extension `control-chart` of each report's group: centre, limits, and of which
signal the point is a part. Pure.

A chart is told where all of its points are, for limits follow from numbers, and from limits numbers do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.metrics.answering.reporting import decimal
from carethread.metrics.measures.definition import Group
from carethread.metrics.series.counting import Point
from carethread.metrics.signals.charting import charted, sample
from carethread.metrics.signals.charts import LEAST, Chart
from carethread.metrics.signals.rules import Signal, signals

CHART = PROFILES + "control-chart"


def drawn(groups: Sequence[Group], points: Sequence[Point], reports: Sequence[Resource]) -> list[Resource]:
    """The reports of points with the chart of each group, where there is one. What is not over is on no chart."""
    over = [each for each in points if each.over]
    charts = [charted(group, [sample(group, each.counted[i].whole) for each in over]) for i, group in enumerate(groups)]
    told = [_extensions(points, each) if each else {} for each in charts]
    return [
        {
            **report,
            "group": [_with(group, told[i].get(place)) for i, group in enumerate(report["group"])],
        }
        for place, report in enumerate(reports)
    ]


def _with(group: Resource, told: Resource | None) -> Resource:
    return {**group, "extension": [*group.get("extension", ()), told]} if told else group


def _extensions(points: Sequence[Point], made: Chart) -> Mapping[int, Resource]:
    """By the place of a point its extension."""
    places = [place for place, each in enumerate(points) if each.over]
    known = signals(made)
    found = {}
    for i, place in enumerate(places):
        limit = made.limits[i]
        if limit is None:
            continue
        said: list[Resource] = [
            {"url": "kind", "valueCode": made.kind},
            {"url": "baseline", "valueInteger": LEAST},
            {"url": "centre", "valueDecimal": decimal(limit.centre)},
            {"url": "lower", "valueDecimal": decimal(limit.lower)},
            {"url": "upper", "valueDecimal": decimal(limit.upper)},
        ]
        for each in known:
            if each.since <= i <= each.last:
                said += _signal(each, f"{points[places[each.since]].days.first}")
        found[place] = {"url": CHART, "extension": said}
    return found


def _signal(known: Signal, since: str) -> list[Resource]:
    named: list[Resource] = [
        {"url": "rule", "valueCode": known.rule},
        {"url": "side", "valueCode": known.side},
        {"url": "since", "valueDate": since},
    ]
    return [{"url": "signal", "extension": named}]

"""What charts say in words: buckets, numbers, signals and targets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from carethread.metrics.measures.definition import Group
from carethread.metrics.series.buckets import By
from carethread.metrics.showing.charts import Chart
from carethread.metrics.showing.points import Point, Signal
from carethread.metrics.signals import words
from carethread.metrics.signals.goals import Target

PERIODS: Mapping[By, tuple[str, str]] = {
    "month": ("Months", "months"),
    "week": ("Weeks", "weeks"),
    "day": ("Days", "days"),
}
"""The buckets, to choose from and in a sentence."""

NOT_TOLD = "masked"


def number(group: Group, value: float | None) -> str:
    """A number with its unit; a dash where there is none."""
    return words.number(group, value)


def tick(group: Group, value: float) -> str:
    """A number beside an axis."""
    if group.scoring == "proportion":
        return f"{value * 100:g} %"
    return words.grouped(f"{value:,.6g}")


def bucket(day: date, by: By) -> str:
    """Such as Mar 2031, or 3 Mar 2031."""
    return f"{day:%b %Y}" if by == "month" else words.short(day)


def label(day: date, by: By) -> str:
    """The same below an axis, where there is little room."""
    return f"{day:%b %y}" if by == "month" else f"{day.day} {day:%b}"


def value(chart: Chart, point: Point) -> str:
    """The number of a point."""
    return NOT_TOLD if point.masked else number(chart.group, point.value)


def size(point: Point) -> str:
    """What it is of."""
    if point.size is None:
        return NOT_TOLD
    return words.grouped(f"{point.size:,}")


def signal(found: Signal, by: By) -> str:
    """What a signal says."""
    return f"{found.side} the usual since {bucket(found.since, by)}: {words.why(found.rule)}"


def aim(chart: Chart, target: Target | None) -> str:
    """What is wanted; empty where nothing is said of it."""
    return words.wanted(chart.group, target, ("at least", "over"), ("at most", "under"))


def summary(chart: Chart, by: By) -> str:
    """A chart in a few sentences, for who does not see it, and for who looks at many."""
    last = chart.last
    if last is None:
        said = [f"Masked in {chart.masked} {PERIODS[by][1]}." if chart.masked else "Nobody was counted."]
        return " ".join(said)
    said = [f"{bucket(last.start, by)}: {number(chart.group, last.value)}."]
    if last.centre is not None:
        lower, upper = number(chart.group, last.lower), number(chart.group, last.upper)
        said.append(f"Usual: {number(chart.group, last.centre)}, by chance between {lower} and {upper}.")
    if wanted := aim(chart, chart.target):
        met = chart.target.met(last.value) if chart.target else None
        said.append(
            f"Wanted: {wanted}; this {'is' if met else 'is not'} met." if met is not None else f"Wanted: {wanted}."
        )
    if last.signal:
        said.append(f"Signal: {signal(last.signal, by)}.")
    if chart.masked:
        said.append(
            f"Masked in {chart.masked} of {len(chart.points)} {PERIODS[by][1]}, for few people stand behind it."
        )
    return " ".join(said)

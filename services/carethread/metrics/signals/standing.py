"""Which signals are raised, and which of those that stand do no more. Pure.

A signal is raised once, while the last bucket that is over shows it. It keeps the baseline that it was raised by, so
that neither later buckets nor a later baseline can make it another one. It has ended when the last bucket does not show
it any more, or when its baseline is so long ago that what it told has become usual. It is withdrawn when its own
baseline does not show that it ever was: the data were corrected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from carethread.metrics.signals.charting import Line, Place
from carethread.metrics.signals.charts import Kind, chart
from carethread.metrics.signals.rules import Side, holding, signals

LOOKED_AT = 24
"""Buckets by which a signal is raised, from its baseline's first to the last that is over."""

KEPT = 48
"""Buckets for which a signal can stand."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A signal that somebody is told of: of what, `since` the first day of the bucket that the rule counted first,
    `baseline` that of the first bucket of its chart, and when it was raised (microseconds)."""

    place: Place
    side: Side
    rule: str
    since: date
    baseline: date
    at: int

    @property
    def key(self) -> str:
        """What it is known by; `read` is the way back."""
        parts = (*self.place, self.side, self.rule, self.since, self.baseline, self.at)
        return "/".join(map(str, parts))


def read(key: str) -> Raised:
    """The signal of a key."""
    department, group, side, rule, since, baseline, at = key.rsplit(
        "/", 6
    )  # only what SQL says a department is has "/"
    days = date.fromisoformat(since), date.fromisoformat(baseline)
    known: Side = "above" if side == "above" else "below"
    return Raised(Place(department, int(group)), known, rule, *days, int(at))


@dataclass(frozen=True, slots=True)
class Over:
    """A signal that stands no more and why; `until` is the first day of the bucket since which it is not to be seen,
    where it has not become usual instead."""

    raised: Raised
    why: Literal["ended", "withdrawn"]
    until: date | None = None


def over(raised: Raised, line: Line, kind: Kind) -> Over | None:
    """Whether a signal stands no more; None where it does."""
    if line and raised.baseline < line[0][0]:
        return Over(raised, "ended")
    seen = [each for each in line if each[0] >= raised.baseline]
    made = chart(kind, [each for _, each in seen])
    if made is None:
        return Over(raised, "withdrawn")
    known = (raised.rule, raised.side, raised.since)
    same = next((each for each in signals(made) if (each.rule, each.side, seen[each.since][0]) == known), None)
    if same is None:
        return Over(raised, "withdrawn")
    if holding(made, same):
        return None
    following = next(day for (day, _), limit in list(zip(seen, made.limits, strict=True))[same.last + 1 :] if limit)
    return Over(raised, "ended", following)


def new(place: Place, line: Line, kind: Kind, standing: Sequence[Raised], now: int) -> list[Raised]:
    """The signals that the last bucket shows and that do not stand yet: one on each side of the centre."""
    seen = line[-LOOKED_AT:]
    made = chart(kind, [each for _, each in seen])
    if made is None:
        return []
    known = {each.side for each in standing if each.place == place}
    return [
        Raised(place, each.side, each.rule, seen[each.since][0], seen[0][0], now)
        for each in signals(made)
        if holding(made, each) and each.side not in known
    ]


def decided(
    standing: Sequence[Raised], lines: Mapping[Place, Line], kinds: Sequence[Kind], now: int
) -> tuple[list[Raised], list[Over]]:
    """What is to be raised, and what stands no more. `kinds` are the charts of the groups."""
    gone = []
    for each in standing:
        known = each.place.group < len(kinds) and each.place in lines
        found = over(each, lines[each.place], kinds[each.place.group]) if known else Over(each, "withdrawn")
        gone += [found] if found else []
    left = [each for each in standing if each not in {one.raised for one in gone}]
    fresh = [each for place, line in lines.items() for each in new(place, line, kinds[place.group], left, now)]
    return fresh, gone

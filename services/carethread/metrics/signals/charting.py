"""What of a series is charted: for each department and group the buckets that are over, as samples. Pure.

What looks back over more than its bucket (`Group.looks_back`) has a line, but no chart: its points have most of what
they are of in common, and limits are those of points that are independent.

Sources: D. C. Montgomery, Introduction to Statistical Quality Control, 6 and 7 for the choice of chart; for what comes
of points that are not independent (false alarms) D. C. Montgomery and C. M. Mastrangelo, Some Statistical Process
Control Methods for Autocorrelated Data, Journal of Quality Technology 23 (1991).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from carethread.core.fhir.targets import is_id
from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, score, size
from carethread.metrics.measures.definition import Group
from carethread.metrics.series.telling import Told
from carethread.metrics.signals.charts import Chart, Kind, Sample, chart
from carethread.metrics.suppressing.cells import Hidden, tells_score

KINDS: Mapping[str, Kind] = {"proportion": "p", "ratio": "u", "continuous-variable": "xmr", "cohort": "xmr"}
"""The chart of each scoring."""

_NOT_BELOW_ZERO = frozenset({"s", "min", "h", "d", "wk", "mo", "a", "{person}"})
"""Units (UCUM) of which there are no numbers below 0: times, and people."""

Line = Sequence[tuple[date, Sample]]
"""What is charted: each bucket by its first day, in order."""


class Place(NamedTuple):
    """A department (empty: of those without) and the place of a group of the Measure."""

    department: str
    group: int


def charted(group: Group, samples: Sequence[Sample]) -> Chart | None:
    """The chart of a group's samples; None where these are too few, or not independent."""
    if group.looks_back:
        return None
    signed = group.scoring != "cohort" and group.unit.get("code") not in _NOT_BELOW_ZERO
    return chart(KINDS[group.scoring], samples, signed=signed)


def sample(group: Group, cell: Cell) -> Sample:
    """What a cell is on a chart: a cohort has no score, and is charted by how many it is."""
    if group.scoring == "cohort":
        return Sample(float(cell.counts.get("initial-population", 0)))
    of = size(cell.counts) or 0 if group.scoring in ("proportion", "ratio") else 1
    return Sample(score(group, cell), float(of))


def line(groups: Sequence[Group], points: Sequence[Told], place: Place) -> Line:
    """The line of one department, from points that are parted by department. What is not told is an empty bucket."""
    group, nobody = groups[place.group], Cell({}, None, {})
    found = []
    for point, hidden in points:
        if point.over:
            cell = point.counted[place.group].strata[DEPARTMENT].get(place.department, nobody)
            is_told = tells_score(group, hidden.get((DEPARTMENT, place.department), Hidden.NOTHING))
            found.append((point.days.first, sample(group, cell) if is_told else Sample(None)))
    return found


def lines(groups: Sequence[Group], points: Sequence[Told]) -> dict[Place, Line]:
    """The lines that are judged: of each department that there is something of. SQL may say that anything is one: what
    can be no id, and so not be told of an Organization, has none."""
    places = {
        Place(department, i)
        for each, _ in points
        for i, group in enumerate(groups)
        if not group.looks_back
        for department in each.counted[i].strata[DEPARTMENT]
        if not department or is_id(department)
    }
    return {place: line(groups, points, place) for place in sorted(places)}

"""What of a series is charted: for each department and group the buckets that are over, as samples. Pure.

Source for the choice of chart: D. C. Montgomery, Introduction to Statistical Quality Control, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from carethread.core.fhir.targets import is_id
from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, score
from carethread.metrics.measures.definition import Group
from carethread.metrics.series.telling import Told
from carethread.metrics.signals.charts import Kind, Sample
from carethread.metrics.suppressing.cells import Hidden, tells_score

KINDS: Mapping[str, Kind] = {"proportion": "p", "ratio": "u", "continuous-variable": "xmr", "cohort": "xmr"}
"""The chart of each scoring."""

Line = Sequence[tuple[date, Sample]]
"""What is charted: each bucket by its first day, in order."""


class Place(NamedTuple):
    """A department (empty: of those without) and the place of a group of the Measure."""

    department: str
    group: int


def sample(group: Group, cell: Cell) -> Sample:
    """What a cell is on a chart: a cohort has no score, and is charted by how many it is."""
    if group.scoring == "cohort":
        return Sample(float(cell.counts.get("initial-population", 0)))
    return Sample(score(group, cell), size(group, cell))


def size(group: Group, cell: Cell) -> float:
    """What a share or a rate is of; 1 for any other number."""
    if group.scoring not in ("proportion", "ratio"):
        return 1.0
    out = (cell.counts.get(name, 0) for name in ("denominator-exclusion", "denominator-exception"))
    return float(cell.counts.get("denominator", 0) - sum(out))


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
    """The line of each department that there is something of. SQL may say that anything is one: what can be no id, and
    so not be told of an Organization, has none."""
    places = {
        Place(department, i)
        for each, _ in points
        for i in range(len(groups))
        for department in each.counted[i].strata[DEPARTMENT]
        if not department or is_id(department)
    }
    return {place: line(groups, points, place) for place in sorted(places)}

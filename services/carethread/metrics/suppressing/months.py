"""Of which periods numbers are told where small cells are not: whole calendar months that are over. A longer period is
the sum of its months, and a number of it is told where it is told of each month; so there is nothing to subtract. Pure.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from carethread.core.errors import Forbidden, TooCostly
from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Group
from carethread.metrics.suppressing.cells import Hidden, Place

_MOST = 60
"""Months in one report: five years."""

_JOINED: Mapping[str, Callable[[Sequence[tuple[float, int]]], float]] = {
    "sum": lambda of: sum(value for value, _ in of),
    "average": lambda of: sum(value * count for value, count in of) / sum(count for _, count in of),
    "minimum": lambda of: min(value for value, _ in of),
    "maximum": lambda of: max(value for value, _ in of),
}
"""How values of months become one; a median does not."""


def months(days: Days) -> list[Days]:
    """The calendar months that these days are. Raises Forbidden where they are others, TooCostly for too many."""
    first, last = days.first, days.last
    if first.day != 1 or last.day != monthrange(last.year, last.month)[1]:
        where = "periodStart" if first.day != 1 else "periodEnd"
        raise suppressed("Where small numbers are not told, a period is whole calendar months.", where)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    if count > _MOST:
        raise TooCostly(
            f"Where small numbers are not told, a period is {_MOST} months at most.", expression="periodEnd"
        )
    starts = [divmod(first.year * 12 + first.month - 1 + i, 12) for i in range(count)]
    return [Days(date(y, m + 1, 1), date(y, m + 1, monthrange(y, m + 1)[1])) for y, m in starts]


def together(
    groups: Sequence[Group], found: Sequence[tuple[Sequence[Counted], Mapping[Place, Hidden]]]
) -> tuple[list[Counted], dict[Place, Hidden]]:
    """Months as one period, and what of it is not told."""
    hidden: dict[Place, Hidden] = {}
    for _, each in found:
        for place, level in each.items():
            hidden[place] = max(level, hidden.get(place, Hidden.NOTHING))
    return [_summed(group, [counted[i] for counted, _ in found]) for i, group in enumerate(groups)], hidden


def _summed(group: Group, months: Sequence[Counted]) -> Counted:
    columns = dict.fromkeys(column for each in months for column in each.strata)
    strata: dict[str, dict[str, Cell]] = {}
    for column in columns:
        values = sorted({value for each in months for value in each.strata.get(column, ())})
        cells = {v: [each.strata[column][v] for each in months if v in each.strata.get(column, ())] for v in values}
        strata[column] = {value: _sum(group, of) for value, of in cells.items()}
    return Counted(_sum(group, [each.whole for each in months]), strata)


def _sum(group: Group, cells: Sequence[Cell]) -> Cell:
    counts = {each.name: sum(cell.counts.get(each.name, 0) for cell in cells) for each in group.populations}
    observed = next((n for n in ("measure-population", "initial-population") if n in counts), "")
    values = [(cell.value, cell.counts.get(observed, 1)) for cell in cells if cell.value is not None]
    join = _JOINED.get(group.method) if len(values) > 1 else None
    value = values[0][0] if len(values) == 1 else join(values) if join else None
    return Cell(counts, value, {})


def suppressed(said: str, expression: str) -> Forbidden:
    """That somebody may not know this, for few people may stand behind it."""
    return Forbidden(said, code="suppressed", expression=expression)

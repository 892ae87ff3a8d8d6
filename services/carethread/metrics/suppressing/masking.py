"""A Measure counted for who is not told numbers of few people.

What is told of a department is what the whole practice's report tells of it, so nothing is asked of a department,
a person or a practitioner that this report does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC

from carethread.core.clock import from_micros
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.asking import Asked
from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, Counted
from carethread.metrics.evaluating.evaluating import evaluate, units
from carethread.metrics.evaluating.periods import Days, zones
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import standard
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place, hidden
from carethread.metrics.suppressing.months import months, suppressed, together
from carethread.metrics.suppressing.naming import unnamed


def masked(
    facts: Glimpse, definition: Definition, wanted: Asked, progress: Callable[[str], None]
) -> tuple[list[Counted], Mapping[Place, Hidden]]:
    """What is counted, and which cells are not told. Raises Forbidden for what is not told at all, TooCostly."""
    for name in ("subject", "practitioner", "group"):
        if getattr(wanted, name):
            said = f"Where small numbers are not told, none is told of one {name}."
            raise suppressed(f"{said} Staff see those of the people whom they treat.", name)
    parted = all(any(s.column == DEPARTMENT for s in group.stratifiers) for group in definition.groups)
    if wanted.department and not parted:
        raise suppressed("Where small numbers are not told, this measure is not told by department.", DEPARTMENT)
    counted, found = whole(facts, definition, wanted.days, progress)
    return _of_department(definition, counted, found, wanted.department) if wanted.department else (counted, found)


def whole(
    facts: Glimpse, definition: Definition, days: Days, progress: Callable[[str], None] = lambda said: None
) -> tuple[list[Counted], Mapping[Place, Hidden]]:
    """The whole practice's report. Raises Forbidden for a period of which nothing is told."""
    each_month = months(days)
    now = from_micros(facts.marks.time)
    if zones(facts).widest(days)[1].replace(tzinfo=UTC) > now:
        said = (
            "Where small numbers are not told, a period is over: a number of the same month would tell who came since."
        )
        raise suppressed(said, "periodEnd")
    once = list(standard())
    found = []
    for number, month in enumerate(each_month):
        progress(f"{number} of {len(each_month)} months counted")
        counted = evaluate(facts, definition, units(facts, definition, month, ()), people=True)
        found.append((counted, hidden(definition.groups, counted, once)))
    if len(found) == 1:
        return unnamed(definition.groups, *found[0])
    counted, hides = together(definition.groups, found)
    return unnamed(definition.groups, _with_medians(facts, definition, days, counted), hides)


def _with_medians(facts: Glimpse, definition: Definition, days: Days, counted: list[Counted]) -> list[Counted]:
    """Of medians those of the whole period, where its strata are those of its months: the department's."""
    if not any(group.method == "median" for group in definition.groups):
        return counted
    asked = units(facts, definition, days, ())
    direct = evaluate(facts, definition, asked, people=False)
    found = []
    for group, of_months, of_all in zip(definition.groups, counted, direct, strict=True):
        if group.method != "median":
            found.append(of_months)
            continue
        strata = {
            column: {
                value: replace(cell, value=of_all.strata.get(column, {}).get(value, cell).value)
                for value, cell in cells.items()
            }
            for column, cells in of_months.strata.items()
            if column not in standard()
        }
        found.append(Counted(replace(of_months.whole, value=of_all.whole.value), strata))
    return found


def _of_department(
    definition: Definition, counted: list[Counted], hides: Mapping[Place, Hidden], department: str
) -> tuple[list[Counted], Mapping[Place, Hidden]]:
    nobody = [Cell({each.name: 0 for each in group.populations}, None, {}) for group in definition.groups]
    cells = [each.strata.get(DEPARTMENT, {}).get(department, none) for each, none in zip(counted, nobody, strict=True)]
    level = hides.get((DEPARTMENT, department), Hidden.NOTHING)
    return [Counted(cell, {}) for cell in cells], {WHOLE: level} if level else {}

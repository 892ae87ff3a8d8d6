"""A Measure counted for who is not told numbers of few people.

What is told of a department is what the whole practice's report tells of it, so nothing is asked of a department,
a person or a practitioner that this report does not answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from carethread.core.clock import from_micros
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.asking import Asked
from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, Counted
from carethread.metrics.evaluating.evaluating import evaluate, names_spans, units
from carethread.metrics.evaluating.periods import Days, zones
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import comes_along, standard
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place, hidden
from carethread.metrics.suppressing.months import months, suppressed, together
from carethread.metrics.suppressing.naming import unnamed

_OF_THE_PERIOD = re.compile(r"\$(utc_)?(start|end)\b", re.IGNORECASE)
"""What SQL knows of the period that is asked for, beside `spans`."""

Progress = Callable[[str], None]
"""Is told how far an answer is."""


def untold(said: str) -> None:
    """Nobody is told."""


def masked(
    facts: Glimpse, definition: Definition, wanted: Asked, progress: Progress = untold
) -> tuple[list[Counted], Mapping[Place, Hidden]]:
    """What is counted, and which cells are not told. Raises Forbidden for what is not told at all, TooCostly."""
    for name in ("subject", "practitioner", "group"):
        if getattr(wanted, name):
            said = f"Where small numbers are not told, none is told of one {name}."
            raise suppressed(f"{said} Staff see those of the people whom they treat.", name)
    if wanted.department and not (DEPARTMENT in definition.parted_by and definition.is_parted_by(DEPARTMENT)):
        raise suppressed("Where small numbers are not told, this measure is not told by department.", DEPARTMENT)
    counted, found = whole(facts, definition, wanted.days, progress)
    return _of_department(definition, counted, found, wanted.department) if wanted.department else (counted, found)


def whole(
    facts: Glimpse, definition: Definition, days: Days, progress: Progress = untold
) -> tuple[list[Counted], Mapping[Place, Hidden]]:
    """The whole practice's report. Raises Forbidden for a period of which nothing is told."""
    each_month = months(days)
    if len(each_month) > 1 and names_spans(definition.sql):
        said = "Where small numbers are not told, this measure is told of one month, for it chooses in the whole period"
        raise suppressed(f"{said}; $series tells each month.", "periodStart")
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
        found.append((counted, hidden(definition.groups, counted, once) | _beside_others(definition, counted)))
    if len(found) == 1:
        return unnamed(definition.groups, *found[0], departments=_departments(facts, definition))
    counted, hides = together(definition.groups, found)
    told = _with_medians(facts, definition, days, counted)
    return unnamed(definition.groups, told, hides, departments=_departments(facts, definition))


def _beside_others(definition: Definition, counted: Sequence[Counted]) -> dict[Place, Hidden]:
    """All strata of a stratifier of somebody's own that is not the Measure's only one: they may be parts of another's
    strata, or made of them, so that few people could be the difference of two that are told."""
    own = definition.parted_by - standard().keys() - {DEPARTMENT} if len(definition.parted_by) > 1 else frozenset()
    return {(column, value): Hidden.ALL for each in counted for column in own for value in each.strata.get(column, ())}


def refuse_list(definition: Definition, days: Days) -> None:
    """Raise Forbidden for a list of several months where it is not known to be those of the months: what is told was
    judged of each month, and others might be listed."""
    if len(months(days)) > 1 and not _adds_up(definition):
        said = "Where small numbers are not told, the SQL of somebody's own that names $start or $end lists one month."
        raise suppressed(said, "periodStart")


def _adds_up(definition: Definition) -> bool:
    """Whether what is counted of several months is what is counted of each: SQL that comes along keeps to that, other
    SQL where it does not know the period."""
    sql = definition.sql
    return comes_along(sql) or not (_OF_THE_PERIOD.search(sql) or names_spans(sql))


def _departments(facts: Glimpse, definition: Definition) -> set[str] | None:
    """Those that there are, where SQL is somebody's own and may call anything a department."""
    if comes_along(definition.sql):
        return None
    return {str(id_) for (id_,) in facts.query("SELECT id FROM organizations").rows}


def _with_medians(facts: Glimpse, definition: Definition, days: Days, counted: list[Counted]) -> list[Counted]:
    """Of medians those of the whole period, where its strata are those of its months: the department's."""
    if not any(group.method == "median" for group in definition.groups) or not _adds_up(definition):
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

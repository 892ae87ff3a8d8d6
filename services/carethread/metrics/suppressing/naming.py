"""Which strata are named. Those of a stratifier of somebody's own may be anything, also people: where nothing is told
of one, its name is not told either. Such strata are one together, of which nothing is told. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from carethread.metrics.evaluating.counting import DEPARTMENT, UNKNOWN, Cell, Counted, scored_populations
from carethread.metrics.measures.definition import Group
from carethread.metrics.measures.shipped import standard
from carethread.metrics.suppressing.cells import Hidden, Place

UNNAMED = "\0"
"""In place of the names of strata that are not told: no text of SQL."""


def unnamed(
    groups: Sequence[Group],
    counted: Sequence[Counted],
    hidden: Mapping[Place, Hidden],
    departments: Collection[str] | None = None,
) -> tuple[list[Counted], dict[Place, Hidden]]:
    """What was counted, with those strata only that are named, and what of it is not told. `departments` are known
    ones, where SQL is somebody's own and may take anything for one."""
    told, not_told = list(counted), dict(hidden)
    for column in dict.fromkeys(column for each in counted for column in each.strata):
        if column in standard() or (column == DEPARTMENT and departments is None):
            continue
        values = dict.fromkeys(value for each in counted for value in each.strata.get(column, ()))
        known = {UNKNOWN, *departments} if column == DEPARTMENT and departments is not None else frozenset[str]()
        named = {value for value in values if value in known or _is_told(groups, counted, hidden, (column, value))}
        is_less = any((column, value) in hidden for value in values if value not in named)
        told = [_with(group, each, column, named, is_less=is_less) for group, each in zip(groups, told, strict=True)]
        if is_less:
            not_told[column, UNNAMED] = Hidden.ALL
    return told, not_told


def _is_told(groups: Sequence[Group], counted: Sequence[Counted], hidden: Mapping[Place, Hidden], place: Place) -> bool:
    """Whether any number but 0 is told of a stratum."""
    level, (column, value) = hidden.get(place, Hidden.NOTHING), place
    cells = [
        (group, cell)
        for group, each in zip(groups, counted, strict=True)
        if (cell := each.strata.get(column, {}).get(value))
    ]
    return level is not Hidden.ALL and any(
        cell.counts.get(each.name)
        for group, cell in cells
        for each in group.populations
        if level < Hidden.BESIDE or each.name in scored_populations(group)
    )


def _with(group: Group, counted: Counted, column: str, named: set[str], *, is_less: bool) -> Counted:
    if column not in counted.strata:
        return counted
    strata = {value: cell for value, cell in counted.strata[column].items() if value in named}
    if is_less:
        strata[UNNAMED] = Cell({each.name: 0 for each in group.populations}, None, {})
    return replace(counted, strata={**counted.strata, column: strata})

"""A shipped measure beside its second computation: unit by unit, as a whole and by stratum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import Any

import pytest

from carethread.metrics.evaluating.counting import Cell, nested, relations
from carethread.metrics.evaluating.counting import score as scored
from carethread.metrics.evaluating.evaluating import answer, evaluate, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Definition, Group
from carethread.metrics.measures.shipped import standard
from carethread.metrics.series.buckets import By
from carethread.metrics.series.counting import at_once, narrowed, series
from support.facts import facts_of
from support.measured import known
from support.measures.plain import Practice, Resource, Unit, score
from support.measures.strata import STRATA


def agree(name: str, resources: Sequence[Resource], first: date, last: date, expected: Iterable[Unit]) -> None:
    """Assert that the SQL of a measure finds these units in the days that are asked for."""
    wanted = Practice(resources).within(expected, first, last)
    with facts_of(resources) as facts:
        assert _rounded(_found(facts, known(name), first, last)) == _rounded(wanted)


def counts_agree(name: str, resources: Sequence[Resource], first: date, last: date, expected: Iterable[Unit]) -> None:
    """Assert that these units are what is counted of a measure, as a whole, by stratum and over time."""
    practice = Practice(resources)
    wanted = practice.within(expected, first, last)
    definition = known(name)
    with facts_of(resources) as facts:
        groups = evaluate(facts, definition, units(facts, definition, Days(first, last), ()), people=False)
        _bucket_by_bucket(facts, narrowed(definition, ["department"]), Days(first, last))
    for place, (group, told) in enumerate(zip(definition.groups, groups, strict=True)):
        _same(group, told.whole, place, wanted)
        _parted(group, told.strata["department"], place, wanted, [unit.department or "" for unit in wanted])
        for column in told.strata.keys() & STRATA.keys():
            strata = [STRATA[column](practice, unit.subject, last) for unit in wanted]
            _parted(group, told.strata[column], place, wanted, strata)


def _bucket_by_bucket(facts: Any, definition: Definition, days: Days) -> None:
    """Assert that what is counted at once of several buckets is what each gives by itself: weeks of a month, else
    the last months."""
    if not at_once(definition) or days.first == days.last:
        return
    by: By = "week" if days.last - days.first < timedelta(days=40) else "month"
    near = Days(max(days.first, days.last - timedelta(days=300)), days.last)
    for point in series(facts, definition, near, by, ()):
        assert point.counted == evaluate(facts, definition, units(facts, definition, point.days, ()), people=True)


def _found(facts: Any, definition: Definition, first: date, last: date) -> list[Unit]:
    chosen = units(facts, definition, Days(first, last), ())
    columns = [
        f"{sql} AS g{place}_{number}"
        for place, group in enumerate(definition.groups)
        for number, sql in enumerate(nested(group)[each.name] for each in group.populations)
    ]
    columns += [f"unit.{group.value} AS v{place}" for place, group in enumerate(definition.groups) if group.value]
    select = f"SELECT unit.resource, unit.subject, unit.at, unit.department, {', '.join(columns)} FROM unit"
    bare = replace(definition, groups=tuple(replace(each, stratifiers=()) for each in definition.groups))
    rows = answer(facts, f"{relations(bare, standard(), chosen.wanted)}\n{select}", chosen).dicts()
    return [_unit(definition, row) for row in rows]


def _unit(definition: Definition, row: dict[str, Any]) -> Unit:
    groups = []
    for place, group in enumerate(definition.groups):
        inside = {each.name for number, each in enumerate(group.populations) if row[f"g{place}_{number}"]}
        value = row.get(f"v{place}") if "measure-population" in inside else None
        groups.append((frozenset(inside), value))
    return Unit(row["resource"], row["subject"], row["at"].replace(tzinfo=UTC), row["department"], tuple(groups))


def _rounded(found: Iterable[Unit]) -> list[tuple[Any, ...]]:
    """Units in an order of their own, with numbers that compare."""
    return sorted(
        (
            unit.resource,
            unit.subject or "",
            unit.at,
            unit.department or "",
            [(sorted(names), None if value is None else round(value, 9)) for names, value in unit.groups],
        )
        for unit in found
    )


def _same(group: Group, cell: Cell, place: int, members: Sequence[Unit]) -> None:
    sizes = Counter(name for unit in members for name in unit.groups[place][0])
    assert cell.counts == {each.name: sizes[each.name] for each in group.populations}
    expected = score(group.method or "proportion", [unit.groups[place] for unit in members])
    assert scored(group, cell) == (None if expected is None else pytest.approx(expected))


def _parted(group: Group, told: Any, place: int, members: Sequence[Unit], strata: Sequence[str]) -> None:
    assert set(told) == set(strata)
    for stratum, cell in told.items():
        _same(group, cell, place, [unit for unit, value in zip(members, strata, strict=True) if value == stratum])

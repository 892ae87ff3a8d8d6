"""What the rows of `tallying` say. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import or_
from typing import Any

from carethread.core.errors import TooCostly
from carethread.metrics.evaluating.counting import UNKNOWN, Cell, Counted, Likeness, behind, is_crossed, stratifiers
from carethread.metrics.evaluating.tallying import (
    BITS,
    CODES,
    LIKENESS,
    MOST_STRATA,
    PEOPLE,
    STRATA,
    UNITS,
    VALUES,
    Rows,
    widths,
)
from carethread.metrics.measures.definition import Definition

_Strata = Mapping[tuple[int, str], "_Sum"]
"""By a stratifier's place (-1: the whole) and a stratum."""


@dataclass(slots=True)
class _Sum:
    """What was counted of one stratum: units by the bit of a population; people by the bit of a part, and by how their
    units stand; the observations; and how alike each of these is, by its place."""

    units: Counter[int] = field(default_factory=Counter)
    people: Counter[int] = field(default_factory=Counter)
    standings: Counter[tuple[int, ...]] = field(default_factory=Counter)
    values: Sequence[Any] = ()
    likeness: dict[int, Likeness] = field(default_factory=dict)


def read(
    definition: Definition, rows: Rows, *, parts: bool, buckets: Sequence[date | None] = (None,)
) -> list[list[Counted]]:
    """By bucket, in their order, what was counted of each group. Raises TooCostly for more strata than are told."""
    _refuse_many(definition, rows)
    sums = _sums(definition, rows)
    return [_counted(definition, sums.get(each, {}), parts=parts) for each in buckets]


def _refuse_many(definition: Definition, rows: Rows) -> None:
    columns = [each.column for each in stratifiers(definition)]
    many = {columns[int(place)]: int(n) for what, _, place, _, n, *_ in rows if what == STRATA and n > MOST_STRATA}
    for i, group in enumerate(definition.groups):
        for k, each in enumerate(group.stratifiers):
            if each.column in many:
                said = f"The stratifier {each.name} has {many[each.column]} strata, more than {MOST_STRATA}"
                raise TooCostly(
                    f"{said}: let its column tell less apart, such as a range in place of a number.",
                    expression=f"Measure.group[{i}].stratifier[{k}]",
                )


def _sums(definition: Definition, rows: Rows) -> Mapping[date | None, _Strata]:
    many = sum(1 for group in definition.groups if group.value)
    codes, populations = widths(definition)
    known: dict[int, tuple[int, int]] = {}
    numbered: dict[int, tuple[int, int]] = {}
    for what, _, _, _, number, *rest in rows:
        if what == CODES:
            numbers = rest[many:]
            means = _joined(numbers[codes : codes + populations]), _joined(numbers[codes + populations :])
            known[_joined(numbers[:codes])] = numbered[int(number)] = means
    found: defaultdict[date | None, defaultdict[tuple[int, str], _Sum]] = defaultdict(lambda: defaultdict(_Sum))
    for what, bucket, place, stratum, count, *rest in rows:
        if what in (CODES, STRATA):
            continue
        one = found[bucket][int(place), str(stratum)]
        if what == UNITS:
            one.units.update(dict.fromkeys(_bits(known[_joined(rest[many:])][0]), int(count)))
        elif what == PEOPLE:
            held = [numbered[number] for number in _bits(_joined(rest[many:]))]
            one.people.update(dict.fromkeys(_bits(reduce(or_, (parts for _, parts in held))), int(count)))
            one.standings[tuple(sorted({stands for stands, _ in held}))] += int(count)
        elif what == VALUES:
            one.values = rest[:many]
        elif what >= LIKENESS:
            usual = _number(rest[what - LIKENESS])
            one.likeness[what - LIKENESS] = Likeness(usual, people=int(rest[many]), others=int(count))
    return found


def _counted(definition: Definition, sums: _Strata, *, parts: bool) -> list[Counted]:
    places = {each.column: place for place, each in enumerate(stratifiers(definition))}
    crossed = parts and is_crossed(definition.groups)
    units = parted = valued = 0
    found = []
    for group in definition.groups:
        names = {each.name: units + i for i, each in enumerate(group.populations)}
        behind_ = {name: parted + i for i, name in enumerate(behind(group))} if parts else {}
        cells = {
            key: Cell(
                {name: one.units[bit] for name, bit in names.items()},
                _number(one.values[valued]) if group.value and one.values else None,
                {name: one.people[bit] for name, bit in behind_.items()},
                dict(one.standings) if crossed else {},
                one.likeness.get(valued) if group.value else None,
            )
            for key, one in {(-1, UNKNOWN): _Sum(), **sums}.items()
        }
        by_column = {
            each.column: {v: cells[place, v] for place, v in sorted(sums) if place == places[each.column]}
            for each in group.stratifiers
        }
        found.append(Counted(cells[-1, UNKNOWN], by_column))
        units, parted, valued = units + len(names), parted + len(behind_), valued + bool(group.value)
    return found


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _joined(numbers: Sequence[int]) -> int:
    """One number of any size."""
    return sum(int(number) << BITS * i for i, number in enumerate(numbers))


def _bits(number: int) -> Iterator[int]:
    """The places of the bits that are set."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest

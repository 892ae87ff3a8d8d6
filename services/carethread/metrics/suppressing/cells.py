"""Which cells of a report are not told, so that no number of few people is, nor can be worked out. Pure.

Few are 1 to 10 people. A cell is the whole or one stratum. All that the score is made of is told of a cell or nothing
is, and so is what is counted beside it: numbers told in part could be subtracted from one another. Strata of a
stratifier add up to the whole, so that where one is not told others are not told either, until those that are not are
two or more and together no few people.

Source: https://www.hhs.gov/guidance/document/cms-cell-suppression-policy, for the threshold of 11 and for complements.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from carethread.metrics.evaluating.counting import Cell, Counted, behind
from carethread.metrics.measures.definition import Group

ENOUGH = 11
"""People behind a number that is told; nobody is told too."""

WHOLE = ("", "")


class Hidden(IntEnum):
    """What of a cell is not told: nothing, what is counted beside the score, or anything."""

    NOTHING = 0
    BESIDE = 1
    ALL = 2


Place = tuple[str, str]
"""A cell of a Measure: a stratifier's column and the stratum's value, both empty for the whole."""


@dataclass(frozen=True, slots=True)
class _Tally:
    """How many people stand behind each part of a cell, of all groups of the Measure."""

    told: tuple[int, ...]
    beside: tuple[int, ...]

    def of(self, level: Hidden) -> tuple[int, ...]:
        return self.told if level is Hidden.ALL else self.beside


def hidden(groups: Sequence[Group], counted: Sequence[Counted], once: Collection[str]) -> dict[Place, Hidden]:
    """Of each cell that is not told as it is, what is not. `once` are the stratifiers (columns) in which a person is in
    one stratum only. A cell is told alike in all groups, for these may be of the same people."""
    whole = _level(_tally(groups, [each.whole for each in counted]))
    found = {WHOLE: whole}
    columns = dict.fromkeys(column for each in counted for column in each.strata)
    for column in columns:
        values = dict.fromkeys(value for each in counted for value in each.strata.get(column, ()))
        nobody = Cell({}, None, {})
        strata = {
            value: _tally(groups, [each.strata.get(column, {}).get(value, nobody) for each in counted])
            for value in values
        }
        levels = {value: max(whole, _level(strata[value])) for value in strata}
        for level in (Hidden.ALL, Hidden.BESIDE):
            if whole < level:
                _complement(levels, strata, level, adds=column in once)
        found |= {(column, value): level for value, level in levels.items()}
    return {place: level for place, level in found.items() if level}


def _complement(levels: dict[str, Hidden], strata: Mapping[str, _Tally], level: Hidden, *, adds: bool) -> None:
    """Hide more strata, the smallest first, until what is hidden together is nobody's alone."""
    inside = [value for value in levels if levels[value] >= level]
    others = sorted(strata.keys() - set(inside), key=lambda value: (sum(strata[value].of(level)), value))
    while inside and others and not _is_safe([strata[value].of(level) for value in inside], adds=adds):
        levels[others[0]] = level
        inside.append(others.pop(0))


def _is_safe(tallies: Sequence[tuple[int, ...]], *, adds: bool) -> bool:
    """Where a person may be in several strata, all that is certain is that they are no fewer than those of one."""
    together = [sum(each) if adds else max(each) for each in zip(*tallies, strict=True)]
    return len(tallies) > 1 and not any(map(is_few, together))


def _level(tally: _Tally) -> Hidden:
    if any(map(is_few, tally.told)):
        return Hidden.ALL
    return Hidden.BESIDE if any(map(is_few, tally.beside)) else Hidden.NOTHING


def _tally(groups: Sequence[Group], cells: Sequence[Cell]) -> _Tally:
    parts = [
        (part.told, cell.people.get(name, 0))
        for group, cell in zip(groups, cells, strict=True)
        for name, part in behind(group).items()
    ]
    return _Tally(tuple(n for told, n in parts if told), tuple(n for told, n in parts if not told))


def is_few(people: int) -> bool:
    """Whether a number of so many people is not told."""
    return 0 < people < ENOUGH

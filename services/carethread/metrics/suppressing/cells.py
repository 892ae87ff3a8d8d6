"""Which cells of a report are not told, so that no number of few people is, nor can be worked out. Pure.

Who is few, `core.few` says. A cell is the whole or one stratum. All that the score is made of is told of a cell or
nothing is, and so is what is counted beside it: numbers told in part could be subtracted from one another. So could
those of groups, which may be of the same people: nothing is told from which a number of few follows. Strata of a
stratifier add up to the whole, so that where one is not told others are not told either, until those that are not are
two or more and together no few people.

Source: https://www.hhs.gov/guidance/document/cms-cell-suppression-policy, for complements.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from carethread.core.few import is_few
from carethread.metrics.evaluating.counting import Cell, Counted, behind
from carethread.metrics.measures.definition import Group
from carethread.metrics.suppressing.crossing import Standings, tells_few, told_of

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
    """How many people stand behind each part of a cell, of all groups of the Measure, and how their units stand."""

    told: tuple[int, ...]
    beside: tuple[int, ...]
    standings: Standings

    def of(self, level: Hidden) -> tuple[int, ...]:
        return self.told if level is Hidden.ALL else self.beside


_Told = Mapping[Hidden, Sequence[int]]
"""Of which populations numbers are told where less is hidden than this: see `crossing.told_of`."""


def hidden(groups: Sequence[Group], counted: Sequence[Counted], once: Collection[str]) -> dict[Place, Hidden]:
    """Of each cell that is not told as it is, what is not. `once` are the stratifiers (columns) in which a person is in
    one stratum only. A cell is told alike in all groups, for these may be of the same people."""
    told = {level: told_of(groups, scored=level is Hidden.ALL) for level in (Hidden.ALL, Hidden.BESIDE)}
    whole = _level(_tally(groups, [each.whole for each in counted]), told)
    found = {WHOLE: whole}
    columns = dict.fromkeys(column for each in counted for column in each.strata)
    for column in columns:
        values = dict.fromkeys(value for each in counted for value in each.strata.get(column, ()))
        nobody = Cell({}, None, {})
        strata = {
            value: _tally(groups, [each.strata.get(column, {}).get(value, nobody) for each in counted])
            for value in values
        }
        levels = {value: max(whole, _level(strata[value], told)) for value in strata}
        for level in (Hidden.ALL, Hidden.BESIDE):
            if whole < level:
                _complement(levels, strata, level, told[level], adds=column in once)
        found |= {(column, value): level for value, level in levels.items()}
    return {place: level for place, level in found.items() if level}


def _complement(
    levels: dict[str, Hidden], strata: Mapping[str, _Tally], level: Hidden, told: Sequence[int], *, adds: bool
) -> None:
    """Hide more strata, the smallest first, until what is hidden together is nobody's alone."""
    inside = [value for value in levels if levels[value] >= level]
    others = sorted(strata.keys() - set(inside), key=lambda value: (sum(strata[value].of(level)), value))
    while inside and others and not _is_safe([strata[value] for value in inside], level, told, adds=adds):
        levels[others[0]] = level
        inside.append(others.pop(0))


def _is_safe(tallies: Sequence[_Tally], level: Hidden, told: Sequence[int], *, adds: bool) -> bool:
    """Where a person may be in several strata, all that is certain is that they are no fewer than those of one."""
    counts = [each.of(level) for each in tallies]
    together = [sum(each) if adds else max(each) for each in zip(*counts, strict=True)]
    if len(tallies) < 2 or any(map(is_few, together)):
        return False
    return not tells_few([each.standings for each in tallies], told, adds=adds)


def _level(tally: _Tally, told: _Told) -> Hidden:
    if any(map(is_few, tally.told)) or tells_few([tally.standings], told[Hidden.ALL]):
        return Hidden.ALL
    beside = any(map(is_few, tally.beside)) or tells_few([tally.standings], told[Hidden.BESIDE])
    return Hidden.BESIDE if beside else Hidden.NOTHING


def _tally(groups: Sequence[Group], cells: Sequence[Cell]) -> _Tally:
    parts = [
        (part.told, cell.people.get(name, 0))
        for group, cell in zip(groups, cells, strict=True)
        for name, part in behind(group).items()
    ]
    standings = next((cell.standings for cell in cells if cell.standings), {})
    return _Tally(tuple(n for told, n in parts if told), tuple(n for told, n in parts if not told), standings)

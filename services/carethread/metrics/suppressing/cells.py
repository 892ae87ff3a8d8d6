"""Which cells of a report are not told, so that no number of few people is, nor can be worked out. Pure.

Who is few, `core.few` says. A cell is the whole or one stratum. All that the score is made of is told of a cell or
nothing is, and so is what is counted beside it: numbers told in part could be subtracted from one another. So could
those of groups, which may be of the same people: nothing is told from which a number of few follows. Strata of a
stratifier add up to the whole, so that where one is not told others are not told either, until those that are not are
two or more and together no few people.

Source: https://www.hhs.gov/guidance/document/cms-cell-suppression-policy, for complements.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from carethread.core.few import is_few
from carethread.metrics.evaluating.counting import Cell, Counted, behind
from carethread.metrics.measures.definition import Group
from carethread.metrics.suppressing.crossing import Standings, tells_few, told_of

WHOLE = ("", "")


class Hidden(IntEnum):
    """What of a cell is not told: nothing, a score that is one person's value, what is counted beside the score too, or
    anything."""

    NOTHING = 0
    SCORE = 1
    BESIDE = 2
    ALL = 3


_OF_ONE = frozenset({"minimum", "maximum"})
"""Of however many there are, the least and the greatest value are somebody's."""


def tells_score(group: Group, level: Hidden) -> bool:
    """Whether the score of a group is told where so much of a cell is hidden."""
    return level is not Hidden.ALL and not (level and group.method in _OF_ONE)


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
    parts = [{name: part.told for name, part in behind(group).items()} for group in groups]
    whole = _level(_tally(parts, [each.whole for each in counted]), told)
    least = Hidden.SCORE if any(group.method in _OF_ONE for group in groups) else Hidden.NOTHING
    found = {WHOLE: max(whole, least)}
    columns = dict.fromkeys(column for each in counted for column in each.strata)
    for column in columns:
        values = dict.fromkeys(value for each in counted for value in each.strata.get(column, ()))
        nobody = Cell({}, None, {})
        strata = {
            value: _tally(parts, [each.strata.get(column, {}).get(value, nobody) for each in counted])
            for value in values
        }
        levels = {value: max(whole, _level(strata[value], told)) for value in strata}
        for level in (Hidden.ALL, Hidden.BESIDE):
            if whole < level:
                _complement(levels, strata, level, told[level], adds=column in once)
        found |= {(column, value): max(level, least) for value, level in levels.items()}
    return {place: level for place, level in found.items() if level}


def _complement(
    levels: dict[str, Hidden], strata: Mapping[str, _Tally], level: Hidden, told: Sequence[int], *, adds: bool
) -> None:
    """Hide more strata, the smallest first, until what is hidden together is nobody's alone."""
    inside = [value for value in levels if levels[value] >= level]
    if not inside:
        return
    others = sorted(strata.keys() - set(inside), key=lambda value: (sum(strata[value].of(level)), value))

    def is_safe(more: int) -> bool:
        return _is_safe([strata[value] for value in (*inside, *others[:more])], level, told, adds=adds)

    # What is safe stays so with more: of each of the others nothing few follows, so that all that it adds is many or
    # nobody. So the fewest are found by halves, not one by one, for there may be a thousand.
    enough = bisect_left(range(len(others)), True, key=is_safe)
    levels.update(dict.fromkeys(others[:enough], level))


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


def _tally(parts_of: Sequence[Mapping[str, bool]], cells: Sequence[Cell]) -> _Tally:
    """`parts_of` are the parts of each group, and whether the score tells of them."""
    parts = [
        (told, cell.people.get(name, 0))
        for parts, cell in zip(parts_of, cells, strict=True)
        for name, told in parts.items()
    ]
    standings = next((cell.standings for cell in cells if cell.standings), {})
    return _Tally(tuple(n for told, n in parts if told), tuple(n for told, n in parts if not told), standings)

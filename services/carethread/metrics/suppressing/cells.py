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
from carethread.metrics.evaluating.counting import Cell, Counted, Likeness, behind
from carethread.metrics.measures.definition import Group
from carethread.metrics.suppressing.crossing import Standings, tells_few, told_of

WHOLE = ("", "")


class Hidden(IntEnum):
    """What of a cell is not told: nothing, a score that is one person's value, what is counted beside the score too,
    any score of an observation too, or anything."""

    NOTHING = 0
    OF_ONE = 1
    BESIDE = 2
    SCORE = 3
    ALL = 4


_OF_ONE = frozenset({"minimum", "maximum"})
"""Of however many there are, the least and the greatest value are somebody's."""


def tells_score(group: Group, level: Hidden) -> bool:
    """Whether the score of a group is told where so much of a cell is hidden."""
    if group.method in _OF_ONE:
        return not level
    return level < (Hidden.SCORE if group.method else Hidden.ALL)


Place = tuple[str, str]
"""A cell of a Measure: a stratifier's column and the stratum's value, both empty for the whole."""


@dataclass(frozen=True, slots=True)
class _Tally:
    """How many people stand behind what is told of a cell where less is hidden than a level, of all groups of the
    Measure: behind each part, and where that is a score, each who differs. And how their units stand, and how alike
    what is observed of them is, where that was asked."""

    behind: Mapping[Hidden, tuple[int, ...]]
    standings: Standings
    likeness: tuple[Likeness | None, ...]


_Told = Mapping[Hidden, Sequence[int]]
"""Of which populations numbers are told where less is hidden than this: see `crossing.told_of`. Scores tell none."""

_LEVELS = (Hidden.ALL, Hidden.SCORE, Hidden.BESIDE)
"""What is hidden more is hidden less too."""


def hidden(groups: Sequence[Group], counted: Sequence[Counted], once: Collection[str]) -> dict[Place, Hidden]:
    """Of each cell that is not told as it is, what is not. `once` are the stratifiers (columns) in which a person is in
    one stratum only. A cell is told alike in all groups, for these may be of the same people."""
    told = {level: told_of(groups, scored=level is Hidden.ALL) for level in (Hidden.ALL, Hidden.BESIDE)}
    told[Hidden.SCORE] = []
    parts = [{name: part.told for name, part in behind(group).items()} for group in groups]
    whole = _level(_tally(parts, [each.whole for each in counted]), told)
    least = Hidden.OF_ONE if any(group.method in _OF_ONE for group in groups) else Hidden.NOTHING
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
        for level in _LEVELS:
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
    others = sorted(strata.keys() - set(inside), key=lambda value: (sum(strata[value].behind[level]), value))

    def is_safe(more: int) -> bool:
        return _is_safe([strata[value] for value in (*inside, *others[:more])], level, told, adds=adds)

    # What is safe stays so with more: of each of the others nothing few follows, so that all that it adds is many or
    # nobody. So the fewest are found by halves, not one by one, for there may be a thousand.
    enough = bisect_left(range(len(others)), True, key=is_safe)
    levels.update(dict.fromkeys(others[:enough], level))


def _is_safe(tallies: Sequence[_Tally], level: Hidden, told: Sequence[int], *, adds: bool) -> bool:
    """Where a person may be in several strata, all that is certain is that they are no fewer than those of one."""
    if level is Hidden.SCORE:
        observed = zip(*(each.likeness for each in tallies), strict=True)
        together = [_who_differ([of for of in each if of], adds=adds) for each in observed]
    else:
        counts = [each.behind[level] for each in tallies]
        together = [sum(each) if adds else max(each) for each in zip(*counts, strict=True)]
    if len(tallies) < 2 or any(map(is_few, together)):
        return False
    return not tells_few([each.standings for each in tallies], told, adds=adds)


def _who_differ(cells: Sequence[Likeness], *, adds: bool) -> int:
    """How many people of these cells at least have another value than most of them have. In a cell of which another is
    usual those who have only that one do, or, where they are more, all but those."""
    usual = {each.usual for each in cells}
    join = sum if adds else max
    return min(
        (join(each.others if each.usual == one else max(each.others, each.people) for each in cells) for one in usual),
        default=0,
    )


def _level(tally: _Tally, told: _Told) -> Hidden:
    return next(
        (
            level
            for level in _LEVELS
            if any(map(is_few, tally.behind[level])) or tells_few([tally.standings], told[level])
        ),
        Hidden.NOTHING,
    )


def _tally(parts_of: Sequence[Mapping[str, bool]], cells: Sequence[Cell]) -> _Tally:
    """`parts_of` are the parts of each group, and whether the score tells of them."""
    parts = [
        (told, cell.people.get(name, 0))
        for parts, cell in zip(parts_of, cells, strict=True)
        for name, told in parts.items()
    ]
    standings = next((cell.standings for cell in cells if cell.standings), {})
    likeness = tuple(cell.likeness for cell in cells)
    behind = {
        Hidden.ALL: tuple(n for told, n in parts if told),
        Hidden.SCORE: tuple(each.others for each in likeness if each),
        Hidden.BESIDE: tuple(n for told, n in parts if not told),
    }
    return _Tally(behind, standings, likeness)

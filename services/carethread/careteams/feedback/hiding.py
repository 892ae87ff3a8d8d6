"""Which of the numbers of feedback are not told, for few people stand behind them, or behind what would follow. Pure.

Figures part those of a time by how they stand. Where one part is of few people no figure tells these parts, for what is
masked alone is the rest; and none tells parts of what is not told itself. A comment may have several themes, which
therefore add up to nothing that is known: a theme is masked for who has it, and for who of the comments has not.
Departments add up to the whole, so what is not told of one is not told of others either, the smallest first, until
together they are not few.

Source: docs/decisions/small-cells.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from functools import partial

from carethread.core.few import hidden, is_few
from carethread.core.ports import Resource

Standing = tuple[str, Set[str]]
"""Who stands behind a Task, and the names of the figures that count it."""

Splits = Sequence[tuple[str, Set[str]]]
"""Figures, and by which others what they count is told apart; a whole before its parts."""

Apart = Mapping[str, Sequence[Standing]]
"""Those of each department, by its name."""

Others = Mapping[str, tuple[Sequence[Resource], Sequence[str]]]
"""The Tasks of each of the other departments, and who stands behind each."""

NOBODY: Others = {}


def behind(standings: Iterable[Standing], name: str) -> set[str]:
    """The people whom a figure counts."""
    return {who for who, names in standings if name in names}


def masked(standings: Sequence[Standing], splits: Splits) -> set[str]:
    """The figures that are not told."""
    found: set[str] = set()
    for whole, names in splits:
        if whole in found or _tells_few(standings, whole, names):
            found |= names
    return found


def _tells_few(standings: Iterable[Standing], whole: str, names: Set[str]) -> bool:
    parts: defaultdict[frozenset[str], set[str]] = defaultdict(set)
    for who, counted in standings:
        if whole in counted:
            parts[frozenset(counted & names)].add(who)
    return any(is_few(len(people)) for people in parts.values())


def masked_apart(apart: Apart, splits: Splits) -> dict[str, set[str]]:
    """The figures that are not told of each department, where those of all together are told too."""
    of_all = masked(_together(apart, apart), splits)
    found = {department: set(of_all) for department in apart}
    for whole, names in splits:
        few = {each for each in apart if whole in found[each] or _tells_few(apart[each], whole, names)}
        for department in _joined(apart, few, partial(_tells_few, whole=whole, names=names)):
            found[department] |= names
    return found


def _together(apart: Apart, departments: Iterable[str]) -> list[Standing]:
    return [each for department in departments for each in apart[department]]


def _joined(apart: Apart, few: Set[str], tells_few: Callable[[Sequence[Standing]], object]) -> set[str]:
    """The departments of which something is not told, and those that must join them."""
    found = set(few)
    others = sorted(apart.keys() - found, key=lambda each: (-len(apart[each]), each))
    while found and others and tells_few(_together(apart, found)):
        found.add(others.pop())
    return found


def masked_themes(standings: Sequence[Standing], themes: Collection[str], wholes: Collection[str]) -> set[str]:
    """The themes that are not told; `wholes` are what all comments that have one count in."""
    found = hidden({theme: behind(standings, theme) for theme in themes})
    for theme in themes:
        others = [each for each in standings if theme not in each[1]]
        if len(others) < len(standings) and any(is_few(len(behind(others, whole))) for whole in wholes):
            found.add(theme)
    return found


def masked_themes_apart(
    apart: Apart, themes: Collection[str], wholes: Mapping[str, Collection[str]]
) -> dict[str, set[str]]:
    """The themes that are not told of each department, where those of all together are told too; `wholes` are each
    department's, nothing where no theme is told of it."""
    every = list(dict.fromkeys(whole for of in wholes.values() for whole in of))
    of_all = masked_themes(_together(apart, apart), themes, every)
    found = {
        each: of_all | (masked_themes(apart[each], themes, of) if of else {*themes}) for each, of in wholes.items()
    }
    for theme in themes:
        few = {each for each in apart if theme in found[each]}
        for department in _joined(apart, few, partial(masked_themes, themes=[theme], wholes=every)):
            found[department].add(theme)
    return found

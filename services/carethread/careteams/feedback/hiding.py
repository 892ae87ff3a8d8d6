"""Which of the numbers of feedback are not told, for few people stand behind them, or behind what would follow. Pure.

Figures part those of a time by how they stand. Where one part is of few people no figure tells these parts, for what is
masked alone is the rest; and none tells parts of what is not told itself. A comment may have several themes, which
therefore add up to nothing that is known: a theme is masked for who has it, and for who of the comments has not.

Source: docs/decisions/small-cells.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence, Set

from carethread.core.few import hidden, is_few

Standing = tuple[str, Set[str]]
"""Who stands behind a Task, and the names of the figures that count it."""

Splits = Sequence[tuple[str, Set[str]]]
"""Figures, and by which others what they count is told apart; a whole before its parts."""


def behind(standings: Iterable[Standing], name: str) -> set[str]:
    """The people whom a figure counts."""
    return {who for who, names in standings if name in names}


def masked(standings: Sequence[Standing], splits: Splits) -> set[str]:
    """The figures that are not told."""
    found: set[str] = set()
    for whole, names in splits:
        parts: defaultdict[frozenset[str], set[str]] = defaultdict(set)
        for who, counted in standings:
            if whole in counted:
                parts[frozenset(counted & names)].add(who)
        if whole in found or any(is_few(len(people)) for people in parts.values()):
            found |= names
    return found


def masked_themes(standings: Sequence[Standing], themes: Collection[str], wholes: Collection[str]) -> set[str]:
    """The themes that are not told; `wholes` are what all comments that have one count in."""
    found = hidden({theme: behind(standings, theme) for theme in themes})
    for theme in themes:
        others = [each for each in standings if theme not in each[1]]
        if len(others) < len(standings) and any(is_few(len(behind(others, whole))) for whole in wholes):
            found.add(theme)
    return found

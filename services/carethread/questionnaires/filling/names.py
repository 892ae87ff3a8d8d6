"""What the fields of the page are called: a part of an answer, where it stands, and the linkId of its question.

`v:0.2:pain` is the value (`v`) of the third answer (2) to `pain` in the first occurrence (0) of the group around it. So
a field says by itself what it is about, whatever else was posted, and a name that the form does not have is no field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

Where = tuple[int, ...]
"""Which one it is of each thing that something stands in, from the top: an occurrence of a group, or an answer."""

ASKED, GROUP = "q", "g"
"""Marks: this question was on the page; this occurrence of a group was."""
VALUE, OTHER, UNIT = "v", "o", "u"
YEAR, MONTH, DAY, TIME = "y", "m", "d", "t"

_PARTS = frozenset({ASKED, GROUP, VALUE, OTHER, UNIT, YEAR, MONTH, DAY, TIME})
_DEEPEST = 64
_DIGITS = 5


class Name(NamedTuple):
    """One field of the page."""

    part: str
    where: Where
    link_id: str

    def __str__(self) -> str:
        return f"{self.part}:{'.'.join(map(str, self.where))}:{self.link_id}"


def name_of(text: str) -> Name | None:
    """The name that a text is; None where it is none."""
    part, _, rest = text.partition(":")
    place, mark, link = rest.partition(":")
    numbers = place.split(".") if place else []
    if part not in _PARTS or not mark or len(numbers) > _DEEPEST:
        return None
    if not all(each.isascii() and each.isdigit() and len(each) <= _DIGITS for each in numbers):
        return None
    return Name(part, tuple(map(int, numbers)), link)


class Fields:
    """What was posted, by name. `numbers` tells which occurrences or answers there are fields of."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[Name, list[str]] = {}
        self._numbers: dict[tuple[bool, Where, str], dict[int, None]] = {}
        for text, value in pairs:
            if (name := name_of(text)) is None:
                continue
            self._values.setdefault(name, []).append(value)
            if name.where:
                key = name.part == GROUP, name.where[:-1], name.link_id
                self._numbers.setdefault(key, {})[name.where[-1]] = None

    def all(self, part: str, where: Where, link: str) -> list[str]:
        """Every value of a field."""
        return self._values.get(Name(part, where, link), [])

    def one(self, part: str, where: Where, link: str) -> str:
        """The first value of a field; empty where there is none."""
        return next(iter(self.all(part, where, link)), "")

    def has(self, part: str, where: Where, link: str) -> bool:
        return Name(part, where, link) in self._values

    def occurrences(self, where: Where, link: str) -> Iterator[int]:
        """Which occurrences of a group were on the page, in order."""
        yield from sorted(self._numbers.get((True, where, link), ()))

    def answers(self, where: Where, link: str) -> Iterator[int]:
        """Which answers to a question had fields of their own, in order."""
        yield from sorted(self._numbers.get((False, where, link), ()))

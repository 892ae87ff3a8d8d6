"""What a statement that counts units (`tallying`) is made of: the names of its columns. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carethread.metrics.evaluating.counting import DEPARTMENT
from carethread.metrics.evaluating.everybody import Everybody
from carethread.metrics.measures.definition import Definition, Group


@dataclass(frozen=True, slots=True)
class Plan:
    """What a statement is made of: the SQL of a unit's bucket, if any; by column of a stratifier the name of what a
    unit has itself, for the others are its person's; the groups that observe by a value's name; the numbers of a code,
    those that tell its populations and its parts, and those of a person's codes, none where people are not counted.
    `likened` are the observations of which it is asked how alike they are."""

    definition: Definition
    people: Everybody | None
    bucket: str
    own: Mapping[str, str]
    observed: Mapping[str, Group]
    codes: Mapping[str, str]
    populations: Mapping[str, str]
    parts: Mapping[str, str]
    sets: Sequence[str]
    likened: Sequence[str]

    @property
    def always(self) -> list[str]:
        """What all are told apart by."""
        return ["bucket"] if self.bucket else []

    @property
    def bounded(self) -> Mapping[str, str]:
        """What a unit has itself that may be anything."""
        return {column: name for column, name in self.own.items() if column != DEPARTMENT}

    @property
    def each(self) -> list[str]:
        """What units are grouped by, one after the other."""
        return ["kind", *self.own.values()]

    @property
    def who(self) -> list[str]:
        """What a person is known by."""
        return ["number", "person"] if self.people else ["person"]

    @property
    def width(self) -> int:
        """The numbers that each row has."""
        return max(len(self.codes) + len(self.populations) + len(self.parts), len(self.sets))

"""Which needs of whom were open when: what has to have somebody accountable, such as an active CarePlan.

Kept beside the resources that say it, in the transactions that store them. Moments are microseconds since the epoch; an
interval goes from `since` up to `until`, which is not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Need:
    """A need (`CarePlan/1`) of a person (`Patient/1`) that was open; `until` is FOREVER while it is."""

    need: str
    patient: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What there was to look at in a period: persons with a need, needs, and intervals of needs and of accountability
    that have something of it."""

    persons: int
    needs: int
    open: int
    answering: int


class Needs(Protocol):
    """The needs that a service knows, in the transaction of a session."""

    def keep(self, states: Mapping[str, tuple[str, int]]) -> None:
        """Note of each need whose it is from a moment on: nobody's (empty) where it is open no more, or never was."""
        ...

    def between(self, patients: Collection[str], begin: int, end: int) -> list[Need]:
        """What these persons needed in [begin, end), in order of person and time."""
        ...

    def looked(self, begin: int, end: int) -> Looked:
        """How much there is of [begin, end)."""
        ...

    def doubtful(self, begin: int, end: int, after: str, count: int, nobody: Collection[str] = ()) -> list[str]:
        """At most `count` persons, in order behind `after`, of whom a need was open in [begin, end) for all of which no
        single member answered: who had none for a moment is among them. Members in `nobody` do not count."""
        ...

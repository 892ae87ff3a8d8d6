"""The facts in a service's own database: of each resource its version, and the rows that views made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from carethread.core.ports.bus import Place


@dataclass(frozen=True, slots=True)
class Fact:
    """What a version of a resource gives: `rows` as text (see `metrics.facts.making`), empty where there are none, as
    of one that is deleted."""

    type: str
    id: str
    version: int
    rows: str


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the facts are: the number of the last change; by service and type the greatest `ce_sequence` that is in;
    for each type the change with which it began anew; and which mirrors have all that their owner had, each with the
    moment (microseconds) before which nothing was left out."""

    changed: int
    sources: Mapping[str, Mapping[str, int]]
    generations: Mapping[str, int]
    filled: Mapping[str, int]


class Facts(Protocol):
    """One transaction's view of the facts."""

    def keep(self, facts: Sequence[Fact]) -> None:
        """Keep those whose version is higher than what is here, each with a number higher than all that are committed,
        or will be before it."""
        ...

    def tell(self, service: str, sequences: Mapping[str, int]) -> None:
        """Note the greatest sequence of each type that is in."""
        ...

    def forget(self, type_name: str, mirror: str, count: int) -> int:
        """Part with at most `count` facts of a type, which begins anew as the mirror of this name; how many."""
        ...

    def reached(self) -> Reached: ...

    def since(self, type_name: str, after: int, through: int, count: int) -> list[tuple[int, str, str]]:
        """Change, id and rows of at most `count` facts of a type that changed in (after, through], in that order."""
        ...


class Loading(Protocol):
    """Facts that replace all that are there, in one transaction."""

    def replace(
        self,
        facts: Iterable[Sequence[tuple[str, str, int, str]]],
        sources: Mapping[str, Mapping[str, int]],
        mirrors: Mapping[str, tuple[str, int]],
        positions: Mapping[Place, int],
        moment: int,
    ) -> tuple[int, int]:
        """Put facts (type, id, version, rows; each resource once) in the place of all, and the service's consumer at
        the positions; `mirrors` are filled then, each by its name with its type and sequence, as of a moment
        (microseconds).

        Returns the generation that the types have, and the number of the last change. Raises Busy.
        """
        ...

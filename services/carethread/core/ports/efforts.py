"""What it took to fill forms in: when a response was begun and ended, how long somebody worked on it, and how much was
there already.

Kept beside the responses that say it, in the transactions that store them. Moments and lengths are microseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Effort:
    """One response (its id) to a form (its url), written by somebody (`PractitionerRole/1`; empty: it does not say) of
    a department (an Organization's id; empty: it is not known).

    `started` is 0 while nobody has begun, `ended` while it is a draft; `ending` is then empty, else `completed` or
    `stopped`. What follows is 0 until it is completed: how long it was `worked` on; how many answers were `given`; how
    many came `prefilled`, and of those how many were `changed`.
    """

    response: str
    form: str
    department: str
    author: str
    started: int
    saved: int
    ended: int = 0
    ending: str = ""
    worked: int = 0
    given: int = 0
    prefilled: int = 0
    changed: int = 0


class Efforts(Protocol):
    """The efforts that a service knows, in the transaction of a session."""

    def begin(self, efforts: Sequence[Effort]) -> None:
        """Note those of responses that are new; one that is known stays as it is."""
        ...

    def keep(self, efforts: Sequence[Effort]) -> None:
        """Note how those that are known stand now."""
        ...

    def drop(self, responses: Collection[str]) -> None:
        """Forget those of some responses, known or not."""
        ...

    def of(self, responses: Collection[str]) -> dict[str, Effort]:
        """What is known of some responses."""
        ...

    def started(self, form: str, begin: int, end: int, most: int) -> list[Effort]:
        """At most so many for a form that were started in [begin, end), oldest first."""
        ...

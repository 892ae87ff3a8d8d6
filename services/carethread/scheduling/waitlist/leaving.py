"""What a visit has left, and is offered as one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from carethread.scheduling.waitlist.entries import Asked


@dataclass(frozen=True, slots=True)
class Freed:
    """Slots (ids) that are offered together, those of who gives care first, and whose they are (`Practitioner/1`).

    `span` is the time that they have in common, microseconds; `start` and `end` the same as the Slots write it; `seats`
    how many people the first of them takes.
    """

    slots: tuple[str, ...]
    people: tuple[str, ...]
    span: tuple[int, int]
    start: str
    end: str
    zone: tzinfo
    kinds: frozenset[str]
    modality: str
    seats: int

    @property
    def key(self) -> str:
        """The first of the Slots, under which offers of it all are noted."""
        return self.slots[0]

    @property
    def asked(self) -> Asked:
        """What somebody who waits has to want."""
        return Asked(self.key, self.kinds, frozenset(self.people), self.span)

"""When somebody or something is taken, and which slots are open: what `scheduling` asks before it books.

Kept beside the Appointments and Slots that say it, in the transactions that store them. Moments are microseconds since
the epoch; a span goes from its begin up to its end, which is not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

FOREVER = 2**62
"""A moment that does not come."""


@dataclass(frozen=True, slots=True)
class Occupied:
    """An Appointment (its id) takes an actor (`Practitioner/1`) or a seat of a slot (`Slot/1`).

    `until` is when a hold ends by itself; 0: it does not.
    """

    actor: str
    begin: int
    end: int
    appointment: str
    until: int = 0

    def stands(self, now: int) -> bool:
        return self.until == 0 or self.until > now


@dataclass(frozen=True, slots=True)
class Opening:
    """A Slot as finding sees it. `row` is the number of its resource, `kinds` what it is for, a text to look in.

    `free` is the moment from which a seat is free: 0 now, FOREVER not while what holds it stays as it is.
    """

    row: int
    slot: str
    schedule: str
    begin: int
    end: int
    status: str
    capacity: int = 1
    kinds: str = ""
    free: int = 0


class Calendar(Protocol):
    """One transaction's view of who is taken and what is open."""

    def lock(self, actors: Iterable[str]) -> None:
        """Keep all others from taking the actors until this transaction ends."""
        ...

    def busy(self, actors: Iterable[str], begin: int, end: int) -> list[Occupied]:
        """What of the actors is taken within the span, holds that are over included, in order of begin."""
        ...

    def within(self, spans: Sequence[tuple[str, int, int]]) -> list[Occupied]:
        """What of each actor is taken within its own span, as `busy` has it; in no order."""
        ...

    def taken(self, appointments: Iterable[str]) -> list[Occupied]:
        """All that the Appointments take."""
        ...

    def occupy(self, rows: Sequence[Occupied], *, instead: Iterable[str] = ()) -> list[Occupied]:
        """Enter what is taken, in place of all that the Appointments `instead` took, which is returned; slots are free
        by what is left."""
        ...

    def open(self, openings: Sequence[Opening]) -> None:
        """Enter slots, or enter them anew; when each is free follows from its status and what takes it."""
        ...

    def shut(self, slots: Iterable[str]) -> None:
        """Forget slots that are no more."""
        ...

    def purposes(self) -> dict[int, str]:
        """What slots are for: all `kinds` that there are, by their numbers, be they few or many slots'."""
        ...

    def openings(
        self,
        begin: int,
        end: int,
        now: int,
        count: int,
        *,
        schedules: Collection[str] | None = None,
        purposes: Collection[int] | None = None,
        behind: int = 0,
    ) -> list[Opening]:
        """The first free slots that begin within the span, in order of begin and row.

        None: of all schedules, for all purposes. Of those that begin when the span does, only rows behind one count.
        """
        ...

    def slots(self, schedule: str, begin: int, end: int) -> list[Opening]:
        """All slots of a schedule that begin within the span, free or not, in order of begin."""
        ...

    def openings_of(self, slots: Iterable[str]) -> list[Opening]:
        """These slots, free or not, in no order."""
        ...

    def at_rows(self, rows: Iterable[int]) -> list[Opening]:
        """The slots whose resources have these numbers."""
        ...

"""How far metrics is with the bus: the moment up to which all events that are there have been taken in.

That the consumer has nothing to do says little, for it may not have begun, or the bus may be away. So where each place
of the bus ends is looked up at a moment, and once the stored positions have passed these ends, facts are whole up to
that moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from carethread.core.clock import Clock, to_micros
from carethread.core.errors import Busy
from carethread.core.ports import Keeping, Kept, Place

_LOOK_SECONDS = 1.0
"""Between two looks at the bus."""

_AWAY_SECONDS = 10.0
"""And after one that found it away, for that takes a while."""

_SLACK = 1
"""By how much less than it is a subscription may tell an end: the last of Kafka's offsets may be no record."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Where the bus ended at a moment, in microseconds."""

    moment: int
    kept: Mapping[Place, Kept]


class Horizon:
    """One process's knowledge of it. `positions` are those that the consumer has stored; for one thread."""

    def __init__(
        self,
        bus: Keeping,
        positions: Callable[[], Mapping[Place, int]],
        clock: Clock,
        *,
        every: float = _LOOK_SECONDS,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._positions = positions
        self._clock = clock
        self._every = every
        self._steady = steady
        self._due = float("-inf")
        self._ahead: _Look | None = None

    def __call__(self) -> int | None:
        """The moment (microseconds) up to which all is in; None while nothing new is known. Raises Busy where the
        database is away."""
        positions = self._positions()
        if self._ahead is None:
            self._ahead = self._look(positions)
        if self._ahead is None or not _passed(positions, self._ahead.kept):
            return None
        moment, self._ahead = self._ahead.moment, None
        return moment

    def _look(self, positions: Mapping[Place, int]) -> _Look | None:
        """Where the bus ends; None where it is away, was asked a moment ago, or began anew behind our positions."""
        if self._steady() < self._due:
            return None
        self._due = self._steady() + self._every
        moment = to_micros(self._clock())
        try:
            kept = self._bus.kept(0)
        except Busy:
            self._due = self._steady() + _AWAY_SECONDS
            return None
        if any(kept[place].end + _SLACK < position for place, position in positions.items() if place in kept):
            return None
        return _Look(moment, kept)


def _passed(positions: Mapping[Place, int], kept: Mapping[Place, Kept]) -> bool:
    return all(positions.get(place, each.start) >= each.end for place, each in kept.items())

"""How a consumer in this process is: how late, whether it is stuck, and whether it has missed anything.

Each process knows of itself only. What a consumer told of a place is forgotten after a while, for another process may
have taken the place over by then.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from carethread.core.metric_names import CONSUMER_GAPS, Observe
from carethread.core.ports import Place

NEWS_SECONDS = 120.0
"""What a consumer told of a place counts for so long; longer than the pause of a loop that fails."""

MISSED_SECONDS = 24 * 3600.0
"""For so long a gap is told of: what was lost does not come back, and somebody has to see it."""


class Pulse:
    """Of each place on the bus by itself, for one may be stuck among many that are not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._late: dict[Place, tuple[float, float]] = {}
        """How late, and when that was."""
        self._stuck: dict[Place | None, tuple[float, float]] = {}
        """When it began to fail, and when it last did; None: the consumer as a whole."""
        self._missed: list[float] = []
        """When the bus had forgotten what was not read yet."""

    def __call__(self, place: Place, late: float | None) -> None:
        """A place has moved on, so late; or was put off. See `consumer.Beat`."""
        if late is None:
            self._fails(place)
        else:
            self._late[place] = late, self._clock()
            self._stuck.pop(place, None)

    def of(self, consume: Callable[[], None]) -> Callable[[], None]:
        """The consumer's loop: one that fails again and again is stuck, whatever it does in between."""

        def beating() -> None:
            try:
                consume()
            except Exception:
                self._fails(None)
                raise

        return beating

    def observing(self, observe: Observe) -> Observe:
        """What observes the consumer, and notes its gaps."""

        def noting(name: str, value: float) -> None:
            if name == CONSUMER_GAPS:
                self._missed.append(self._clock())
            observe(name, value)

        return noting

    def _fails(self, what: Place | None) -> None:
        now = self._clock()
        since, last = self._stuck.get(what, (now, now))
        self._stuck[what] = since if now - last < NEWS_SECONDS else now, now

    def seconds(self) -> float:
        """The age of the oldest event that is late, or waits; 0 when there is no news of any."""
        now = self._clock()
        late = [late for late, when in list(self._late.values()) if now - when < NEWS_SECONDS]
        stuck = [now - since for since, last in list(self._stuck.values()) if now - last < NEWS_SECONDS]
        return max((*late, *stuck), default=0.0)

    def missed(self) -> int:
        """How often within the last day the bus had forgotten what was not read yet."""
        now = self._clock()
        self._missed = [when for when in self._missed if now - when < MISSED_SECONDS]
        return len(self._missed)

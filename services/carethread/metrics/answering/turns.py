"""What is worked at in this process beside its requests: one thing after another, and a bounded number of them.

One at a time, because the engine runs two queries at once (`adapters.analytics.duck.Bounds`): the other turn is for who
waits for an answer. Threads are there only while there is something to do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from carethread.core.errors import Busy
from carethread.core.faults import told

log = logging.getLogger(__name__)

ROOM = 100
"""How many may wait at the same time."""

BEAT_SECONDS = 5.0

_RETRY_SECONDS = 30
"""After which who found no room may ask again: some have had their turn by then."""

Piece = Callable[[], float | None]
"""Works, and says after how many seconds it wants another turn; None: it is over. What it raises ends it, and nothing
else."""

Beat = Callable[[], None]
"""Tells others that what is held here is worked at; those that are equal tell the same. What it raises is told next
time."""


@dataclass(slots=True)
class _Held:
    piece: Piece
    beat: Beat
    due: float = 0.0


@dataclass
class Turns:
    """What waits, by its name, first come first served."""

    room: int = ROOM
    _held: dict[str, _Held] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _working: bool = False

    def refuse_more(self) -> None:
        """Raise Busy while there is no room."""
        if len(self._held) >= self.room:
            raise Busy("As many evaluations wait as there is room for; ask again later.", retry_after=_RETRY_SECONDS)

    def holds(self, name: str) -> bool:
        """Whether something waits here, or is worked at."""
        return name in self._held

    def take(self, name: str, piece: Piece, beat: Beat) -> None:
        """Let it have its turn; what is held already stays as it is."""
        with self._changed:
            self._held.setdefault(name, _Held(piece, beat))
            if not self._working:
                threading.Thread(target=self._work, name="evaluations", daemon=True).start()
                self._working = True
            self._changed.notify_all()

    def leave(self, name: str) -> None:
        """It has no turn any more."""
        with self._changed:
            self._held.pop(name, None)

    def _work(self) -> None:
        over = threading.Event()
        threading.Thread(target=self._beat, args=(over,), name="evaluations beat", daemon=True).start()
        while (found := self._next()) is not None:
            name, held = found
            again = _worked(name, held.piece)
            if again is None:
                self.leave(name)
            else:
                held.due = time.monotonic() + again
        over.set()

    def _next(self) -> tuple[str, _Held] | None:
        """Waits for what is due first; None once there is nothing."""
        with self._changed:
            while self._held:
                name, held = min(self._held.items(), key=lambda each: each[1].due)
                left = held.due - time.monotonic()
                if left <= 0:
                    return name, held
                self._changed.wait(left)
            self._working = False
            return None

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(BEAT_SECONDS):
            with self._changed:
                beats = {held.beat for held in self._held.values()}
            for beat in beats:
                _worked("beat", beat)


def _worked(name: str, work: Callable[[], float | None]) -> float | None:
    """What it says, and nothing where it fails: others have their turn all the same."""
    try:
        return work()
    except Busy:
        return None  # a beat, which the next one makes up for
    except Exception as error:  # noqa: BLE001  # whatever is wrong with one, the others go on
        log.error("evaluation_failed", extra={"job": name, **told(error)})
        return None

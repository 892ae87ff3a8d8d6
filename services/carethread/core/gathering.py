"""Doing together what comes at the same time: who comes while another is at it waits, and is done with the next.

Nobody waits for company: whoever finds nobody at work begins at once. When he is done, the first of those who came
meanwhile does it for all of them, in the order in which they came, and so on. Each thread is woken once, with its
answer or with the lead. Databases call it group commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, TypeVar

from carethread.core.errors import Busy

T = TypeVar("T")
R = TypeVar("R")

_BROKEN_OFF = "What was being kept together with this was broken off; look, then try again."


class _Place:
    """One who waits: for what became of the item, or for the lead."""

    __slots__ = ("answer", "item", "leads", "turn")

    def __init__(self, item: Any) -> None:
        self.item = item
        self.answer: Any = None
        self.leads = False
        self.turn = Lock()
        self.turn.acquire()


class Gathering:
    """Those who do one kind of thing together: at most `most` at once, each waiting at most `seconds` to be begun."""

    def __init__(self, *, most: int = 32, seconds: float = 30.0) -> None:
        self._most = most
        self._seconds = seconds
        self._lock = Lock()
        self._busy = False
        self._waiting: deque[_Place] = deque()

    def do(self, item: T, perform: Callable[[Sequence[T]], Sequence[R]]) -> R:
        """What `perform` answers for the item, alone or among those of other threads; all give the same `perform`.

        It answers for each of the items that it is given. What it raises is raised by the thread that it ran in; the
        others then get Busy, as does who is not begun in time.
        """
        place = _Place(item)
        with self._lock:
            place.leads = not self._busy
            if place.leads:
                self._busy = True
            else:
                self._waiting.append(place)
        if not place.leads:
            self._wait(place)
        if not place.leads:
            if place.answer is None:
                raise Busy(_BROKEN_OFF, retry_after=0)
            answer: R = place.answer[0]
            return answer
        return self._lead(place, perform)

    def _wait(self, place: _Place) -> None:
        try:
            if place.turn.acquire(timeout=self._seconds):
                return
            with self._lock:
                late = place in self._waiting
                if late:
                    self._waiting.remove(place)
            if late:
                raise Busy("The writes before this one take too long; try again.")
            place.turn.acquire()  # it has been begun, which ends as the database's own patience does
        except KeyboardInterrupt:
            self._leave(place)
            raise

    def _leave(self, place: _Place) -> None:
        """Nobody is to wait for one who is gone."""
        with self._lock:
            if place in self._waiting:
                self._waiting.remove(place)
        if place.leads:
            self._hand_on()

    def _lead(self, place: _Place, perform: Callable[[Sequence[T]], Sequence[R]]) -> R:
        with self._lock:
            others = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most - 1))]
        answers: Sequence[R] = ()
        try:
            answers = perform([place.item, *(other.item for other in others)])
        finally:
            self._hand_on()
            for number, other in enumerate(others, 1):
                other.answer = answers[number : number + 1] or None
                other.turn.release()
        return answers[0]

    def _hand_on(self) -> None:
        """Give the lead to the first who waits."""
        with self._lock:
            if self._waiting:
                first = self._waiting.popleft()
                first.leads = True
                first.turn.release()
            else:
                self._busy = False

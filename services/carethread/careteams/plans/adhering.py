"""How far an activity is kept to: what was done of what was to be done by now, and since when it is overdue.

- Of each window that has ended, what was done in it counts, at most as often as it was to be done.
- What is to be done once is done whenever that was, since the plan began.
- An activity is overdue since the end of the first of its last windows that were not kept, until it is done again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from carethread.careteams.plans.schedules import MOST, Schedule, Window
from carethread.careteams.plans.spans import OPEN


@dataclass(frozen=True, slots=True)
class Adherence:
    """`needed` and `done` times up to now; `overdue` since when, and `due` when the next window ends; 0: not so.

    `state` is done, kept, behind, overdue, not-due, unknown or stopped.
    """

    state: str
    needed: int = 0
    done: int = 0
    overdue: int = 0
    due: int = 0

    @property
    def percent(self) -> int | None:
        """None while nothing was due."""
        return 100 * self.done // self.needed if self.needed else None


def adherence(schedule: Schedule | None, times: Sequence[int], now: int) -> Adherence:
    """How far it is kept to; `times` are the moments at which it was done, in order, none after now."""
    if schedule is None:
        return Adherence("unknown", done=len(times))
    if schedule.once:
        return _once(schedule.listed[0], times, now)
    ended = schedule.ended(now)
    windows = [window for number in range(max(0, ended - MOST), ended) if (window := schedule.window(number))]
    done = [min(_within(times, window), window.times) for window in windows]
    needed, kept = sum(window.times for window in windows), sum(done)
    following = schedule.window(ended)
    due = following.end if following else 0
    overdue = _overdue(windows, done, times)
    if overdue:
        state = "overdue"
    elif not needed:
        state = "not-due"
    elif kept < needed:
        state = "behind"
    else:
        state = "kept" if following else "done"
    return Adherence(state, needed, kept, overdue, due)


def _once(window: Window, times: Sequence[int], now: int) -> Adherence:
    if times:
        return Adherence("done", 1, 1)
    if window.end <= now:
        return Adherence("overdue", 1, 0, overdue=window.end)
    return Adherence("not-due", due=window.end if window.end < OPEN else 0)


def _within(times: Sequence[int], window: Window) -> int:
    return bisect_left(times, window.end) - bisect_left(times, window.begin)


def _overdue(windows: Sequence[Window], done: Sequence[int], times: Sequence[int]) -> int:
    since = 0
    for window, kept in zip(reversed(windows), reversed(done), strict=True):
        if kept >= window.times:
            break
        since = window.end
    return 0 if since and times and times[-1] >= windows[-1].end else since

"""How a service's events are: what waits, and since when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vitals:
    """`unsent_since` and `waiting_since` are in microseconds, 0: nothing is unsent, or waits.

    `posted` are messages in the postbox, the oldest of which happened at `posted_since` (0: there is none).

    `requested` are requests to other services that are not answered, since `requested_since` (0: there is none).

    `waiting` are notifications that are not settled, `in_error` subscriptions whose delivery was given up.
    """

    unsent_since: int = 0
    dead_letters: int = 0
    waiting: int = 0
    waiting_since: int = 0
    in_error: int = 0
    posted: int = 0
    posted_since: int = 0
    timers_failing: int = 0
    next_timer: int = 0
    """When the first timer that does not fail is due, 0: there is none."""
    requested: int = 0
    requested_since: int = 0
    refused: int = 0

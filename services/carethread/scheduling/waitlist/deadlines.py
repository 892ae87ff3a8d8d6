"""By when an offer is to be answered: time to hear of it and to think, none of it at night, and time to come.

What the channel takes is counted in waking hours of the zone where the visit is (`quiet`); an answer is due early
enough for the way, and for an interpreter to be found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from carethread.core.clock import from_micros, to_micros
from carethread.core.quiet import SLEEPS, awake

MINUTES: Mapping[str, int] = {"phone": 60, "sms": 120, "app": 120, "email": 240}
"""Waking minutes for an answer, by channel."""

SHORTEST = 15
"""Minutes without which there is no use in asking."""

INTERPRETER = 24 * 60
"""Minutes of notice that an interpreter needs."""


def deadline(now: int, begin: int, channel: str, zone: tzinfo, notice: int, *, interpreter: bool) -> int | None:
    """When the offer of a slot that begins at `begin` ends, in microseconds; None when there is no time left to ask.

    `notice` is minutes for the way.
    """
    latest = begin - max(notice, INTERPRETER if interpreter else 0) * 60_000_000
    asked = awake(from_micros(now), zone)
    until = min(to_micros(_later(asked, MINUTES[channel], zone)), latest)
    return until if until - to_micros(asked) >= SHORTEST * 60_000_000 else None


def _later(moment: datetime, minutes: int, zone: tzinfo) -> datetime:
    """So many waking minutes later."""
    left = timedelta(minutes=minutes)
    while True:
        evening = moment.astimezone(zone).replace(hour=SLEEPS, minute=0, second=0, microsecond=0)
        today = evening.astimezone(moment.tzinfo) - moment
        if left <= today:
            return moment + left
        left -= today
        moment = awake(evening.astimezone(moment.tzinfo), zone)

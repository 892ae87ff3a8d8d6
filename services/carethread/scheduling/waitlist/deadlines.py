"""By when an offer is to be answered: time to hear of it and to think, none of it at night, and time to come.

What the channel takes is counted in waking hours of the person's zone; an answer is due early enough for the way, and
for an interpreter to be found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from carethread.core.clock import from_micros, to_micros

MINUTES: Mapping[str, int] = {"phone": 60, "sms": 120, "app": 120, "email": 240}
"""Waking minutes for an answer, by channel."""

SHORTEST = 15
"""Minutes without which there is no use in asking."""

INTERPRETER = 24 * 60
"""Minutes of notice that an interpreter needs."""

_WAKES, _SLEEPS = 8, 21
"""Local hours between which people are asked."""


def deadline(now: int, begin: int, channel: str, zone: tzinfo, notice: int, *, interpreter: bool) -> int | None:
    """When the offer of a slot that begins at `begin` ends, in microseconds; None when there is no time left to ask.

    `notice` is minutes for the way.
    """
    latest = begin - max(notice, INTERPRETER if interpreter else 0) * 60_000_000
    asked = _awake(from_micros(now), zone)
    until = min(to_micros(_later(asked, MINUTES[channel], zone)), latest)
    return until if until - to_micros(asked) >= SHORTEST * 60_000_000 else None


def _awake(moment: datetime, zone: tzinfo) -> datetime:
    """The moment itself, or when the night around it is over."""
    local = moment.astimezone(zone)
    if local.hour >= _SLEEPS:
        local = local.replace(hour=0) + timedelta(days=1)
    if local.hour < _WAKES:
        local = local.replace(hour=_WAKES, minute=0, second=0, microsecond=0)
        return local.astimezone(moment.tzinfo)
    return moment


def _later(moment: datetime, minutes: int, zone: tzinfo) -> datetime:
    """So many waking minutes later."""
    left = timedelta(minutes=minutes)
    while True:
        evening = moment.astimezone(zone).replace(hour=_SLEEPS, minute=0, second=0, microsecond=0)
        today = evening.astimezone(moment.tzinfo) - moment
        if left <= today:
            return moment + left
        left -= today
        moment = _awake(evening.astimezone(moment.tzinfo), zone)

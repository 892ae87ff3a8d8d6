"""Quiet hours: at night nobody is written to, and no time passes for who is to answer. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from carethread.core.clock import from_micros, to_micros

WAKES, SLEEPS = 8, 21
"""Local hours between which people are told of something."""


def awake(moment: datetime, zone: tzinfo) -> datetime:
    """The moment itself, or when the night around it is over."""
    local = moment.astimezone(zone)
    if local.hour >= SLEEPS:
        local = local.replace(hour=0) + timedelta(days=1)
    if local.hour < WAKES:
        local = local.replace(hour=WAKES, minute=0, second=0, microsecond=0)
        return local.astimezone(moment.tzinfo)
    return moment


def before_night(moment: int, zone: tzinfo) -> int:
    """The moment itself, or an hour before the night around it begins; microseconds."""
    local = from_micros(moment).astimezone(zone)
    if WAKES <= local.hour < SLEEPS:
        return moment
    evening = local if local.hour >= SLEEPS else local - timedelta(days=1)
    return to_micros(evening.replace(hour=SLEEPS - 1, minute=0, second=0, microsecond=0))

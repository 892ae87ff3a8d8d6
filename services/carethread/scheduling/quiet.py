"""Quiet hours: at night nobody is written to, and no time passes for who is to answer. Pure.

Night is that of the Schedule's zone; of one that names none, that of the offset with which its Slot's time is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from carethread.core.clock import from_micros, to_micros
from carethread.scheduling.availability.reading import template_of

WAKES, SLEEPS = 8, 21
"""Local hours between which people are told of something."""


def zone_of(schedule: Mapping[str, Any] | None, start: object) -> tzinfo:
    """Where a visit is that starts at the instant `start`."""
    template = template_of(dict(schedule)) if schedule else None
    if template:
        return template.zone
    try:
        return (datetime.fromisoformat(start).tzinfo or UTC) if isinstance(start, str) else UTC
    except ValueError:  # an instant of FHIR may have a leap second
        return UTC


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

"""A reader of calendars for tests, as a calendar program would be one."""

from __future__ import annotations

from typing import Any

from icalendar import Calendar


def read(body: bytes) -> Any:
    """The calendar; its properties by name, of any type."""
    return Calendar.from_ical(body)


def events(body: bytes) -> list[Any]:
    """The events of a calendar, in order."""
    return list(read(body).events)

"""Time zones by a name that means the same everywhere, and the days of a week."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""http://hl7.org/fhir/days-of-week, in the order of date.weekday()."""

_NAME = re.compile(r"UTC|[A-Z]\w*(/[\w+-]+){1,2}", re.ASCII)
"""Region/City; a machine may have other names of its own."""


def zone_named(name: str) -> ZoneInfo | None:
    """The zone of the IANA's that has this name; None where there is none."""
    try:
        return ZoneInfo(name) if _NAME.fullmatch(name) else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        return None

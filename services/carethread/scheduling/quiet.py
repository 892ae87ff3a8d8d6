"""Where a visit is, whose night is heeded (`core.quiet`). Pure.

That is the Schedule's zone; of one that names none, the offset with which its Slot's time is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from carethread.scheduling.availability.reading import template_of


def zone_of(schedule: Mapping[str, Any] | None, start: object) -> tzinfo:
    """Where a visit is that starts at the instant `start`."""
    template = template_of(dict(schedule)) if schedule else None
    if template:
        return template.zone
    try:
        return (datetime.fromisoformat(start).tzinfo or UTC) if isinstance(start, str) else UTC
    except ValueError:  # an instant of FHIR may have a leap second
        return UTC

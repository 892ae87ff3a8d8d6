"""Moments that every zone has a date for. What lies beyond could be told in no answer, so nothing takes place there."""

from __future__ import annotations

from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.search.dates import EARLIEST, LATEST, asked_range, date_range
from carethread.core.ports import Resource

DAY = 86_400_000_000
"""In microseconds."""

FIRST, LAST = EARLIEST + 2 * DAY, LATEST - 2 * DAY
"""Two days from the ends of the years 1 to 9999 of UTC."""

_SAID = "It lies within the calendar of every zone: from 0001-01-03 to 9999-12-29."


def asked_span(text: str) -> tuple[int, int] | None:
    """What a URL's parameter means, in microseconds: from a moment up to another. None: no date, or one beyond."""
    span = asked_range(text)
    return span if span and FIRST <= span[0] <= span[1] <= LAST else None


def refuse_untold(resource: Resource) -> None:
    """Raise Invalid, an issue for each, where the start or the end of a Slot or Appointment is told in no zone."""
    spans = {name: date_range(resource[name]) for name in ("start", "end") if isinstance(resource.get(name), str)}
    issues = [
        Issue("value", _SAID, f"{resource['resourceType']}.{name}")
        for name, span in spans.items()
        if span and not FIRST <= span[0] <= LAST
    ]
    if issues:
        raise Invalid(issues=issues)

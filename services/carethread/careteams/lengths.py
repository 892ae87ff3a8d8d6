"""UCUM's units of time, and how long they are. Pure.

Moments are microseconds. Months and years go by the calendar, in UTC: a month after the 31st of January is the last of
February. Source: https://ucum.org/ucum#section-Other-Legacy-Units (mo, a), http://hl7.org/fhir/R4/datatypes.html#Duration.
"""

from __future__ import annotations

from calendar import monthrange

from carethread.core.clock import from_micros, to_micros

FIXED = {
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "wk": 604_800_000_000,
}
"""Those that have a length, in microseconds."""

MONTHS = {"mo": 1, "a": 12}
"""Those that the calendar has."""

UNITS = (*FIXED, *MONTHS)


def months_later(moment: int, months: int) -> int | None:
    """A moment so many months later, or earlier for a negative number; None where the calendar has none."""
    then = from_micros(moment)
    year, month = divmod(then.year * 12 + then.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return None
    return to_micros(then.replace(year=year, month=month + 1, day=min(then.day, monthrange(year, month + 1)[1])))

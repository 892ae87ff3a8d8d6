"""UCUM's units of time, and how long they are. Pure.

Moments are microseconds. Months and years go by the calendar, in UTC: a month after the 31st of January is the last of
February. Source: https://ucum.org/ucum#section-Other-Legacy-Units (mo, a), http://hl7.org/fhir/R4/datatypes.html#Duration.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from typing import Any

from carethread.core.clock import from_micros, to_micros
from carethread.core.fhir.search.dates import LATEST

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

LONGEST = 200
"""Years."""


def months_later(moment: int, months: int) -> int | None:
    """A moment so many months later, or earlier for a negative number; None where the calendar has none."""
    then = from_micros(moment)
    year, month = divmod(then.year * 12 + then.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return None
    return to_micros(then.replace(year=year, month=month + 1, day=min(then.day, monthrange(year, month + 1)[1])))


@dataclass(frozen=True, slots=True)
class Length:
    """A duration: so many months of the calendar, or so many microseconds."""

    months: int = 0
    micros: int = 0

    def after(self, moment: int) -> int:
        """The moment that much later; the end of time where there is none."""
        if moment + self.micros >= LATEST:
            return LATEST
        later = months_later(moment, self.months) if self.months else moment + self.micros
        return LATEST if later is None else later


def length_of(duration: dict[str, Any]) -> Length | None:
    """A FHIR Duration in UCUM; None where it is none, not a whole number, not positive or too long."""
    value, unit = duration.get("value"), duration.get("code")
    if duration.get("system") != "http://unitsofmeasure.org" or unit not in UNITS or "comparator" in duration:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST * 366 * 86_400:
        return None
    if value != int(value):
        return None
    length = Length(months=int(value) * MONTHS[unit]) if unit in MONTHS else Length(micros=int(value) * FIXED[unit])
    return length if length.months <= LONGEST * 12 and length.micros <= LONGEST * 366 * FIXED["d"] else None

"""From which age on what is a person's own: the one place where ages stand, as data.

Ages differ by country and state; these are cautious ones. 42 CFR 2.14 leaves it to a minor's own consent where the law
lets the minor apply for treatment alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from carethread.careteams.sharing.categories import CATEGORIES, PSYCHIATRIC, SEXUAL, SUBSTANCE, VIOLENCE
from carethread.core.clock import from_micros
from carethread.core.fhir.search.dates import date_range


@dataclass(frozen=True, slots=True)
class Ages:
    """Ages in years. `own` is from when a category is confidential towards a parent; 0: always."""

    majority: int = 18
    own: Mapping[str, int] = field(
        default_factory=lambda: {VIOLENCE: 0, SEXUAL: 12, SUBSTANCE: 12, PSYCHIATRIC: 14}, hash=False
    )


AGES = Ages()

_EARLIEST_ZONE = timedelta(hours=14)
"""A day begins so long before it does in UTC."""


def age(birth_date: object, at: int) -> int | None:
    """The highest age in whole years that somebody may have at a moment (microseconds); None: not known.

    Of a year or month alone its first day counts, and a birthday begins where it begins first; one of 29 February is on
    the 28th in other years.
    """
    born = date_range(birth_date) if isinstance(birth_date, str) and "T" not in birth_date else None
    if born is None:
        return None
    first, today = from_micros(born[0]).date(), (from_micros(at) + _EARLIEST_ZONE).date()
    return max(0, today.year - first.year - (today < _birthday(first, today.year)))


def _birthday(born: date, year: int) -> date:
    try:
        return born.replace(year=year)
    except ValueError:  # 29 February
        return born.replace(year=year, day=28)


def own_matters(years: int, ages: Ages = AGES) -> frozenset[str]:
    """The categories that are confidential towards a parent at an age."""
    return frozenset(category for category in CATEGORIES if years >= ages.own.get(category, 0))

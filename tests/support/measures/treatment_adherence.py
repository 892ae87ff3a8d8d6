"""The proportion of days covered, day by day: whose pills are there on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from support.measures.plain import (
    NOW,
    RXNORM,
    Practice,
    Resource,
    Unit,
    codings,
    id_of,
    observed,
    proportion,
    standing,
)

DAY = timedelta(days=1)
_LENGTHS = {"d": 1.0, "wk": 7.0, "mo": 30.4375}


def units(practice: Practice, first: date, last: date) -> Iterator[Unit]:
    treatments: defaultdict[tuple[str | None, tuple[str, str]], list[tuple[datetime, str, int]]] = defaultdict(list)
    for dispense in practice.of("MedicationDispense"):
        drugs = codings(dispense.get("medicationCodeableConcept"))
        at = standing(dispense.get("whenHandedOver") or dispense.get("whenPrepared"))
        person = practice.person(dispense.get("subject"))
        days = _days(dispense)
        if dispense["status"] != "completed" or at is None or not drugs or days < 1:
            continue
        department = _registered(practice, person)
        start, end = practice.span(department, first, last)
        died = practice.died(person, department)
        if _year_before(end) <= at < end and not (isinstance(died, datetime) and died < start):
            treatments[person, min(drugs, key=_first)].append((at, dispense["id"], days))
    for (person, _), fills in treatments.items():
        yield _unit(practice, person, sorted(fills), first, last)


def _first(drug: tuple[str, str]) -> tuple[bool, str]:
    """By what the code of a drug is chosen: that of RxNorm, else the least."""
    system, code = drug
    return system != RXNORM, f"{system}|{code}"


def _registered(practice: Practice, person: str | None) -> str | None:
    return id_of(practice.get("Patient", person).get("managingOrganization"), "Organization")


def _year_before(end: datetime) -> datetime:
    """The same moment a year earlier; of a 29 February the 28th."""
    day = 28 if (end.month, end.day) == (2, 29) else end.day
    return end.replace(year=end.year - 1, day=day)


def _days(dispense: Resource) -> int:
    supply = dispense.get("daysSupply", {})
    return int(supply.get("value", 0) * _LENGTHS.get(supply.get("code", "d"), 0))


def _unit(
    practice: Practice, person: str | None, fills: list[tuple[datetime, str, int]], first: date, last: date
) -> Unit:
    department = _registered(practice, person)
    begin, until = practice.span(department, first, last)
    start = _year_before(until)
    died = practice.died(person, department)
    end = round((until - start) / DAY)
    end = min(end, (NOW - start) // DAY)
    if isinstance(died, datetime):
        by_day = "T" not in practice.get("Patient", person)["deceasedDateTime"]
        end = min(end, round((died - start) / DAY) if by_day else (died - start) // DAY)
    covered: set[int] = set()
    free = 0
    for at, _, days in fills:
        free = max(free, (at - start) // DAY)
        covered |= {day for day in range(free, free + days) if day < end}
        free += days
    days_filled = {day for at, _, _ in fills if (day := (at - start) // DAY) < end}
    length = end - (fills[0][0] - start) // DAY
    counts = len(days_filled) >= 2 and length >= 91
    share = len(covered) / length if length > 0 else 0.0
    some_day = died is True
    return Unit(
        f"MedicationDispense/{fills[0][1]}",
        person,
        max(fills[0][0], begin),
        department,
        (
            proportion(counts, len(covered) * 100 >= length * 80, exclusion=some_day),
            observed(share if counts and not some_day else None),
        ),
    )

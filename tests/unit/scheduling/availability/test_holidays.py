"""Public holidays fall as the calendars of their countries have them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from carethread.core.fhir.json import parse
from carethread.scheduling.availability.holidays import LISTS, easter, is_holiday

PROFILES = Path(__file__).parents[4] / "fhir_profiles"
KNOWN = {
    ("us-federal", 2026): "01-01 01-19 02-16 05-25 06-19 07-03 07-04 09-07 10-12 11-11 11-26 12-25",
    ("us-federal", 2021): "01-01 01-18 02-15 05-31 06-18 06-19 07-04 07-05 09-06 10-11 11-11 11-25 12-24 12-25 12-31",
    ("england-and-wales", 2026): "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-26 12-28",
    ("england-and-wales", 2022): "01-01 01-03 04-15 04-18 05-02 05-30 08-29 12-25 12-26 12-27",
    ("scotland", 2021): "01-01 01-02 01-04 04-02 05-03 05-31 08-02 11-30 12-25 12-26 12-27 12-28",
    ("northern-ireland", 2026): "01-01 03-17 04-03 04-06 05-04 05-25 07-12 07-13 08-31 12-25 12-26 12-28",
}
"""With the weekend days themselves; one-off moves (of 2022's spring holiday, say) are not of the rule."""


@pytest.mark.parametrize(("name", "year"), KNOWN)
def test_a_year(name, year):
    days = (date(year, 1, 1) + timedelta(n) for n in range(366))
    found = [f"{day:%m-%d}" for day in days if day.year == year and is_holiday(name, day)]
    assert " ".join(found) == KNOWN[name, year]


def test_easter():
    known = [date(1961, 4, 2), date(2000, 4, 23), date(2024, 3, 31), date(2025, 4, 20), date(2038, 4, 25)]
    assert [easter(day.year) for day in known] == known
    assert all(easter(year).weekday() == 6 for year in range(1900, 2200))


def test_the_last_year_has_its_holidays():
    assert is_holiday("us-federal", date(9999, 12, 25))


def test_the_published_codes_are_the_lists():
    published = parse((PROFILES / "CodeSystem" / "holiday-list.json").read_bytes())
    assert tuple(concept["code"] for concept in published["concept"]) == LISTS

"""Of which day a row is: each shipped table says it by columns that it has."""

from __future__ import annotations

from datetime import date, datetime

from carethread.metrics.facts.days import DAYS, EVER, Day
from carethread.metrics.facts.shipped import shipped


def test_each_shipped_table_says_of_which_day_its_rows_are() -> None:
    tables = {each.name: dict(each.columns) for subject in shipped() for each in subject.relations}
    assert DAYS.keys() == tables.keys()
    of_type = {each.name: subject.type for subject in shipped() for each in subject.relations}
    for name, day in DAYS.items():
        assert tables[name].keys() >= set(day.columns)
        assert {tables[name][each] for each in day.columns} <= {"TIMESTAMP", "DATE"}
        assert not day.but or tables[name][day.but] == "BOOLEAN"
        assert not day.like or of_type[day.like] == of_type[name], "it is of the same resource"


def test_a_row_is_of_the_first_day_that_it_has() -> None:
    of = Day(("said", "kept")).of
    assert of({"said": datetime.fromisoformat("2030-01-02T23:00"), "kept": date(2029, 1, 1)}) == date(2030, 1, 2)
    assert of({"said": None, "kept": date(2029, 1, 1)}) == date(2029, 1, 1)
    assert of({"said": None, "kept": None}) == EVER.of({}) == date.min


def test_who_is_alive_is_of_no_day_and_who_has_died_of_that_day() -> None:
    of = DAYS["patients"].of
    assert of({"deceased": None, "deceased_at": None}) is None
    assert of({"deceased": None, "deceased_at": datetime.fromisoformat("2030-01-02")}) == date(2030, 1, 2)
    assert of({"deceased": True, "deceased_at": None}) == date.min

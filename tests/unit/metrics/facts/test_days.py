"""When a row is: each shipped table says it by columns that it has."""

from __future__ import annotations

import re
from datetime import date, datetime

from carethread.metrics.facts.days import AHEAD, DAYS, EARLIEST, EVER, Day
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.measures.shipped import texts


def test_each_shipped_table_says_of_which_day_its_rows_are() -> None:
    tables = {each.name: dict(each.columns) for subject in shipped() for each in subject.relations}
    assert DAYS.keys() == tables.keys()
    of_type = {each.name: subject.type for subject in shipped() for each in subject.relations}
    for name, day in DAYS.items():
        assert tables[name].keys() >= set(day.columns)
        assert {tables[name][each] for each in day.columns} <= {"TIMESTAMP", "DATE"}
        assert not day.but or tables[name][day.but] == "BOOLEAN"
        assert not day.like or of_type[day.like] == of_type[name], "it is of the same resource"


def test_what_looks_ahead_is_a_shipped_measure_and_reads_what_it_looks_for() -> None:
    for name, tables in AHEAD.items():
        read = set(re.findall(r"[a-z_]+", re.sub(r"--[^\n]*", "", texts()[name])))
        assert DAYS.keys() & read >= set(tables), name


def test_a_row_is_of_the_first_moment_that_it_has() -> None:
    of, late = Day(("said", "kept")).of, datetime.fromisoformat("2030-01-02T23:00")
    assert of({"said": late, "kept": date(2029, 1, 1)}) == late
    assert of({"said": None, "kept": date(2029, 1, 1)}) == datetime.fromisoformat("2029-01-01")
    assert of({"said": None, "kept": None}) == EVER.of({}) == EARLIEST


def test_who_is_alive_is_of_no_day_and_who_has_died_of_that_day() -> None:
    of = DAYS["patients"].of
    assert of({"deceased": None, "deceased_at": None}) is None
    died = datetime.fromisoformat("2030-01-02")
    assert of({"deceased": None, "deceased_at": died}) == died
    assert of({"deceased": True, "deceased_at": None}) == EARLIEST

"""When a row is: each shipped table says it by columns that it has; which measures read more than that is known of all
of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any

import pytest

from carethread.core.errors import Invalid
from carethread.metrics.evaluating.counting import relation
from carethread.metrics.evaluating.evaluating import Units, answer, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.facts.days import AHEAD, DAYS, EARLIEST, EVER, OF_PEOPLE, Day
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.measures.shipped import beginnings, texts
from carethread.metrics.measures.words import words_of
from support.facts import Filled
from support.measured import shipped as measures

NOON = datetime.fromisoformat("2030-03-01T12:00")
COLUMNS = {each.name: dict(each.columns) for subject in shipped() for each in subject.relations}


def test_each_shipped_table_says_of_which_day_its_rows_are() -> None:
    assert DAYS.keys() == COLUMNS.keys()
    of_type = {each.name: subject.type for subject in shipped() for each in subject.relations}
    for name, day in DAYS.items():
        assert COLUMNS[name].keys() >= {*day.columns, *day.of_columns}
        assert {COLUMNS[name][each] for each in day.columns} <= {"TIMESTAMP", "DATE"}
        assert not day.but or COLUMNS[name][day.but] == "BOOLEAN"
        assert not day.like or of_type[day.like] == of_type[name], "it is of the same resource"


def test_what_looks_ahead_is_a_shipped_measure_and_reads_what_it_looks_for() -> None:
    for name, tables in AHEAD.items():
        assert DAYS.keys() & words_of(texts()[name]) >= set(tables), name


def _is_read(facts: Filled, sql: str, counted: Units) -> bool:
    """Whether SQL cannot do without what is not there now."""
    try:
        answer(facts, f"WITH {relation('counted', sql)} SELECT * FROM counted", counted)
    except Invalid:
        return True
    return False


def test_it_is_known_of_each_measure_which_parts_of_a_table_it_reads() -> None:
    """The SQL of all of them is run without each column in turn. `deaths` is of the columns that are no parts, which
    is seen to beside."""
    deaths = beginnings()["deaths"].strip()
    assert words_of(deaths) & COLUMNS["patients"].keys() <= {"id", *DAYS["patients"].of_columns}
    facts, found = Filled(shipped()), defaultdict(set)
    facts.run("CREATE TABLE people AS FROM patients")
    for name, definition in measures():
        counted = units(facts, definition, Days(date(2029, 3, 1), date(2029, 3, 31)), ())
        sql = definition.sql.replace(deaths, deaths.replace("FROM patients", "FROM people"))
        assert not _is_read(facts, sql, counted), f"{name} reads what is there"
        for table in DAYS.keys() & words_of(sql):
            for column in COLUMNS[table].keys() - set(DAYS[table].of_columns or COLUMNS[table]):
                facts.run(f"ALTER TABLE {table} RENAME {column} TO other")
                if _is_read(facts, sql, counted):
                    found[name].add(f"{table}.{column}")
                facts.run(f"ALTER TABLE {table} RENAME other TO {column}")
    assert found == OF_PEOPLE


def test_a_row_is_of_the_first_moment_that_it_has() -> None:
    of, late = Day(("said", "kept")).of, datetime.fromisoformat("2030-01-02T23:00")
    assert of({"said": late, "kept": date(2029, 1, 1)}) == late
    assert of({"said": None, "kept": date(2029, 1, 1)}) == datetime.fromisoformat("2029-01-01")
    assert of({"said": None, "kept": None}) == EVER.of({}) == EARLIEST


@pytest.mark.parametrize(
    ("row", "expected"),
    [({"start": NOON}, True), ({"start": None}, False)],
    ids=["of its own", "of its plan"],
)
def test_a_row_without_a_moment_leaves_it_to_others(row: dict[str, Any], expected: bool) -> None:
    assert Day(("start",), like="plans").is_said(row) is expected
    assert Day(("start",)).is_said(row)


def test_who_is_alive_is_of_no_day_and_who_has_died_of_that_day() -> None:
    of = DAYS["patients"].of
    assert of({"deceased": None, "deceased_at": None}) is None
    died = datetime.fromisoformat("2030-01-02")
    assert of({"deceased": None, "deceased_at": died}) == died
    assert of({"deceased": True, "deceased_at": None}) == EARLIEST

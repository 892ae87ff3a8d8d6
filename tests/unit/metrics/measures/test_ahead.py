"""Which shipped measures look ahead is known of all: without the later rows of other tables a month counts the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from bench.practice_of_a_million import relations, select
from carethread.core.facts.relation import quoted
from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.evaluating.evaluating import evaluate, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.facts.days import AHEAD, DAYS
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.tables import tables_read
from carethread.metrics.series.counting import narrowed
from support.facts import Filled
from support.measured import shipped as measures

SHARE, PEOPLE = 0.004, 150
"""So few people that what they do touches each other."""

MONTH, OVER = Days(date(2029, 3, 1), date(2029, 3, 31)), "TIMESTAMP '2029-04-01 12:00'"
REFERENCES = {
    "appointment_id": "appointments", "care_team_id": "team_members", "condition_id": "conditions",
    "consent_id": "consents", "encounter_id": "encounters", "patient_id": "patients", "response_id": "responses",
}  # fmt: skip
SAYS = {"appointments", "encounters", "reported", "team_members"}
"""The tables of which department what others refer to is."""

DIED = ("deceased_at", "deceased_until_at")

SHOWN = {
    ("avoidable-repeat-visits", "patients"), ("continuity-upc", "encounters"),
    ("plan-adherence", "team_members"), ("satisfaction-top-box", "team_members"),
    ("social-need-help", "encounters"), ("waiting-time", "waits"),
}  # fmt: skip
"""Of which the practice below is proof that it would show others."""


@pytest.fixture(scope="module")
def practice() -> Iterator[Filled]:
    """What refers to something refers to anything, whenever that was."""
    made = Filled(shipped())
    for name, relation in relations().items():
        columns = ", ".join(quoted(column) for column, _ in relation.columns)
        made.run(f"INSERT INTO {quoted(name)} ({columns}) {select(relation, SHARE)}")
    for name, relation in relations().items():
        for column in dict(relation.columns).keys() & REFERENCES.keys():
            most = PEOPLE if column == "patient_id" else 10**6
            ids = f"(SELECT DISTINCT id FROM {REFERENCES[column]} ORDER BY hash(id) LIMIT {most})"
            listed = f"(SELECT list(id ORDER BY id) FROM {ids})"
            made.run(
                f"UPDATE {quoted(name)} SET {column} ="
                f" {listed}[1 + CAST(hash(id || '{column}') % len({listed}) AS BIGINT)]"
            )
    for name, relation in relations().items():
        if "department_id" in dict(relation.columns) and name not in SAYS:
            made.run(f"UPDATE {quoted(name)} SET department_id = NULL")
    days = "CAST(hash(id) % 730 AS BIGINT)"
    for column in DIED:
        made.run(f"UPDATE patients SET {column} = TIMESTAMP '2028-03-17' + to_days({days}) WHERE hash(id) % 3 = 0")
    longer = "start_at + INTERVAL 40 DAY"
    made.run(f"UPDATE encounters SET end_at = {longer}, until_at = {longer} WHERE hash(id) % 5 = 0")
    yield made


def _moment(table: str) -> str:
    return f"coalesce({', '.join(f'CAST({quoted(each)} AS TIMESTAMP)' for each in DAYS[table].columns)}, NULL)"


@contextmanager
def _without_later(practice: Filled, table: str) -> Iterator[None]:
    practice.run(f"CREATE OR REPLACE TABLE saved AS FROM {table}")
    if table == "patients":
        practice.run(
            f"UPDATE {table} SET {', '.join(f'{each} = NULL' for each in DIED)} WHERE {_moment(table)} >= {OVER}"
        )
    elif DAYS[table].columns:
        practice.run(f"DELETE FROM {table} WHERE {_moment(table)} >= {OVER}")
    else:
        like = DAYS[table].like
        practice.run(f"DELETE FROM {table} WHERE id IN (SELECT id FROM {like} WHERE {_moment(like)} >= {OVER})")
    yield
    practice.run(f"DELETE FROM {table}")
    practice.run(f"INSERT INTO {table} FROM saved")


def _counted(practice: Filled, definition: Definition) -> list[Any]:
    counted: Sequence[Counted] = evaluate(practice, definition, units(practice, definition, MONTH, ()), people=False)

    def told(cell: Cell) -> Any:
        return dict(cell.counts), None if cell.value is None else round(cell.value, 6)

    parted = "department"
    return [[told(each.whole), *((name, told(cell)) for name, cell in each.strata[parted].items())] for each in counted]


def test_it_is_known_of_each_measure_which_later_rows_it_hangs_on(practice: Filled) -> None:
    known = {name: narrowed(definition, ("department",)) for name, definition in measures()}
    whole = {name: _counted(practice, definition) for name, definition in known.items()}
    seen: set[tuple[str, str]] = set()
    for table in sorted(name for name, day in DAYS.items() if day.columns or day.like):
        reading = [name for name, definition in known.items() if tables_read(definition, [table])]
        with _without_later(practice, table):
            seen |= {(name, table) for name in reading if _counted(practice, known[name]) != whole[name]}
    assert seen - {(name, table) for name, tables in AHEAD.items() for table in tables} == set()
    assert seen >= SHOWN

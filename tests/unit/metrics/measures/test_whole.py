"""Shared relations go before SQL that names them, whether it lies in a file or is stored; its page tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from carethread.adapters.analytics.reading import parameters_of
from carethread.core.clock import from_micros
from carethread.metrics.evaluating.evaluating import Units, spelled
from carethread.metrics.evaluating.periods import Zones
from carethread.metrics.measures.shipped import beginnings, standard, texts, whole
from support.facts import NOW, facts_of

MADE = Units([], {}, {"zones": Zones({}).places()})
"""What is made for SQL that names it."""

PAGE = Path(__file__).parents[4] / "docs" / "own-measures.md"


@pytest.mark.parametrize("name", texts())
def test_what_is_whole_stays_as_it_is(name: str) -> None:
    assert whole(texts()[name]) == texts()[name]


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT id FROM visits", ["visits AS NOT MATERIALIZED ("]),
        ("SELECT id FROM visits;", ["visits AS NOT MATERIALIZED ("]),
        ("SELECT * FROM seen -- not replies", ["stays AS NOT", "visits AS NOT", "seen AS ("]),
        ("WITH visits AS (SELECT 1 AS id) SELECT id FROM visits", []),
        ("WITH visits(id) AS (SELECT 1) SELECT id FROM visits", []),
        ("WITH visits (id, kind) AS (SELECT 1, 2) SELECT id FROM visits", []),
        ("WITH visits AS MATERIALIZED (SELECT 1 AS id) SELECT id FROM visits", []),
        ("WITH visits AS NOT MATERIALIZED (SELECT 1 AS id) SELECT id FROM visits", []),
        ("SELECT id FROM appointments", []),
        ("SELECT count(*) AS members FROM appointments", []),  # a word that SQL of one's own has for other things
    ],
)
def test_what_sql_names_and_does_not_have_goes_before_it(sql: str, names: list[str]) -> None:
    found = whole(sql)
    assert [name for name in names if name not in found] == []
    assert names or found == sql
    with facts_of([]) as facts:
        facts.query(spelled(found, MADE))


def test_the_page_names_all_that_there_is() -> None:
    page = PAGE.read_text("utf-8")
    with facts_of([]) as facts:
        for name in beginnings():
            assert f"| `{name}` |" in page
            shown = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
            if name != "courses":
                sql = spelled(whole(f"SELECT * FROM {name}"), MADE)
                columns = facts.columns(sql, {each: from_micros(NOW) for each in parameters_of(sql)})
                assert [column for column in columns if f"`{column}`" not in shown] == []
    assert [name for name in standard() if f"| `{name}` |" not in page] == []


def test_what_is_made_whole_is_so_once() -> None:
    sql = "SELECT id, start_at FROM visits"
    assert whole(sql) is whole(sql), "each look at what has changed asks for that of every measure"

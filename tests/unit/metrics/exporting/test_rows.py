"""A table tells what its reports tell, and what is masked in them is nowhere in it."""

from __future__ import annotations

import csv
from datetime import date
from io import StringIO
from tempfile import NamedTemporaryFile
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.adapters.analytics.packing import packed
from carethread.core.fhir import json
from carethread.metrics.answering.reporting import Head, report
from carethread.metrics.evaluating.counting import UNKNOWN, Cell, Counted
from carethread.metrics.exporting.rows import Table, rows, table
from carethread.metrics.exporting.writing import as_csv
from carethread.metrics.measures.definition import Definition, definition
from carethread.metrics.measures.shipped import _FOLDER
from carethread.metrics.suppressing.cells import WHOLE, Hidden

COUNTS = ("initial-population", "denominator", "numerator", "unresolved", "denominator-exclusion")


def no_shows() -> Definition:
    return definition(json.parse_object(_FOLDER.joinpath("no-show-rate.json").read_bytes()), "SELECT 1", "")


def cell(*counts: int) -> Cell:
    return Cell(dict(zip(COUNTS, (*counts, 0), strict=True)), None, {})


def made(whole: Cell, strata: dict[str, Cell], hidden: Any = None, **about: object) -> dict[str, Any]:
    head = Head("summary", "2026-02", "2026-02", 0, 0, (), (), about)
    told = report(no_shows(), [Counted(whole, {"department": strata})], head, hidden or {})
    return json.parse_object(json.render(told))


def read(found: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(as_csv(found).decode(), newline="")))


def test_a_row_for_the_whole_and_for_each_stratum() -> None:
    reporter = {"reference": "Organization/heart"}
    told = made(cell(50, 40, 10, 2), {"heart": cell(30, 20, 5, 1), UNKNOWN: cell(20, 0, 0, 1)}, reporter=reporter)
    whole, heart, unknown = read(table([told]))
    assert whole == {
        "measure": "https://carethread.dev/fhir/Measure/no-show-rate|2.3.0", "period_start": "2026-02-01",
        "period_end": "2026-02-28", "department": "heart", "group": "", "stratifier": "", "stratum": "",
        "initial_population": "50", "denominator": "40", "denominator_exclusion": "0", "numerator": "10",
        "unresolved": "2", "score": "0.25",
        "unit": "", "masked": "false", "score_absent": "",
    }  # fmt: skip
    assert (heart["stratifier"], heart["stratum"], heart["score"]) == ("department", "heart", "0.25")
    assert (unknown["stratum"], unknown["score"], unknown["score_absent"]) == ("unknown", "", "not-applicable")


def test_what_is_masked_is_empty() -> None:
    hidden = {WHOLE: Hidden.BESIDE, ("department", "heart"): Hidden.ALL}
    whole, heart = read(table([made(cell(50, 40, 10, 2), {"heart": cell(30, 20, 5, 1)}, hidden)]))
    assert [whole[name] for name in ("numerator", "unresolved", "score", "masked")] == ["10", "", "0.25", "true"]
    told = ("initial_population", "denominator", "numerator", "unresolved", "score")
    assert [heart[name] for name in told] == [""] * 5
    assert (heart["masked"], heart["score_absent"]) == ("true", "masked")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+x", "'+x"), ("-x", "'-x"), ("\tx", "'\tx"), ("\rx", "'\rx"),
        ("-5", "-5"), ("+1.5", "+1.5"), ("18-39", "18-39"), ("", ""),
    ],
)  # fmt: skip
def test_no_text_is_a_formula(text: str, written: str) -> None:
    found = Table([(text or "x", "VARCHAR"), ("n", "DOUBLE")], [(text, -0.5)])
    assert read(found) == [{written or "x": written, "n": "-0.5"}]
    raw = as_csv(found, for_programs=True).decode()
    assert next(csv.reader(StringIO(raw, newline=""))) == [text or "x", "n"]


def test_nothing_is_a_table_without_rows() -> None:
    assert read(table([])) == []


names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=8) | st.just('a,"b"')


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(names, st.integers(0, 99), max_size=3))
def test_parquet_has_what_the_csv_has(strata: dict[str, int]) -> None:
    found = table([made(cell(99, 99, 9, 0), {name: cell(n, n, 0, 0) for name, n in strata.items()})])
    assert read_back(packed(found.columns, as_csv(found, for_programs=True))) == [tuple(row) for row in dated(found)]


def dated(found: Table) -> list[list[Any]]:
    kinds = [kind for _, kind in found.columns]
    pairs = [zip(row, kinds, strict=True) for row in found.rows]
    return [[date.fromisoformat(str(cell)) if kind == "DATE" else cell for cell, kind in row] for row in pairs]


def read_back(body: bytes) -> list[tuple[Any, ...]]:
    with NamedTemporaryFile(suffix=".parquet") as file, duckdb.connect(":memory:") as connection:
        file.write(body)
        file.flush()
        return connection.execute(f"SELECT * FROM '{file.name}'").fetchall()


def test_a_score_tells_no_more_than_its_report() -> None:
    [whole] = rows(made(cell(3, 3, 1, 0), {}))
    assert whole.score == 0.3333

"""The SQL that `$explain` gives finds the same units in plain DuckDB, in tables made by what the page of facts says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.practice_of_a_million import write
from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.core.facts.manifest import Manifest, Published
from carethread.core.facts.relation import Relation
from carethread.core.fhir import json
from support.measuring import Metrics, body, metrics
from support.stores import open_store

PAGE = Path(__file__).parents[2] / "docs" / "facts.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PERIOD = {"periodStart": "2029-02", "periodEnd": "2029-10"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small practice, whose departments lie in several zones."""
    found = tmp_path_factory.mktemp("here") / "metrics-facts"
    write(found, 0.002)
    return found


@pytest.fixture(scope="module")
def asked(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/metrics.db", "metrics")
    made = metrics(store)
    yield replace(made, runtime=replace(made.runtime, analytics=DuckAnalytics(folder, Bounds(threads=1))))
    store.close()


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, explained: bytes) -> dict[str, Any]:
    """What the page's lines have found."""
    monkeypatch.chdir(folder.parent)
    Path("explained.json").write_bytes(explained)
    (lines,) = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    exec(lines, found)
    return found


@pytest.mark.parametrize(
    ("measure", "population", "stratum"),
    [
        ("no-show-rate", "numerator", {}),
        ("no-show-rate", "denominator", {"stratifier": "sex", "stratum": "female"}),
        ("retention", "denominator", {"group": "1"}),
        ("continuity-upc", "initial-population", {}),
    ],
)
def test_what_an_analyst_finds_is_what_was_counted(
    asked: Metrics,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    measure: str,
    population: str,
    stratum: dict[str, str],
) -> None:
    report = body(asked.rate("POST", measure, **PERIOD))
    answer = asked.ask(f"MeasureReport/{report['id']}/$explain", population=population, **stratum)
    assert answer.status == 200, answer.body
    told = {each["name"]: each for each in body(answer)["parameter"]}
    count = int(str(told["found"]["valueInteger"]))
    assert count > 10
    assert len(run(folder, monkeypatch, json.render(body(answer)))["units"]) == count


def test_tables_are_their_base_and_what_changed_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = Relation("links", "https://example.org/links|1", (("id", "VARCHAR"), ("n", "BIGINT")))
    shelf = ParquetShelf(tmp_path / "metrics-facts", memory=64)
    base = shelf.write(links, ["a,1\r\n", "b,2\r\n", "b,3\r\n", "c,4\r\n"])
    first = shelf.write(links, ["b,5\r\n", "d,6\r\n"], delta=1, gone=["c"])
    second = shelf.write(links, ["b,7\r\n", "b,8\r\n"], delta=2, gone=["d"])
    shelf.put(
        Manifest(5, 1, {}, {}, {
            "links": Published(links.view, links.columns, (base,), (first, second)),
            "fresh": Published(links.view, links.columns, (), (first,)),
            "nothing": Published(links.view, links.columns),
        })
    )  # fmt: skip
    sql = {"resourceType": "Parameters", "parameter": [{"name": "sql", "valueString": "SELECT 1"}]}
    facts = run(tmp_path / "metrics-facts", monkeypatch, json.render(sql))["facts"]
    with DuckAnalytics(tmp_path / "metrics-facts", Bounds(threads=1)).look() as ours:
        for name in ("links", "fresh", "nothing"):
            wanted = ours.query(f"SELECT id, n FROM {name} ORDER BY id, n").rows
            assert facts.execute(f"SELECT id, n FROM {name} ORDER BY id, n").fetchall() == wanted
        assert ours.query("SELECT count(*) FROM links").rows == [(3,)]

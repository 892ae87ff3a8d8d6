"""The numbers of the demo practice: none of what it shows is empty, and one department stands out, as the pages say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.core.clock import to_micros
from carethread.core.fhir import json
from carethread.demo import generate
from carethread.demo.bookings import SHIFTED, months_before
from carethread.demo.departments import DEPARTMENTS
from carethread.demo.history import history
from carethread.metrics.facts.exported import publish
from carethread.metrics.facts.folder import export_in
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.measures.files import in_files, names
from carethread.metrics.signals.charting import KINDS, lines
from carethread.metrics.signals.standing import decided
from carethread.metrics.signals.watching import look
from support.measuring import Metrics, body, metrics
from support.stores import open_store

SEED, TODAY = 7, date(2026, 11, 23)
FIRST, LAST = f"{months_before(TODAY, 12):%Y-%m}", f"{months_before(TODAY, 1):%Y-%m}"
NOW = to_micros(datetime.combine(TODAY, time(9), UTC))
STORED = {"versionId": "1", "lastUpdated": f"{TODAY}T00:00:00Z"}


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    folder: Path = tmp_path_factory.mktemp("practice")
    (folder / "export").mkdir()
    files = defaultdict(list)
    for each in (*generate(SEED, TODAY), *history(SEED, TODAY)):
        files[each["resourceType"]].append(json.render({**each, "meta": {**each.get("meta", {}), **STORED}}))
    for name, found in files.items():
        (folder / "export" / f"{name}.ndjson").write_bytes(b"\n".join(found) + b"\n")
    publish(export_in(folder / "export"), NOW, shipped(), ParquetShelf(folder / "facts"), processes=1)
    store = open_store(f"sqlite:///{folder}/metrics.db", "metrics")
    made = metrics(store)
    analytics = DuckAnalytics(folder / "facts", Bounds(threads=2, memory=1024, seconds=60))
    yield replace(made, runtime=replace(made.runtime, analytics=analytics))
    store.close()


@pytest.mark.parametrize(
    "name", ["hand-off-closure", "plan-adherence", "treatment-adherence", "response-rate", "waitlist-fairness"]
)
def test_each_part_of_the_measure_has_a_number_over_a_year(practice: Metrics, name: str) -> None:
    report = body(practice.rate(measure=name, periodStart=FIRST, periodEnd=LAST))
    assert [group["measureScore"]["value"] > 0 for group in report["group"]] == [True] * len(report["group"])


@pytest.mark.parametrize("name", ["continuity-upc", "treatment-adherence"])
def test_what_looks_back_on_a_year_has_a_number_in_the_month(practice: Metrics, name: str) -> None:
    report = body(practice.rate(measure=name, periodStart=LAST, periodEnd=LAST))
    assert all(group["measureScore"]["value"] > 0 for group in report["group"])


@pytest.mark.parametrize("name", ["hand-off-closure", "response-rate", "waitlist-fairness"])
def test_each_department_has_a_number_in_the_month_that_is_looked_at(practice: Metrics, name: str) -> None:
    for d in DEPARTMENTS:
        report = body(
            practice.rate(measure=name, periodStart=LAST, periodEnd=LAST, department=f"Organization/{d.organization}")
        )
        assert all("value" in group["measureScore"] for group in report["group"]), d.key


@pytest.mark.timeout(300)
def test_one_department_stands_out_and_hardly_anything_else(practice: Metrics) -> None:
    found = []
    for name in names():
        measure, _ = in_files(name)
        seen = look(practice.runtime, measure)
        kinds = [KINDS[group.scoring] for group in seen.definition.groups]
        fresh, _ = decided([], lines(seen.definition.groups, seen.points), kinds, NOW)
        found += [(name, each.place.department, each.side) for each in fresh]
    meant = ("no-show-rate", f"demo-department-{SHIFTED}", "above")
    assert meant in found
    assert len(found) <= 2, found

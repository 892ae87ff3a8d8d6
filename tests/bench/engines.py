"""The engines beside each other: all shipped measures over as many rows, on DuckDB and on Spark, both on two threads.

python -m bench.engines FOLDER [MEASURE ...]     times the measures of a folder that is written already
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure
from bench.measuring import YEAR
from bench.practice_of_a_million import write
from carethread.adapters.analytics.duck import Bounds, DuckAnalytics
from carethread.core.errors import TooCostly
from carethread.core.ports.analytics import Analytics
from carethread.metrics.evaluating.evaluating import evaluate, units
from support import run
from support.measured import shipped

ROWS = 10_000_000
_MEMORY = 4096
"""Megabytes for each engine."""


def measure(rows: int = ROWS) -> list[Figure]:
    """All shipped measures over a year, each with its strata."""
    from carethread.adapters.analytics.spark import SparkAnalytics

    folder = run.folder("engines")
    of_a_share = sum(each.rows for table in write(folder / "few", 0.01).tables.values() for each in table.base) * 100
    found = sum(each.rows for table in write(folder / "all", rows / of_a_share).tables.values() for each in table.base)
    duck = timed(DuckAnalytics(folder / "all", Bounds(_MEMORY, threads=2, seconds=600)))
    spark = SparkAnalytics(folder / "all", "local[2]", {"spark.driver.memory": f"{_MEMORY}m"})
    begun = time.perf_counter()
    with spark.look() as facts:
        facts.query("SELECT 1")
    began = time.perf_counter() - begun
    sparks = timed(spark)
    spark.close()
    count = f"{len(duck)} measures, a year, {found:,} rows in all tables"
    return [
        Figure(
            "All shipped measures on Spark local[2]", "", _said(sparks), f"{count}; {began:.0f} s to begin beside it"
        ),
        Figure("... on DuckDB, two threads", "", _said(duck), count),
    ]


def timed(analytics: Analytics, names: Sequence[str] = ()) -> dict[str, float]:
    """Seconds of each measure, by its name; infinite for one that the engine has no room for."""
    found = {}
    with analytics.look() as facts:
        wanted = units(facts, YEAR, ())
        for name, known in shipped():
            if name in names or not names:
                begun = time.perf_counter()
                try:
                    evaluate(facts, known, wanted, people=False)
                except TooCostly:
                    begun = float("-inf")
                found[name] = time.perf_counter() - begun
    return found


def _said(took: dict[str, float]) -> str:
    slowest = max(took, key=lambda name: took[name])
    return f"{sum(took.values()):.1f} s (most: {slowest}, {took[slowest]:.1f} s)"


if __name__ == "__main__":
    from carethread.adapters.analytics.spark import SparkAnalytics

    folder, names = Path(sys.argv[1]), sys.argv[2:]
    for engine in (DuckAnalytics(folder, Bounds(_MEMORY, 2, 600)), SparkAnalytics(folder)):
        for name, seconds in timed(engine, names).items():
            print(f"{type(engine).__name__:16}{name:30}{seconds:8.2f} s")

"""How long the shipped measures take over the facts of `bench.practice_of_a_million`, on two threads.

python -m bench.measuring FOLDER [MEASURE ...]     times the measures of a folder that is written already
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import date
from pathlib import Path

from bench.figures import Figure
from bench.practice_of_a_million import write
from carethread.adapters.analytics.duck import Bounds, DuckAnalytics
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.evaluating import evaluate, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Definition
from support import run
from support.measured import shipped

YEAR = Days(date(2029, 1, 1), date(2029, 12, 31))


def measure() -> list[Figure]:
    """All shipped measures over a year, each with its stratifiers and how many people stand behind each count."""
    folder = run.folder("measuring")
    write(folder)
    with DuckAnalytics(folder, Bounds(threads=2)).look() as facts:
        took = {name: timed(facts, known) for name, known in shipped()}
    slowest = max(took, key=lambda name: took[name])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said = f"a year of 1,000,000 appointments and 200,000 people; slowest {slowest}, {took[slowest] * 1000:.0f} ms"
    return [
        Figure(f"{len(took)} shipped measures, each once", "< 5 s", f"{sum(took.values()):.1f} s", said),
        Figure("... memory", "< 1.5 GB", f"{peak / 1024:.2f} GB", "the process at its peak, files written included"),
    ]


def timed(facts: Glimpse, known: Definition) -> float:
    """Seconds of one evaluation."""
    begun = time.perf_counter()
    evaluate(facts, known, units(facts, YEAR, ()), people=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    with DuckAnalytics(Path(sys.argv[1]), Bounds(threads=2)).look() as facts:
        for name, known in shipped():
            if name in sys.argv[2:] or not sys.argv[2:]:
                print(f"{name:30} {timed(facts, known) * 1000:8.0f} ms")

"""The engines beside each other: all shipped measures over as many rows, on DuckDB and on Spark, both on two threads.

Each engine is a process of its own with so much time and memory, and so much time for each measure: where that is over
the process is ended (what Spark plans cannot be broken off), and another goes on with the next. What was not counted is
told.

    python -m bench.engines FOLDER duckdb|spark [MEASURE ...]     times measures over facts that are written already
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from bench.figures import Figure, family_cpu_seconds, proportional_memory
from bench.measuring import YEAR
from bench.practice_of_a_million import write
from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.core.errors import FhirError
from carethread.core.facts.manifest import Manifest
from carethread.core.ports.analytics import Analytics
from carethread.metrics.evaluating.evaluating import evaluate, units
from support import run
from support.measured import shipped

ROWS = 10_000_000
SECONDS = {"duckdb": 120.0, "spark": 600.0}
"""For each engine."""

_MEASURE_SECONDS = 90.0
"""For each measure, so that one that takes long does not keep the others from being timed; the first ones take
longer, for Java is cold."""

_BEGIN_SECONDS = 90.0
"""For an engine to begin."""

_MEMORY = 4096
"""Megabytes for each engine."""

_SPARK = {
    "spark.driver.memory": f"{_MEMORY}m",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
}
"""Each measure is other code, run once, so to compile it well takes longer than it runs; two threads have two parts."""

_BEGUN = "begun"
_FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds that each measure took, and that the engine took to begin the first time; which it could not count,
    mostly for want of memory; which were ended for want of time; the most memory that its processes had, in bytes; and
    the seconds of CPU in all."""

    begun: float
    measures: Mapping[str, float]
    failed: Sequence[str]
    ended: Sequence[str]
    memory: int
    cpu: float


def measure(rows: int = ROWS) -> list[Figure]:
    """All shipped measures over a year, each with its strata."""
    folder = run.folder("engines")
    of_a_share = _rows(write(folder / "few", 0.01)) * 100
    found = _rows(write(folder / "all", rows / of_a_share))
    took = {engine: timed(folder / "all", engine) for engine in _ENGINES}
    count = f"a year of {found:,} rows in all tables, at most {_MEMORY / 1024:.0f} GB"
    both = set.intersection(*(set(each.measures) for each in took.values()))
    return [
        Figure(
            f"Shipped measures on {_ENGINES[engine]}",
            "",
            _said(each, both),
            f"{count}, {SECONDS[engine]:.0f} s; {_more(each)}",
        )
        for engine, each in took.items()
    ]


def timed(folder: Path, engine: str, names: Sequence[str] = ()) -> Took:
    """What an engine counts in processes of its own, one after the other, which end after its `SECONDS`."""
    told: dict[str, float] = {}
    failed: list[str] = []
    ended: list[str] = []
    used = _Used()
    end = time.perf_counter() + SECONDS[engine]
    left = [name for name, _ in shipped() if name in names or not names]
    while left and time.perf_counter() < end:
        for name, seconds in _lines(folder, engine, left, end, used):
            if name in left:
                left.remove(name)
            if seconds == _FAILED:
                failed.append(name)
            else:
                told.setdefault(name, float(seconds))
        if _BEGUN not in told:
            raise RuntimeError(f"{engine} has not begun")
        if left and time.perf_counter() < end:
            ended.append(left.pop(0))
    return Took(told.pop(_BEGUN), told, failed, ended, used.memory, used.cpu)


@dataclass
class _Used:
    memory: int = 0
    cpu: float = 0.0


@dataclass
class _Until:
    """The moment at which a process is to have said more."""

    moment: float


def _lines(folder: Path, engine: str, names: Sequence[str], end: float, used: _Used) -> Iterator[tuple[str, str]]:
    """What a process says, which is ended at `end`, or when one measure takes too long."""
    command = [sys.executable, "-m", "bench.engines", str(folder), engine, *names]
    here = Path(__file__).parents[1]
    temporary = os.environ | {"TMPDIR": str(run.folder("temporary"))}
    until, done = _Until(min(end, time.perf_counter() + _BEGIN_SECONDS)), Event()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=here, env=temporary
    ) as running:
        watching = Thread(target=_watch, args=(running, until, used, done))
        watching.start()
        assert running.stdout is not None
        for line in running.stdout:
            until.moment = min(end, time.perf_counter() + _MEASURE_SECONDS)
            name, _, seconds = line.strip().partition(" ")
            yield name, seconds
        done.set()
        watching.join()


def _watch(running: subprocess.Popen[str], until: _Until, used: _Used, done: Event) -> None:
    """Note what a process and those that it began use, and end it when its time is over."""
    before = used.cpu
    while not done.wait(0.5):
        try:
            used.memory = max(used.memory, proportional_memory(running.pid))
            used.cpu = max(used.cpu, before + family_cpu_seconds(running.pid))
        except OSError:
            pass  # one of them has just ended
        if time.perf_counter() > until.moment:
            running.kill()  # Spark's own process ends with who began it


def _rows(manifest: Manifest) -> int:
    return sum(each.rows for table in manifest.tables.values() for each in table.base)


def _said(took: Took, both: set[str]) -> str:
    return f"{sum(took.measures[name] for name in both):.1f} s for {len(both)} measures"


def _more(took: Took) -> str:
    slowest = max(took.measures, key=lambda name: took.measures[name])
    wanted = sum(1 for _ in shipped())
    said = (
        f"{took.begun:.0f} s to begin beside it, {len(took.measures)} of {wanted} counted in "
        f"{sum(took.measures.values()):.0f} s, most {slowest} with {took.measures[slowest]:.1f} s; "
        f"{took.cpu:.0f} s of CPU in all, at most {took.memory / 2**30:.1f} GB"
    )
    for what, names in (("failed", took.failed), (f"took more than {_MEASURE_SECONDS:.0f} s", took.ended)):
        said += f"; {what}: {', '.join(names)}" if names else ""
    return said


def _duckdb(folder: Path) -> Analytics:
    return DuckAnalytics(folder, Bounds(_MEMORY, threads=2, seconds=SECONDS["duckdb"]))


def _spark(folder: Path) -> Analytics:
    from carethread.adapters.analytics.spark import SparkAnalytics

    return SparkAnalytics(folder, "local[2]", _SPARK)


_ENGINES = {"duckdb": "DuckDB, two threads", "spark": "Spark local[2]"}
_MADE = {"duckdb": _duckdb, "spark": _spark}


def counted(analytics: Analytics, names: Sequence[str] = ()) -> Iterator[tuple[str, float | None]]:
    """Each measure with its seconds, as soon as it is counted; None for one that fails."""
    begun = time.perf_counter()
    with analytics.look(leisure=True) as facts:
        facts.query("SELECT 1")
        yield _BEGUN, time.perf_counter() - begun
        for name, known in shipped():
            if name in names or not names:
                begun = time.perf_counter()
                try:
                    evaluate(facts, known, units(facts, known, YEAR, ()), people=False)
                except FhirError:
                    yield name, None
                else:
                    yield name, time.perf_counter() - begun


if __name__ == "__main__":
    engine = _MADE[sys.argv[2]](Path(sys.argv[1]))
    with closing(engine) if hasattr(engine, "close") else nullcontext():  # type: ignore[type-var]
        for name, seconds in counted(engine, sys.argv[3:]):
            print(name, _FAILED if seconds is None else f"{seconds:.2f}", flush=True)

"""How long the shipped measures take over the facts of `bench.practice_of_a_million`, on two threads.

python -m bench.measuring FOLDER [MEASURE ...]     times the measures of a folder that is written already
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bench.figures import Figure
from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.counting import DEPARTMENT
from carethread.metrics.evaluating.evaluating import evaluate, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Definition
from carethread.metrics.series.counting import narrowed, series
from support import run
from support.measured import shipped

YEAR = Days(date(2029, 1, 1), date(2029, 12, 31))
TWO_YEARS = Days(date(2028, 1, 1), date(2029, 12, 31))


def measure() -> list[Figure]:
    """All shipped measures over a year, each with its stratifiers and how many people stand behind each count."""
    folder = run.folder("measuring")
    written = [sys.executable, "-m", "bench.practice_of_a_million", str(folder)]
    subprocess.run(written, cwd=Path(__file__).parents[1], check=True)  # whose memory is not that of counting
    with DuckAnalytics(folder, Bounds(threads=2)).look(leisure=True) as facts:
        took = {name: timed(facts, known) for name, known in shipped()}
    slowest = max(took, key=lambda name: took[name].seconds)
    peak = memory()
    seconds, cpu = sum(each.seconds for each in took.values()), sum(each.cpu for each in took.values())
    said = (
        f"a year of 1,000,000 appointments and 200,000 people; {cpu:.1f} s of CPU; slowest {slowest}, {took[slowest]}"
    )
    with DuckAnalytics(folder, Bounds(threads=2)).look(leisure=True) as facts:
        three = narrowed(dict(shipped())["no-show-rate"], ("department", "age", "sex"))
        first, again = timed(facts, three), timed(facts, three)
        charts = {name: charted(facts, known) for name, known in shipped()}
    longest = max(charts, key=lambda name: charts[name].seconds)
    all_charts = sum(each.seconds for each in charts.values())
    of_charts = f"{sum(each.cpu for each in charts.values()):.1f} s of CPU; longest {longest}, {charts[longest]}"
    return [
        Figure(f"{len(took)} shipped measures, each once", "< 5 s", f"{seconds:.1f} s", said),
        Figure("... memory", "< 1.5 GB", f"{peak / 1024:.2f} GB", "of who asks and who runs queries, their peaks"),
        Figure("no-show-rate by three stratifiers", "< 500 ms", f"{first}", f"anew; {again} after that"),
        Figure("all shipped measures by month, two years", "< 10 s", f"{all_charts:.1f} s", of_charts),
    ]


@dataclass(frozen=True)
class Took:
    """What an evaluation took: seconds, and of CPU."""

    seconds: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.seconds * 1000:.0f} ms ({self.cpu * 1000:.0f} of CPU)"


def timed(facts: Glimpse, known: Definition) -> Took:
    """Evaluate once."""
    begun, cpu = time.perf_counter(), used()
    evaluate(facts, known, units(facts, known, YEAR, ()), people=True)
    return Took(time.perf_counter() - begun, used() - cpu)


def charted(facts: Glimpse, known: Definition) -> Took:
    """Count for a chart by month."""
    begun, cpu = time.perf_counter(), used()
    series(facts, narrowed(known, (DEPARTMENT,)), TWO_YEARS, "month", ())
    return Took(time.perf_counter() - begun, used() - cpu)


def used() -> float:
    """Seconds of CPU of this process and of those that it has begun, which run the queries; whether they have ended
    or not (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = sum(sum(map(int, each[11:13])) for each in _children())
    return time.process_time() + ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def memory() -> float:
    """Megabytes: what this process and each of those that run queries have had at their peaks."""
    return sum(map(_peak, [os.getpid(), *(int(each[-1]) for each in _children())])) / 1024


def _children() -> Iterator[list[str]]:
    """Of each process that this one has begun: the words that follow its name, and its id."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = path.read_text().rpartition(")")[2].split()
            if int(words[1]) == os.getpid():
                yield [*words, path.parent.name]


def _peak(process: int) -> int:
    """Kilobytes; none where it has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next((int(each.split()[1]) for each in lines if each.startswith("VmHWM:")), 0)
    return 0


if __name__ == "__main__":
    with DuckAnalytics(Path(sys.argv[1]), Bounds(threads=2)).look(leisure=True) as facts:
        for name, known in shipped():
            if name in sys.argv[2:] or not sys.argv[2:]:
                print(f"{name:30} {timed(facts, known)}", flush=True)

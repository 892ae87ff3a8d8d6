"""The command line's start, the services' start, and what they take of memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from bench.figures import Figure, proportional_memory
from support import run
from support.processes import CareThread

_RUNS = 7


def measure() -> list[Figure]:
    """Time `--help` and `up`, and weigh the process tree."""
    help_seconds = statistics.median(_help() for _ in range(_RUNS))
    data = {"CARETHREAD_DATA": str(run.folder("data"))}
    first, _ = _up(data)
    again = [_up(data) for _ in range(3)]
    ready = statistics.median(seconds for seconds, _ in again)
    memory = max(size for _, size in again)
    return [
        Figure("carethread --help", "< 0.3 s", f"{help_seconds:.2f} s", f"median of {_RUNS}"),
        Figure("carethread up, ready, first time", "< 3 s", f"{first:.2f} s", "no data yet: databases are made"),
        Figure("carethread up, ready, again", "< 3 s", f"{ready:.2f} s", "median of 3"),
        Figure("memory of `up`, idle", "< 350 MB", f"{memory / 1e6:.0f} MB", "PSS of the process tree when ready"),
    ]


def _help() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "carethread", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _up(data: dict[str, str]) -> tuple[float, int]:
    server = CareThread("up", env=data)
    began = time.perf_counter()
    try:
        server.start()
        return time.perf_counter() - began, proportional_memory(server.pid)
    finally:
        server.stop()

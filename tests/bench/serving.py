"""What single requests cost: the shared load driver on `carethread up` with a durable PostgreSQL.

The figure that counts is requests for each CPU second of our processes and the database together; requests a second and
latency depend on what else the machine does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.figures import Figure, proportional_memory
from support import postgres, run
from support.processes import carethread

DRIVER = Path(__file__).parents[3] / "shared" / "load" / "fhir_load.py"
SECONDS = 12
_GOALS = {
    "post": ("create Appointment", 500),
    "qr": ("create QuestionnaireResponse", 420),
    "get": ("read Appointment", 1400),
    "search": ("search of 20 among 20,000 Appointments", 420),
    "tx": ("transaction of 100, several owners", 16),
}
"""By the driver's names: what it is, and the goal in requests per CPU second."""


def measure(tests: str = ",".join(_GOALS)) -> list[Figure]:
    """Drive each kind of request with 8 and 32 clients."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server:
            rows = drive(server.fhir.base, {"server": server.pid, "db": database.pid}, tests)
            memory = proportional_memory(server.pid)
    finally:
        database.stop()
    figures = [_figure(name, [row for row in rows if row["test"] == name]) for name in tests.split(",")]
    return [*figures, Figure("memory of `up` after it", "< 400 MB", f"{memory / 1e6:.0f} MB", "PSS, all our processes")]


def seed(base: str, state: Path) -> None:
    """Store what the driver asks for, and keep in `state` what that is."""
    command = [sys.executable, str(DRIVER), base, "--seed-only", "--state", str(state)]
    subprocess.run(command, check=True, stdout=sys.stderr)


def drive(base: str, processes: dict[str, int], tests: str, state: Path | None = None) -> list[dict[str, Any]]:
    """The driver's rows; it stores nothing more where `state` tells what is there."""
    out = run.folder("load") / "load.json"
    command = [sys.executable, str(DRIVER), base, "--conc", "8,32", "--seconds", str(SECONDS), "--warm", "4"]
    command += ["--tests", tests, "--out", str(out)]
    command += ["--state", str(state)] if state else []
    for name, pid in processes.items():
        command += ["--proc", f"{name}={pid}"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    rows: list[dict[str, Any]] = json.loads(out.read_text())["rows"]
    return rows


def _figure(name: str, rows: list[dict[str, Any]]) -> Figure:
    what, goal = _GOALS[name]
    best = max(rows, key=lambda row: row["req_per_cpu_s"])
    told = ", ".join(f"{row['rps']:.0f}/s at {row['conc']}, p99 {row['p99']:.0f} ms" for row in rows)
    failed = sum(row["bad_status"] + row["sock_err"] for row in rows)
    how = f"{told}; others took {best['other_cpu_pct']} % CPU" + (f"; {failed} failed" if failed else "")
    return Figure(what, f">= {goal}/CPU-s", f"{best['req_per_cpu_s']:.0f}/CPU-s", how)

"""Whether costs grow with the answer or with the store: the same requests on 20,000 and on 1,000,000 Appointments.

The patients who are asked for have as many appointments in both; all others belong to other patients. The service that
mirrors Appointments has as many, for a create is paid for there too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing

import psycopg
from sqlalchemy import make_url

from bench.figures import Figure
from bench.serving import drive, seed
from support import postgres, run
from support.copies import copy
from support.processes import carethread

GOAL = 1.5
SEEDED = 20_000
"""Appointments that the driver stores."""
LARGE = 1_000_000
PATIENCE = 300.0
"""Seconds for the mirror to get what was seeded."""

_WHAT = {
    "get": "read Appointment",
    "search": "search of 20 Appointments",
    "post": "create Appointment",
    "qr": "create QuestionnaireResponse",
}
"""By the driver's names."""

_HOLDERS = ("scheduling", "metrics")


def measure(large: int = LARGE) -> list[Figure]:
    """CPU time and latency of one request, server and database together, on the small store and on the large one."""
    small, many = (_rows(count) for count in (SEEDED, large))
    return [
        Figure(
            f"{what} among {large:,}, against {SEEDED:,}",
            f"<= {GOAL} times",
            f"{_cost(many[name]) / _cost(small[name]):.2f} times",
            f"{_told(small[name])}, and {_told(many[name])}",
        )
        for name, what in _WHAT.items()
    ]


def _cost(rows: Sequence[dict[str, float]]) -> float:
    """The least CPU time of a request in milliseconds."""
    return min(1000 / row["req_per_cpu_s"] for row in rows)


def _told(rows: Sequence[dict[str, float]]) -> str:
    p50 = min(row["p50"] for row in rows)
    return f"{_cost(rows):.2f} ms of CPU a request, p50 {p50:.1f} ms at {rows[0]['conc']:.0f} clients"


def _rows(count: int) -> dict[str, list[dict[str, float]]]:
    """The driver's rows by kind of request, on a store of its own with so many Appointments."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    state = run.folder("scaling") / f"{count}.json"
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server:
            seed(server.fhir.base, state)
            _wait_for_mirror(database.url)
        for schema in _HOLDERS:
            copy(database.url, schema, "Appointment", count // SEEDED - 1)
        with carethread("up", env=env) as server:
            rows = drive(server.fhir.base, {"server": server.pid, "db": database.pid}, ",".join(_WHAT), state)
    finally:
        database.stop()
    return {name: [row for row in rows if row["test"] == name] for name in _WHAT}


def _wait_for_mirror(url: str) -> None:
    """Wait until all that hold Appointments have those that were seeded. Raises TimeoutError."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    counts = " UNION ".join(f"SELECT count(*) FROM {name}.resources WHERE type = 'Appointment'" for name in _HOLDERS)
    deadline = time.monotonic() + PATIENCE
    with closing(psycopg.connect(address, autocommit=True)) as connection:
        while connection.execute(counts).fetchall() != [(SEEDED,)]:
            if time.monotonic() > deadline:
                raise TimeoutError("metrics has not mirrored the Appointments in time")
            time.sleep(0.5)

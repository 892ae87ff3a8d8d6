"""Whether costs grow with the answer or with the store: the same requests on 20,000 and on 1,000,000 Appointments.

The patients who are asked for have as many appointments in both; all others belong to other patients.
"""

from __future__ import annotations

import os
import subprocess
import sys

from bench.figures import Figure
from bench.serving import drive, seed
from support import postgres, run
from support.copies import copy_appointments
from support.processes import carethread

GOAL = 1.5
SEEDED = 20_000
"""Appointments that the driver stores."""
LARGE = 1_000_000

_WHAT = {"get": "read Appointment", "search": "search of 20 Appointments", "post": "create Appointment"}
"""By the driver's names."""


def measure(large: int = LARGE) -> list[Figure]:
    """CPU time of one request, server and database together, on the small store and on the large one."""
    small_cost, large_cost = (_cost(count) for count in (SEEDED, large))
    return [
        Figure(
            f"{what} among {large:,}, against {SEEDED:,}",
            f"<= {GOAL} times",
            f"{large_cost[name] / small_cost[name]:.2f} times",
            f"{small_cost[name]:.2f} and {large_cost[name]:.2f} ms of CPU a request",
        )
        for name, what in _WHAT.items()
    ]


def _cost(count: int) -> dict[str, float]:
    """Milliseconds of CPU by kind of request, on a store of its own with so many Appointments."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    state = run.folder("scaling") / f"{count}.json"
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server:
            seed(server.fhir.base, state)
            copy_appointments(database.url, "scheduling", count // SEEDED - 1)
            processes = {"server": server.pid, "db": database.pid}
            rows = drive(server.fhir.base, processes, ",".join(_WHAT), state)
    finally:
        database.stop()
    return {name: min(1000 / row["req_per_cpu_s"] for row in rows if row["test"] == name) for name in _WHAT}

"""Deadlines of hand-offs that nobody answers: 10,000 open ones, each led on to the next in its department's chain, on
`carethread up` with a durable PostgreSQL.

The hand-offs are written as a user would, in batches. How late each is led on is the difference between its deadline
and PostgreSQL's timestamp of the commit that enters it into the ledger.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from bench import risking
from bench.figures import Figure, family_cpu_seconds, percentile
from bench.storing import store
from carethread.core.service import PROFILES
from support import postgres
from support.fhir import Fhir
from support.processes import carethread

OPEN = 10_000
BEGIN, SPREAD = 120, 30
"""Seconds from the first write to the first deadline, and over how many the deadlines are spread."""

_STAFF = 50

_CODES = "https://carethread.dev/fhir/CodeSystem/"


def measure() -> list[Figure]:
    """Write them all, wait until the last is led on."""
    database = postgres.start(durable=True, track_commit_timestamp="on")
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server, risking.connected(database.url) as connection:
            _employ(server.fhir, connection)
            first = datetime.now(UTC) + timedelta(seconds=BEGIN)
            due = {n: first + timedelta(seconds=SPREAD * n / OPEN) for n in range(OPEN)}
            _write(server.fhir, due)
            if datetime.now(UTC) > first:
                raise RuntimeError("Writing took longer than until the first deadline.")
            time.sleep((first - datetime.now(UTC)).total_seconds())
            before = family_cpu_seconds(server.pid)
            late = _lateness(connection, due)
            used = family_cpu_seconds(server.pid) - before
    finally:
        database.stop()
    how = f"{OPEN:,} open, due within {SPREAD} s; CPU of each {used / OPEN * 1000:.1f} ms"
    p50, p99, most = percentile(late, 0.5), percentile(late, 0.99), max(late)
    return [
        Figure("deadline to its escalation", "< 1 s", f"{p50:.2f}, {p99:.2f}, {most:.2f} s", f"p50, p99, all; {how}")
    ]


def _employ(fhir: Fhir, connection: psycopg.Connection) -> None:
    """Have those who are asked be known to the service that asks them."""
    staff = ["doctor", "lead", "duty", *(f"n{number}" for number in range(_STAFF))]
    store(fhir, [{"resourceType": "Practitioner", "id": each, "active": True} for each in staff])
    until = time.monotonic() + 60
    count = "SELECT count(*) FROM careteams.resources WHERE type = 'Practitioner'"
    while _number(connection, count) < len(staff):
        if time.monotonic() > until:
            raise RuntimeError("The copies of those who are asked did not come.")
        time.sleep(0.5)


def _number(connection: psycopg.Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _lateness(connection: psycopg.Connection, due: dict[int, datetime]) -> list[float]:
    """Seconds by which each was late, once all are led on."""
    until = time.monotonic() + SPREAD + 60
    while time.monotonic() < until:
        time.sleep(5)
        rows = connection.execute(
            "SELECT about, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM careteams.ledger "
            "WHERE step = 'escalated'"
        ).fetchall()
        if len(rows) >= len(due):
            return [float(moment) - due[int(about.removeprefix("Task/t"))].timestamp() for about, moment in rows]
    raise RuntimeError(f"Only {len(rows)} of {len(due)} were led on.")


def _write(fhir: Fhir, due: dict[int, datetime]) -> None:
    department: dict[str, Any] = {
        "resourceType": "CareTeam",
        "id": "ward",
        "meta": {"profile": [PROFILES + "department-team"]},
        "status": "active",
        "managingOrganization": [{"reference": "Organization/ward"}],
        "participant": [_part("lead", "accountable"), _part("duty", "on-call")],
    }
    store(fhir, [department, *(_hand_off(n, due[n]) for n in range(OPEN))])


def _part(who: str, role: str) -> dict[str, Any]:
    coding = {"system": f"{_CODES}care-team-role", "code": role}
    return {"role": [{"coding": [coding]}], "member": {"reference": f"Practitioner/{who}"}}


def _hand_off(number: int, due: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "id": f"t{number}",
        "meta": {"profile": [PROFILES + "task-hand-off"]},
        "extension": [{"url": PROFILES + "department", "valueReference": {"reference": "Organization/ward"}}],
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [{"system": f"{_CODES}hand-off-kind", "code": "referral"}]},
        "for": {"reference": f"Patient/p{number}"},
        "authoredOn": datetime.now(UTC).isoformat(),
        "requester": {"reference": "Practitioner/doctor"},
        "owner": {"reference": f"Practitioner/n{number % _STAFF}"},
        "restriction": {"period": {"end": due.isoformat()}},
    }

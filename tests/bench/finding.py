"""`$find` over a million slots of 500 actors, over HTTP, on `carethread up` with a durable PostgreSQL.

People, Schedules and care teams are written as a user would; the slots, and the visits that take most of the next
weeks, are filled in by SQL, for a million writes would take longer than all that is measured.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg
from sqlalchemy import make_url

from bench.figures import Figure, percentile
from bench.storing import store
from carethread.adapters.sql.calendars.purposing import number
from support import postgres
from support.fhir import Fhir
from support.processes import CareThread, carethread
from support.servers import until

PRACTITIONERS, ROOMS, PATIENTS, SERVICES = 400, 100, 100, 50
SLOTS_EACH, SLOTS_A_DAY = 2000, 16
REQUESTS = 400
"""Of each case."""

_WARM = 50
_SYSTEM = "http://bench.example/services"
_BOOKED, _BOOKED_DAYS = 70, 30
"""Percent of the slots that are taken, for so many days."""


def measure() -> list[Figure]:
    """Ask for each case REQUESTS times, one after the other."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server:
            _write(server.fhir)
            took = fill(database.url)
            figures = [_figure(server, name, ask) for name, ask in _CASES.items()]
    finally:
        database.stop()
    told = f"{(PRACTITIONERS + ROOMS) * SLOTS_EACH:,} slots filled in {took:.0f} s"
    return [*figures, Figure("$find: filling", "", f"{took:.0f} s", told)]


_pick = random.Random(7)


def _service() -> str:
    return f"{_SYSTEM}|{_pick.randrange(SERVICES)}"


def _practitioner() -> str:
    return f"Practitioner/bench-{_pick.randrange(PRACTITIONERS)}"


_CASES: dict[str, Callable[[], dict[str, str]]] = {
    "by service, earliest": lambda: {"service-type": _service()},
    "one practitioner": lambda: {"practitioner": _practitioner()},
    "practitioner and room": lambda: {
        "practitioner": _practitioner(), "actor": f"Location/bench-{_pick.randrange(ROOMS)}",
    },
    "by service for a patient, ranked": lambda: {
        "service-type": _service(), "patient-reference": f"Patient/bench-{_pick.randrange(PATIENTS)}",
    },
}  # fmt: skip


def _figure(server: CareThread, name: str, ask: Callable[[], dict[str, str]]) -> Figure:
    times, found = [], []
    for _ in range(_WARM):
        server.fhir.get(f"Appointment/$find?{urlencode(ask())}")
    for _ in range(REQUESTS):
        url = f"Appointment/$find?{urlencode(ask())}"
        began = time.perf_counter()
        answer = server.fhir.get(url)
        times.append(time.perf_counter() - began)
        if answer.status != 200:
            raise RuntimeError(f"$find was answered {answer.status}")
        found.append(answer.json["total"])
    p50, p99 = (f"{percentile(times, share) * 1000:.1f} ms" for share in (0.5, 0.99))
    how = f"p50 and p99 of {REQUESTS}, one client; {statistics.median(found):.0f} proposals, 20 on the page"
    return Figure(f"$find: {name}", "15 ms, 60 ms", f"{p50}, {p99}", how)


def _write(fhir: Fhir) -> None:
    """Who there is, and their Schedules."""
    people: list[dict[str, Any]] = []
    for n in range(PRACTITIONERS):
        spoken = [{"coding": [{"system": "urn:ietf:bcp:47", "code": ("en", "es", "de")[n % 3]}]}]
        people.append({"resourceType": "Practitioner", "id": f"bench-{n}", "communication": spoken})
        people.append(_schedule(f"bench-{n}", f"Practitioner/bench-{n}"))
    for n in range(ROOMS):
        people.append({"resourceType": "Location", "id": f"bench-{n}", "name": f"Room {n}"})
        people.append(_schedule(f"bench-{PRACTITIONERS + n}", f"Location/bench-{n}"))
    for n in range(PATIENTS):
        speaks = [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": ("en", "es")[n % 2]}]}}]
        members = [{"member": {"reference": f"Practitioner/bench-{(n * 7 + k) % PRACTITIONERS}"}} for k in range(4)]
        people.append({"resourceType": "Patient", "id": f"bench-{n}", "communication": speaks})
        people.append(
            {
                "resourceType": "CareTeam",
                "id": f"bench-{n}",
                "status": "active",
                "subject": {"reference": f"Patient/bench-{n}"},
                "participant": members,
            }
        )
    store(fhir, people)


def _schedule(id_: str, actor: str) -> dict[str, Any]:
    return {"resourceType": "Schedule", "id": id_, "active": True, "actor": [{"reference": actor}]}


_SLOTS = """
CREATE TEMPORARY TABLE made AS
SELECT nextval(pg_get_serial_sequence('resources', 'row')) AS row, 'bench-' || s || '-' || n AS slot,
       'bench-' || s AS schedule, s,
       %(first)s + (n / %(daily)s) * 86400000000 + (n %% %(daily)s) * 1800000000::bigint AS begin,
       abs(hashint8(s * 100000 + n)::bigint) %% 100 < %(booked)s AND n < %(days)s * %(daily)s AS booked
FROM generate_series(0, %(schedules)s - 1) AS s, generate_series(0, %(each)s - 1) AS n ORDER BY n, s
"""
_FILL = (
    """
INSERT INTO resources (row, type, id, version, updated, deleted, key, department)
SELECT row, 'Slot', slot, 1, 1700000000000000, false, 'Slot/' || slot, '' FROM made
""",
    """
INSERT INTO versions (row, version, updated, method, body, type)
SELECT row, 1, 1700000000000000, 'PUT', convert_to('{"resourceType":"Slot","id":"' || slot
    || '","meta":{"versionId":"1","lastUpdated":"2023-11-14T22:13:20.000Z"},"serviceType":[{"coding":[{"system":"'
    || %(system)s || '","code":"' || s %% %(services)s || '"}]}],"schedule":{"reference":"Schedule/' || schedule
    || '"},"status":"' || CASE WHEN booked THEN 'busy' ELSE 'free' END
    || '","start":"' || to_char(to_timestamp(begin / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    || '","end":"' || to_char(to_timestamp(begin / 1000000 + 1800) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    || '"}', 'UTF8'), 'Slot' FROM made
""",
    """
INSERT INTO openings (row, slot, schedule, "begin", "end", status, capacity, purpose, free)
SELECT made.row, slot, schedule, begin, begin + 1800000000, 'free', 1, purpose,
       CASE WHEN booked THEN 4611686018427387904 ELSE 0 END
FROM made JOIN made_purposes AS known
ON known.s = CASE WHEN made.s < %(practitioners)s THEN made.s %% %(services)s ELSE -1 END
""",
    """
INSERT INTO busy (appointment, actor, "begin", "end", until)
SELECT 'bench-' || row, 'Slot/' || slot, begin, begin + 1800000000, 0 FROM made WHERE booked
UNION ALL
SELECT 'bench-' || row, CASE WHEN s < %(practitioners)s THEN 'Practitioner/bench-' || s ELSE 'Location/bench-' || s END,
       begin, begin + 1800000000, 0 FROM made WHERE booked AND s < %(practitioners)s
""",
    "ANALYZE",
)


def fill(url: str) -> float:
    """Fill in slots and visits beside the Schedules, once these are there; how many seconds it took."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    tomorrow = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(1)
    values = {
        "first": int(tomorrow.timestamp()) * 1_000_000,
        "daily": SLOTS_A_DAY,
        "each": SLOTS_EACH,
        "schedules": PRACTITIONERS + ROOMS,
        "practitioners": PRACTITIONERS,
        "services": SERVICES,
        "booked": _BOOKED,
        "days": _BOOKED_DAYS,
        "system": _SYSTEM,
    }
    with psycopg.connect(address, options="-csearch_path=scheduling", autocommit=True) as connection:
        wanted = PATIENTS + PRACTITIONERS + ROOMS + PATIENTS
        query = "SELECT count(*) FROM resources WHERE type IN ('Patient', 'Practitioner', 'Location', 'CareTeam')"
        until(lambda: connection.execute(query).fetchone() == (wanted,), seconds=60, what="the copies are there")
        began = time.monotonic()
        connection.execute("CREATE TEMPORARY TABLE made_purposes (s bigint, purpose bigint)")
        for s in range(-1, SERVICES):
            said = f"{_SYSTEM}|{s}" if s >= 0 else "silent:serviceType"
            kinds = f" {said} silent:specialty "
            connection.execute("INSERT INTO purposes (number, kinds) VALUES (%s, %s)", (number(kinds), kinds))
            connection.execute("INSERT INTO made_purposes VALUES (%s, %s)", (s, number(kinds)))
        connection.execute(_SLOTS, values)
        for statement in _FILL:
            connection.execute(statement, values)
    return time.monotonic() - began

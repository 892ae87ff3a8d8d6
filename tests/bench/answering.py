"""Who answers for a person, and the page about them: two reads over 50,000 people, on `carethread up` with a durable
PostgreSQL.

What is known of the people is filled in by SQL, as for `risking`, and so is who answers for most of them; the care
teams and what a thousand of them have told are written as a user would, and asked for.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import Any

import psycopg

from bench import risking
from bench.figures import Figure, percentile
from bench.storing import store
from carethread.core.ports.calendar import FOREVER
from support import postgres
from support.fhir import Fhir
from support.processes import carethread
from support.servers import until

PEOPLE, TEAMS = 50_000, 1_000
REQUESTS = 1_000
"""Of each case, by one client."""

_WARM = 100
_ASKED = {"who is accountable": "$accountable", "$about-me": "$about-me"}


def measure() -> list[Figure]:
    """Ask each REQUESTS times, of people by chance."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server, risking.connected(database.url) as connection:
            took = risking.fill(connection, PEOPLE)
            _answered_for(connection)
            _write(server.fhir)
            until(lambda: _told(connection), seconds=60, what="what people have told is copied")
            return [_figure(server.fhir, what, name, took) for what, name in _ASKED.items()]
    finally:
        database.stop()


def _figure(fhir: Fhir, what: str, name: str, took: float) -> Figure:
    pick, times = random.Random(7), []
    for number in range(_WARM + REQUESTS):
        began = time.perf_counter()
        answer = fhir.get(f"Patient/p{pick.randrange(TEAMS)}/{name}")
        if number >= _WARM:
            times.append(time.perf_counter() - began)
        if answer.status != 200:
            raise RuntimeError(f"{name} was answered {answer.status}")
    p50, p99 = (f"{percentile(times, share) * 1000:.1f} ms" for share in (0.5, 0.99))
    how = f"p50 and p99 of {REQUESTS}, one client; {PEOPLE:,} people with 8 facts each, filled in {took:.0f} s"
    return Figure(what, "< 20 ms p99", f"{p50}, {p99}", how)


def _answered_for(connection: psycopg.Connection) -> None:
    """Who answers for the people who are not asked about."""
    connection.execute(
        "INSERT INTO careteams.accountable (patient, since, until, member, team, cause) "
        "SELECT 'Patient/p' || p, 1700000000000000, %s, 'Practitioner/d' || p %% 200, 'CareTeam/t' || p, '' "
        "FROM generate_series(%s::int, %s::int) p",
        [FOREVER, TEAMS, PEOPLE - 1],
    )


def _told(connection: psycopg.Connection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM careteams.resources WHERE type = 'Observation' AND id LIKE 'told-%'"
    ).fetchone()
    return row == (TEAMS * 3,)


def _write(fhir: Fhir) -> None:
    """Doctors, and for each person who is asked about a team, a goal and what they have told."""
    staff: list[dict[str, Any]] = [{"resourceType": "Practitioner", "id": f"d{n}", "active": True} for n in range(200)]
    store(fhir, [*staff, *(each for n in range(TEAMS) for each in _of_person(n))])


def _of_person(number: int) -> list[dict[str, Any]]:
    subject = {"reference": f"Patient/p{number}"}
    role = {"system": "https://carethread.dev/fhir/CodeSystem/care-team-role", "code": "accountable"}
    team = {
        "resourceType": "CareTeam",
        "id": f"t{number}",
        "meta": {"profile": ["https://carethread.dev/fhir/StructureDefinition/care-team"]},
        "status": "active",
        "subject": subject,
        "participant": [
            {"role": [{"coding": [role]}], "member": {"reference": f"Practitioner/d{number % 200}"}},
            *({"role": [{"text": "nurse"}], "member": {"reference": f"Practitioner/d{(number + n) % 200}"}}
              for n in (3, 5, 7)),
        ],
    }  # fmt: skip
    goal = {
        "resourceType": "Goal",
        "id": f"g{number}",
        "lifecycleStatus": "active",
        "description": {"text": "To walk to the market and back"},
        "subject": subject,
        "expressedBy": subject,
    }
    return [team, goal, *(_observation(number, turn, subject) for turn in range(3))]


def _observation(number: int, turn: int, subject: dict[str, Any]) -> dict[str, Any]:
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "social-history"}
    return {
        "resourceType": "Observation",
        "id": f"told-{number}-{turn}",
        "status": "final",
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "95541-9"}]},
        "subject": subject,
        "effectiveDateTime": "2026-11-01T10:00:00Z",
        "valueString": "Being at home with the family",
    }

"""An event to its RiskAssessment: 50 rules over 50,000 people, on `carethread up` with a durable PostgreSQL.

The people and what is known of them are filled in by SQL, as careteams' copies of what others own. Then answers and
visits are written at their owner, some of which make a rule true for a person; the clock starts when the write is
committed and stops when the assessment is, by PostgreSQL's own timestamps of commits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import orjson
import psycopg
from sqlalchemy import make_url

from bench.figures import Figure, family_cpu_seconds, percentile
from carethread.careteams.resources import MIRRORS
from support import postgres
from support.fhir import Fhir
from support.processes import carethread
from support.servers import until

PEOPLE, RULES = 50_000, 50
RATE, SECONDS = 200, 30
"""Events a second, and for how long."""

FIRING_EACH = 10
"""Of so many events one makes a rule true; all are copied, and judged by every rule that reads their type."""

_WARM = 10
"""Seconds before that count for nothing."""

_CLIENTS = 8
_SHIPPED = files("carethread.fhir_profiles").joinpath("rules")


def measure(people: int = PEOPLE, rate: int = RATE, seconds: int = SECONDS) -> list[Figure]:
    """Fill, write events at the rate, and compare the moments of their commits with those of what follows."""
    database = postgres.start(durable=True, track_commit_timestamp="on")
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server, connected(database.url) as connection:
            _write_rules(server.fhir)
            until(lambda: _is_quiet(connection), seconds=60, what="the rules asked of nobody")
            connection.execute("DELETE FROM careteams.timers WHERE kind = 'risk-sweep'")  # the second look at nobody
            took = fill(connection, people)
            _send(server.fhir, range(_WARM * rate), rate)
            before = family_cpu_seconds(server.pid), family_cpu_seconds(database.pid)
            _send(server.fhir, range(_WARM * rate, (_WARM + seconds) * rate), rate)
            used = family_cpu_seconds(server.pid) - before[0], family_cpu_seconds(database.pid) - before[1]
            until(lambda: None not in _delays(connection, _WARM * rate), seconds=60, what="all events assessed")
            delays = [each for each in _delays(connection, _WARM * rate) if each is not None]
    finally:
        database.stop()
    events = rate * seconds
    cpu = " and ".join(f"{each / events * 1000:.1f} ms" for each in used)
    told = f"{events} events at {rate}/s of which {len(delays)} fire, {RULES} rules, {people:,} people"
    told += f", filled in {took:.0f} s"
    how = f"{told}; CPU of an event, its write among it, ours and PostgreSQL's: {cpu}"
    return [
        Figure("event to RiskAssessment, p50", "", f"{percentile(delays, 0.5) * 1000:.0f} ms", how),
        Figure("event to RiskAssessment, p99", "< 100 ms", f"{percentile(delays, 0.99) * 1000:.0f} ms", how),
    ]


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def _write_rules(fhir: Fhir) -> None:
    """As many rules as are to be: those that are carried along, and others like them with other numbers."""
    ours = [orjson.loads(file.read_bytes()) for file in sorted(_SHIPPED.iterdir(), key=lambda file: file.name)]
    for number in range(RULES - len(ours)):
        rule = ours[number % len(ours)]
        id_ = f"bench-{number}"
        for each in rule["action"][0]["input"]:
            for within in each.get("dateFilter", ()):
                within["valueDuration"] = {**within["valueDuration"], "value": within["valueDuration"]["value"] + 1}
        condition = rule["action"][0]["condition"][0]["expression"]
        condition["expression"] = f"({condition['expression']}) and %patient.gender = 'other'"  # asked, and not true
        answer = fhir.put(f"PlanDefinition/{id_}", {**rule, "id": id_, "url": f"http://bench.example/{id_}"})
        if answer.status != 201:
            raise RuntimeError(f"A rule was answered {answer.status}: {answer.json}")


def _is_quiet(connection: psycopg.Connection) -> bool:
    """Whether everybody was looked at for the new rules."""
    now = time.time_ns() // 1000
    row = connection.execute("SELECT count(*) FROM careteams.timers WHERE kind LIKE 'risk%%' AND due < %s", [now])
    return row.fetchone() == (0,)


def _mirrored(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT count(*), count(place) FROM careteams.mirrors").fetchone()
    return row == (len(MIRRORS), 0)


def fill(connection: psycopg.Connection, people: int) -> float:
    """Copies of what is known of so many people, in seconds; once the mirrors have begun, which forget what was kept
    before."""
    until(lambda: _mirrored(connection), seconds=60, what="the mirrors are whole")
    began = time.monotonic()
    connection.execute("SET search_path = careteams")
    for kind, param, each, body in _facts():
        id_ = "'p' || p" if kind == "Patient" else "'f' || p || '-' || k"
        values = {"people": people, "each": each, "kind": kind, "param": f"{kind}.{param}"}
        connection.execute(_FILL.format(id=id_, body=body), values)
    connection.execute("ANALYZE")
    return time.monotonic() - began


_FILL = """
WITH numbered AS MATERIALIZED (
    SELECT nextval('resources_row_seq') AS "row", p, k
    FROM generate_series(0, %(people)s - 1) p, generate_series(1, %(each)s) k
), made AS (
    INSERT INTO resources ("row", type, id, version, updated, deleted, key, department)
    SELECT "row", %(kind)s, {id}, 1, 1700000000000000, false, 'Patient/p' || p, '' FROM numbered
), indexed AS (
    INSERT INTO index_reference
    SELECT "row", %(param)s, 'Patient', 'p' || p, '', '', '', '' FROM numbered WHERE %(kind)s <> 'Patient'
)
INSERT INTO versions ("row", version, updated, method, body, type)
SELECT "row", 1, 1700000000000000, 'PUT', convert_to({body}, 'UTF8'), %(kind)s FROM numbered
"""


def _facts() -> Iterator[tuple[str, str, int, str]]:
    """Type, parameter that refers to the Patient, how many each person has, and the JSON as an expression of SQL."""
    start = {"resourceType": "", "id": "@ID@", "meta": {"versionId": "1", "lastUpdated": "2023-11-14T22:13:20.000Z"}}
    subject = {"subject": {"reference": "Patient/p@P@"}}
    yield _fact("Patient", "", 1, {**start, "active": True, "name": [{"family": "Bench"}], "birthDate": "1970-01-01"})
    taken = [{"actor": {"reference": "Patient/p@P@"}, "status": "accepted"}]
    yield _fact("Appointment", "patient", 2, {**start, "status": "noshow", "start": _ago(200), "participant": taken})
    emergency = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "EMER"}
    period = {"start": _ago(10), "end": _ago(10)}
    yield _fact(
        "Encounter", "patient", 1, {**start, "status": "finished", "class": emergency, **subject, "period": period}
    )
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z59.82"}]}
    yield _fact(
        "Condition",
        "patient",
        2,
        {**start, "clinicalStatus": {"coding": [{"code": "active"}]}, "code": code, **subject},
    )
    yield _fact("Observation", "patient", 2, {**start, **_answer("44261-6", _ago(20)), **subject, "valueInteger": 7})
    activity = [{"detail": {"status": "in-progress", "scheduledPeriod": {"end": "2099-01-01"}}}]
    plan = {"status": "active", "intent": "plan", "created": _ago(10), "activity": activity}
    yield _fact("CarePlan", "patient", 1, {**start, **plan, **subject})


def _fact(kind: str, param: str, each: int, resource: dict[str, Any]) -> tuple[str, str, int, str]:
    text = (
        orjson.dumps({**resource, "resourceType": kind})
        .decode()
        .replace("%", "%%")
        .replace("{", "{{")
        .replace("}", "}}")
    )
    id_ = "'p' || p" if kind == "Patient" else "'f' || p || '-' || k"
    quoted = "'" + text.replace("@ID@", f"' || {id_} || '").replace("@P@", "' || p || '") + "'"
    return kind, param, each, quoted.replace("{{", "{").replace("}}", "}")


def _ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days)).isoformat(timespec="seconds")


def _answer(code: str, when: str) -> dict[str, Any]:
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}
    return {
        "status": "final",
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": when,
    }


def _event(number: int) -> dict[str, Any]:
    """An answer or a visit of somebody; of FIRING_EACH, one makes a rule true for a person of whom it is not yet."""
    subject = {"reference": f"Patient/p{number}"}
    fires = _fires(number)
    if number // FIRING_EACH % 2:
        said = {"coding": [{"system": "http://loinc.org", "code": "LA6570-1" if fires else "LA6568-5"}]}
        return {
            "resourceType": "Observation",
            "id": f"e{number}",
            **_answer("44260-8", _ago(0)),
            "subject": subject,
            "valueCodeableConcept": said,
        }
    class_ = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "EMER" if fires else "AMB"}
    made = {"resourceType": "Encounter", "id": f"e{number}", "status": "in-progress", "class": class_}
    return {**made, "subject": subject, "period": {"start": _ago(0)}}


def _fires(number: int) -> bool:
    return number % FIRING_EACH == 0


def _send(fhir: Fhir, numbers: range, rate: int) -> None:
    """Write events at the rate, each at its time, whatever became of those before."""
    began = time.monotonic()

    def send(number: int) -> None:
        time.sleep(max(0.0, began + (number - numbers.start) / rate - time.monotonic()))
        event = _event(number)
        answer = fhir.put(f"{event['resourceType']}/{event['id']}", event)
        if answer.status != 201:
            raise RuntimeError(f"An event was answered {answer.status}.")

    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(pool.map(send, numbers))


_COMMITS = (
    "SELECT v.body, extract(epoch FROM pg_xact_commit_timestamp(v.xmin)) FROM {}.versions v WHERE v.type = ANY(%s)"
)


def _delays(connection: psycopg.Connection, first: int) -> list[float | None]:
    """Seconds from the commit of each event to that of the first assessment that names it; None where none does."""
    began: dict[str, float] = {}
    for body, moment in connection.execute(_COMMITS.format("records"), [["Observation", "Encounter"]]):
        resource = orjson.loads(body)
        if (number := int(resource["id"][1:])) >= first and _fires(number):
            began[f"{resource['resourceType']}/{resource['id']}"] = float(moment)
    ended: dict[str, float] = {}
    for body, moment in connection.execute(_COMMITS.format("careteams"), [["RiskAssessment"]]):
        for basis in orjson.loads(body).get("basis", ()):
            ended[basis["reference"]] = min(float(moment), ended.get(basis["reference"], float("inf")))
    return [ended[name] - moment if name in ended else None for name, moment in began.items()]

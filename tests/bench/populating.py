"""A form that is filled in before it is shown, on `carethread up` with a durable PostgreSQL.

It asks for all that there is: the person by expressions, a query, five Observations by their codes, and an answer of an
earlier response. One client asks, then four at once.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.figures import Figure, family_cpu_seconds, percentile
from bench.storing import store
from support import postgres
from support.fhir import Fhir
from support.processes import CareThread, carethread

PEOPLE, REQUESTS = 500, 1_000
_WARM, _CLIENTS = 100, 4
_CODES = ("29463-7", "8302-2", "8867-4", "2708-6", "8310-5")
_UCUM, _LOINC = "http://unitsofmeasure.org", "http://loinc.org"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
_CORE = "http://hl7.org/fhir/StructureDefinition/"
_OURS = "https://carethread.dev/fhir/StructureDefinition/"
_FORM = "urn:bench:arrival"


def measure() -> list[Figure]:
    """Ask REQUESTS times, about people by chance."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server:
            store(server.fhir, [_form(), *(each for n in range(PEOPLE) for each in _of_person(n))])
            _ask(server.fhir, _WARM, 0)
            return [_figure(server, database, clients) for clients in (1, _CLIENTS)]
    finally:
        database.stop()


def _figure(server: CareThread, database: postgres.Postgres, clients: int) -> Figure:
    """So many clients ask at once."""

    def used() -> tuple[float, float]:
        return family_cpu_seconds(server.pid), family_cpu_seconds(database.pid)

    before = used()
    with ThreadPoolExecutor(clients) as pool:
        asked = pool.map(lambda seed: _ask(server.fhir, REQUESTS // clients, seed), range(clients))
        took = [each for some in asked for each in some]
    ours, theirs = ((late - early) / len(took) * 1000 for early, late in zip(before, used(), strict=True))
    p50, p99 = (f"{percentile(took, part) * 1000:.1f} ms" for part in (0.5, 0.99))
    how = (
        f"p50 and p99 of {len(took)}, {clients} at once; CPU of one, ours and PostgreSQL's: {ours:.1f}, {theirs:.1f} ms"
    )
    return Figure("fill in a form", "< 50 ms p99" if clients == 1 else "", f"{p50}, {p99}", how)


def _ask(fhir: Fhir, count: int, seed: int) -> list[float]:
    """The seconds that each request took; every draft has all nine answers."""
    pick, took = random.Random(seed), []
    for _ in range(count):
        path = f"Questionnaire/$populate?questionnaire={_FORM}&subject=Patient/p{pick.randrange(PEOPLE)}"
        began = time.perf_counter()
        answer = fhir.get(path)
        took.append(time.perf_counter() - began)
        if answer.status != 200 or len(answer.json["parameter"]) != 1 or len(_items(answer.json)) != 9:
            raise RuntimeError(f"A form was filled in with {answer.status}: {answer.json}")
    return took


def _items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer["parameter"][0]["resource"].get("item", [])
    return found


def _lasting(url: str) -> dict[str, Any]:
    return {"url": url, "valueDuration": {"value": 50, "unit": "years", "system": _UCUM, "code": "a"}}


def _question(link: str, kind: str, *extensions: dict[str, Any], code: str = "") -> dict[str, Any]:
    coded = {"code": [{"system": _LOINC, "code": code}]} if code else {}
    return {"linkId": link, "text": link, "type": kind, "extension": list(extensions), **coded}


def _expression(text: str) -> dict[str, Any]:
    return {"url": f"{_SDC}initialExpression", "valueExpression": {"language": "text/fhirpath", "expression": text}}


def _form() -> dict[str, Any]:
    named = {"url": "name", "valueCoding": {"code": "patient"}}
    query = {"name": "ill", "language": "application/x-fhir-query", "expression": "Condition?patient={{%patient.id}}"}
    linked = f"{_SDC}observationLinkPeriod"
    return {
        "resourceType": "Questionnaire", "id": "arrival", "url": _FORM, "version": "1", "title": "Arrival",
        "status": "active",
        "extension": [
            {"url": f"{_SDC}launchContext", "extension": [named, {"url": "type", "valueCode": "Patient"}]},
            {"url": f"{_CORE}variable", "valueExpression": query},
        ],
        "item": [
            _question("name", "string", _expression("%patient.name.family")),
            _question("born", "date", _expression("%patient.birthDate")),
            _question("ill", "integer", _expression("%ill.entry.count()")),
            *(_question(f"o{code}", "quantity", _lasting(linked), code=code) for code in _CODES),
            _question("people", "integer", _lasting(f"{_OURS}answer-validity"), code="63512-8"),
        ],
    }  # fmt: skip


def _of_person(number: int) -> Iterator[dict[str, Any]]:
    who = {"reference": f"Patient/p{number}"}
    yield {"resourceType": "Patient", "id": f"p{number}", "birthDate": "1980-02-03", "name": [{"family": f"F{number}"}]}
    for turn in range(3):
        yield {"resourceType": "Condition", "id": f"c{number}-{turn}", "subject": who, "code": {"text": f"C{turn}"}}
        for code in _CODES:
            yield {
                "resourceType": "Observation", "id": f"o{number}-{code}-{turn}", "status": "final", "subject": who,
                "code": {"coding": [{"system": _LOINC, "code": code}]}, "effectiveDateTime": f"2026-0{turn + 1}-03",
                "valueQuantity": {"value": 70 + turn, "unit": "1", "system": _UCUM, "code": "1"},
            }  # fmt: skip
    yield {
        "resourceType": "QuestionnaireResponse", "id": f"r{number}", "questionnaire": f"{_FORM}|1", "subject": who,
        "status": "completed", "authored": "2026-01-03T08:00:00Z",
        "item": [{"linkId": "people", "answer": [{"valueInteger": 3}]}],
    }  # fmt: skip

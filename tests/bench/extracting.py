"""A PHQ-9 that is completed: stored, scored and extracted, on `carethread up` with a durable PostgreSQL.

Eight clients send responses without their totals. Each is stored with its total and with the request for its
Observation; then the requests are sent to the owner, who makes the Observations. What the first takes decides how many
can be sent a second; the second follows by itself. One in twenty has an answer that calls somebody at once, with all
that follows of that for care teams. In the end these come alone, one after the other while nothing else is done, and
then many at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from psycopg import Connection

from bench.figures import Figure, family_cpu_seconds, percentile
from bench.risking import connected
from carethread.questionnaires.forms.finding import shipped
from support import postgres
from support.fhir import Fhir
from support.processes import carethread
from support.servers import until

FORM = "https://carethread.dev/fhir/Questionnaire/phq-9"
PEOPLE, SECONDS = 1_000, 12
CRITICAL_EACH = 20
CALLS = 200
ALONE = 30
_CLIENTS, _WARM = 8, 3
_CRITICAL = "/44260-8"
"""The question whose every answer but "not at all" is critical."""

_PROFILE = "https://carethread.dev/fhir/StructureDefinition/questionnaire-response"


def measure(seconds: int = SECONDS) -> list[Figure]:
    """Send for so many seconds, then wait until all is extracted."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server, connected(database.url) as connection:

            def used() -> tuple[float, float]:
                return family_cpu_seconds(server.pid), family_cpu_seconds(database.pid)

            def count(what: str) -> int:
                row = connection.execute(f"SELECT count(*) FROM {what}").fetchone()
                return int(row[0]) if row else 0

            def made() -> int:
                return count("records.resources WHERE type = 'Observation'")

            def called() -> int:
                return count("careteams.resources WHERE type = 'Task'")

            sent = len(_send(server.fhir, _WARM))
            until(lambda: made() == sent, seconds=120, what="the first are extracted")
            before, began = used(), time.monotonic()
            took = _send(server.fhir, seconds)
            stored, elapsed = used(), time.monotonic() - began
            sent += len(took)
            until(lambda: made() == sent, seconds=300, what="all are extracted")
            drained, after = time.monotonic() - began, used()
            _at_rest(called)
            alone = _alone(server.fhir, connection)
            earlier = _at_rest(called)
            began = time.monotonic()
            _call(server.fhir)
            sent_after = time.monotonic() - began
            until(
                lambda: called() >= earlier + CALLS,
                seconds=60,
                what="all are called",
                details=lambda: str(called() - earlier),
            )
            called_after = time.monotonic() - began
    finally:
        database.stop()
    cost, first = _cost(before, after, len(took)), _cost(before, stored, len(took))
    how = f"{_CLIENTS} clients, p99 {percentile(took, 0.99) * 1000:.0f} ms; CPU of one, ours and PostgreSQL's: {first}"
    whole = f"until the Observation is at its owner; CPU of one, ours and PostgreSQL's: {cost}"
    return [
        Figure("store, score and extract a PHQ-9", ">= 250/s", f"{len(took) / elapsed:.0f}/s", how),
        Figure("the same to its Observation", "", f"{len(took) / drained:.0f}/s", whole),
        Figure(
            "a critical answer alone, from sending it until its DetectedIssue and Task are there",
            "p99 <= 2 s",
            f"p50 {percentile(alone, 0.5):.2f} s, p99 {percentile(alone, 0.99):.2f} s",
            f"{ALONE} one after the other, on a system at rest",
        ),
        Figure(
            f"{CALLS} critical answers at once, until the Task of the last",
            "2 s after it was stored",
            f"{called_after - sent_after:.1f} s",
            f"{_CLIENTS} clients; the last was stored after {sent_after:.1f} s",
        ),
    ]


def _alone(fhir: Fhir, connection: Connection[Any]) -> list[float]:
    """Send responses that call somebody, each once the one before has called; the seconds that each took."""

    def raised() -> tuple[int, int]:
        rows = connection.execute(
            "SELECT count(*) FILTER (WHERE type = 'DetectedIssue'), count(*) FILTER (WHERE type = 'Task') "
            "FROM careteams.resources"
        )
        issues, tasks = rows.fetchone() or (0, 0)
        return int(issues), int(tasks)

    took = []
    for number in range(ALONE):
        issues, tasks = raised()
        began = time.monotonic()
        answer = fhir.post("QuestionnaireResponse", response(number * CRITICAL_EACH))
        if answer.status != 201:
            raise RuntimeError(f"A response was answered {answer.status}: {answer.json}")

        def there(issues: int = issues, tasks: int = tasks) -> bool:
            found = raised()
            return found[0] > issues and found[1] > tasks

        until(there, seconds=30, what="a critical answer has called somebody")
        took.append(time.monotonic() - began)
    return took


def _at_rest(count: Callable[[], int]) -> int:
    """What is counted, once it was the same for three seconds."""
    found, since = count(), time.monotonic()
    while time.monotonic() - since < 3:
        time.sleep(0.1)
        if (now := count()) != found:
            found, since = now, time.monotonic()
    return found


def _cost(before: tuple[float, float], after: tuple[float, float], count: int) -> str:
    return " and ".join(f"{(late - early) / count * 1000:.1f} ms" for early, late in zip(before, after, strict=True))


def response(number: int) -> dict[str, Any]:
    """A completed PHQ-9 without its total, of one of the people."""
    who = {"reference": f"Patient/bench-{number % PEOPLE}"}
    return {
        "resourceType": "QuestionnaireResponse", "meta": {"profile": [_PROFILE]}, "questionnaire": f"{FORM}|1.0.0",
        "status": "completed", "subject": who, "authored": "2026-11-22T08:00:00Z", "author": who,
        "item": list(_items(number)),
    }  # fmt: skip


def _items(number: int) -> Iterator[dict[str, Any]]:
    for place, item in enumerate(shipped()[FORM].roots):
        if item.type == "choice":
            critical = item.link_id == _CRITICAL
            chosen = number % CRITICAL_EACH == 0 if critical else (number >> place) % len(item.options)
            value = item.options[chosen].value
            answer = {name: value[name] for name in ("system", "code", "display")}
            yield {"linkId": item.link_id, "answer": [{"valueCoding": answer}]}


def _send(fhir: Fhir, seconds: int) -> list[float]:
    """Send responses from all clients at once for so long; the seconds that each took."""
    end = time.monotonic() + seconds

    def client(number: int) -> list[float]:
        took = []
        while (began := time.monotonic()) < end:
            answer = fhir.post("QuestionnaireResponse", response(number))
            if answer.status != 201:
                raise RuntimeError(f"A response was answered {answer.status}: {answer.json}")
            took.append(time.monotonic() - began)
            number += _CLIENTS
        return took

    with ThreadPoolExecutor(_CLIENTS) as pool:
        return [each for some in pool.map(client, range(_CLIENTS)) for each in some]


def _call(fhir: Fhir) -> None:
    """Send responses that call somebody, from all clients at once."""
    with ThreadPoolExecutor(_CLIENTS) as pool:
        answers = pool.map(lambda n: fhir.post("QuestionnaireResponse", response(n * CRITICAL_EACH)), range(CALLS))
        if refused := [each.status for each in answers if each.status != 201]:
            raise RuntimeError(f"{len(refused)} responses were refused: {refused[0]}")

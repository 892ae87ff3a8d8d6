"""What is kept of an evaluation, on both databases: reports with their versions, and answers that are awaited."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.metrics.evaluating import waiting
from support.measuring import RATE, Metrics, body, counts, keep, metrics, own_measure, said, visit


@pytest.fixture
def asked(store: SqlStore) -> Metrics:
    made = metrics(store)
    made.facts.tell(visit("missed", "noshow"), visit("came", "fulfilled", "q"))
    return made


def report(metrics: Metrics, id_: str) -> dict[str, object]:
    return dict(body(metrics.ask(f"MeasureReport/{id_}")))


def test_a_report_is_stored_once_and_anew_where_its_numbers_change(asked: Metrics) -> None:
    first = body(asked.rate("POST"))
    assert counts(first["group"][0])["numerator"] == 1
    assert [issue for issue in validate(first) if issue.severity == "error"] == []
    again = body(asked.rate("POST"))
    assert (again["id"], again["meta"]["versionId"]) == (first["id"], "1")
    asked.facts.tell(visit("missed", "fulfilled"))
    corrected = body(asked.rate("POST"))
    assert (corrected["id"], corrected["meta"]["versionId"]) == (first["id"], "2")
    assert counts(report(asked, first["id"])["group"][0])["numerator"] == 0  # type: ignore[index]
    other = body(asked.rate("POST", periodStart="2029-02-01"))
    narrowed = body(asked.rate("POST", practitioner="Practitioner/x"))
    assert len({first["id"], other["id"], narrowed["id"]}) == 3


def test_what_is_asked_by_get_is_not_stored(asked: Metrics) -> None:
    found = body(asked.rate())
    assert "id" not in found
    assert body(asked.ask("MeasureReport", _summary="count"))["total"] == 0


def awaited(metrics: Metrics, place: str) -> tuple[int, object]:
    for _ in range(400):
        answer = metrics.ask("Measure/$evaluation", job=place.partition("job=")[2])
        if answer.status != 202:
            return answer.status, body(answer)
        assert answer.headers["X-Progress"]
        time.sleep(0.02)
    raise AssertionError("it is never done")


def test_what_takes_long_is_asked_for_later(asked: Metrics) -> None:
    begun = asked.rate(_h_prefer="respond-async")
    assert begun.status == 202
    place = begun.headers["Content-Location"]
    assert place.startswith(f"{asked.runtime.base_url}/Measure/$evaluation?job=")
    status, found = awaited(asked, place)
    assert status == 200
    assert counts(found["group"][0])["denominator"] == 2  # type: ignore[index]
    job = place.partition("job=")[2]
    assert asked.ask("Measure/$evaluation", job=job).headers["Expires"], "it may be asked for again"
    assert asked.ask("Measure/$evaluation", "DELETE", job=job).status == 202
    assert asked.ask("Measure/$evaluation", job=job).status == 404
    assert asked.ask("Measure/$evaluation", "DELETE", job=job).status == 404
    assert asked.ask(f"$export/{job}").status == 404, "it is no export"


def test_a_failure_is_told_later_too(asked: Metrics) -> None:
    keep(asked, *own_measure("SELECT 1 AS no_such", ["numerator"]))
    begun = asked.rate(measure="own", _h_prefer="respond-async")
    status, found = awaited(asked, begun.headers["Content-Location"])
    assert (status, found["resourceType"]) == (422, "OperationOutcome")  # type: ignore[index]
    assert said(asked.rate(measure="nothing", _h_prefer="respond-async"))[:2] == (404, "not-found")


def test_what_nobody_works_at_any_more_is_taken_up(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as dead:
        dead.setattr(waiting._Run, "start", lambda self: None)  # the process dies before it begins
        place = asked.rate(_h_prefer="respond-async").headers["Content-Location"]
        job = place.partition("job=")[2]
        assert asked.ask("Measure/$evaluation", job=job).headers["X-Progress"] == "waiting to be counted"
    assert asked.ask("Measure/$evaluation", job=job).status == 202, "it may still be worked at"
    now = asked.context.clock()
    later = replace(asked, context=replace(asked.context, clock=lambda: now + timedelta(minutes=10)))
    status, _ = awaited(later, place)
    assert status == 200


def test_what_was_cancelled_comes_to_nothing(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[waiting._Run] = []
    monkeypatch.setattr(waiting._Run, "start", lambda self: runs.append(self))
    place = asked.rate("POST", _h_prefer="respond-async").headers["Content-Location"]
    asked.ask("Measure/$evaluation", "DELETE", job=place.partition("job=")[2])
    runs[0].run()
    assert body(asked.ask("MeasureReport", _summary="count"))["total"] == 0


def test_the_measures_that_come_along_are_published_with_their_libraries(asked: Metrics) -> None:
    measure = body(asked.ask(f"Measure/{RATE}"))
    assert measure["version"] == "2.0.0"
    library = body(asked.ask(f"Library/{RATE}"))
    assert measure["library"] == [f"{library['url']}|{library['version']}"]
    assert json.render(library["content"][0])

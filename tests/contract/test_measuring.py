"""What is kept of an evaluation, on both databases: reports with their versions, and answers that are awaited."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Principal
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request
from carethread.core.service import Call
from carethread.core.wanting import refuse_unwanted
from carethread.interactions.writing.apply import apply
from carethread.metrics.answering import answering, storing, turns, working
from carethread.metrics.answering.answering import Question
from carethread.metrics.answering.reporting import AS_OF
from carethread.metrics.evaluating import evaluating
from support.measuring import MARCH, RATE, Metrics, body, counts, keep, metrics, own_measure, said, visit


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


def test_a_period_that_is_written_in_another_way_is_the_same(asked: Metrics) -> None:
    spelled = {"periodStart": "2029-03", "periodEnd": "2029-03"}
    told = [body(asked.rate("POST", **each)) for each in (spelled, MARCH, spelled)]
    assert [(each["id"], each["meta"]["versionId"]) for each in told] == [(told[0]["id"], "1")] * 3


def of_march(metrics: Metrics) -> Question:
    request = Request("POST", f"Measure/{RATE}/$evaluate-measure", (), {})
    params = {name: [value] for name, value in MARCH.items()}
    return answering.question(metrics.runtime, Call("Measure", RATE, params, None, request))


def counted(metrics: Metrics, asks: Question, as_of: str) -> dict[str, Any]:
    """What is counted now, of facts that are whole up to another moment."""
    found = answering.answered(metrics.runtime, asks, metrics.context, kept=True)
    first, *others = found["extension"]
    assert first["url"] == AS_OF
    return {**found, "extension": [{**first, "valueInstant": as_of}, *others]}


@pytest.mark.parametrize("stands", [False, True])
def test_older_facts_are_not_stored_over_newer_ones(
    asked: Metrics, stands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One count takes long; what is corrected meanwhile is counted and stored before it, or while it is stored."""
    asks = of_march(asked)
    if stands:
        asked.facts.tell(visit("third", "noshow", "r"))
        storing.store(asked.runtime, asks, counted(asked, asks, "2030-03-17T17:40:00.000Z"), asked.context)
    asked.facts.tell(visit("third", "fulfilled", "r"))
    older = counted(asked, asks, "2030-03-17T17:46:40.000Z")
    asked.facts.tell(visit("missed", "fulfilled"))
    newer = counted(asked, asks, "2030-03-17T17:46:40.500Z")

    def overtaken(*given: Any) -> Any:
        monkeypatch.undo()
        storing.store(asked.runtime, asks, newer, asked.context)
        return apply(*given)

    monkeypatch.setattr(storing, "apply", overtaken)
    for _ in range(2):
        told = storing.store(asked.runtime, asks, older, asked.context)
        assert counts(told["group"][0])["numerator"] == 0
        assert told == report(asked, told["id"]) and told["meta"]["versionId"] == str(1 + stands)
        assert told["extension"][0]["valueInstant"] == "2030-03-17T17:46:40.500Z"


def test_a_report_says_since_when_its_numbers_are_so(asked: Metrics) -> None:
    """Facts that go on and change no number make no version."""
    asks = of_march(asked)
    for as_of in ("2030-03-17T17:46:40.000Z", "2030-03-18T17:46:40.000Z"):
        told = storing.store(asked.runtime, asks, counted(asked, asks, as_of), asked.context)
        assert (told["extension"][0]["valueInstant"], told["meta"]["versionId"]) == ("2030-03-17T17:46:40.000Z", "1")


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


def accepted(metrics: Metrics, method: str = "GET", **params: str) -> str:
    """The id of an evaluation that is asked for."""
    begun = metrics.rate(method, _h_prefer="respond-async", **params)
    assert begun.status == 202, begun.body
    return begun.headers["Content-Location"].partition("job=")[2]


def progress(metrics: Metrics, job: str) -> str | None:
    """None: it is answered."""
    return metrics.ask("Measure/$evaluation", job=job).headers.get("X-Progress")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is counted until this is set."""
    go = threading.Event()
    evaluate = evaluating.evaluate

    def waits(*given: Any, **more: Any) -> Any:
        assert go.wait(20)
        return evaluate(*given, **more)

    monkeypatch.setattr(answering, "evaluate", waits)
    yield go
    go.set()
    while working.TURNS._working:
        time.sleep(0.01)


def test_evaluations_wait_their_turn_and_more_than_there_is_room_for_are_refused(
    asked: Metrics, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working.TURNS, "room", 3)
    jobs = [accepted(asked) for _ in range(3)]
    assert [each.name for each in threading.enumerate()].count("evaluations") == 1, "however many are asked for"
    refused = asked.rate(_h_prefer="respond-async")
    assert said(refused)[:2] == (503, "transient")
    assert int(refused.headers["Retry-After"]) >= 1
    while progress(asked, jobs[0]) != "counting":
        time.sleep(0.01)
    assert progress(asked, jobs[1]) == "waiting to be counted"
    asked.ask("Measure/$evaluation", "DELETE", job=jobs[2])
    jobs[2] = accepted(asked)  # who gave up leaves room
    held.set()
    assert [awaited(asked, f"job={job}")[0] for job in jobs] == [200, 200, 200]


def test_what_is_not_possible_now_is_no_answer(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate, calls = evaluating.evaluate, []

    def busy(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise Busy("Other queries take all the room; try again.", retry_after=0)
        return evaluate(*given, **more)

    monkeypatch.setattr(working, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(answering, "evaluate", busy)
    assert awaited(asked, f"job={accepted(asked)}")[0] == 200
    assert len(calls) == 3


def test_what_its_process_left_is_taken_up_by_who_asked(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as dead:
        dead.setattr(working, "host", lambda: "another")
        dead.setattr(working.TURNS, "take", lambda *given: None)  # the process dies before it begins
        job = accepted(asked)
    assert progress(asked, job) == "waiting to be counted"
    assert not working.TURNS.holds(f"evaluation/{job}"), "the other process was there just now"
    now = asked.context.clock()
    later = replace(asked, context=replace(asked.context, clock=lambda: now + timedelta(seconds=20)))
    assert awaited(later, f"job={job}")[0] == 200


def test_what_this_process_lost_is_taken_up_at_once(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as lost:
        lost.setattr(working.TURNS, "take", lambda *given: None)
        job = accepted(asked)
    monkeypatch.setattr(working.TURNS, "room", 0)
    assert progress(asked, job) == "waiting to be counted", "there is no room"
    monkeypatch.undo()
    assert awaited(asked, f"job={job}")[0] == 200


def test_a_process_that_is_there_says_so(
    asked: Metrics, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "BEAT_SECONDS", 0.02)
    started = asked.context.clock()
    later = replace(asked, context=replace(asked.context, clock=lambda: started + timedelta(minutes=10)))
    job = accepted(later)
    place = f"evaluating/{working.host()}"
    asked.runtime.store.transact(lambda session: session.drop_export(place))
    while asked.runtime.store.snapshot(lambda session: session.export(place)) is None:
        time.sleep(0.01)
    with monkeypatch.context() as other:
        other.setattr(working.TURNS, "take", lambda *given: pytest.fail("it is worked at already"))
        assert progress(later, job)


def test_an_evaluation_is_of_who_asked_for_it(asked: Metrics) -> None:
    job = accepted(asked)
    other = replace(asked, context=replace(asked.context, principal=Principal("Practitioner/other")))
    assert said(other.ask("Measure/$evaluation", job=job))[:2] == (404, "not-found")
    assert other.ask("Measure/$evaluation", "DELETE", job=job).status == 404
    assert awaited(asked, f"job={job}")[0] == 200
    assert other.ask("Measure/$evaluation", job=job).status == 404


def test_what_was_cancelled_comes_to_nothing(asked: Metrics, held: threading.Event) -> None:
    first, second = accepted(asked, "POST"), accepted(asked, "POST", periodStart="2029-03-02")
    while progress(asked, first) != "counting":
        time.sleep(0.01)
    for job in (first, second):
        asked.ask("Measure/$evaluation", "DELETE", job=job)
    held.set()
    while working.TURNS._working:
        time.sleep(0.01)
    assert body(asked.ask("MeasureReport", _summary="count"))["total"] == 0


@pytest.mark.parametrize("here", [True, False])
def test_a_query_that_runs_ends_where_its_evaluation_is_cancelled(
    asked: Metrics, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    """By this process, or by another one, which takes the row away."""

    def runs(*given: Any, **more: Any) -> Any:
        while True:
            refuse_unwanted()
            time.sleep(0.01)

    monkeypatch.setattr(answering, "evaluate", runs)
    job = accepted(asked)
    while progress(asked, job) != "counting":
        time.sleep(0.01)
    assert working.TURNS._working
    if here:
        assert asked.ask("Measure/$evaluation", "DELETE", job=job).status == 202
    else:
        asked.runtime.store.transact(lambda session: session.drop_export(f"evaluation/{job}"))
    until = time.monotonic() + 20
    while working.TURNS._working and time.monotonic() < until:
        time.sleep(0.01)
    assert not working.TURNS._working


def test_a_fault_of_ours_is_told_and_the_next_has_its_turn(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(answering, "evaluate", lambda *given, **more: 1 / 0)
        assert awaited(asked, f"job={accepted(asked)}")[0] == 500
    assert awaited(asked, f"job={accepted(asked)}")[0] == 200


def test_without_facts_nothing_is_promised(asked: Metrics) -> None:
    bare = replace(asked, runtime=replace(asked.runtime, analytics=None))
    assert said(bare.rate(_h_prefer="respond-async"))[:2] == (503, "transient")


def test_the_measures_that_come_along_are_published_with_their_libraries(asked: Metrics) -> None:
    measure = body(asked.ask(f"Measure/{RATE}"))
    assert measure["version"] == "2.3.0"
    library = body(asked.ask(f"Library/{RATE}"))
    assert measure["library"] == [f"{library['url']}|{library['version']}"]
    assert json.render(library["content"][0])


def test_sql_of_ones_own_reads_shared_relations(asked: Metrics) -> None:
    sql = """
    SELECT resource, subject, start_at AS "at", department, practitioner, TRUE AS denominator,
      status = 'noshow' AS numerator
    FROM visits WHERE start_at >= $start AND start_at < $end
    """
    keep(asked, *own_measure(sql, ["denominator", "numerator"], "shared"))
    own, shipped = body(asked.rate(measure="shared")), body(asked.rate())
    assert counts(own["group"][0])["numerator"] == counts(shipped["group"][0])["numerator"]

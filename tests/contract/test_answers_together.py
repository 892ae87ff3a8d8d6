"""Responses that come at the same time share a transaction: each is judged by its form, has its own requests and trace,
and a form that is retired meanwhile is answered by nobody who comes after that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from carethread.core.context import Context
from carethread.core.errors import FhirError, Held, Invalid
from carethread.core.fhir import json
from carethread.core.ports import Asked, Resource, Session
from carethread.core.service import PROFILES, Runtime
from carethread.interactions.create import create
from carethread.interactions.publish import publish
from carethread.interactions.update import update
from carethread.interactions.writing.command import Result
from carethread.questionnaires import SERVICE
from carethread.questionnaires.forms.finding import shipped
from support.answers import answer, item, questionnaire, response
from support.gate import Gate
from support.stores import open_store, runtime

CONTEXT = Context()
THREADS = 8
PHQ9 = "https://carethread.dev/fhir/Questionnaire/phq-9"
ANSWERS = {"profile": [PROFILES + "questionnaire-response"]}
TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">made up</div>'}


@pytest.fixture
def service(database_url: str) -> Iterator[Runtime]:
    store = open_store(database_url, "questionnaires", pool=THREADS + 2)
    made = runtime(store, SERVICE)
    publish(made, CONTEXT)
    yield made
    store.close()


def phq9(number: int, *, critical: bool = False) -> Resource:
    """Its nine answers, the option of that number for all but the last."""
    asked = [each for each in shipped()[PHQ9].roots if each.type == "choice"][:9]
    chosen = [number % 4] * 8 + [1 if critical else 0]
    given = [
        {"linkId": each.link_id, "answer": [{"valueCoding": dict(each.options[place].value)}]}
        for each, place in zip(asked, chosen, strict=True)
    ]
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": ANSWERS,
        "questionnaire": f"{PHQ9}|1.0.0",
        "status": "completed",
        "subject": {"reference": f"Patient/p{number}"},
        "authored": "2026-11-22T08:00:00Z",
        "item": given,
    }


def at_once(works: list[Callable[[], Result]]) -> list[Result | FhirError]:
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Result]) -> Result | FhirError:
        start.wait()
        try:
            return work()
        except FhirError as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def creating(service: Runtime, resource: Resource, context: Context = CONTEXT) -> Callable[[], Result]:
    return lambda: create(service, "QuestionnaireResponse", resource, context)


def requested(service: Runtime, key: str = "Patient/") -> list[Asked]:
    """What waits to be sent under keys that begin so, with bodies."""

    def look(session: Session) -> list[Asked]:
        return [full for each in session.requests.all() for full in session.requests.all(each.number)]

    return [each for each in service.store.glance(look) if each.wanted.key.startswith(key)]


def total_of(stored: Resource) -> int:
    (value,) = [each["answer"][0]["valueInteger"] for each in stored["item"] if "valueInteger" in each["answer"][0]]
    assert isinstance(value, int)
    return value


def test_they_share_a_transaction_and_each_has_its_score_its_request_and_its_trace(
    service: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(service, THREADS - 1, monkeypatch)
    contexts = [Context() for _ in range(THREADS)]
    works = [creating(service, phq9(n, critical=n == 3), contexts[n]) for n in range(THREADS)]
    outcomes = at_once(works)
    assert gate.transactions == 2, "the first alone, then all who came meanwhile"
    bundles = {each.wanted.key: each.wanted for each in requested(service)}
    assert len(bundles) == THREADS
    for number, outcome in enumerate(outcomes):
        assert isinstance(outcome, Result) and outcome.stored
        assert total_of(json.parse(outcome.stored.body)) == number % 4 * 8 + (number == 3)
        wanted = bundles[f"Patient/p{number}"]
        observation = json.parse(wanted.body)["entry"][0]["resource"]
        assert observation["valueInteger"] == number % 4 * 8 + (number == 3)
        assert observation["derivedFrom"] == [{"reference": f"QuestionnaireResponse/{outcome.stored.id}"}]
        assert wanted.traceparent == contexts[number].traceparent, "each has its own trace"
    (call,) = requested(service, "!critical-answers/")
    assert call.wanted.traceparent == contexts[3].traceparent


def test_one_that_does_not_keep_to_its_form_is_refused_and_leaves_nothing(
    service: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(service, THREADS - 1, monkeypatch)
    wrong = phq9(9) | {"item": [*phq9(9)["item"], answer("nowhere", True)]}
    unknown = phq9(9) | {"questionnaire": "https://example.org/fhir/Questionnaire/nowhere"}
    sent = [phq9(0), wrong, phq9(1), unknown, *(phq9(n) for n in range(2, 6))]
    outcomes = at_once([creating(service, each) for each in sent])
    assert gate.transactions == 2
    assert [n for n, each in enumerate(outcomes) if isinstance(each, Invalid)] == [1, 3]
    assert sorted(each.wanted.key for each in requested(service)) == [f"Patient/p{n}" for n in range(6)]


def test_a_response_that_says_no_version_gets_the_one_that_is_in_use(
    service: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(service, 3, monkeypatch)
    outcomes = at_once([creating(service, phq9(n) | {"questionnaire": PHQ9}) for n in range(4)])
    assert gate.transactions == 2
    named = [
        json.parse(each.stored.body)["questionnaire"] for each in outcomes if isinstance(each, Result) and each.stored
    ]
    assert named == [f"{PHQ9}|1.0.0"] * 4


def test_what_a_transaction_across_services_holds_is_waited_for_alone(
    service: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place of a form's version may be held: then nobody else waits, and who needs it asks again."""
    gate = Gate(service, 3, monkeypatch)
    asked: list[bool] = []
    transact = gate._transact

    def holding(work: Callable[[Session], object]) -> object:
        def held(session: Session) -> object:
            claimed = session.claimed

            def refusing(kind: str, keys: list[str]) -> dict[str, str]:
                if kind == "questionnaire" and len(asked) < 2:
                    asked.append(True)
                    raise Held("It is held.")
                return claimed(kind, keys)

            session.claimed = refusing  # type: ignore[assignment,method-assign]  # as the database would say it
            return work(session)

        return transact(held)

    gate._transact = holding  # type: ignore[assignment]
    outcomes = at_once([creating(service, phq9(n)) for n in range(4)])
    assert all(isinstance(each, Result) for each in outcomes) and len(asked) == 2
    assert len(requested(service)) == 4


def test_a_form_that_is_retired_meanwhile_is_answered_by_nobody_who_comes_after(service: Runtime) -> None:
    ours = {"profile": [PROFILES + "questionnaire"]}
    form = questionnaire(item("a", required=True), id="form", meta=ours, text=TEXT)
    update(service, ("Questionnaire", "form"), form, CONTEXT)
    sent = response(answer("a", "x"), meta=ANSWERS, status="completed")
    create(service, "QuestionnaireResponse", sent, CONTEXT)
    retired, begun = threading.Event(), threading.Semaphore(0)
    late: list[str] = []

    def answering() -> list[str]:
        stored: list[str] = []
        while True:
            after = retired.is_set()
            begun.release()
            try:
                made = create(service, "QuestionnaireResponse", sent, CONTEXT).stored
            except Invalid:
                return stored
            assert made
            stored.append(made.id)
            if after:
                late.append(made.id)
                return stored

    with ThreadPoolExecutor(THREADS) as pool:
        runs = [pool.submit(answering) for _ in range(THREADS)]
        for _ in range(3 * THREADS):
            begun.acquire(timeout=10)
        update(service, ("Questionnaire", "form"), form | {"status": "retired"}, CONTEXT)
        retired.set()
        accepted = {id_ for run in runs for id_ in run.result()}
    assert accepted and not late
    kept = service.store.glance(lambda s: s.current([("QuestionnaireResponse", id_) for id_ in accepted]))
    assert len(kept) == len(accepted)

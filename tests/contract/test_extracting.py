"""What a response gives of itself: requested with it, made once, amended, entered in error; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support.care import Care, care, patient
from support.extracting import (
    allocate,
    answered,
    category,
    coding,
    defines,
    form,
    observation_extract,
    question,
    response,
    sets,
)

CONDITION = "http://hl7.org/fhir/StructureDefinition/Condition"
NEEDS = form(
    question("total", "integer", observation_extract(), category("survey"), code="44261-6"),
    question(
        "worries",
        "choice",
        observation_extract(),
        category("sdoh", "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"),
        code="76513-1",
        repeats=True,
        answerOption=[{"valueCoding": coding(f"LA{number}")} for number in range(5)],
    ),
    question("note", "text"),
)


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "questionnaires")) as made:
        made.put(patient("ann"))
        made.put(NEEDS)
        yield made


def said(of: Care) -> dict[str, tuple[str, Any]]:
    """What the Observations say: by id their status and value."""
    of.send("questionnaires")
    return {each["id"]: (each["status"], value_of(each)) for each in of.found("Observation")}


def value_of(observation: Resource) -> Any:
    if "valueCodeableConcept" in observation:
        return observation["valueCodeableConcept"]["coding"][0]["code"]
    return observation.get("valueInteger")


def standing(of: Care) -> list[tuple[str, Any]]:
    return sorted(said(of).values(), key=str)


def provenances(of: Care) -> list[tuple[str, list[str], str]]:
    """What was told: what was done, to which types, because of which version."""
    found = of.found("Provenance?entity=QuestionnaireResponse/r1&_sort=recorded")
    return [
        (
            each["activity"]["coding"][0]["code"],
            sorted(target["reference"].partition("/")[0] for target in each["target"]),
            each["entity"][0]["what"]["reference"].rpartition("/")[2],
        )
        for each in found
    ]


def test_a_completed_response_gives_observations_with_provenance(practice: Care) -> None:
    practice.put(response(answered("total", 12), answered("worries", coding("LA1"), coding("LA2"))))
    assert standing(practice) == [("final", "LA1"), ("final", "LA2"), ("final", 12)]
    assert provenances(practice) == [("CREATE", ["Observation"] * 3, "1")]
    made = practice.found("Observation?code=44261-6&patient=ann")[0]
    assert [each for each in validate(made) if each.severity == "error"] == []
    assert made["derivedFrom"] == [{"reference": "QuestionnaireResponse/r1"}]
    assert made["category"][0]["coding"][0]["code"] == "survey"
    assert made["effectiveDateTime"] == made["issued"] == "2031-03-03T08:00:00Z"


def test_a_draft_gives_nothing_and_completing_it_does(practice: Care) -> None:
    practice.put(response(answered("total", 12), status="in-progress"))
    assert said(practice) == {}
    practice.put(response(answered("total", 13)))
    assert standing(practice) == [("final", 13)]


def test_what_is_not_ours_gives_nothing_of_itself(practice: Care) -> None:
    practice.put(response(answered("total", 12), meta={"tag": [{"code": "theirs"}]}))
    assert said(practice) == {}


def test_amended_changes_what_has_changed_and_withdraws_what_is_said_no_more(practice: Care) -> None:
    practice.put(response(answered("total", 12), answered("worries", coding("LA1"), coding("LA2"))))
    first = said(practice)
    kept = next(id_ for id_, (_, value) in first.items() if value == "LA1")
    practice.pass_time(hours=1)
    amended = response(
        answered("total", 9),
        answered("worries", coding("LA3"), coding("LA1")),
        status="amended",
        authored="2031-03-03T09:00:00Z",
    )
    practice.put(amended)
    assert standing(practice) == [("amended", 9), ("entered-in-error", "LA2"), ("final", "LA1"), ("final", "LA3")]
    assert practice.ask("GET", f"Observation/{kept}", service="records").headers["ETag"] == 'W/"1"'
    told = sorted(each[::2] for each in provenances(practice))
    assert told == [("CREATE", "1"), ("NULLIFY", "2"), ("UPDATE", "2")]
    practice.put(amended)
    assert practice.stores["questionnaires"].glance(lambda session: session.requests.all()) == []
    practice.put({**amended, "status": "entered-in-error"})
    assert {status for status, _ in standing(practice)} == {"entered-in-error"}


def test_a_social_need_that_is_amended_is_corrected(practice: Care) -> None:
    worries = NEEDS["item"][1]
    single = {**worries, "repeats": False}
    practice.put(form(single, version="2", id="needs-2"))
    asked = {"questionnaire": f"{NEEDS['url']}|2"}
    practice.put(response(answered("worries", coding("LA1")), **asked))
    practice.put(response(answered("worries", coding("LA2")), status="amended", **asked))
    assert standing(practice) == [("corrected", "LA2")]


@pytest.mark.parametrize("gone", ["entered-in-error", "deleted"])
def test_a_response_that_was_an_error_withdraws_all(practice: Care, gone: str) -> None:
    sent = response(answered("total", 12), answered("worries", coding("LA1")))
    practice.put(sent)
    assert len(said(practice)) == 2
    if gone == "deleted":
        assert practice.ask("DELETE", "QuestionnaireResponse/r1", service="questionnaires").status == 204
    else:
        practice.put({**sent, "status": gone})
    assert standing(practice) == [("entered-in-error", "LA1"), ("entered-in-error", 12)]
    assert provenances(practice)[-1] == ("NULLIFY", ["Observation"] * 2, "2")


def test_what_a_person_has_removed_meanwhile_holds_nothing_up(practice: Care) -> None:
    sent = response(answered("total", 12), answered("worries", coding("LA1")))
    practice.put(sent)
    removed = next(id_ for id_, (_, value) in said(practice).items() if value == 12)
    assert practice.ask("DELETE", f"Observation/{removed}", service="records").status == 204
    practice.put({**sent, "status": "entered-in-error"})
    assert standing(practice) == [("entered-in-error", "LA1")]


def test_sent_twice_it_is_made_once(practice: Care) -> None:
    practice.put(response(answered("total", 12)))
    waiting = practice.stores["questionnaires"].glance(lambda session: session.requests.all())
    (asked,) = [practice.stores["questionnaires"].glance(lambda session: session.requests.all(waiting[0].number))][0]
    first = said(practice)
    body = json.parse_object(asked.wanted.body)
    assert practice.ask("POST", "", body, service="records").status == 412
    assert said(practice) == first
    assert practice.ask("GET", f"Observation/{next(iter(first))}", service="records").headers["ETag"] == 'W/"1"'


def test_what_would_be_wrong_is_refused_and_nothing_is_stored(practice: Care) -> None:
    wrong = form(
        question(
            "since",
            "string",
            defines(CONDITION),
            sets(CONDITION + "#Condition.subject.reference", expression="%resource.subject.reference"),
            definition=CONDITION + "#Condition.onsetDateTime",
        ),
        version="3",
        id="needs-3",
    )
    practice.put(wrong)
    sent = response(answered("since", "long ago"), questionnaire=f"{NEEDS['url']}|3")
    status, issues = practice.refusal("PUT", "QuestionnaireResponse/r1", sent, service="questionnaires")
    assert status == 422
    assert "linkId 'since'" in issues[0]["diagnostics"]
    assert "long ago" not in str(issues)
    assert issues[0]["expression"] == ["QuestionnaireResponse.item[0]"]
    assert practice.ask("GET", "QuestionnaireResponse/r1", service="questionnaires").status == 404
    assert practice.stores["questionnaires"].glance(lambda session: session.requests.all()) == []
    good = response(answered("since", "2030-01"), questionnaire=f"{NEEDS['url']}|3")
    practice.put(good)
    practice.send("questionnaires")
    (condition,) = practice.found("Condition?patient=ann")
    practice.put({**good, "status": "entered-in-error"})
    practice.send("questionnaires")
    again = read(practice, f"Condition/{condition['id']}")
    assert again["verificationStatus"]["coding"][0]["code"] == "entered-in-error"


def test_a_transaction_that_is_rolled_back_leaves_no_request(practice: Care) -> None:
    class Crash(Exception):
        pass

    store = practice.stores["questionnaires"]

    def work(session: Any) -> None:
        from carethread.interactions.writing.command import Command
        from carethread.interactions.writing.unit import WriteUnit

        unit = WriteUnit(practice.runtimes["questionnaires"], session, practice.context())
        unit.do(Command("QuestionnaireResponse", "r1", response(answered("total", 12))))
        unit.store()
        assert len(session.requests.all()) == 1
        raise Crash

    with pytest.raises(Crash):
        store.transact(work)
    assert store.glance(lambda session: session.requests.all()) == []
    assert said(practice) == {}


def test_history_that_is_imported_is_told_as_history(practice: Care) -> None:
    practice.put(response(answered("total", 12)), backfill=True)
    (asked,) = practice.stores["questionnaires"].glance(lambda session: session.requests.all())
    assert asked.wanted.backfill
    assert standing(practice) == [("final", 12)]


def read(of: Care, path: str, service: str = "records") -> Resource:
    answer = of.ask("GET", path, service=service)
    assert answer.status == 200, answer.body
    return json.parse_object(answer.body)


def posted(of: Care, body: Resource) -> tuple[int, Resource]:
    answer = of.ask("POST", "QuestionnaireResponse/$extract", body, service="questionnaires")
    return answer.status, json.parse_object(answer.body)


def test_the_operation_answers_what_would_be_written(practice: Care) -> None:
    sent = response(answered("total", 12))
    practice.put(sent)
    bundle = read(practice, "QuestionnaireResponse/r1/$extract", "questionnaires")
    assert (bundle["type"], [each["request"]["url"] for each in bundle["entry"]]) == (
        "transaction",
        ["Observation", "Provenance"],
    )
    answers = {each["name"]: each["resource"] for each in ({"name": "questionnaire-response", "resource": sent},)}
    by_parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": n, "resource": r} for n, r in answers.items()],
    }
    assert posted(practice, by_parameters) == posted(practice, sent)
    assert posted(practice, sent)[1]["entry"][0] == bundle["entry"][0]
    assert practice.found("Observation") == [], "it writes nothing"


def test_the_operation_takes_a_form_that_is_not_known_here(practice: Care) -> None:
    strange = form(question("q", "boolean", observation_extract(), code="1-8"), url="https://example.org/strange")
    sent = response(answered("q", True), questionnaire="https://example.org/strange")
    body = {"resourceType": "Parameters", "parameter": [{"name": "questionnaire-response", "resource": sent}]}
    status, outcome = posted(practice, body)
    assert (status, outcome["issue"][0]["code"]) == (422, "not-found")
    body["parameter"].append({"name": "questionnaire", "resource": strange})  # type: ignore[attr-defined]
    status, bundle = posted(practice, body)
    assert (status, bundle["entry"][0]["resource"]["valueBoolean"]) == (200, True)


def test_the_operation_says_when_there_is_nothing(practice: Care) -> None:
    status, outcome = posted(practice, response(answered("note", "All is well.")))
    assert (status, outcome["resourceType"], outcome["issue"][0]["severity"]) == (
        200,
        "OperationOutcome",
        "information",
    )


def test_the_operation_refuses_with_a_reason(practice: Care) -> None:
    good = response(answered("total", 1))
    strange = {"name": "strange", "valueString": "1"}
    for status, sent in (
        (400, {"resourceType": "Parameters"}),
        (400, {"resourceType": "Parameters", "parameter": [strange]}),
        (400, {"resourceType": "Patient"}),
        (422, {**good, "status": "in-progress"}),
        (422, {**good, "status": "nonsense"}),
        (422, {name: each for name, each in good.items() if name != "questionnaire"}),
    ):
        found, outcome = posted(practice, sent)
        assert (found, outcome["resourceType"]) == (status, "OperationOutcome"), outcome
        assert outcome["issue"][0]["severity"] == "error"
    assert practice.ask("GET", "QuestionnaireResponse/none/$extract", service="questionnaires").status == 404


PATIENT = "http://hl7.org/fhir/StructureDefinition/Patient"
REGISTERS = form(
    question(
        "registers",
        "group",
        defines(PATIENT, fullUrl="%Mine", ifNoneExist="'identifier=https://example.org/id|' + %resource.id"),
        sets(f"{PATIENT}#Patient.identifier.system", valueUri="https://example.org/id"),
        sets(f"{PATIENT}#Patient.identifier.value", expression="%resource.id"),
        allocate("Mine"),
        item=[
            question("name", definition=f"{PATIENT}#Patient.name.text"),
            question(
                "since",
                "date",
                defines(CONDITION),
                sets(f"{CONDITION}#Condition.subject.reference", expression="%Mine"),
                definition=f"{CONDITION}#Condition.onsetDateTime",
            ),
            question(
                "knows",
                "string",
                defines("http://hl7.org/fhir/StructureDefinition/Organization"),
                sets("http://hl7.org/fhir/StructureDefinition/Organization#Organization.id", valueId="known"),
                definition="http://hl7.org/fhir/StructureDefinition/Organization#Organization.name",
            ),
        ],
    ),
    id="registers",
    url="https://example.org/registers",
)


SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"


def template(resource: Resource, **expressions: str) -> Resource:
    """What a form says that has a template of its own filled in."""
    named = [{"url": name, "valueString": text} for name, text in expressions.items()]
    which: Resource = {"url": "template", "valueReference": {"reference": "#t"}}
    mark = {"url": SDC + "templateExtract", "extension": [which, *named]}
    return {"contained": [{**resource, "id": "t"}], "extension": [mark]}


def bundled(resource: Resource, method: str, url: str) -> Resource:
    entry = {"resource": resource, "request": {"method": method, "url": url}}
    bundle = {"resourceType": "Bundle", "id": "t", "type": "transaction", "entry": [entry]}
    return {
        "contained": [bundle],
        "extension": [{"url": SDC + "templateExtractBundle", "valueReference": {"reference": "#t"}}],
    }


@pytest.mark.parametrize(
    "more",
    [
        template({"resourceType": "Patient", "active": False}, resourceId="item.answer.value"),
        template({"resourceType": "Patient", "active": False}, resourceId="'ben'"),
        template({"resourceType": "Organization", "name": "Mine"}, resourceId="item.answer.value"),
        template({"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "urn:example:x"}),
        template({"resourceType": "Questionnaire", "status": "active", "url": "urn:example:x"}),
        bundled({"resourceType": "Basic", "code": {"text": "x"}}, "DELETE", "Patient/ben"),
        bundled({"resourceType": "Binary", "contentType": "application/json-patch+json"}, "PATCH", "Patient/ben"),
        bundled({"resourceType": "Patient", "id": "ann"}, "PUT", "Patient/ben"),
        bundled({"resourceType": "Basic", "code": {"text": "x"}}, "POST", "Patient/$merge"),
    ],
)
def test_an_answer_does_not_reach_what_is_somebody_elses(practice: Care, more: Resource) -> None:
    practice.put(patient("ben"))
    practice.put(form(question("who"), id="reaching", url="https://example.org/reaching", **more))
    sent = response(answered("who", "ben"), questionnaire="https://example.org/reaching|1")
    status, issues = practice.refusal("PUT", "QuestionnaireResponse/r1", sent, service="questionnaires")
    assert (status, issues[0]["code"] in ("not-supported", "business-rule")) == (422, True)
    assert said(practice) == {}
    assert read(practice, "Patient/ben")["meta"]["versionId"] == "1"


def test_nor_by_a_definition_of_its_id_but_the_subjects_own_record_is_theirs(practice: Care) -> None:
    practice.put(patient("ben"))
    asks = question("who", definition=f"{PATIENT}#Patient.id")
    named = question("name", definition=f"{PATIENT}#Patient.name.text")
    practice.put(form(asks, named, id="own", url="https://example.org/own", extension=(defines(PATIENT),)))
    sent = response(answered("who", "ben"), answered("name", "New"), questionnaire="https://example.org/own|1", id="r2")
    assert practice.refusal("PUT", "QuestionnaireResponse/r2", sent, service="questionnaires")[0] == 422
    practice.put({**sent, "item": [answered("who", "ann"), answered("name", "New")]})
    practice.send("questionnaires")
    assert read(practice, "Patient/ann")["name"] == [{"text": "New"}]
    assert read(practice, "Patient/ben")["meta"]["versionId"] == "1"


def test_what_refers_to_each_other_is_made_together_and_updates_stay(practice: Care) -> None:
    practice.put(REGISTERS)
    since = answered("since", {"valueDate": "2030-01-01"})
    asked = {"questionnaire": "https://example.org/registers|1"}
    sent = response(answered("registers", item=(answered("name", "N"), since, answered("knows", "O"))), **asked)
    practice.put(sent)
    practice.send("questionnaires")
    (person,) = practice.found("Patient?identifier=https://example.org/id|r1")
    (condition,) = practice.found(f"Condition?patient={person['id']}")
    assert condition["subject"] == {"reference": f"Patient/{person['id']}"}
    assert read(practice, "Organization/known")["name"] == "O"
    since = answered("since", {"valueDate": "2030-01-02"})
    items = (answered("registers", item=(answered("name", "N"), since, answered("knows", "O"))),)
    practice.put({**sent, "status": "amended", "item": list(items)})
    practice.send("questionnaires")
    assert [each["onsetDateTime"] for each in practice.found("Condition?patient=" + person["id"])] == ["2030-01-02"]
    assert read(practice, "Organization/known")["meta"]["versionId"] == "1"
    practice.put({**sent, "status": "entered-in-error"})
    practice.send("questionnaires")
    again = read(practice, f"Condition/{condition['id']}")
    assert again["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert read(practice, f"Patient/{person['id']}")["meta"]["versionId"] == "1"


def test_whatever_is_amended_what_stands_is_what_is_said_last(practice: Care) -> None:
    random = Random(8)
    ever: set[Any] = set()
    for turn in range(8):
        total, worries = random.randrange(3), random.sample(range(5), random.randrange(4))
        said_now = {total, *(f"LA{each}" for each in worries)}
        codes = answered("worries", *(coding(f"LA{each}") for each in worries))
        items = (answered("total", total), *((codes,) if worries else ()))
        practice.put(response(*items, status="amended" if turn else "completed"))
        statuses = standing(practice)
        ever |= {each for each in said_now if isinstance(each, str)}
        assert {value for status, value in statuses if status != "entered-in-error"} == said_now
        assert {value for status, value in statuses if status == "entered-in-error"} == ever - said_now
        assert len(statuses) == 1 + len(ever)

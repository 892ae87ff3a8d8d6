"""A form filled in from the person's records, asked of their owners, on both databases: nobody is asked twice, and of
nobody else anything is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.composition.parts import owners_of_types
from carethread.core.fhir import json
from carethread.core.fhir.elements import without_extensions
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.interactions.mirror import keep
from carethread.questionnaires.populating.earlier import VALIDITY
from carethread.questionnaires.populating.filling import CONTEXT, INITIAL_EXPRESSION
from carethread.questionnaires.populating.fitting import UNIT
from carethread.questionnaires.populating.launching import LAUNCH
from carethread.questionnaires.populating.marks import PREFILLED
from carethread.questionnaires.populating.observed import PERIOD
from carethread.questionnaires.populating.querying import OWNERS, RECORDS
from carethread.questionnaires.scoring.anonymous import ANONYMOUS_FROM
from support.care import START, Care, care, patient
from support.extracting import coding, form, question
from support.instruments import NAMES, shipped

UCUM = "http://unitsofmeasure.org"
FHIRPATH, QUERY = "text/fhirpath", "application/x-fhir-query"


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "careteams", "questionnaires")) as made:
        yield made


def expression(text: str, language: str = FHIRPATH, url: str = INITIAL_EXPRESSION, **more: str) -> Resource:
    return {"url": url, "valueExpression": {**more, "language": language, "expression": text}}


def lasting(url: str, days: int) -> Resource:
    return {"url": url, "valueDuration": {"value": days, "unit": "d", "system": UCUM, "code": "d"}}


def launch(name: str, *types: str) -> Resource:
    kinds = [{"url": "type", "valueCode": each} for each in types]
    return {"url": LAUNCH, "extension": [{"url": "name", "valueCoding": {"code": name}}, *kinds]}


def variable(name: str, text: str, language: str = FHIRPATH) -> Resource:
    return expression(text, language, "http://hl7.org/fhir/StructureDefinition/variable", name=name)


def weight(id_: str, value: float, unit: str, at: str, who: str = "ann", **more: Any) -> Resource:
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"coding": [coding("29463-7")]},
        "subject": {"reference": f"Patient/{who}"}, "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit}, **more,
    }  # fmt: skip


def parameters(sent: Resource | str | None = None, subject: str = "Patient/ann", *more: Resource) -> Resource:
    parts: list[Resource] = [{"name": "subject", "valueReference": {"reference": subject}}] if subject else []
    if sent is not None:
        value = {"resource": sent} if isinstance(sent, dict) else {"valueCanonical": sent}
        parts.append({"name": "questionnaire", **value})
    return {"resourceType": "Parameters", "parameter": [*parts, *more]}


def context(name: str, content: Resource | str) -> Resource:
    value = {"resource": content} if isinstance(content, dict) else {"valueReference": {"reference": content}}
    return {"name": "context", "part": [{"name": "name", "valueString": name}, {"name": "content", **value}]}


def populated(home: Care, body: Resource, path: str = "Questionnaire/$populate") -> tuple[Resource, list[Resource]]:
    """The draft, which has nothing wrong with it but what is still open, and the issues."""
    answer = home.ask("POST", path, body, service="questionnaires")
    assert answer.status == 200, answer.body
    parts = {each["name"]: each["resource"] for each in json.parse_object(answer.body)["parameter"]}
    judged = home.ask("POST", "QuestionnaireResponse/$validate", parts["response"], service="questionnaires")
    wrong = [each for each in json.parse_object(judged.body)["issue"] if each["severity"] == "error"]
    assert wrong == [] or {each["code"] for each in wrong} == {"not-found"}, wrong
    return parts["response"], parts.get("issues", {}).get("issue", [])


def refused(home: Care, body: Resource | None, path: str = "Questionnaire/$populate") -> tuple[int, str]:
    status, issues = home.refusal("POST" if body else "GET", path, body, service="questionnaires")
    return status, issues[0]["code"]


def values(response: Resource) -> dict[str, Any]:
    return {
        each["linkId"]: [without_extensions(one, (PREFILLED,)) for one in each.get("answer", ())] or values(each)
        for each in response.get("item", ())
    }


def test_from_the_persons_records(home: Care) -> None:
    home.put(patient("ann", birthDate="1980-02-03", name=[{"family": "Example"}]))
    made = form(
        question("name", "string", expression("%patient.name.family")),
        question("born", "date", expression("%patient.birthDate")),
        question("weight", "decimal", lasting(PERIOD, 30), {"url": UNIT, "valueCoding": {"system": UCUM, "code": "kg"}},
                 code="29463-7"),
        extension=(launch("patient", "Patient"),),
    )  # fmt: skip
    home.put(made)
    home.put(weight("old", 1, "kg", home.at(days=-40)))
    home.put(weight("before", 70, "kg", home.at(days=-9)))
    home.put(weight("now", 72500, "g", home.at(days=-2)))
    home.put(weight("draft", 3, "kg", home.at(days=-1), status="preliminary"))
    home.put(weight("wrong", 4, "kg", home.at(days=-1), status="entered-in-error"))
    response, issues = populated(home, parameters(made["url"]))
    assert values(response) == {
        "name": [{"valueString": "Example"}], "born": [{"valueDate": "1980-02-03"}], "weight": [{"valueDecimal": 72.5}],
    }  # fmt: skip
    assert issues == []
    assert (response["status"], response["subject"], response["questionnaire"]) == (
        "in-progress", {"reference": "Patient/ann"}, f"{made['url']}|1",
    )  # fmt: skip
    assert response["meta"]["profile"] == [PROFILES + "questionnaire-response"]
    mark = response["item"][2]["answer"][0]["extension"][0]
    assert (mark["url"], mark["extension"][1]["valueReference"]["reference"]) == (PREFILLED, "Observation/now")
    stored = home.put({**response, "id": "draft"})
    assert stored["item"] == response["item"]
    again, _ = populated(home, parameters(), "Questionnaire/needs/$populate")
    assert again["item"] == response["item"]
    path = f"Questionnaire/$populate?questionnaire={made['url']}&subject=Patient/ann"
    by_get = home.ask("GET", path, service="questionnaires")
    assert json.parse_object(by_get.body)["parameter"][0]["resource"]["item"] == response["item"]
    without, _ = populated(home, parameters(made["url"], "Patient/ann", {"name": "local", "valueBoolean": False}))
    assert "weight" not in values(without)


def test_of_many_observations_the_newest_of_each_code(home: Care) -> None:
    home.put(patient("ann"))
    many = [weight(f"w{n}", 70 + n % 7, "kg", home.at(days=-2, minutes=n)) for n in range(205)]
    bundle = {"resourceType": "Bundle", "type": "transaction"}
    entries = [{"resource": each, "request": {"method": "PUT", "url": f"Observation/{each['id']}"}} for each in many]
    assert home.ask("POST", "", {**bundle, "entry": entries}, service="records").status == 200
    other = {**weight("tall", 170, "cm", home.at(days=-20)), "code": {"coding": [coding("8302-2")]}}
    home.put(other)
    made = form(
        question("weight", "quantity", lasting(PERIOD, 30), code="29463-7"),
        question("tall", "quantity", lasting(PERIOD, 30), code="8302-2"),
    )
    response, issues = populated(home, parameters(made))
    assert values(response) == {
        "weight": [{"valueQuantity": many[-1]["valueQuantity"]}], "tall": [{"valueQuantity": other["valueQuantity"]}],
    }  # fmt: skip
    assert issues == []


def test_queries_find_what_is_the_persons_and_nobody_elses(home: Care) -> None:
    home.put(patient("ann"))
    home.put(patient("bob", name=[{"family": "Secret"}]))
    home.put({"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Doc"}]})
    for who in ("ann", "bob"):
        condition = {"resourceType": "Condition", "id": f"c-{who}", "subject": {"reference": f"Patient/{who}"}}
        home.put({**condition, "code": {"text": f"of {who}"}})
        home.put(weight(f"w-{who}", 70, "kg", home.at(days=-1), who))
    inner = question("what", "string", expression("%c.code.text"))
    group = {"linkId": "conditions", "type": "group", "repeats": True, "item": [inner],
             "extension": [expression("Condition?code:text=of", QUERY, CONTEXT, name="c")]}  # fmt: skip
    made = form(
        question("all", "string", expression("%people.entry.resource.name.family"), repeats=True),
        question("weights", "integer", expression("%weights.entry.count()")),
        question("doc", "string", expression("%user.name.family")),
        group,
        question("bob", "string", expression("%theirs.name.family")),
        question("groups", "integer", expression("%groups.entry.count()")),
        extension=(
            launch("user", "Practitioner"),
            variable("people", "Patient?name=Secret", QUERY),
            variable("weights", "Observation?code=29463-7&patient=Patient/bob,Patient/ann", QUERY),
            variable("theirs", "Patient/bob", QUERY),
            variable("groups", "Group?type=person", QUERY),
        ),
    )
    response, issues = populated(home, parameters(made, "Patient/ann", context("user", "Practitioner/doc")))
    assert values(response) == {
        "weights": [{"valueInteger": 1}], "doc": [{"valueString": "Doc"}],
        "conditions": {"what": [{"valueString": "of ann"}]},
    }  # fmt: skip
    assert [(each["code"], each["expression"]) for each in issues] == [("not-supported", ["Questionnaire.item[5]"])]
    assert b"Secret" not in json.render(response)


def test_what_was_answered_before_is_not_asked_again(home: Care) -> None:
    home.tell(patient("ann"))
    home.tell(patient("bob"))
    people = question("people", "integer", lasting(VALIDITY, 90), code="63512-8")
    first = form(people, question("other"), question("how", "integer", code="1"))
    second = form(
        question("household", "integer", lasting(VALIDITY, 90), code="63512-8"),
        question("late", "integer", lasting(VALIDITY, 1), code="1"),
        id="second",
        url="https://example.org/Questionnaire/second",
    )
    home.put(first)

    def said(id_: str, count: int, days: int, who: str = "ann", **more: Any) -> Resource:
        return {
            "resourceType": "QuestionnaireResponse", "id": id_, "questionnaire": f"{first['url']}|1",
            "status": "completed", "subject": {"reference": f"Patient/{who}"}, "authored": home.at(days=-days),
            "item": [{"linkId": "people", "answer": [{"valueInteger": count}]},
                     {"linkId": "how", "answer": [{"valueInteger": 9}]}], **more,
        }  # fmt: skip

    for each in (
        said("r1", 3, 80), said("r2", 4, 60), said("r3", 5, 1, "bob"), said("r4", 6, 5, status="in-progress"),
        said("r5", 7, 200), said("r6", 8, 3, status="entered-in-error"),
    ):  # fmt: skip
        home.put(each)
    for made, link in ((first, "people"), (second, "household")):
        response, issues = populated(home, parameters(made))
        assert values(response) == {link: [{"valueInteger": 4}]}
        mark = response["item"][0]["answer"][0]["extension"][0]["extension"]
        assert [mark[0]["valueCode"], mark[1]["valueReference"]["reference"]] == [
            "response",
            "QuestionnaireResponse/r2",
        ]
        assert issues == []
    assert values(populated(home, parameters(first, "Patient/bob"))[0]) == {"people": [{"valueInteger": 5}]}


def test_who_was_merged_is_one_person(home: Care) -> None:
    home.tell(patient("ann", birthDate="1980-02-03"))
    home.tell(patient("was"))
    home.put(weight("theirs", 70, "kg", home.at(days=-1), "was"))
    home.tell(patient("was", active=False, link=[{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]))
    from_merged = home.stores["records"].glance(lambda session: session.current([("Patient", "was")]))["Patient", "was"]
    runtime = home.runtimes["questionnaires"]
    runtime.store.transact(lambda session: keep(runtime, session, [from_merged]))
    made = form(
        question("born", "date", expression("%patient.birthDate")),
        question("weight", "quantity", lasting(PERIOD, 30), code="29463-7"),
        extension=(launch("patient", "Patient"),),
    )
    for who in ("Patient/ann", "Patient/was"):
        response, _ = populated(home, parameters(made, who))
        assert list(values(response)) == ["born", "weight"]
        assert response["subject"] == {"reference": "Patient/ann"}


def test_what_is_refused(home: Care) -> None:
    home.put(patient("ann"))
    home.put(patient("bob"))
    home.put({"resourceType": "Encounter", "id": "visit", "status": "planned", "subject": {"reference": "Patient/bob"},
              "class": {"code": "AMB"}})  # fmt: skip
    bob = {"resourceType": "Patient", "id": "bob"}
    made = form(question("a"), extension=(launch("encounter", "Encounter"), launch("patient", "Patient")))
    about = form(question("a"), subjectType=["Practitioner"])
    twice = [{"name": "questionnaire", "valueCanonical": "urn:x"}] * 2
    nameless = form(question("a"), extension=({"url": ANONYMOUS_FROM, "valuePositiveInt": 11},))
    anonymous = parameters(nameless)
    cases = [
        (parameters("urn:none"), 422, "not-found"),
        (parameters(made, "Patient/nobody"), 422, "not-found"),
        (parameters(made, "Patient/ann", context("encounter", "Encounter/visit")), 422, "not-found"),
        (parameters(made, "Patient/ann", context("encounter", "Patient/ann")), 422, "value"),
        (parameters(made, "Patient/ann", context("patient", bob)), 422, "business-rule"),
        (parameters(about), 422, "value"),
        (anonymous, 422, "business-rule"),
        (parameters(nameless, "Practitioner/nurse"), 422, "business-rule"),
        (parameters(), 400, "required"),
        (parameters(None, "Patient/ann", *twice), 400, "value"),
        (parameters(made, "Patient/ann", {"name": "local", "valueString": "no"}), 400, "value"),
        (parameters(made, "Patient/ann", {"name": "unknown", "valueString": "x"}), 400, "not-supported"),
        (parameters(made, "Patient/ann", {"name": "context", "part": [{"name": "name"}]}), 422, "invariant"),
        (parameters(form(question("a", "string", expression("%patient..name")))), 422, "invalid"),
    ]  # fmt: skip
    for body, status, code in cases:
        assert refused(home, body) == (status, code), body
    assert refused(home, None, "Questionnaire/nothing/$populate") == (404, "not-found")
    assert refused(home, None, "Questionnaire/$populate?subject=nonsense") == (400, "value")


def test_a_form_without_names_is_filled_in_with_nothing(home: Care) -> None:
    home.put({"resourceType": "Organization", "id": "ward", "name": "Ward"})
    name = "https://carethread.dev/fhir/Questionnaire/staff-pulse"
    response, _ = populated(home, parameters(name, "Organization/ward"))
    assert values(response) == {}


def test_every_shipped_form_can_be_filled_in(home: Care) -> None:
    home.put(patient("ann"))
    for name in NAMES:
        made = shipped(name)
        subject = "Patient/ann" if "Patient" in made.raw.get("subjectType", ["Patient"]) else "Organization/ward"
        response, issues = populated(home, parameters(made.canonical, subject))
        assert [each for each in issues if each["severity"] == "error"] == [], name
        assert response["questionnaire"] == made.canonical


def test_the_owners_of_types_are_those_that_there_are() -> None:
    said = {type_name: owner for owner, types in OWNERS.items() for type_name in types}
    assert {name: owner for name, owner in owners_of_types().items() if owner != RECORDS} == said


def test_time_is_when_it_is_asked(home: Care) -> None:
    home.put(patient("ann"))
    response, _ = populated(home, parameters(form(question("now", "date", expression("today()")))))
    assert values(response) == {"now": [{"valueDate": START.date().isoformat()}]}

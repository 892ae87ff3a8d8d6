"""Definition-based extraction, rule by rule: http://hl7.org/fhir/uv/sdc/extraction.html#definition-based-extraction."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.ports import Resource
from carethread.questionnaires.extracting import marks
from carethread.questionnaires.extracting.extracted import extracted
from carethread.questionnaires.forms.form import read
from support.extracting import allocate, answered, coding, defines, form, question, response, sets, unit

CORE = "http://hl7.org/fhir/StructureDefinition/"
PATIENT, OBSERVATION = CORE + "Patient", CORE + "Observation"
OURS = "https://carethread.dev/fhir/StructureDefinition/"


def entries(asked: Resource, said: Resource) -> list[Resource]:
    made = extracted(read(asked), said)
    assert made.get("type") == "transaction", made
    found: list[Resource] = made["entry"]
    return found[:-1]


def refused(asked: Resource, said: Resource) -> list[Resource]:
    made = extracted(read(asked), said)
    assert made["resourceType"] == "OperationOutcome", made
    found: list[Resource] = made["issue"]
    assert {each["severity"] for each in found} == {"error"}
    return found


def element(path: str) -> str:
    return f"{CORE}{path.partition('.')[0]}#{path}"


def person(*items: Resource, mark: Resource | None = None) -> Resource:
    return form(question("p", "group", mark or defines(PATIENT), item=list(items)))


def patient(*said: Resource, items: tuple[Resource, ...]) -> Resource:
    (entry,) = entries(person(*items), response(answered("p", item=said)))
    found: Resource = entry["resource"]
    return found


def test_each_item_makes_its_own_element_of_many() -> None:
    phones = [question(name, definition=element("Patient.telecom.value")) for name in ("home", "work")]
    made = patient(answered("home", "1"), answered("work", "2"), items=tuple(phones))
    assert made["telecom"] == [{"value": "1"}, {"value": "2"}]


def test_a_group_is_the_element_of_what_is_in_it() -> None:
    parts = [question(name, definition=element(f"Patient.contact.name.{name}")) for name in ("family", "text")]
    group = question("contact", "group", definition=element("Patient.contact"), repeats=True, item=parts)
    two = [answered("contact", item=(answered("family", each), answered("text", f"T {each}"))) for each in "AB"]
    made = patient(*two, items=(group,))
    assert made["contact"] == [{"name": {"family": each, "text": f"T {each}"}} for each in "AB"]


def test_answers_that_repeat_go_to_an_element_that_does() -> None:
    given = question("given", definition=element("Patient.name.given"), repeats=True)
    assert patient(answered("given", "A", "A", "B"), items=(given,))["name"] == [{"given": ["A", "A", "B"]}]
    text = question("text", definition=element("Patient.name.text"), repeats=True)
    (issue,) = refused(person(text), response(answered("p", item=(answered("text", "A", "B"),))))
    assert "takes one value" in issue["diagnostics"]
    assert issue["expression"] == ["QuestionnaireResponse.item[0].item[0]"]


def test_values_beside_an_answer_are_set_in_the_same_element() -> None:
    fixed = sets(element("Patient.extension.url"), valueUri="https://example.org/e")
    item = question("e", "boolean", fixed, definition=element("Patient.extension.value[x]"))
    assert patient(answered("e", True), items=(item,))["extension"] == [
        {"valueBoolean": True, "url": "https://example.org/e"}
    ]


@pytest.mark.parametrize(
    ("type_name", "answer", "path", "value"),
    [
        ("choice", coding("female"), "Patient.gender", {"gender": "female"}),
        ("choice", coding("M"), "Patient.maritalStatus", {"maritalStatus": {"coding": [coding("M")]}}),
        ("date", {"valueDate": "2030-01-02"}, "Patient.deceased[x]", {"deceasedDateTime": "2030-01-02"}),
        ("date", {"valueDate": "2030-01-02"}, "Patient.deceasedDateTime", {"deceasedDateTime": "2030-01-02"}),
        ("boolean", True, "Patient.deceased", {"deceasedBoolean": True}),
        ("dateTime", {"valueDateTime": "2030-01-02T08:00:00Z"}, "Patient.birthDate", {"birthDate": "2030-01-02"}),
        ("integer", 2, "Patient.multipleBirth[x]", {"multipleBirthInteger": 2}),
        ("decimal", 2.0, "Patient.multipleBirthInteger", {"multipleBirthInteger": 2}),
        (
            "string",
            "Organization/1",
            "Patient.managingOrganization",
            {"managingOrganization": {"reference": "Organization/1"}},
        ),
    ],
)  # fmt: skip
def test_answers_become_what_the_element_is(type_name: str, answer: Any, path: str, value: Resource) -> None:
    made = patient(answered("q", answer), items=(question("q", type_name, definition=element(path)),))
    assert {name: each for name, each in made.items() if name != "resourceType"} == value


def test_units() -> None:
    items = question("q", "decimal", defines(OBSERVATION), unit("kg"), definition=element("Observation.value[x]"))
    made = entries(form(items), response(answered("q", 7.5)))[0]["resource"]
    expected = {"value": 7.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    assert made["valueQuantity"] == expected
    number = question(
        "q", "decimal", defines(OBSERVATION), unit("kg"), definition=element("Observation.valueQuantity.value")
    )
    assert entries(form(number), response(answered("q", 7.5)))[0]["resource"]["valueQuantity"] == {"value": 7.5}


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        ("Patient.nonsense", "x", "has no element nonsense"),
        ("Patient.name.given.deeper", "x", "has nothing in it"),
        ("Patient.name:official.family", "x", "has no slice official"),
        ("Patient.birthDate", True, "a value of type boolean cannot be"),
        ("Patient.multipleBirthInteger", 1.5, "cannot be"),
        ("Patient.extension.value[x].code", "x", "is of several types; name one"),
        ("Practitioner.gender", "x", "is no element of a Patient"),
    ],
)
def test_what_cannot_be_set_is_told_and_nothing_is_made(path: str, answer: Any, said: str) -> None:
    type_name = {bool: "boolean", float: "decimal"}.get(type(answer), "string")
    item = question("q", type_name, definition=f"{PATIENT}#{path}")
    (issue,) = refused(person(item), response(answered("p", item=(answered("q", answer),))))
    assert "linkId 'q'" in issue["diagnostics"]
    assert said in issue["diagnostics"]


def test_an_element_in_which_nothing_is_set_is_not_there() -> None:
    items = [question("family", definition=element("Patient.contact.name.family")), question("other")]
    group = question("contact", "group", definition=element("Patient.contact"), item=items)
    asked = person(group, question("active", "boolean", definition=element("Patient.active")))
    said = answered("p", item=(answered("contact", item=(answered("other", "x"),)), answered("active", True)))
    (entry,) = entries(asked, response(said))
    assert entry["resource"] == {"resourceType": "Patient", "active": True}


def test_an_id_makes_an_update() -> None:
    hidden = question("id", definition=element("Patient.id"))
    (entry,) = entries(person(hidden), response(answered("p", item=(answered("id", "known"),))))
    assert entry["request"] == {"method": "PUT", "url": "Patient/known"}
    assert list(entry["resource"]) == ["resourceType", "id"]


def test_the_entry_by_expressions() -> None:
    mark = defines(
        PATIENT,
        fullUrl="%Mine",
        ifNoneExist="'identifier=' + item.where(linkId = 'id').answer.value",
        ifMatch="{}",
    )
    asked = form(
        question(
            "p", "group", mark, allocate("Mine"), item=[question("id", definition=element("Patient.identifier.value"))]
        )
    )
    (entry,) = entries(asked, response(answered("p", item=(answered("id", "8003"),))))
    assert entry["fullUrl"].startswith("urn:uuid:")
    assert entry["request"] == {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=8003"}


def test_an_id_is_allocated_for_each_repetition() -> None:
    refers = sets(element("RelatedPerson.patient.reference"), expression="%Mine")
    items = [
        question("name", "string", defines(PATIENT, fullUrl="%Mine"), definition=element("Patient.name.text")),
        question(
            "kin", "string", defines(CORE + "RelatedPerson"), refers, definition=element("RelatedPerson.name.text")
        ),
    ]
    asked = form(question("g", "group", allocate("Mine"), repeats=True, item=items))
    said = [answered("g", item=(answered("name", each), answered("kin", "k"))) for each in "AB"]
    made = entries(asked, response(*said))
    first, kin, second, other = made
    assert kin["resource"]["patient"]["reference"] == first["fullUrl"] != second["fullUrl"]
    assert other["resource"]["patient"]["reference"] == second["fullUrl"]


def test_at_the_root_there_is_always_one() -> None:
    fixed = sets(element("Patient.active"), valueBoolean=True)
    asked = form(question("q"), extension=(defines(PATIENT), fixed))
    (entry,) = entries(asked, response())
    assert entry["resource"] == {"resourceType": "Patient", "active": True}


def test_fixed_values_of_any_type_and_values_of_expressions() -> None:
    values = (
        sets(element("Observation.status"), valueCode="final"),
        sets(element("Observation.code"), valueCodeableConcept={"coding": [coding("1-8")]}),
        sets(element("Observation.issued"), expression="%resource.authored"),
        sets(element("Observation.subject"), expression="%resource.subject"),
        sets(element("Observation.note.text"), expression="%qitem.linkId + %questionnaire.version"),
        sets(element("Observation.method"), expression="{}"),
    )
    item = question("q", "integer", defines(OBSERVATION), *values, definition=element("Observation.value[x]"))
    made = entries(form(item), response(answered("q", 4)))[0]["resource"]
    assert made == {
        "resourceType": "Observation",
        "valueInteger": 4,
        "status": "final",
        "code": {"coding": [coding("1-8")]},
        "issued": "2031-03-03T08:00:00Z",
        "subject": {"reference": "Patient/ann"},
        "note": [{"text": "q1"}],
    }


def test_a_profile_is_claimed_and_its_fixed_values_are_set() -> None:
    canonical = OURS + "huddle-minutes"
    item = question(
        "text", "string", defines(canonical), definition=f"{canonical}#Communication.payload.content[x]:contentString"
    )
    made = entries(form(item), response(answered("text", "said")))[0]["resource"]
    assert made["meta"] == {"profile": [canonical]}
    assert made["payload"] == [{"contentString": "said"}]
    assert made["category"][0]["coding"][0]["code"]


def test_the_older_way_to_name_a_resource() -> None:
    item = question(
        "q", "boolean", {"url": marks.ITEM_CONTEXT, "valueCode": "Patient"}, definition=element("Patient.active")
    )
    assert entries(form(item), response(answered("q", True)))[0]["resource"] == {
        "resourceType": "Patient",
        "active": True,
    }


def test_a_definition_is_not_within_itself() -> None:
    inner = question("q", "boolean", defines(PATIENT), definition=element("Patient.active"))
    (issue,) = refused(person(inner), response(answered("p", item=(answered("q", True),))))
    assert issue["code"] == "duplicate"


def test_a_profile_that_is_not_known() -> None:
    item = question("q", "boolean", defines("https://example.org/unknown"))
    (issue,) = refused(form(item), response(answered("q", True)))
    assert issue["code"] == "not-found"


def test_all_expressions_that_fail_are_told() -> None:
    broken = [sets(element("Patient.active"), expression=text) for text in ("1.where(", "(1 | 2).single()")]
    item = question("q", "boolean", defines(PATIENT), *broken, definition=element("Patient.deceased"))
    issues = refused(form(item), response(answered("q", True)))
    assert len(issues) == 2
    assert {each["expression"][0] for each in issues} == {"QuestionnaireResponse.item[0]"}


def test_an_expression_that_never_ends_has_a_budget() -> None:
    endless = sets(
        element("Patient.active"), expression="repeat(item | %questionnaire.descendants() | 'a' + $this).exists()"
    )
    item = question("q", "boolean", defines(PATIENT), endless)
    issues = refused(form(item), response(answered("q", True)))
    assert "linkId 'q'" in issues[0]["diagnostics"]

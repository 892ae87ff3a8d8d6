"""Template-based extraction, rule by rule: http://hl7.org/fhir/uv/sdc/extraction.html#template-based-extraction."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.ports import Resource
from carethread.questionnaires.extracting import marks
from carethread.questionnaires.extracting.extracted import extracted
from carethread.questionnaires.forms.form import read
from support.extracting import allocate, answered, filled, form, question, response, template, within


def made(asked: Resource, said: Resource) -> list[Resource]:
    found = extracted(read(asked), said)
    assert found.get("type") == "transaction", found
    entries: list[Resource] = found["entry"]
    return entries[:-1]


def refused(asked: Resource, said: Resource) -> list[Resource]:
    found = extracted(read(asked), said)
    assert found["resourceType"] == "OperationOutcome", found
    issues: list[Resource] = found["issue"]
    return issues


def of_patient(*names: str, said: tuple[Resource, ...] = (), **members: Any) -> Resource:
    """What becomes of a template of a Patient at the root of a form with questions of these names."""
    contained = {"resourceType": "Patient", "id": "t", **members}
    items = [question(name, "string", repeats=True) for name in names]
    asked = form(*items, extension=(template("#t"),), contained=[contained])
    found: Resource = made(asked, response(*said))[0]["resource"]
    return found


def test_each_result_is_a_copy() -> None:
    name = within("item.where(linkId = 'n').answer", use="official", _text=filled("value"))
    found = of_patient("n", said=(answered("n", "A", "B"),), name=[name, {"text": "fixed"}])
    official = [{"use": "official", "text": each} for each in "AB"]
    assert found == {"resourceType": "Patient", "name": [*official, {"text": "fixed"}]}


def test_without_a_result_the_element_is_away_and_what_holds_nothing_else() -> None:
    name = {"_text": filled("item.where(linkId = 'n').answer.value")}
    telecom = [within("item.where(linkId = 'n')", system="phone")]
    found = of_patient("n", name=[name], telecom=telecom, active=True)
    assert found == {"resourceType": "Patient", "active": True}


def test_a_value_stands_in_the_place_of_what_the_template_has() -> None:
    found = of_patient("n", said=(answered("n", "female"),), gender="unknown", _gender=filled("item.answer.value"))
    assert found == {"resourceType": "Patient", "gender": "female"}


def test_a_primitive_keeps_its_other_extensions() -> None:
    other = {"url": "https://example.org/e", "valueBoolean": True}
    mark = filled("item.answer.value")
    found = of_patient("n", said=(answered("n", "1990-01-02"),), _birthDate={"extension": [*mark["extension"], other]})
    assert found == {"resourceType": "Patient", "birthDate": "1990-01-02", "_birthDate": {"extension": [other]}}


def test_a_context_may_have_a_name() -> None:
    named = {"name": "mine", "language": "text/fhirpath", "expression": "item.where(linkId = 'n').answer.value"}
    mark = {"url": marks.TEMPLATE_CONTEXT, "valueExpression": named}
    contact = {"extension": [mark], "name": {"_text": filled("'<' + %mine + '>'")}}
    found = of_patient("n", said=(answered("n", "A", "B"),), contact=[contact])
    assert found["contact"] == [{"name": {"text": "<A>"}}, {"name": {"text": "<B>"}}]


def test_values_of_other_types_are_fitted() -> None:
    found = of_patient("n", said=(answered("n", "x"),), managingOrganization=filled("'Organization/1'"))
    assert found["managingOrganization"] == {"reference": "Organization/1"}


def test_an_item_has_a_resource_for_each_time_that_it_is_answered() -> None:
    contained: Resource = {"resourceType": "RelatedPerson", "id": "t", "patient": {"_reference": filled("%Mine")}}
    contained["name"] = [{"_text": filled("item.where(linkId = 'n').answer.value")}]
    group = question(
        "g", "group", template("#t", fullUrl="%Mine"), allocate("Mine"), item=[question("n")], repeats=True
    )
    asked = form(group, contained=[contained])
    found = made(asked, response(*(answered("g", item=(answered("n", each),)) for each in "AB"), answered("g")))
    assert [each["resource"]["name"][0]["text"] for each in found] == ["A", "B"]
    assert [each["resource"]["patient"]["reference"] for each in found] == [each["fullUrl"] for each in found]
    assert len({each["fullUrl"] for each in found}) == 2


def test_an_id_makes_an_update_and_conditions_are_said() -> None:
    mark = template("#t", resourceId="'known'", ifMatch="'W/\"3\"'", ifModifiedSince="{}")
    asked = form(question("q"), extension=(mark,), contained=[{"resourceType": "Patient", "id": "t", "active": True}])
    (entry,) = made(asked, response(answered("q", "x")))
    assert entry["request"] == {"method": "PUT", "url": "Patient/known", "ifMatch": 'W/"3"'}
    assert entry["resource"] == {"resourceType": "Patient", "id": "known", "active": True}


def test_a_whole_transaction() -> None:
    entry = within(
        "item.where(linkId = 'q').answer.value",
        fullUrl="urn:uuid:6f6177d2-13ee-4d27-b0e8-3eaf663dd031",
        resource={"resourceType": "Patient", "_birthDate": filled("$this")},
        request={"method": "POST", "url": "Patient", "ifNoneExist": "identifier=1"},
    )
    mark = {"url": marks.TEMPLATE_BUNDLE, "valueReference": {"reference": "#t"}}
    bundle = {"resourceType": "Bundle", "id": "t", "type": "transaction", "entry": [entry]}
    asked = form(question("q", "date", repeats=True), extension=(mark,), contained=[bundle])
    found = made(asked, response(answered("q", {"valueDate": "2030-01-02"}, {"valueDate": "2031-01-02"})))
    assert [each["resource"]["birthDate"] for each in found] == ["2030-01-02", "2031-01-02"]
    assert found[0]["fullUrl"] == "urn:uuid:6f6177d2-13ee-4d27-b0e8-3eaf663dd031" != found[1]["fullUrl"]
    assert found[0]["request"]["ifNoneExist"] == "identifier=1"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"gender": "x", "_gender": filled("item.answer.value")}, "2 values for gender"),
        ({"_active": filled("item.answer.value.first()")}, "of type string where a boolean stands"),
        ({"_active": filled("nonsense(")}, "cannot be applied"),
    ],
)
def test_what_does_not_fit_is_told(members: Resource, said: str) -> None:
    contained = {"resourceType": "Patient", "id": "t", **members}
    asked = form(question("n", repeats=True), extension=(template("#t"),), contained=[contained])
    issues = refused(asked, response(answered("n", "secret", "words")))
    assert said in issues[0]["diagnostics"]
    assert "secret" not in str(issues)


def test_a_template_that_is_missing() -> None:
    (issue,) = refused(form(question("q"), extension=(template("#none"),)), response(answered("q", "x")))
    assert "contains no #none" in issue["diagnostics"]


def test_a_template_of_which_nothing_is_left_gives_nothing() -> None:
    contained = {"resourceType": "Patient", "id": "t", "_gender": filled("{}")}
    (issue,) = refused(
        form(question("q"), extension=(template("#t"),), contained=[contained]), response(answered("q", "x"))
    )
    assert issue["severity"] == "information"

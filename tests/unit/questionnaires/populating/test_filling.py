"""A draft that is filled in: by expressions, by what is known, and with initial values; what fails is told by its
linkId, and leaves only its question empty."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from carethread.core.errors import Busy, Issue, TooCostly
from carethread.core.fhir.elements import without_extensions
from carethread.core.fhir.fhirpath.element import resource_element
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.populating.filling import CONTEXT, INITIAL_EXPRESSION, SOURCES, Sources, fill
from carethread.questionnaires.populating.fitting import UNIT
from carethread.questionnaires.populating.known import Known
from carethread.questionnaires.populating.marks import PREFILLED
from support.answers import code, form, item, when

FHIRPATH, QUERY = "text/fhirpath", "application/x-fhir-query"
GENDERS, SEXES = "http://hl7.org/fhir/ValueSet/administrative-gender", "http://hl7.org/fhir/administrative-gender"
HEAD = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}
ANN = {
    "resourceType": "Patient", "id": "ann", "gender": "female", "birthDate": "1980-02-03",
    "name": [{"given": ["Ann", "Bea"], "family": "Example"}],
    "contact": [{"name": {"text": "One"}}, {"name": {"text": "Two"}, "gender": "male"}],
    "maritalStatus": {"coding": [{"system": "urn:other", "code": "m"}, code("m")]},
}  # fmt: skip
ANN_ = resource_element(ANN)


def expression(text: str, language: str = FHIRPATH, url: str = INITIAL_EXPRESSION, **more: str) -> dict[str, Any]:
    return {"extension": [{"url": url, "valueExpression": {**more, "language": language, "expression": text}}]}


def filled(made: Form, **more: Any) -> tuple[dict[str, Any], list[Issue]]:
    """The values by linkId (a list where there are several), and the issues. All is valid."""
    sources = Sources({"patient": [ANN_], "nobody": [], "many": [ANN_] * 150, "more": [ANN_] * 201}, **more)
    response, issues = fill(made, HEAD, sources, lambda: datetime(2031, 3, 3, 8, tzinfo=UTC))
    assert [each for each in judge(made, response) if each.severity == "error"] == []
    return values(response), issues


def values(holder: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in holder.get("item", ()):
        answers = each.get("answer", ())
        said = [next(value for name, value in one.items() if name.startswith("value")) for one in answers]
        value = said[0] if len(said) == 1 else said if answers else values(each)
        found[each["linkId"]] = value if each["linkId"] not in found else [found[each["linkId"]], value]
        for one in answers:
            found |= values(one)
    return found


def marks(response: Resource) -> list[tuple[str, str]]:
    return [
        (mark["extension"][0]["valueCode"], mark["extension"][-1].get("valueReference", {}).get("reference", ""))
        for each in response["item"]
        for answer in each["answer"]
        for mark in answer["extension"]
        if mark["url"] == PREFILLED
    ]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("string", "%patient.name.family", "Example"),
        ("date", "%patient.birthDate", "1980-02-03"),
        ("integer", "%patient.name.given.count()", 2),
        ("decimal", "1.10", 1.1),
        ("boolean", "%patient.deceased.exists()", False),
        ("string", "%patient.name.suffix", None),
        ("string", "%nobody.name.family", None),
        ("dateTime", "@2031-03-03T08:00:00Z", "2031-03-03T08:00:00Z"),
    ],
)
def test_an_expression_gives_the_answer(kind: str, text: str, expected: Any) -> None:
    found, issues = filled(form(item("a", kind, **expression(text))))
    assert found == ({} if expected is None else {"a": expected})
    assert issues == []


@pytest.mark.parametrize(
    ("more", "code_"),
    [
        ({**expression("%patient.name.given")}, "invalid"),
        ({**expression("%unknown.name")}, "invalid"),
        ({**expression("%patient.birthDate.single() + 'x'")}, "invalid"),
        ({**expression("'a long answer'"), "maxLength": 3}, "value"),
        ({**expression("something", "text/cql")}, "not-supported"),
        ({**expression("Observation?code=x", QUERY)}, "transient"),
    ],
)
def test_an_expression_that_fails_is_an_issue_and_leaves_the_rest(more: dict[str, Any], code_: str) -> None:
    def away(_: str) -> Resource:
        raise Busy("The service records is away; try again.")

    made = form(item("a", **more), item("b", **expression("%patient.name.family")))
    found, issues = filled(made, query=away)
    assert found == {"b": "Example"}
    assert [(each.code, each.expression) for each in issues] == [(code_, "Questionnaire.item[0]")]
    assert "'a'" in issues[0].diagnostics
    assert "Ann" not in issues[0].diagnostics


def test_an_expression_that_never_ends_stops() -> None:
    endless = "repeat(iif(true, $this | 1)).count()"
    heavy = " + ".join(["(1|2|3|4|5|6|7|8|9|10).select((1|2|3|4|5|6|7|8|9|10).select($this * 2)).count()"] * 40)
    made = form(
        *(item(f"a{n}", "integer", **expression(heavy)) for n in range(60)), item("z", "integer", **expression(endless))
    )
    _, issues = filled(made)
    assert "too-costly" in {each.code for each in issues}


def test_of_several_codes_the_one_that_can_be_chosen() -> None:
    made = form(
        item("a", "choice", options="m s", **expression("%patient.maritalStatus.coding")),
        item("b", "choice", options="m s", **expression("%patient.maritalStatus")),
        item("c", "choice", options="x y", **expression("%patient.maritalStatus.coding")),
        item("d", "choice", options="female male", **expression("%patient.gender")),
        item("e", "choice", answerValueSet=GENDERS, **expression("%patient.gender")),
    )
    found, issues = filled(made)
    assert (found["d"], found["e"]) == (code("female"), {"system": SEXES, "code": "female"})
    assert [found["a"]["code"], found["b"]["code"]] == ["m", "m"]
    assert [each.expression for each in issues] == ["Questionnaire.item[2]"]


def test_what_repeats_is_there_for_each_context() -> None:
    contact = expression("%patient.contact", url=CONTEXT, name="contact")
    inner = item("name", **expression("%contact.name.text")), item("sex", **expression("%contact.gender"))
    found, issues = filled(form(item("contacts", "group", *inner, repeats=True, **contact)))
    assert found == {"contacts": [{"name": "One"}, {"name": "Two", "sex": "male"}]}
    assert issues == []
    found, issues = filled(form(item("contacts", "group", *inner, **contact), item("b", **expression("'x'"))))
    assert found == {"b": "x"}
    assert [each.expression for each in issues] == ["Questionnaire.item[0]"]
    found, _ = filled(
        form(item("contacts", "group", *inner, repeats=True, **expression("{}", url=CONTEXT, name="contact")))
    )
    assert found == {}


def test_a_context_that_is_a_query_is_each_of_its_matches() -> None:
    asked = []

    def query(text: str) -> Resource:
        asked.append(text)
        entries = [{"resource": {"resourceType": "Condition", "id": str(n), "code": {"text": f"C{n}"}}} for n in (1, 2)]
        return {"resourceType": "Bundle", "type": "searchset", "entry": entries}

    context = expression("Condition?patient={{%patient.id}}", QUERY, CONTEXT, name="condition")
    made = form(item("c", "group", item("t", **expression("%condition.code.text")), repeats=True, **context))
    found, issues = filled(made, query=query)
    assert found == {"c": [{"t": "C1"}, {"t": "C2"}]}
    assert (asked, issues) == (["Condition?patient=ann"], [])


def test_source_queries_are_seen_by_the_id_of_their_batch() -> None:
    batch = {
        "resourceType": "Bundle", "id": "Before", "type": "batch",
        "entry": [
            {"request": {"method": "GET", "url": "Observation?code=x&patient={{%patient.id}}"}},
            {"request": {"method": "DELETE", "url": "Observation/1"}},
        ],
    }  # fmt: skip
    asked = []

    def query(text: str) -> Resource:
        asked.append(text)
        return {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation", "valueInteger": 3}}]}

    value = "%Before.entry[0].resource.entry.resource.value"
    sources = [{"url": SOURCES, "valueReference": {"reference": "#Before"}}]
    made = form(item("a", "integer", **expression(value)), contained=[batch], extension=sources)
    found, issues = filled(made, query=query)
    assert (found, asked) == ({"a": 3}, ["Observation?code=x&patient=ann"])
    assert [each.expression for each in issues] == ["Questionnaire.contained.where(id = 'Before').entry[1]"]


def test_what_is_given_stands_in_the_place_of_queries() -> None:
    def never(_: str) -> Resource:
        raise AssertionError

    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation", "valueInteger": 3}}]}
    given = {"seen": [resource_element(bundle)], "sourceQueries": [resource_element({**bundle, "total": 5})]}
    seen = {"name": "seen", "language": QUERY, "expression": "Observation?code=x"}
    made = form(
        item("a", "integer", **expression("%seen.entry.resource.value")),
        item("g", "group", item("b", "integer", **expression("%Before.total + %seen.entry.count()"))),
        extension=[
            {"url": "http://hl7.org/fhir/StructureDefinition/variable", "valueExpression": seen},
            {"url": SOURCES, "valueReference": {"reference": "#Before"}},
        ],
    )
    assert filled(made, query=never, variables=given) == ({"a": 3, "g": {"b": 6}}, [])


def test_what_is_known_by_the_order_of_its_sources() -> None:
    made = form(
        item("a", "integer", initial=[{"valueInteger": 1}]),
        item("b", "integer", initial=[{"valueInteger": 1}]),
        item("c", "integer", initial=[{"valueInteger": 1}]),
        item("d", "integer", **expression("7")),
        item("e", "integer", **expression("{}")),
    )
    links = made.items
    seen = {links[name]: Known([("integer", 3)], "Observation/o") for name in ("b", "d")}
    said = {links[name]: Known([("integer", 5)], "QuestionnaireResponse/r") for name in ("b", "c", "d", "e")}
    sources = Sources(observed=seen, earlier=said)
    response, issues = fill(made, HEAD, sources, lambda: datetime(2031, 3, 3, tzinfo=UTC))
    assert values(response) == {"a": 1, "b": 3, "c": 5, "d": 7, "e": 5}
    assert marks(response) == [
        ("initial", ""), ("observation", "Observation/o"), ("response", "QuestionnaireResponse/r"), ("expression", ""),
        ("response", "QuestionnaireResponse/r"),
    ]  # fmt: skip
    assert issues == []


def test_what_does_not_fit_is_told_with_where_it_is_from() -> None:
    seconds = {"value": 1, "unit": "s", "system": "http://unitsofmeasure.org", "code": "s"}
    made = form(
        item("a", "integer", extension=[{"url": UNIT, "valueCoding": {"system": seconds["system"], "code": "kg"}}])
    )
    found, issues = filled(made, observed={made.items["a"]: Known([("Quantity", seconds)], "Observation/o")})
    assert found == {}
    assert "Observation/o" in issues[0].diagnostics
    assert (issues[0].severity, issues[0].expression) == ("warning", "Questionnaire.item[0]")


def test_an_item_within_an_answer_stands_there() -> None:
    made = form(item("a", "boolean", item("b", **expression("'x'")), **expression("true")))
    response, _ = fill(made, HEAD, Sources(), lambda: datetime(2031, 3, 3, tzinfo=UTC))
    inner = without_extensions(response["item"][0]["answer"][0]["item"][0]["answer"][0], (PREFILLED,))
    assert inner == {"valueString": "x"}


def test_what_is_not_enabled_is_left_out() -> None:
    def made(smokes: str) -> Form:
        on = [when("smokes", "=", answerBoolean=True)]
        return form(
            item("smokes", "boolean", **expression(smokes)),
            item("how", "group", item("many", "integer", **expression("9")), enableWhen=on),
            item("why", enableWhen=[when("many", ">", answerInteger=5)], **expression("'so'")),
        )  # fmt: skip

    assert filled(made("true"))[0] == {"smokes": True, "how": {"many": 9}, "why": "so"}
    assert filled(made("false"))[0] == {"smokes": False}


def test_an_expression_sees_what_was_filled_in_before() -> None:
    made = form(
        item("a", "integer", **expression("2")),
        item("b", "integer", **expression("%resource.item.where(linkId = 'a').answer.value * 3")),
    )
    assert filled(made)[0] == {"a": 2, "b": 6}


def test_initial_values_and_options_that_are_chosen_already() -> None:
    options = [{"valueCoding": code("x"), "initialSelected": True}, {"valueCoding": code("y")}]
    found, _ = filled(form(item("a", "choice", answerOption=options), item("b", initial=[{"valueString": "so"}])))
    assert found == {"a": code("x"), "b": "so"}


def test_groups_have_a_bound() -> None:
    inner = item("a", **expression("'x'"))
    found, issues = filled(form(item("g", "group", inner, repeats=True, **expression("%more", url=CONTEXT, name="n"))))
    assert found == {}
    assert [each.expression for each in issues] == ["Questionnaire.item[0]"]
    some = expression("%many", url=CONTEXT, name="n")
    with pytest.raises(TooCostly):
        filled(form(item("g", "group", item("h", "group", inner, repeats=True, **some), repeats=True, **some)))

"""The examples of forms and answers that HL7 publishes behave as they say; see published/README.md.

Where an example itself is wrong, the table says by which rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from carethread.core.errors import Invalid
from carethread.core.fhir.fhirpath.element import resource_element
from carethread.core.fhir.json import Number
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import disabled, judge
from carethread.questionnaires.forms.doubts import doubts_of
from carethread.questionnaires.forms.form import Form, read
from carethread.questionnaires.forms.values import typed_value
from carethread.questionnaires.populating.filling import GIVEN, Sources, fill
from carethread.questionnaires.rendering.outline import outline
from carethread.questionnaires.rendering.writing import text
from carethread.questionnaires.scoring.calculating import calculate
from support.answers import answer, code, response, told
from support.xml_to_json import resource_from_xml

FOLDER = Path(__file__).with_name("published")
LOINC, EXAMPLE, YESNO = "http://loinc.org", "http://example.org", "http://terminology.hl7.org/CodeSystem/v2-0532"
PHQ9 = "http://hl7.org/fhir/uv/sdc/CodeSystem/CSPHQ9"

REFUSED = {
    # R4, Questionnaire.item.initial.value[x]: its type is the item's. A text begins with a Coding here.
    "initialvalue-multiple": ("Questionnaire.item[0].item[2].initial[0].value", "The item is of type text"),
    # SDC has `ordinal()`, later `weight()`; later versions of this example call that.
    "ordinal-value": ("Questionnaire.item[0].item[4].extension[0]", "There is no function 'ordinalValue'."),
}
NAMES = sorted(each.stem for each in FOLDER.glob("*.xml") if each.stem not in REFUSED)
FORMS = [name for name in NAMES if not name.endswith(("-answers", "-adaptive"))]

UNCODED = [f"QuestionnaireResponse.item[0].item[{n}].answer[0]" for n in range(9)]
ANSWERED: dict[str, list[str]] = {
    "multi-subject-answers": [],
    "loinc-answers": [],
    "source-query-answers": [],
    "ussg-fht-answers": [],  # of LOINC's answer lists, which are not known here, nothing is refused
    # Its Codings have no system, and the value set is of codes with one (R4, terminologies.html#code).
    "PHQ9-answers": UNCODED,
    "PHQ9-adaptive": UNCODED,
}


@cache
def example(name: str) -> Resource:
    return resource_from_xml((FOLDER / f"{name}.xml").read_text(encoding="utf-8"))


@cache
def form(name: str) -> Form:
    """The form of that name, or which answers of that name are to: one that they contain, or the one beside them."""
    inside = example(name).get("contained", ()) if name.endswith("-adaptive") else ()
    return read({**inside[0], "contained": inside[1:]} if inside else example(name.removesuffix("-answers")))


def said(holder: Resource) -> Iterator[tuple[str, Any]]:
    """The linkId and value of each answer, in order."""
    for item in holder.get("item", ()):
        yield from said(item)
        for each in item.get("answer", ()):
            yield item["linkId"], typed_value(each)[1]
            yield from said(each)


def test_each_is_valid_and_is_read() -> None:
    assert [issue for name in NAMES for issue in validate(example(name)) if issue.severity == "error"] == []
    for name in FORMS:
        written = (FOLDER / f"{name}.xml").read_text(encoding="utf-8")
        assert len(form(name).items) == written.count("<linkId "), name


@pytest.mark.parametrize("name", REFUSED)
def test_a_form_that_is_wrong_is_refused_there(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(example(name))
    where, why = REFUSED[name]
    assert [(one.expression, one.diagnostics[: len(why)]) for one in refused.value.issues] == [(where, why)]


@pytest.mark.parametrize("name", ANSWERED)
def test_published_answers_are_judged(name: str) -> None:
    found = judge(form(name), example(name))
    assert {each.severity for each in found} <= {"error", "information"}
    assert [each.expression for each in found if each.severity == "error"] == ANSWERED[name]


@pytest.mark.parametrize("name", ANSWERED)
def test_published_answers_are_told_in_words(name: str) -> None:
    lines = [each.strip() for each in text(outline(form(name), example(name))).splitlines()]
    for link, value in said(example(name)):
        assert f"- {words(value)}" in lines, link


def words(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict):
        named = [value[each] for each in ("unit", "display", "code", "reference") if each in value]
        return " ".join([*([words(value["value"])] if "value" in value else []), named[0]])
    return value.text if isinstance(value, Number) else str(value)


def test_the_total_of_phq_9() -> None:
    given = deepcopy(example("PHQ9-answers"))
    total = given["item"][0]["item"].pop()
    assert total["answer"][0]["valueQuantity"]["value"] == 13
    for item in given["item"][0]["item"]:
        item["answer"][0]["valueCoding"]["system"] = PHQ9
    concepts = example("PHQ9")["contained"][0]["compose"]["include"][0]["concept"]
    weights = {each["code"]: int(each["extension"][0]["valueDecimal"]) for each in concepts}
    counted = [weights[value["code"]] for _, value in said(given)]
    assert counted == [0, 0, 0, 1, 2, 1, 3, 2, 1]  # which is not the 13 that is published with it
    made = calculate(form("PHQ9"), given)
    assert (list(said(made.response))[-1], made.issues) == (("H1/TS", {"value": 10}), [])
    assert told(form("PHQ9"), made.response) == []


@cache
def mended(name: str) -> Form:
    """The form with FHIRPath's name for a value of any type, as SDC 4 publishes it: `value`."""
    written = (FOLDER / f"{name}.xml").read_text(encoding="utf-8")
    return read(resource_from_xml(re.sub(r"(answer|answerOption)\.value(Coding|Decimal)", r"\1.value", written)))


def risk(age: float, cholesterol: float, hdl: float, systolic: float) -> float:
    """The example's formula for a man of 70 at most who does not smoke or take anything against high pressure."""
    years, fat = log(age), log(cholesterol)
    return float(1 - 0.9402 ** exp(
        52.00961 * (years - 3.8926095) + 20.014077 * (fat - 5.3441475) - 0.905964 * (log(hdl) - 3.7731132)
        + 1.305784 * (log(systolic) - 4.8618212) - 0.241549 * 0.1180474 - 12.096316 * 0.335602
        - 4.605038 * (years * fat - 20.8111562) + 2.84367 * 1.2890301 - 2.93323 * (years * years - 15.2144965)
    ))  # fmt: skip


MAN, NO = {**code("LA2-8", LOINC), "display": "Male"}, code("N", EXAMPLE)
HEART = {
    "/age": 55.0, "/2093-3": 213.0, "/2085-9": 50.0, "/8480-6": 120.0,
    "/46098-0": MAN, "/smokes": NO, "/antihypertensive": NO,
}  # fmt: skip
CHANCE = risk(55, 213, 50, 120)
AT_RISK = {"code": "LA19952-3", "display": "At risk", "system": LOINC}
NO_RISK = {"code": "LA19983-8", "display": "No risk", "system": LOINC}
OFTEN, NEVER = code("LA28397-0", LOINC), code("LA28398-8", LOINC)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("weight-height", {"/29463-7": 70.0, "/8302-2": 70.0}, {"/39156-5": 22.1}),
        ("weight-height", {"/29463-7": 70.0}, {}),
        ("hunger-vital-signs", {"/88122-7": OFTEN, "/88123-5": NEVER}, {"/88124-3": AT_RISK}),
        ("hunger-vital-signs", {"/88122-7": NEVER, "/88123-5": NEVER}, {"/88124-3": NO_RISK}),
        ("hunger-vital-signs", {}, {}),
        (
            "framingham",
            HEART,
            {"riskDecimal": round(CHANCE, 8), "riskPercentage": f"{round(100 * CHANCE, 2)}%"},
        ),
        ("framingham", {"/age": 55.0}, {}),
    ],
)  # fmt: skip
def test_what_is_calculated(name: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    asked = response(*(answer(link, given[link]) for link in form(name).items if link in given))
    # `answer.valueDecimal` is nothing (R4, fhirpath.html#polymorphism): no value is made of it, which is told.
    assert calculate(form(name), asked).response == asked
    assert any(" finds nothing: " in each.diagnostics for each in doubts_of(form(name)))
    made = calculate(mended(name), asked)
    found = {link: float(value) if isinstance(value, Number) else value for link, value in said(made.response)}
    assert {link: value for link, value in found.items() if link not in given} == expected
    assert made.issues == []


PERSON = {
    "resourceType": "Patient", "id": "somebody", "birthDate": "1980-02-03",
    "name": [{"family": "Example", "given": ["Person", "Two"]}, {"family": "Former", "given": ["Person"]}],
    "identifier": [
        {"system": "http://ns.electronichealth.net.au/id/medicare-number", "value": "32"},
        {"system": "http://ns.electronichealth.net.au/id/dva", "value": "ND"},
    ],
    "telecom": [{"system": "phone", "use": "mobile", "value": "0400"}, {"system": "email", "value": "a@example.org"}],
}  # fmt: skip
DOCTOR = {
    "resourceType": "Practitioner", "name": [{"family": "Doctor", "given": ["Some"]}],
    "identifier": [{"system": "http://ns.electronichealth.net.au/id/hi/prn", "value": "8003"}],
}  # fmt: skip
MOTHER = {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}
RELATIVES: list[Resource] = [
    {"id": "first", "relationship": [{"coding": [MOTHER]}], "name": [{"family": "Relative", "given": ["First"]}]},
    {"id": "second"},
]
NAMED = [("family-name", "Example"), ("given-names", "Person")]
YES = {"system": "http://snomed.info/sct", "code": "373066001", "display": "Yes"}
IN_GROUP = "Questionnaire.item[0].item[1].item"

POPULATED: list[tuple[str, list[tuple[str, Any]], list[str]]] = [
    (
        "initialexpression",
        [
            ("medicare-number", "32"), ("dva-number", "ND"), *NAMED, ("dob", "1980-02-03"), ("contact-number", "0400"),
            ("provider-number", "8003"), ("date-consult", "2031-03-03"), ("provider-name", "Some Doctor"),
        ],
        [],
    ),
    (
        "demographics",
        [
            ("patient.id", "somebody"), ("patient.birthDate", "1980-02-03"),
            ("patient.name.family", "Example"), ("patient.name.given", "Person"), ("patient.name.given", "Two"),
            ("patient.name.family", "Former"), ("patient.name.given", "Person"),
            ("relative.id", "first"), ("relative.relationship", MOTHER),
            ("relative.name.family", "Relative"), ("relative.name.given", "First"), ("relative.id", "second"),
        ],
        [],
    ),
    # Its queries, `{{%37patient.id}}`, are none, so they find nothing; and its group has an initialExpression, which
    # groups do not have, in place of an itemPopulationContext (SDC, populate.html#exp-pop).
    (
        "source-query",
        [*NAMED, ("dob", "1980-02-03")],
        [f"Questionnaire.contained.where(id = 'PrePopQuery').entry[{n}]" for n in range(3)]
        + [f"{IN_GROUP}[{n}]" for n in range(3)],
    ),
    # A candidate is chosen by a person, and what is calculated is so while that person answers.
    ("candexpr", [], []),
    ("initialvalue", [("1acf93a7-0890-44cd-be48-542defb35248", YES), ("init-val-string", "YUP")], []),
]  # fmt: skip


def populated(name: str, **more: Any) -> tuple[list[tuple[str, Any]], list[str | None], list[str]]:
    """What is filled in, where something could not be, and what was asked."""
    asked: list[str] = []

    def query(question: str) -> Resource:
        asked.append(question)
        entries = [{"resource": {"resourceType": "RelatedPerson", **each}} for each in RELATIVES]
        return {"resourceType": "Bundle", "type": "searchset", "entry": entries}

    sources = Sources({"patient": [resource_element(PERSON)], "user": [resource_element(DOCTOR)]}, query=query, **more)
    head = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}
    draft, issues = fill(form(name), head, sources, lambda: datetime(2031, 3, 3, 8, tzinfo=UTC))
    assert [each for each in judge(form(name), draft) if each.severity == "error"] == []
    return list(said(draft)), [each.expression for each in issues], asked


@pytest.mark.parametrize(("name", "expected", "issues"), POPULATED)
def test_what_is_filled_in(name: str, expected: list[tuple[str, Any]], issues: list[str]) -> None:
    found = populated(name)
    asked = ["RelatedPerson?patient=somebody"] if name == "demographics" else []
    assert found == (expected, issues, asked)


def test_answers_to_the_source_queries() -> None:
    answered = {"resourceType": "Bundle", "type": "batch-response", "entry": [
        {"resource": {"resourceType": "Bundle", "type": "searchset", "total": 3}},
    ]}  # fmt: skip
    found, issues, asked = populated("source-query", variables={GIVEN: [resource_element(answered)]})
    assert found == [*NAMED, ("dob", "1980-02-03"), ("condition-count", 3)]
    assert (len(issues), asked) == (3, [])


CHECK_1, CHECK_2 = "83d5c1a6-5dc3-44d0-9d9e-d687c72e143e", "fe0106a5-0e25-43a4-9820-7acb7e74d9d7"
SURE, BORN, TIME = "1acf93a7-0890-44cd-be48-542defb35248", "date_of_birth_question", "datetime_question"
ALWAYS = {"Group hidden until 7 is undeleted", "Group visible when Yes/No", "Group visible for 1 and 2"}
"""What has `!=`, which holds while nothing equal is answered."""
AFTER_2000, BEFORE_2000 = "Please specify if DOB > 2000-01-01", "Please specify if DOB is <= 2000-01-01"
LATE, EARLY = "If Time Greater Than 11:11:11", "If Time Less Than 11:11:11"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ALWAYS),
        ({CHECK_1: True}, ALWAYS | {"Question hidden until Q1 checked", "Group hidden until enabled Q1 checked"}),
        ({CHECK_1: False, CHECK_2: True}, ALWAYS),
        ({CHECK_2: False}, ALWAYS | {"Group present until Q2 checked"}),
        ({SURE: code("Y", YESNO)}, ALWAYS | {"Group visible when Yes selected"}),
        ({SURE: code("ASKU", YESNO)}, ALWAYS - {"Group visible when Yes/No"}),
        ({BORN: {"valueDate": "2000-01-02"}}, ALWAYS | {AFTER_2000}),
        ({BORN: {"valueDate": "2000-01-01"}}, ALWAYS | {BEFORE_2000}),
        ({BORN: {"valueDate": "2000"}}, ALWAYS),  # less exact: neither after nor before
        ({TIME: {"valueTime": "11:11:12"}}, ALWAYS | {LATE}),
        ({TIME: {"valueTime": "11:11:11"}}, ALWAYS | {EARLY}),
        ({"BC029": code("9", EXAMPLE)}, ALWAYS | {"Please specify:"}),
        ({"BC029": code("1", EXAMPLE)}, ALWAYS),
        # These choices are Codings; the conditions are about strings, decimals and integers, which no Coding is.
        ({"s1-radio": code("2", EXAMPLE), "s3-radio": code("1.1", EXAMPLE), "s4-radio": code("3", EXAMPLE)}, ALWAYS),
    ],
)  # fmt: skip
def test_what_is_enabled(given: dict[str, Any], expected: set[str]) -> None:
    asked = form("enableWhen")
    groups = [answer(group.link_id, inner=[answer(each.link_id, given[each.link_id]) for each in group.children
                                           if each.link_id in given]) for group in asked.roots]  # fmt: skip
    off = {link for _, link in disabled(asked, response(*groups))}
    assert {item.text for item in asked.items.values() if item.enable_when and item.link_id not in off} == expected


def test_what_is_shown_for_an_age_that_the_formula_is_not_for() -> None:
    asked, notice = form("framingham"), ("QuestionnaireResponse", "/age_requirement_notice")
    off = [notice in disabled(asked, response(answer("/age", age))) for age in (29.0, 30.0, 79.0, 80.0)]
    assert off == [False, True, True, False]


def test_what_is_required() -> None:
    asked = form("required-radios")
    partly = response(answer("grp", inner=[answer("textq", "so"), answer("radio2", code("1", EXAMPLE))]))
    assert told(asked, partly) == ["e item[0]"] * 2
    missing = [each.diagnostics for each in judge(asked, partly)]
    assert missing == ["The item 'radio' is required.", "The item 'radio3' is required."]
    assert told(asked, {**partly, "status": "in-progress"}) == ["w item[0]"] * 2


def test_groups_that_repeat_in_groups_that_repeat() -> None:
    asked = form("nested-groups")
    root = asked.roots[0]
    question, outer = root.children
    _, box, inner = outer.children
    within = inner.children[0]
    groups = [
        answer(outer.link_id, inner=[
            answer(box.link_id, f"Box {n}"),
            *(answer(inner.link_id, inner=[answer(within.link_id, f"Box {n}.{m}")]) for m in (1, 2)),
        ])
        for n in (1, 2)
    ]  # fmt: skip
    whole = response(answer(root.link_id, inner=[answer(question.link_id, "First"), *groups]))
    assert told(asked, whole) == []
    shown = text(outline(asked, whole, unanswered=False))
    told_in_order = [line.strip() for line in shown.splitlines() if line.strip().startswith("- ")]
    assert told_in_order == [f"- {value}" for _, value in said(whole)]
    assert told(asked, {**whole, "item": whole["item"] * 2}) == ["e item[0]"]  # the outermost does not repeat


def test_one_of_each_type() -> None:
    given = {
        "id-string": "short", "id-text": "long", "id-boolean": True, "id-date": {"valueDate": "2031-03-03"},
        "id-datetime": {"valueDateTime": "2031-03-03T08:00:00Z"}, "id-time": {"valueTime": "08:00:00"}, "id-integer": 3,
        "id-decimal": 1.5, "id-attachment": {"valueAttachment": {"contentType": "text/plain", "title": "Letter"}},
        "EF8E3936-3246-4B3E-A46C-9FDAA5ACB635": "elsewhere",
    }  # fmt: skip
    asked = form("all-data-types")
    whole = response(answer(asked.roots[0].link_id, inner=[answer(link, value) for link, value in given.items()]))
    assert [each for each in told(asked, whole) if not each.startswith("i")] == []
    shown = [line.strip() for line in text(outline(asked, whole, unanswered=False)).splitlines()]
    expected = ["short", "long", "Yes", "2031-03-03", "2031-03-03 08:00 UTC", "08:00:00", "3", "1.5"]
    assert [line for line in shown if line.startswith("- ")] == [
        f"- {each}" for each in [*expected, "Attachment: Letter, text/plain", "elsewhere"]
    ]

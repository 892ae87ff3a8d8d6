"""A form that points to what it does not have is told so, with the place of each."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.ports import Resource
from carethread.questionnaires.forms.finding import shipped
from carethread.questionnaires.forms.pointing import adrift
from carethread.questionnaires.scoring.scores import SCORE
from support.answers import CORE, SDC, ext, form, item


def score(*items: str, total: str = "total", **more: Any) -> Resource:
    parts = [{"url": "total", "valueString": total}, *({"url": "item", "valueString": each} for each in items)]
    return {"url": SCORE, "extension": [*parts, *more.get("parts", ())]}


def expression(text: str, url: str = SDC + "calculatedExpression") -> Resource:
    return ext(url, valueExpression={"language": "text/fhirpath", "expression": text})


def variable(name: str, text: str, language: str = "text/fhirpath") -> Resource:
    return ext(CORE + "variable", valueExpression={"name": name, "language": language, "expression": text})


def places(*items: Resource, **more: Any) -> list[str]:
    return [(each.expression or "").removeprefix("Questionnaire.") for each in adrift(form(*items, **more))]


TOTAL = item("total", "integer")


def test_a_score_is_made_of_items_of_the_form() -> None:
    (told,) = adrift(form(item("a", "integer"), TOTAL, extension=[score("a", "b")]))
    assert (told.code, told.severity, told.expression) == (
        "not-found",
        "error",
        "Questionnaire.extension[0].extension[2].value",
    )
    assert told.diagnostics == (
        "The score's item names the linkId 'b', which no item of the form has; name one that it has."
    )
    assert places(item("a", "integer"), extension=[score("a")]) == ["extension[0].extension[0].value"]
    assert places(item("a", "integer"), TOTAL, extension=[score("a")]) == []


@pytest.mark.parametrize("kind", ["group", "display", "string", "date"])
def test_a_score_is_made_of_what_has_a_number(kind: str) -> None:
    inner = [item("x", "integer")] if kind == "group" else []
    assert places(item("a", kind, *inner), TOTAL, extension=[score("a")]) == ["extension[0].extension[1].value"]


LOOK = "%resource.descendants().where(linkId = '{}').answer.value"


def test_an_expression_looks_for_items_of_the_form() -> None:
    for wrong in (LOOK.format("b"), "%resource.item.where('b' = linkId).exists()", "item.where(linkId ~ 'b').count()"):
        assert places(item("a", "integer", extension=[expression(wrong)])) == ["item[0].extension[0]"], wrong
    assert places(item("a", "integer", extension=[expression(LOOK.format("a"))])) == []
    both = "%resource.item.where(linkId = 'a' or linkId = 'b').count() + %resource.item.where(linkId = 'c').count()"
    assert places(item("a", "integer", extension=[expression(both)])) == ["item[0].extension[0]"] * 2
    inner = [{"url": "expression", "valueString": LOOK.format("b")}]
    rule = {"url": CORE + "questionnaire-constraint", "extension": inner}
    assert places(item("a"), extension=[rule]) == ["extension[0]"]


def test_what_sees_more_than_the_response_may_mean_the_items_of_another_form() -> None:
    earlier = "%earlier.item.where(linkId = 'b').answer.value"
    assert places(item("a", extension=[expression(earlier, SDC + "initialExpression")])) == []
    query = variable("earlier", "QuestionnaireResponse?subject={{%patient.id}}", "application/x-fhir-query")
    assert places(item("a", extension=[expression(earlier)]), extension=[query]) == []
    over = variable("inner", "%earlier.item")
    more = [query, over]
    assert places(item("a", extension=[expression(earlier.replace("earlier", "inner"))]), extension=more) == []
    own = variable("earlier", "%resource.item")
    assert places(item("a", extension=[expression(earlier)]), extension=[own]) == ["item[0].extension[0]"]


def test_a_template_is_in_the_form_and_looks_for_its_items() -> None:
    def mark(text: str) -> Resource:
        return {"extension": [{"url": SDC + "templateExtractValue", "valueString": text}]}

    template = {"resourceType": "Observation", "id": "made", "status": "final", "_status": mark(LOOK.format("b"))}
    used = {
        "url": SDC + "templateExtract",
        "extension": [{"url": "template", "valueReference": {"reference": "#made"}}],
    }
    assert places(item("a"), extension=[used]) == ["extension"]
    assert places(item("a"), extension=[used], contained=[template]) == ["contained[0]"]
    assert places(item("a"), item("b"), extension=[used], contained=[template]) == []
    bundle = {"url": SDC + "templateExtractBundle", "valueReference": {"reference": "#none"}}
    assert places(item("a"), extension=[bundle]) == ["extension"]


def test_a_value_by_a_definition_looks_for_items_of_the_form() -> None:
    inner = [
        {"url": "definition", "valueUri": "http://hl7.org/fhir/StructureDefinition/Observation#Observation.status"},
        {"url": "expression", "valueExpression": {"language": "text/fhirpath", "expression": LOOK.format("b")}},
    ]
    assert places(item("a", extension=[{"url": SDC + "definitionExtractValue", "extension": inner}])) == [
        "item[0].extension"
    ]


def test_what_is_to_be_put_together_is_judged_then() -> None:
    part = ext(SDC + "subQuestionnaire", valueCanonical="urn:part")
    assert places(item("d", "display", extension=[part]), TOTAL, extension=[score("elsewhere")]) == []


def test_what_comes_along_points_to_what_is_there() -> None:
    assert {name: adrift(each) for name, each in shipped().items() if adrift(each)} == {}

"""Forms and responses for tests of extraction, each as short as it can be said."""

from __future__ import annotations

from typing import Any

from carethread.core.ports import Resource
from carethread.questionnaires.extracting import marks
from support.desk import OURS

LOINC = "http://loinc.org"
FORM = "https://example.org/Questionnaire/needs"


def coding(code: str, **more: Any) -> Resource:
    return {"system": LOINC, "code": code, **more}


def observation_extract(value: bool | str = True) -> Resource:
    return {"url": marks.OBSERVATION, "valueBoolean" if isinstance(value, bool) else "valueCode": value}


def category(code: str, system: str = "http://terminology.hl7.org/CodeSystem/observation-category") -> Resource:
    concept = {"coding": [{"system": system, "code": code}]}
    return {"url": marks.CATEGORY, "valueCodeableConcept": concept}


def unit(code: str) -> Resource:
    return {"url": marks.UNIT, "valueCoding": {"system": "http://unitsofmeasure.org", "code": code, "display": code}}


def allocate(name: str) -> Resource:
    return {"url": marks.ALLOCATED, "valueString": name}


def defines(definition: str, **expressions: str) -> Resource:
    parts = [{"url": name, "valueString": text} for name, text in expressions.items()]
    return {"url": marks.DEFINITION, "extension": [{"url": "definition", "valueCanonical": definition}, *parts]}


def sets(element: str, *, expression: str = "", **fixed: Any) -> Resource:
    """A value at an element: of an expression, or fixed (`valueCode="final"`)."""
    said: Resource = {"url": "fixed-value", **fixed}
    if expression:
        told = {"language": "text/fhirpath", "expression": expression}
        said = {"url": "expression", "valueExpression": told}
    return {"url": marks.DEFINITION_VALUE, "extension": [{"url": "definition", "valueUri": element}, said]}


def template(reference: str, **expressions: str) -> Resource:
    parts = [{"url": name, "valueString": text} for name, text in expressions.items()]
    named = {"url": "template", "valueReference": {"reference": reference}}
    return {"url": marks.TEMPLATE, "extension": [named, *parts]}


def filled(expression: str, **more: Any) -> Resource:
    """An element of a template that an expression fills."""
    return {"extension": [{"url": marks.TEMPLATE_VALUE, "valueString": expression}], **more}


def within(expression: str, **more: Any) -> Resource:
    """An element of a template that looks at the results of an expression."""
    return {"extension": [{"url": marks.TEMPLATE_CONTEXT, "valueString": expression}], **more}


def question(link_id: str, type_name: str = "string", *extensions: Resource, code: str = "", **more: Any) -> Resource:
    marked = {"extension": list(extensions)} if extensions else {}
    coded = {"code": [coding(code)]} if code else {}
    return {**marked, "linkId": link_id, **coded, "text": link_id, "type": type_name, **more}


def form(*items: Resource, extension: tuple[Resource, ...] = (), **more: Any) -> Resource:
    """A form of ours that can be answered."""
    marked = {"extension": list(extension)} if extension else {}
    return {
        "resourceType": "Questionnaire", "id": "needs", "meta": {"profile": [OURS + "questionnaire"]}, **marked,
        "url": FORM, "version": "1", "title": "Needs", "status": "active", "item": list(items), **more,
    }  # fmt: skip


def answered(link_id: str, *values: Any, item: tuple[Resource, ...] = ()) -> Resource:
    """An item with answers: numbers, texts, booleans and Codings, or whole answers; or with items."""
    made: Resource = {"linkId": link_id}
    if values:
        made["answer"] = [_answer(value) for value in values]
    if item:
        made["item"] = list(item)
    return made


def _answer(value: Any) -> Resource:
    if isinstance(value, dict):
        return value if any(name.startswith(("value", "item")) for name in value) else {"valueCoding": value}
    kinds = {bool: "Boolean", int: "Integer", float: "Decimal", str: "String"}
    return {f"value{kinds[type(value)]}": value}


def response(*items: Resource, **more: Any) -> Resource:
    """What a patient has answered."""
    return {
        "resourceType": "QuestionnaireResponse", "id": "r1", "meta": {"profile": [OURS + "questionnaire-response"]},
        "questionnaire": f"{FORM}|1", "status": "completed", "subject": {"reference": "Patient/ann"},
        "authored": "2031-03-03T08:00:00Z", "author": {"reference": "Patient/ann"}, "item": list(items), **more,
    }  # fmt: skip

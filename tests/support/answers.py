"""Short ways to write Questionnaires and what answers them, in tests."""

from __future__ import annotations

from typing import Any

from carethread.core.errors import Issue
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.forms.expressions import CORE, SDC
from carethread.questionnaires.forms.faults import faults_of
from carethread.questionnaires.forms.form import Form, read

__all__ = [
    "CORE",
    "SDC",
    "SYSTEM",
    "answer",
    "code",
    "ext",
    "faults",
    "form",
    "item",
    "response",
    "told",
    "unit",
    "when",
]

SYSTEM = "urn:example:codes"
URL = "urn:example:questionnaire:made-up"


def form(*items: Resource, **more: Any) -> Form:
    """A form of these items."""
    return read(questionnaire(*items, **more))


def questionnaire(*items: Resource, **more: Any) -> Resource:
    """A Questionnaire that is active."""
    return {
        "resourceType": "Questionnaire",
        "url": URL,
        "version": "1",
        "title": "Made up",
        "status": "active",
        "item": list(items),
        **more,
    }


def item(link: str, kind: str = "string", *inner: Resource, **more: Any) -> Resource:
    """An item of a form. Options are given as codes: `options="a b"`."""
    made: Resource = {"linkId": link, "text": f"About {link}", "type": kind}
    if "options" in more:
        made["answerOption"] = [{"valueCoding": code(each)} for each in more.pop("options").split()]
    return made | more | ({"item": list(inner)} if inner else {})


def when(question: str, operator: str, **answer: Any) -> Resource:
    """One enableWhen: `when("a", "=", answerBoolean=True)`."""
    return {"question": question, "operator": operator, **answer}


def ext(url: str, **value: Any) -> Resource:
    return {"url": url, **value}


def code(text: str, system: str = SYSTEM) -> Resource:
    return {"system": system, "code": text}


def unit(value: float, ucum: str) -> Resource:
    """A quantity in a unit of UCUM."""
    return {"value": value, "unit": ucum, "system": "http://unitsofmeasure.org", "code": ucum}


def answer(link: str, *values: Any, inner: list[Resource] | None = None, **more: Any) -> Resource:
    """An item of a response. A value is a bool, an int, a float, a str, a Coding, or `{"valueX": ...}` as it is."""
    made: Resource = {"linkId": link, **more}
    if values:
        made["answer"] = [_value(value) for value in values]
    if inner is not None:
        (made["answer"][0] if values else made)["item"] = inner
    return made


def _value(value: Any) -> Resource:
    if isinstance(value, dict):
        return (
            value if any(name.startswith(("value", "item")) and name != "value" for name in value) else _object(value)
        )
    kind = {bool: "valueBoolean", int: "valueInteger", float: "valueDecimal", str: "valueString"}[type(value)]
    return {kind: value}


def _object(value: Resource) -> Resource:
    return {"valueQuantity" if "value" in value else "valueCoding": value}


def response(*items: Resource, status: str = "completed", **more: Any) -> Resource:
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{URL}|1",
        "status": status,
        "subject": {"reference": "Patient/p"},
        "authored": "2026-01-05",
        "item": list(items),
        **more,
    }


def told(asked: Form, given: Resource) -> list[str]:
    """What is wrong: the severity's first letter and the place below the response, such as `e item[0].answer[1]`."""
    return [_told(each) for each in judge(asked, given)]


def _told(issue: Issue) -> str:
    where = (issue.expression or "").removeprefix("QuestionnaireResponse").removeprefix(".")
    return f"{issue.severity[0]} {where}".strip()


def faults(*items: Resource, **more: Any) -> list[str]:
    """Where a form is at fault, below the Questionnaire."""
    return [(each.expression or "").removeprefix("Questionnaire.") for each in faults_of(questionnaire(*items, **more))]

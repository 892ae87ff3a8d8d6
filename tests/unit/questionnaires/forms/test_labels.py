"""Which security labels a form gives its answers, and what is made of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carethread.core.ports import Resource
from carethread.questionnaires.extracting.extracted import extract
from carethread.questionnaires.forms.form import Form, read
from carethread.questionnaires.forms.labels import ANSWER_LABEL, labelled, labels_at, labels_of

EXTRACT = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract"


def label(code: str) -> dict[str, Any]:
    return {"system": "urn:labels", "code": code}


def marked(*codes: str) -> dict[str, Any]:
    return {"extension": [{"url": ANSWER_LABEL, "valueCoding": label(each)} for each in codes]} if codes else {}


def question(link: str, *codes: str, **more: Any) -> dict[str, Any]:
    made = {"linkId": link, "text": link, "type": "boolean", "code": [{"system": "urn:q", "code": link}], **more}
    extensions = [*marked(*codes).get("extension", ()), {"url": EXTRACT, "valueBoolean": True}]
    return {**made, "extension": extensions}


def form(*items: dict[str, Any], of_all: tuple[str, ...] = ()) -> Form:
    return read({
        "resourceType": "Questionnaire", "url": "urn:form", "status": "active", **marked(*of_all), "item": list(items),
    })  # fmt: skip


FORM = form(
    {"linkId": "g", "text": "g", "type": "group", **marked("G"), "item": [question("a", "A"), question("b")]},
    question("c", "C", item=[question("d", "D")]),
    of_all=("ALL",),
)


def response(*links: str) -> Resource:
    """A response that answers these."""
    said = {link: {"linkId": link, "answer": [{"valueBoolean": True}]} for link in links}
    group = [said[link] for link in "ab" if link in said]
    items = [{"linkId": "g", "item": group}] if group else []
    if "c" in said:
        below = {"item": [said["d"]]} if "d" in said else {}
        items.append({"linkId": "c", "answer": [{"valueBoolean": True, **below}]})
    return {"resourceType": "QuestionnaireResponse", "id": "r", "status": "completed", "item": items}


def codes(labels: Any) -> set[str]:
    return {each["code"] for each in labels}


def test_a_response_has_the_labels_of_the_form_and_of_what_is_answered() -> None:
    assert codes(labels_of(FORM, response())) == {"ALL"}
    assert codes(labels_of(FORM, response("b"))) == {"ALL", "G"}
    assert codes(labels_of(FORM, response("a", "c", "d"))) == {"ALL", "G", "A", "C", "D"}


def test_what_is_made_of_an_item_has_those_around_it_and_below_it() -> None:
    said = response("a", "b", "c", "d")
    found = {each.link_id: codes(each.resource["meta"]["security"]) for each in extract(FORM, said, str).entries}
    assert found == {"a": {"ALL", "G", "A"}, "b": {"ALL", "G"}, "c": {"ALL", "C", "D"}, "d": {"ALL", "C", "D"}}
    assert codes(labels_at(FORM, said, "")) == codes(labels_of(FORM, said))


def test_a_form_without_labels_gives_none() -> None:
    plain = form(question("a"))
    said = response("a")
    assert (labels_of(plain, said), labels_at(plain, said, "a")) == ((), ())
    (entry,) = extract(form(question("b")), {**said, "item": response("b")["item"][0]["item"]}, str).entries
    assert "meta" not in entry.resource


def test_who_somebody_is_is_not_labelled() -> None:
    assert labelled({"resourceType": "Patient"}, [label("A")]) == {"resourceType": "Patient"}


@given(st.lists(st.sampled_from("ABC")), st.lists(st.sampled_from("ABC")))
def test_labels_are_added_once_and_none_is_lost(has: list[str], gets: list[str]) -> None:
    meta = {"meta": {"profile": ["urn:p"], "security": list(map(label, has))}} if has else {}
    resource = {"resourceType": "Observation", **meta, "status": "final"}
    made = labelled(resource, list({each: label(each) for each in gets}.values()))
    assert codes(made.get("meta", {}).get("security", ())) == {*has, *gets}
    assert made["status"] == "final"
    assert labelled(made, list(map(label, gets))) is made

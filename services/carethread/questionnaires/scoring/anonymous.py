"""Forms that are answered without a name, as they say themselves (extension `anonymous-from`): what says who has
answered is refused, and what else could tell it is not kept. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from carethread.core.errors import Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.targets import reference_type
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.feedback.marking import ABOUT, kind_of, marks_of
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.scoring.scores import option_of

ANONYMOUS_FROM = PROFILES + "anonymous-from"

_NAMED = ("author", "source", "encounter", "basedOn", "partOf", "identifier")
"""What says who has answered, or leads to them."""

_KEPT: Mapping[str, Mapping[str, str]] = {
    "Response": {
        "resourceType": "", "id": "", "meta": "Meta", "contained": "", "extension": "Extension", "questionnaire": "",
        "status": "", "subject": "Reference", "authored": "Day", "item": "Item",
    },
    "Meta": {"profile": "Profile", "security": "Label"},
    "Extension": {"url": "", "valueReference": "Reference"},
    "Item": {"linkId": "", "answer": "Answer", "item": "Item"},
    "Answer": {
        **{f"value{kind}": "" for kind in ("Boolean", "Decimal", "Integer", "Date", "DateTime", "Time")},
        "valueString": "", "valueUri": "",
        "valueAttachment": "Attachment", "valueCoding": "Coding", "valueQuantity": "Quantity",
        "valueReference": "Reference", "item": "Item",
    },
    "Label": {"system": "", "code": ""},
    "Coding": {"system": "", "version": "", "code": "", "display": ""},
    "Quantity": {"value": "", "comparator": "", "unit": "", "system": "", "code": ""},
    "Attachment": {"contentType": "", "data": "", "url": "", "size": "", "hash": ""},
    "Reference": {"reference": "", "type": ""},
}  # fmt: skip
"""Of each element what is kept, and as which element: an empty one as it was sent. All else is left out."""

_DEPARTMENT = PROFILES + "department"
_PROFILE = PROFILES + "questionnaire-response"

_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_HOW = frozenset("ULMNRV")
"""How confidential somebody says that it is; what else a label says is for the form to say (`forms.labels`)."""

_RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""A UUID of chance (RFC 9562, version 4) or of chance and time (7), as ids that are made here."""

GROUPS = frozenset({"Organization", "CareTeam"})
"""What a response without a name is of: a department or a team. All else may be, or lead to, one person."""

_PLACES = GROUPS | {"HealthcareService", "Location"}
"""What an answer may refer to."""

_RATED = _PLACES | {"Practitioner", "PractitionerRole"}
"""The same of a question whom of the staff it is about, which the form marks so."""


def shown_from(form: Form) -> int:
    """From how many respondents on results may be shown; 0 for a form that is not anonymous."""
    return int(extension(form.raw, ANONYMOUS_FROM).get("valuePositiveInt", 0))


def is_anonymous(form: Form) -> bool:
    """Whether the form is answered without a name."""
    return shown_from(form) > 0


def named(form: Form, response: Resource, new_id: str = "") -> list[Issue]:
    """What in a response to an anonymous form says who has answered; `new_id` is the id of one that is new."""
    if not is_anonymous(form):
        return []
    told = "The form is answered without a name; leave this out."
    found = [Issue("business-rule", told, f"QuestionnaireResponse.{name}") for name in _NAMED if name in response]
    subject = response.get("subject", {})
    if subject and ("identifier" in subject or not _is_to(subject, GROUPS)):
        told = "The form is answered without a name: its subject is a department or a team."
        found.append(Issue("business-rule", told, "QuestionnaireResponse.subject"))
    if new_id and not _RANDOM_ID.fullmatch(new_id):
        told = "The form is answered without a name, and an id may be one: POST the response, which gives it an id, or "
        told += "PUT it to a random UUID (version 4 or 7, in small letters)."
        found.append(Issue("business-rule", told, "QuestionnaireResponse.id"))
    return [*found, *_leading(form, response, "QuestionnaireResponse")]


def _leading(form: Form, given: Resource, path: str) -> Iterator[Issue]:
    """The answers within an item, an answer or a response that lead to somebody."""
    for number, item in enumerate(given.get("item", ())):
        where = f"{path}.item[{number}]"
        yield from _leading(form, item, where)
        asked = form.items.get(item.get("linkId", ""))
        rated = asked is not None and any(kind_of(each) == ABOUT for each in marks_of(asked.raw))
        for place, answer in enumerate(item.get("answer", ())):
            here = f"{where}.answer[{place}]"
            if "valueReference" in answer and not _is_to(answer["valueReference"], _RATED if rated else _PLACES):
                told = "The form is answered without a name: refer to a department, a team, a service or a place."
                yield Issue("business-rule", told, f"{here}.value")
            yield from _leading(form, answer, here)


def _is_to(reference: Resource, types: Collection[str]) -> bool:
    """Whether a Reference is to something of these types; what is contained may be anybody."""
    return not str(reference.get("reference", "#")).startswith("#") and reference_type(reference) in types


def without_traces(form: Form, response: Resource) -> Resource:
    """The response as it is kept: of one to an anonymous form no more than the form needs.

    The language of the page, the minute, or what is noted beside the answers tells in a small team who it was.
    """
    if not is_anonymous(form):
        return response
    kept: Resource = _bare("Response", response)
    if not kept.get("questionnaire", "").startswith("#"):
        kept.pop("contained", None)
    return kept | {"item": [_as_asked(form, each) for each in kept["item"]]} if "item" in kept else kept


def _bare(kind: str, element: Any) -> Any:
    """An element with what is kept of it, and of all that is in it."""
    if isinstance(element, list):
        all_ = [_bare(kind, each) for each in element]
        return list(filter(_FITTING[kind], all_)) if kind in _FITTING else all_
    if kind not in _KEPT:
        return element[:_DAY] if kind == "Day" else element
    members = _KEPT[kind]
    made = {name: _bare(members[name], value) for name, value in element.items() if name in members}
    return {name: value for name, value in made.items() if value not in ([], {})}


_DAY = len("2031-03-03")

_FITTING: Mapping[str, Callable[[Any], bool]] = {
    "Profile": lambda profile: profile == _PROFILE,
    "Label": lambda label: label.get("system") == _CONFIDENTIALITY and label.get("code") in _HOW,
    "Extension": lambda each: (
        each["url"] == _DEPARTMENT and reference_type(each.get("valueReference")) == "Organization"
    ),
}
"""Which of several elements are kept."""


def _as_asked(form: Form, given: Resource) -> Resource:
    """An item whose answers are worded as the form words them, so that the words are nobody's."""
    item, made = form.items.get(given.get("linkId", "")), dict(given)
    if "answer" in given:
        made["answer"] = [_worded(form, item, each) for each in given["answer"]]
    if "item" in given:
        made["item"] = [_as_asked(form, each) for each in given["item"]]
    return made


def _worded(form: Form, item: Item | None, answer: Resource) -> Resource:
    made = dict(answer)
    if "code" in (coding := answer.get("valueCoding", {})):
        option = option_of(item, answer) if item else None
        own = option.value if option else {}
        made["valueCoding"] = {
            name: value for name, value in coding.items() if name in ("system", "code") or own.get(name) == value
        }
    if "code" in (quantity := answer.get("valueQuantity", {})):
        made["valueQuantity"] = {name: value for name, value in quantity.items() if name != "unit"}
    if "item" in answer:
        made["item"] = [_as_asked(form, each) for each in answer["item"]]
    return made

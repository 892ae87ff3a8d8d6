"""Whether what a response gives may be stored: judged before anything is requested, so that nothing is half made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from carethread.core.errors import Issue
from carethread.core.fhir.definitions import resource_types, search_parameters
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.extracted import FINISHED, Extraction, extract, uuid_of
from carethread.questionnaires.extracting.making import Entry
from carethread.questionnaires.extracting.marks import values
from carethread.questionnaires.forms.form import Form

_FAULTS = 20
"""Issues of one resource that are told."""


def faults_of(form: Form, response: Resource, id_: str, clock: Callable[[], datetime]) -> list[Issue]:
    """The errors of what a response would give, each with its place in the response and the linkId that it is of; none
    for one that is not finished."""
    if response.get("status") not in FINISHED:
        return []
    extraction = extract(form, {**response, "id": id_}, uuid_of(id_), clock)
    subject = response.get("subject", {}).get("reference", "").partition("/_history/")[0]
    known = frozenset([subject])
    if any("id" in entry.resource for entry in extraction.entries):
        known |= _named(form)
    return [*judged(extraction), *(issue for entry in extraction.entries for issue in _beyond(entry, known))]


def judged(extraction: Extraction) -> list[Issue]:
    """The errors of an extraction, and of the resources that it makes."""
    found = [issue for issue in extraction.issues if issue.severity in ("error", "fatal")]
    return [*found, *(issue for entry in extraction.entries for issue in _of(entry))]


def _named(form: Form) -> frozenset[str]:
    """What the form itself names by an id that does not follow from answers (`Organization/1`), of types that are not
    about a person."""
    holders = (form.raw, *(item.raw for item in form.items.values()))
    found = {f"{_type(each.definition)}/{each.fixed}" for holder in holders for each in values(holder) if each.fixed}
    for template in (each for each in form.raw.get("contained", ()) if each["resourceType"] == "Bundle"):
        inside = (each.get("resource", {}) for each in template.get("entry", ()))
        found |= {f"{each['resourceType']}/{each['id']}" for each in inside if isinstance(each.get("id"), str)}
    return frozenset(each for each in found if not _is_personal(each.partition("/")[0]))


def _type(definition: str) -> str:
    """The type of which an element is the id (`…/Patient#Patient.id`); empty where it is another element."""
    path = definition.partition("#")[2].split(".")
    return path[0] if path[1:] == ["id"] else ""


def _is_personal(type_name: str) -> bool:
    known = type_name in resource_types() and search_parameters(type_name)
    return not known or type_name == "Patient" or any(each.code == "patient" for each in known)


def _beyond(entry: Entry, known: Collection[str]) -> Iterator[Issue]:
    """Why an entry is not written of itself: it would replace what is neither the subject's own nor one of those that
    the form names (`known`), for an id may be what somebody has answered; it is no writing of its resource; or it would
    be a form or a response again."""
    kind, id_ = entry.resource["resourceType"], entry.resource.get("id")
    said = f"linkId '{entry.link_id}'" if entry.link_id else "the form"
    plain = {"": "", "POST": kind, "PUT": f"{kind}/{id_}"}
    if kind in ("Questionnaire", "QuestionnaireResponse"):
        told = f"The {kind} that {said} gives would be judged, and extracted, in turn; write it by itself."
        yield Issue("not-supported", told, entry.path)
    elif entry.method not in plain or entry.url not in ("", plain[entry.method]):
        told = f"The {kind} that {said} gives is made, or put where it belongs; nothing else is done of itself."
        yield Issue("not-supported", told, entry.path)
    elif id_ is not None and f"{kind}/{id_}" not in known:
        told = (
            f"The {kind} that {said} gives has an id, so it would replace another; of itself only the subject is, and "
            "what the form names that is about nobody. Leave the id out, or write what $extract answers."
        )
        yield Issue("business-rule", told, entry.path)


def _of(entry: Entry) -> Iterator[Issue]:
    said = f"linkId '{entry.link_id}'" if entry.link_id else "the form"
    wrong = [issue for issue in validate(entry.resource) if issue.severity in ("error", "fatal")]
    for issue in wrong[:_FAULTS]:
        where = f"The {entry.resource['resourceType']} that {said} gives is not valid at {issue.expression}: "
        yield Issue(issue.code, where + issue.diagnostics, entry.path)

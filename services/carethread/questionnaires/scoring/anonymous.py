"""Forms that are answered without a name, as they say themselves (extension `anonymous-from`): what says who has
answered is refused, and what else could tell it is not kept. Pure."""

from __future__ import annotations

from carethread.core.errors import Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.targets import reference_type
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.forms.form import Form

ANONYMOUS_FROM = PROFILES + "anonymous-from"

_NAMED = ("author", "source", "encounter", "basedOn", "partOf", "identifier")
"""What says who has answered, or leads to them."""

_KEPT = frozenset({"resourceType", "id", "meta", "extension", "questionnaire", "status", "subject", "authored", "item"})
_KEPT_OF_META = frozenset({"profile", "security", "versionId", "lastUpdated"})
_DEPARTMENT = PROFILES + "department"

_PEOPLE = frozenset({"Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person"})


def shown_from(form: Form) -> int:
    """From how many respondents on results may be shown; 0 for a form that is not anonymous."""
    return int(extension(form.raw, ANONYMOUS_FROM).get("valuePositiveInt", 0))


def is_anonymous(form: Form) -> bool:
    """Whether the form is answered without a name."""
    return shown_from(form) > 0


def named(form: Form, response: Resource) -> list[Issue]:
    """What in a response to an anonymous form says who has answered."""
    if not is_anonymous(form):
        return []
    told = "The form is answered without a name; leave this out."
    found = [Issue("business-rule", told, f"QuestionnaireResponse.{name}") for name in _NAMED if name in response]
    subject = response.get("subject", {})
    # What is contained, or identified, may be anybody; a type that is not known may be a person's.
    inside = str(subject.get("reference", "#")).startswith("#") or "identifier" in subject
    if subject and (inside or reference_type(subject) in (None, *_PEOPLE)):
        told = "The form is answered without a name: its subject is a department or a team."
        found.append(Issue("business-rule", told, "QuestionnaireResponse.subject"))
    return found


def without_traces(form: Form, response: Resource) -> Resource:
    """The response as it is kept: of one to an anonymous form no more than the form needs.

    The language of the page, the minute, or what is noted beside the answers tells in a small team who it was.
    """
    if not is_anonymous(form):
        return response
    members = _KEPT | {"contained"} if response.get("questionnaire", "").startswith("#") else _KEPT
    kept = {name: value for name, value in response.items() if name in members}
    if "meta" in kept:
        kept["meta"] = {name: value for name, value in kept["meta"].items() if name in _KEPT_OF_META}
    if "authored" in kept:
        kept["authored"] = kept["authored"][:_DAY]
    if extensions := [each for each in kept.pop("extension", ()) if each.get("url") == _DEPARTMENT]:
        kept["extension"] = extensions
    if "item" in kept:
        kept["item"] = [_bare(each) for each in kept["item"]]
    return kept


_DAY = len("2031-03-03")


def _bare(element: Resource) -> Resource:
    """An item or an answer, and all that is in it, without what is noted beside the answer."""
    kept = {name: value for name, value in element.items() if name not in ("extension", "text", "_text")}
    for name in ("item", "answer"):
        if name in kept:
            kept[name] = [_bare(each) for each in kept[name]]
    return kept

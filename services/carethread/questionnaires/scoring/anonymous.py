"""Forms that are answered without a name, as they say themselves (extension `anonymous-from`). Pure."""

from __future__ import annotations

from carethread.core.errors import Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.targets import reference_type
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.forms.form import Form

ANONYMOUS_FROM = PROFILES + "anonymous-from"

_NAMED = ("author", "source", "encounter", "basedOn", "partOf")
"""What says who has answered, or leads to them."""

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

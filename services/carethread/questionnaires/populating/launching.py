"""With what a form is opened: the names that it says it wants, and the resources that were given for them.

Source: http://hl7.org/fhir/uv/sdc/StructureDefinition-sdc-questionnaire-launchContext.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.fhirpath.element import resource_element
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.questionnaires.expressions.holders import variables
from carethread.questionnaires.forms.expressions import QUERY, SDC
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.populating.filling import GIVEN
from carethread.questionnaires.populating.person import PATIENT, Person

LAUNCH = SDC + "launchContext"

CONTENT = "Parameters.parameter.where(name = 'context')"
"""Where the resources are given."""

_WHOSE = ("subject", "patient", "for", "beneficiary")


class Wanted(NamedTuple):
    """A name that a form's expressions use, of which types its resource is, and whether there may be several."""

    name: str
    types: tuple[str, ...]
    several: bool
    path: str


def wanted(form: Form) -> list[Wanted]:
    """What a form wants to be opened with."""
    found = []
    for number, each in enumerate(form.raw.get("extension", ())):
        if each.get("url") == LAUNCH:
            name = extension(each, "name")
            types = [one["valueCode"] for one in each.get("extension", ()) if "valueCode" in one]
            found.append(
                Wanted(
                    str(name.get("valueCoding", {}).get("code") or name.get("valueId", "")),
                    tuple(types),
                    bool(extension(each, "multiplesAllowed").get("valueBoolean")),
                    f"Questionnaire.extension[{number}]",
                )
            )
    return found


def launched(
    form: Form, given: Mapping[str, Sequence[Resource]], person: Person
) -> tuple[dict[str, list[Element]], dict[str, list[Element]], list[Issue]]:
    """The resources by name; those that are given in place of the form's own queries; and what is to be told: of what
    is wanted and not given, and given and not wanted.

    A Patient who is wanted as `patient` and not given is the subject. Raises Invalid with all that is of another type
    than the form says, too many, or somebody else's.
    """
    names = {each.name: each for each in wanted(form)}
    told, wrong, found = list[Issue](), list[Issue](), dict[str, list[Element]]()
    asked = {GIVEN, *(each.name for each in variables(form).get(None, ()) if each.language == QUERY)} - names.keys()
    instead = {name: [resource_element(each) for each in given[name]] for name in asked & given.keys()}
    for name in given.keys() - names.keys() - asked:
        what = f"The form wants nothing by the name of '{shown(name)}'; it is passed over."
        told.append(Issue("not-supported", what, CONTENT, "warning"))
    for name, want in names.items():
        resources = list(given.get(name, ()))
        if not resources and name == "patient" and PATIENT in want.types and person.resource:
            resources = [dict(person.resource)]
        wrong += _wrong(want, resources, person)
        found[name] = [resource_element(each) for each in resources]
        if not resources:
            what = f"The form is opened with '{shown(name)}' ({' or '.join(want.types)}), which is not given."
            told.append(Issue("incomplete", what, want.path, "information"))
    if wrong:
        raise Invalid(issues=wrong)
    return found, instead, told


def _wrong(want: Wanted, resources: Sequence[Resource], person: Person) -> list[Issue]:
    found = []
    if len(resources) > 1 and not want.several:
        found.append(Issue("business-rule", f"The form takes one resource as '{shown(want.name)}'.", CONTENT))
    for each in resources:
        if each["resourceType"] not in want.types:
            told = f"'{shown(want.name)}' is a {' or '.join(want.types)}, not a {each['resourceType']}."
            found.append(Issue("value", told, CONTENT))
        elif not _is_of(each, person):
            found.append(Issue("business-rule", f"'{shown(want.name)}' is not about the subject.", CONTENT))
    return found


def _is_of(resource: Resource, person: Person) -> bool:
    """Whether a resource is the person's, or nobody's."""
    if resource["resourceType"] == PATIENT:
        return resource.get("id", "") in person.ids or "id" not in resource
    about = (key for name in _WHOSE for key in keys_at(resource, name, person.base_url))
    return all(key[1] in person.ids for key in about if key[0] == PATIENT)

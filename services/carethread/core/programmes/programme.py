"""A programme as it is worked with: the PlanDefinition of profile `programme` without its spelling. Pure.

Each action gives one form, when one of its triggers happens: something that is told by name (`NAMED`), or a resource
that comes to be as a condition says. Whether it is still so is asked again when the form would be given.
Source: http://hl7.org/fhir/R4/plandefinition.html, http://hl7.org/fhir/R4/metadatatypes.html#TriggerDefinition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from carethread.core.events import TYPE_PREFIX
from carethread.core.fhir.fhirpath import Budget, compile
from carethread.core.lengths import Length
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

PROFILE = PROFILES + "programme"

STEPS = 20_000
"""What a condition may cost at most, as `core.fhir.fhirpath.Budget` counts."""

OWNERS: Mapping[str, str] = {
    "Appointment": "scheduling",
    "CarePlan": "careteams",
    "Encounter": "records",
    "EpisodeOfCare": "records",
    "Patient": "records",
}
"""The types by which somebody comes to be asked, and who owns them."""

PEOPLE: Mapping[str, str] = {
    "Appointment": "participant.actor",
    "CarePlan": "subject",
    "Encounter": "subject",
    "EpisodeOfCare": "patient",
}
"""Where each but the Patient names the person."""


class Named(NamedTuple):
    """What an event's name tells of, and at which statuses of the resource it is still so; none: whatever they are."""

    type: str
    verb: str
    statuses: frozenset[str] = frozenset()


_COMING = frozenset({"booked", "arrived", "checked-in", "fulfilled"})

NAMED: Mapping[str, Named] = {
    f"{TYPE_PREFIX}{each.type.lower()}.{each.verb}": each
    for each in (
        Named("Appointment", "booked", _COMING),
        Named("Appointment", "arrived", _COMING - {"booked"}),
        Named("Appointment", "checkedin", frozenset({"checked-in", "fulfilled"})),
        Named("Appointment", "fulfilled", frozenset({"fulfilled"})),
        Named("Appointment", "noshow", frozenset({"noshow"})),
        Named("Appointment", "cancelled", frozenset({"cancelled"})),
        Named("Patient", "created"),
    )
}
"""The events that a trigger can name: `ce_type` as it is published."""

STAFF = "Practitioner"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What makes somebody be asked. `verb` is that of the event, empty for any; `added` and `modified`: whether it
    may be the first version, and a later one."""

    type: str
    verb: str = ""
    statuses: frozenset[str] = frozenset()
    condition: str = ""
    added: bool = True
    modified: bool = True

    def announced(self, type_name: str, verb: str, version: int) -> bool:
        """Whether an event may be it, by what its envelope says."""
        return (
            type_name == self.type and verb == (self.verb or verb) and (self.added if version == 1 else self.modified)
        )

    def holds(self, resource: Resource) -> bool:
        """Whether a resource is as the trigger says. Raises FhirPathError."""
        if self.statuses and resource.get("status") not in self.statuses:
            return False
        return not self.condition or is_true(self.condition, resource, {})


@dataclass(frozen=True, slots=True)
class Action:
    """One form of a programme. `form` is its canonical; `delay` from what happened to being asked.

    `every` and `turns`: how often it is asked again while it is so, and how many times at most. `rank`: who goes first,
    the lower the sooner. `validity`: for how long answers hold; `within`: by when it is to be answered; `reminders`:
    days after being asked. `since`: from when rounds of staff are counted, microseconds.
    """

    id: str
    form: str
    triggers: tuple[Trigger, ...]
    validity: Length
    within: Length
    delay: Length | None = None
    every: Length | None = None
    turns: int = 1
    condition: str = ""
    rank: int = 3
    reminders: tuple[int, ...] = ()
    since: int = 0

    @property
    def url(self) -> str:
        """The form's canonical without its version."""
        return self.form.partition("|")[0]

    def meant(self, resource: Resource, patient: Resource) -> bool:
        """Whether a cause, as it is now, has its person asked. Raises FhirPathError."""
        if not any(each.type == resource["resourceType"] and each.holds(resource) for each in self.triggers):
            return False
        return not self.condition or is_true(self.condition, resource, {"patient": patient})


@dataclass(frozen=True, slots=True)
class Programme:
    """`id` is that of the PlanDefinition, `edition` its business version, `department` an Organization's id: only what
    belongs to it counts; empty: whatever it belongs to. `ceiling`: asks of one person in 30 days, by whomever."""

    id: str
    url: str
    edition: str
    title: str
    ceiling: int
    actions: tuple[Action, ...]
    subject: str = "Patient"
    department: str = ""

    @property
    def name(self) -> str:
        """Its canonical."""
        return f"{self.url}|{self.edition}" if self.edition else self.url

    def action(self, id_: str) -> Action | None:
        return next((each for each in self.actions if each.id == id_), None)


def is_true(expression: str, resource: Resource, environment: Mapping[str, Resource]) -> bool:
    """Whether a condition holds of a resource. Raises FhirPathError where it does not fit, or costs too much."""
    return compile(expression).holds(resource, environment=environment, budget=Budget(STEPS)) is True

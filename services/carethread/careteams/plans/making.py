"""The request that an action of a template comes to for one person, by the definition of its activity.

Source: http://hl7.org/fhir/R4/activitydefinition.html#applying, whose table of elements this is for the kinds of
request that a CarePlan can hold. What has no definition, or one of another kind, is a Task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carethread.careteams.plans.spans import OPEN, Span
from carethread.careteams.plans.values import Reckoner, put_at
from carethread.core.clock import instant
from carethread.core.errors import Invalid
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource


@dataclass(frozen=True, slots=True)
class Setting:
    """For whom, by whom and when a template is applied; references are empty where nobody is named. Microseconds."""

    subject: str
    practitioner: str
    organization: str
    encounter: str
    care_team: str
    now: int
    birth: str
    reckoner: Reckoner


def period_of(span: Span) -> Resource:
    """A Period; one that does not end has no end."""
    begin, end = span
    return {"start": instant(begin), **({"end": instant(end)} if end < OPEN else {})}


def reference(text: str) -> Resource:
    return {"reference": text}


@dataclass(frozen=True, slots=True)
class Activity:
    """An action with its definition (empty: it has none), and when it is to happen: a span, or a Timing."""

    action: Resource
    definition: Resource
    canonical: str
    place: str
    span: Span | None = None
    timing: Resource | None = None

    def said(self, name: str) -> Any:
        """What the action says of itself, else its definition."""
        return self.action.get(name, self.definition.get(name))

    @property
    def code(self) -> Resource | None:
        """What is to be done; without a code its title."""
        found = self.definition.get("code") or next(iter(self.action.get("code", ())), None)
        title = self.said("title") or self.said("description")
        return found or ({"text": title} if title else None)

    @property
    def performers(self) -> list[str]:
        """Kinds of those who take part: patient, practitioner and so on."""
        taking = [*self.definition.get("participant", ()), *self.action.get("participant", ())]
        return list(dict.fromkeys(each["type"] for each in taking))


def _service_request(activity: Activity, setting: Setting) -> Iterator[tuple[str, Any]]:
    definition = activity.definition
    yield from _common(activity, setting, "subject")
    yield "doNotPerform", definition.get("doNotPerform")
    yield "code", activity.code
    yield "quantityQuantity", definition.get("quantity")
    yield from _occurrence(activity)
    yield "performer", performers(activity, setting)
    yield "locationReference", [definition["location"]] if "location" in definition else None
    yield "bodySite", definition.get("bodySite")
    yield "reasonCode", activity.action.get("reason")


def _task(activity: Activity, setting: Setting) -> Iterator[tuple[str, Any]]:
    canonical = activity.canonical
    for name, value in _common(activity, setting, "for"):
        yield name, (canonical or None) if name == "instantiatesCanonical" else value
    yield "code", activity.code
    yield "description", activity.said("description")
    yield "executionPeriod", period_of(activity.span) if activity.span else None
    yield "owner", next(iter(performers(activity, setting)), None)
    yield "location", activity.definition.get("location")
    yield "reasonCode", next(iter(activity.action.get("reason", ())), None)


def _communication(activity: Activity, setting: Setting) -> Iterator[tuple[str, Any]]:
    skipped = ("intent", "instantiatesCanonical")
    yield from (each for each in _common(activity, setting, "subject") if each[0] not in skipped)
    yield "doNotPerform", activity.definition.get("doNotPerform")
    yield "category", [activity.code] if activity.code else None
    said = activity.said("description") or activity.said("title")
    yield "payload", [{"contentString": said}] if said else None
    yield "occurrencePeriod", period_of(activity.span) if activity.span else None
    yield "recipient", performers(activity, setting)
    yield "reasonCode", activity.action.get("reason")


def _medication(activity: Activity, setting: Setting) -> Iterator[tuple[str, Any]]:
    definition = activity.definition
    yield from _common(activity, setting, "subject")
    yield "doNotPerform", definition.get("doNotPerform")
    yield "medicationReference", definition.get("productReference")
    if "productReference" not in definition:
        yield "medicationCodeableConcept", definition.get("productCodeableConcept") or activity.code
    yield "dosageInstruction", definition.get("dosage")
    yield "reasonCode", activity.action.get("reason")


def _device(activity: Activity, setting: Setting) -> Iterator[tuple[str, Any]]:
    yield from _common(activity, setting, "subject")
    yield "codeReference", activity.definition.get("productReference")
    if "productReference" not in activity.definition:
        yield "codeCodeableConcept", activity.definition.get("productCodeableConcept") or activity.code
    yield from _occurrence(activity)
    yield "performer", next(iter(performers(activity, setting)), None)
    yield "reasonCode", activity.action.get("reason")


def _appointment(activity: Activity, setting: Setting) -> Iterator[tuple[str, Any]]:
    yield "status", "proposed"
    yield "serviceType", [activity.code] if activity.code else None
    yield "reasonCode", activity.action.get("reason")
    yield "description", activity.said("description")
    yield "requestedPeriod", [period_of(activity.span)] if activity.span else None
    people = dict.fromkeys([setting.subject, *(each["reference"] for each in performers(activity, setting))])
    yield "participant", [{"actor": reference(each), "status": "needs-action"} for each in people]


def _common(activity: Activity, setting: Setting, subject: str) -> Iterator[tuple[str, Any]]:
    yield "instantiatesCanonical", [activity.canonical] if activity.canonical else None
    yield "status", "draft"
    yield "intent", activity.definition.get("intent", "proposal")
    yield "priority", activity.said("priority")
    yield subject, reference(setting.subject)
    yield "encounter", reference(setting.encounter) if setting.encounter else None
    yield "authoredOn", instant(setting.now)
    yield "requester", reference(setting.practitioner) if setting.practitioner else None


def _occurrence(activity: Activity) -> Iterator[tuple[str, Any]]:
    yield "occurrenceTiming", activity.timing
    if not activity.timing:
        yield "occurrencePeriod", period_of(activity.span) if activity.span else None


def performers(activity: Activity, setting: Setting) -> list[Resource]:
    """Those who are to do it, as far as they are named: the person, and who applies the template."""
    known = {"patient": setting.subject, "practitioner": setting.practitioner or setting.organization}
    return [reference(known[kind]) for kind in activity.performers if known.get(kind)]


_KINDS: Mapping[str, Callable[[Activity, Setting], Iterator[tuple[str, Any]]]] = {
    "ServiceRequest": _service_request,
    "Task": _task,
    "CommunicationRequest": _communication,
    "MedicationRequest": _medication,
    "DeviceRequest": _device,
    "Appointment": _appointment,
}


def request_of(activity: Activity, setting: Setting) -> Resource:
    """The request, with the values that its definition and then the action compute.

    Raises Invalid with the place of what makes it no valid resource, TooCostly for an expression that is too dear.
    """
    kind = activity.definition.get("kind", "Task")
    kind = kind if kind in _KINDS else "Task"
    made: Resource = {"resourceType": kind}
    made |= {name: value for name, value in _KINDS[kind](activity, setting) if value not in (None, [], "")}
    for owner, where in ((activity.definition, "ActivityDefinition"), (activity.action, activity.place)):
        for number, dynamic in enumerate(owner.get("dynamicValue", ())):
            _compute(made, dynamic, f"{where}.dynamicValue[{number}]", setting.reckoner)
    wrong = next((issue for issue in validate(made) if issue.severity in ("error", "fatal")), None)
    if wrong:
        said = f"It comes to a {kind} that is not valid: {wrong.diagnostics} ({wrong.expression})"
        raise Invalid(said, code=wrong.code, expression=activity.place)
    return made


def _compute(made: Resource, dynamic: Resource, where: str, reckoner: Reckoner) -> None:
    for name in ("path", "expression"):
        if name not in dynamic:
            raise Invalid(f"A dynamic value has a {name}.", code="required", expression=f"{where}.{name}")
    values = reckoner.values(dynamic["expression"], f"{where}.expression")
    put_at(made, dynamic["path"], values, f"{where}.path")

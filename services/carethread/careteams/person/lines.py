"""What a resource says in one line of a summary. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.careteams.person.topics import ABOUT_ME, displays
from carethread.core.fhir.elements import at, extension
from carethread.core.ports import Resource

LONGEST = 200
"""Characters of one line."""

INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"

_NAMED: Mapping[str, tuple[str, ...]] = {
    "Observation": ("code",),
    "Condition": ("code",),
    "AllergyIntolerance": ("code",),
    "MedicationStatement": ("medicationCodeableConcept", "medicationReference"),
    "MedicationRequest": ("medicationCodeableConcept", "medicationReference"),
    "ServiceRequest": ("code",),
    "DiagnosticReport": ("code",),
    "Flag": ("code",),
    "Task": ("description", "code"),
    "CarePlan": ("title", "description", "category"),
    "Goal": ("description",),
    "RiskAssessment": ("code", "method"),
    "Organization": ("name",),
    "CareTeam": ("name",),
}
"""The elements that name a resource, the first that is there."""

_DETAILS: Mapping[str, tuple[str, ...]] = {
    "Task": ("status", "restriction.period.end"),
    "ServiceRequest": ("status", "authoredOn"),
    "MedicationStatement": ("status", "dosage.text"),
    "MedicationRequest": ("status", "dosageInstruction.text"),
    "AllergyIntolerance": ("criticality", "reaction.manifestation"),
    "Goal": ("lifecycleStatus", "target.dueDate"),
    "CarePlan": ("status", "period.end"),
    "DiagnosticReport": ("status", "effectiveDateTime"),
    "Condition": ("onsetDateTime",),
    "RiskAssessment": ("prediction.outcome", "prediction.qualitativeRisk", "mitigation"),
}
"""What is told of it beside, in brackets."""


def line(resource: Resource) -> str:
    """One line of plain text."""
    type_name = resource["resourceType"]
    name = next((said for path in _NAMED.get(type_name, ()) if (said := _first(resource, path))), type_name)
    if type_name == "Observation":
        value = value_text(resource) or text(resource.get("dataAbsentReason"))
        details = [value] if value else [str(resource["status"])] if resource.get("status") != "final" else []
        return cut(": ".join([name, *details]))
    details = [said for path in _DETAILS.get(type_name, ()) if (said := _first(resource, path))]
    return cut(f"{name} ({', '.join(details)})" if details else name)


def own_words(observation: Resource) -> str:
    """What a person says of themselves, with its question where the answer does not stand by itself."""
    said = value_text(observation) or next(map(str, at(observation, "note.text")), "")
    ours = any(each.get("system") == ABOUT_ME for each in at(observation, "code.coding") if isinstance(each, dict))
    return cut(said if ours and said else line(observation))


def goal_words(goal: Resource) -> str:
    return cut(text(goal.get("description")))


def cut(said: str) -> str:
    """A line, no longer than one."""
    flat = " ".join(said.split())
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"


def text(value: Any) -> str:
    """The words of a CodeableConcept, a Reference or a string."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    said = value.get("text") or value.get("display")
    codings = [each for each in value.get("coding", ()) if isinstance(each, dict)]
    return str(said or next((known for each in codings if (known := _coding(each))), ""))


def _coding(coding: Resource) -> str:
    known = displays().get((str(coding.get("system")), str(coding.get("code"))))
    return str(coding.get("display") or known or coding.get("code", ""))


def value_text(observation: Resource) -> str:
    """The value of an Observation, in words."""
    for name, value in observation.items():
        if not name.startswith("value"):
            continue
        if isinstance(value, dict) and "value" in value:
            return f"{value['value']} {value.get('unit') or value.get('code', '')}".strip()
        if isinstance(value, bool):
            return "yes" if value else "no"
        return text(value) if isinstance(value, str | dict) else str(value)
    return ""


def languages(patient: Resource) -> list[str]:
    """Which languages somebody speaks, the preferred one first, and whether an interpreter is needed."""
    spoken = sorted(patient.get("communication", ()), key=lambda each: not each.get("preferred"))
    said = [
        f"Speaks {text(each.get('language'))}" + (" (preferred)" if each.get("preferred") else "") for each in spoken
    ]
    needs = ["Needs an interpreter"] if extension(patient, INTERPRETER).get("valueBoolean") is True else []
    return [cut(each) for each in [*said, *needs]]


def name_of(resource: Resource) -> str:
    """What somebody or something is called."""
    names = resource.get("name", ())
    if isinstance(names, str):
        return cut(names)
    chosen: Resource = next((n for n in names if n.get("use") in ("usual", "official")), next(iter(names), {}))
    parts = chosen.get("text") or " ".join([*chosen.get("given", ()), chosen.get("family", "")])
    return cut(str(parts))


def telephone(resource: Resource) -> str:
    """How somebody is reached, the first way by phone."""
    return next(
        (str(t["value"]) for t in resource.get("telecom", ()) if t.get("system") == "phone" and "value" in t), ""
    )


def _first(resource: Resource, path: str) -> str:
    return next((said for value in at(resource, path) if (said := text(value))), "")

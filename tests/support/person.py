"""A person for tests, with something of everything that a summary tells, ordinary and sensitive."""

from __future__ import annotations

from typing import Any

from carethread.core.ports import Resource

ABOUT_ME = "https://carethread.dev/fhir/CodeSystem/about-me"
PROFILE = "https://carethread.dev/fhir/StructureDefinition/about-me"
ICD = "http://hl7.org/fhir/sid/icd-10"
LOINC = "http://loinc.org"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ANN = {"reference": "Patient/ann"}

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
RISK = "http://terminology.hl7.org/CodeSystem/risk-probability"


def concept(system: str, code: str, text: str = "") -> Resource:
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def about(id_: str, code: str, said: str, *, system: str = ABOUT_ME, **members: Any) -> Resource:
    """What a person says of themselves."""
    return {
        "resourceType": "Observation",
        "id": id_,
        **({"meta": {"profile": [PROFILE]}} if system == ABOUT_ME else {}),
        "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "social-history")],
        "code": concept(system, code),
        "subject": ANN,
        "effectiveDateTime": "2031-02-01",
        "performer": [ANN],
        "valueString": said,
        **members,
    }


def condition(id_: str, code: str, text: str = "", *, system: str = ICD, **members: Any) -> Resource:
    return {
        "resourceType": "Condition", "id": id_, "clinicalStatus": concept(CLINICAL, "active"),
        "code": concept(system, code, text), "subject": ANN, **members,
    }  # fmt: skip


def task(id_: str, said: str, **members: Any) -> Resource:
    return {
        "resourceType": "Task", "id": id_, "status": "requested", "intent": "order", "description": said, "for": ANN,
        **members,
    }  # fmt: skip


def goal(id_: str, said: str, **members: Any) -> Resource:
    return {
        "resourceType": "Goal", "id": id_, "lifecycleStatus": "active", "description": {"text": said}, "subject": ANN,
        **members,
    }  # fmt: skip


def labels(*codes: str) -> list[Resource]:
    return [{"system": ACT_CODE, "code": code} for code in codes]


def actor(reference: str) -> Resource:
    return {
        "role": concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
        "reference": {"reference": reference},
    }


def consent(id_: str, *provisions: Resource, status: str = "active", base: str = "OPTOUT", **members: Any) -> Resource:
    """A Consent about sharing, with exceptions from its base rule."""
    return {
        "resourceType": "Consent",
        "id": id_,
        "status": status,
        "scope": concept(SCOPE, "patient-privacy"),
        "category": [concept(LOINC, "59284-0")],
        "patient": ANN,
        "dateTime": "2031-01-01",
        "policyRule": concept(ACT_CODE, base),
        "provision": {"provision": list(provisions)},
        **members,
    }


def permit(*codes: str, to: str = "", **members: Any) -> Resource:
    return _provision("permit", codes, to, members)


def deny(*codes: str, to: str = "", **members: Any) -> Resource:
    return _provision("deny", codes, to, members)


def _provision(kind: str, codes: tuple[str, ...], to: str, members: Resource) -> Resource:
    return {
        "type": kind,
        **({"securityLabel": labels(*codes)} if codes else {}),
        **({"actor": [actor(to)]} if to else {}),
        **members,
    }


ORDINARY: tuple[Resource, ...] = (
    about("matters", "what-matters-most", "To dance at the wedding in May."),
    about("talks", "communication-preference", "Call in the evening; short words."),
    about("lives", "circumstance", "Third floor, no lift."),
    about("strong", "strength", "Two daughters nearby."),
    about("hard", "barrier", "No car."),
    about("never", "what-not-to-do", "Do not call at work."),
    about("house", "71802-3", "Has housing", system=LOINC),
    goal("walk", "To walk to the market again", expressedBy=ANN),
    goal("pressure", "Blood pressure below 140/90"),
    condition("sugar", "E11.9", "Type 2 diabetes"),
    task("call", "Call about the wheelchair", focus={"reference": "Condition/sugar"}),
    {
        "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan", "title": "Walking again",
        "subject": ANN, "addresses": [{"reference": "Condition/sugar"}],
    },
    {
        "resourceType": "Flag", "id": "falls", "status": "active", "subject": ANN,
        "code": {"text": "Falls"}, "category": [{"text": "safety"}],
    },
    {
        "resourceType": "RiskAssessment", "id": "risk", "status": "final", "subject": ANN,
        "basis": [{"reference": "Condition/sugar"}], "mitigation": "A lift to the visits",
        "prediction": [{"outcome": {"text": "Missed visits"}, "qualitativeRisk": concept(RISK, "high")}],
    },
    {
        "resourceType": "MedicationRequest", "id": "pills", "status": "active", "intent": "order", "subject": ANN,
        "medicationCodeableConcept": concept("http://www.whocc.no/atc", "A10BA02", "Metformin"),
        "dosageInstruction": [{"text": "500 mg twice a day"}],
    },
    {
        "resourceType": "AllergyIntolerance", "id": "nuts", "patient": ANN, "criticality": "high",
        "clinicalStatus": concept(ALLERGY, "active"), "code": {"text": "Nuts"},
    },
    {
        "resourceType": "ServiceRequest", "id": "blood", "status": "active", "intent": "order", "subject": ANN,
        "category": [concept("http://snomed.info/sct", "108252007")], "code": {"text": "Blood count"},
    },
    {
        "resourceType": "DiagnosticReport", "id": "film", "status": "registered", "subject": ANN,
        "code": {"text": "Knee film"},
    },
)  # fmt: skip
"""What may be told to whoever takes over."""

SENSITIVE: tuple[Resource, ...] = (
    condition("secret-mood", "F32.1", "Zzmood"),
    condition("secret-drink", "F10.2", "Zzdrink"),
    condition("secret-virus", "Z21", "Zzvirus"),
    condition("secret-blow", "T74.1", "Zzblow"),
    condition("secret-label", "R53", "Zzlabel", meta={"security": labels("PSY")}),
    about("secret-score", "44261-6", "Zzscore", system=LOINC),
    about("secret-words", "what-matters-most", "To stay sober, zzwords"),
    goal("secret-goal", "Zzgoal", addresses=[{"reference": "Condition/secret-drink"}]),
    task("secret-task", "Zztask", reasonReference={"reference": "https://care.example/fhir/Condition/secret-mood"}),
    task("secret-note", "Zznote", note=[{"text": "Talk about her zzlabel"}]),
    {
        "resourceType": "CarePlan", "id": "secret-plan", "status": "active", "intent": "plan", "title": "Zzplan",
        "subject": ANN, "addresses": [{"reference": "Condition/secret-virus"}],
    },
    {
        "resourceType": "RiskAssessment", "id": "secret-risk", "status": "final", "subject": ANN,
        "basis": [{"reference": "Observation/secret-score"}], "mitigation": "Zzrisk",
        "prediction": [{"outcome": {"text": "Zzoutcome"}, "qualitativeRisk": concept(RISK, "high")}],
    },
    {
        "resourceType": "MedicationRequest", "id": "secret-pills", "status": "active", "intent": "order",
        "subject": ANN, "medicationCodeableConcept": concept("http://www.whocc.no/atc", "N06AB06", "Zzpills"),
    },
    {
        "resourceType": "ServiceRequest", "id": "secret-referral", "status": "active", "intent": "order",
        "subject": ANN, "code": {"text": "Referral to psychotherapy zzreferral"},
    },
    {
        "resourceType": "DiagnosticReport", "id": "secret-report", "status": "registered", "subject": ANN,
        "code": concept(LOINC, "56888-1", "Zzreport"),
    },
)  # fmt: skip
"""What may not, without a Consent."""

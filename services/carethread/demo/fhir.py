"""The few FHIR R4 shapes that every part of the demo practice is made of (http://hl7.org/fhir/R4/datatypes.html)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

Resource = dict[str, Any]

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
HL7 = "http://terminology.hl7.org/CodeSystem/"
HOUSE = "https://carethread.dev/fhir/"
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
US_CORE_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
US_CORE_CONDITION = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"

TIMEZONE = "http://hl7.org/fhir/StructureDefinition/timezone"
"""An IANA zone as valueCode; from HL7's extensions pack, since R4's own tz-code stands on dates and times only."""

TEST_DATA: Resource = {"tag": [{"system": HL7 + "v3-ActReason", "code": "HTEST", "display": "test health data"}]}
"""The `meta` of everyone and every organization here: nobody may take them for real."""


def coding(system: str, code: str, display: str | None = None) -> Resource:
    """A Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(system: str, code: str, display: str | None = None, *, text: str | None = None) -> Resource:
    """A CodeableConcept with one Coding."""
    return {"coding": [coding(system, code, display)]} | ({"text": text} if text else {})


def ref(type_name: str, id: str, display: str | None = None) -> Resource:
    """A relative Reference."""
    return {"reference": f"{type_name}/{id}"} | ({"display": display} if display else {})


def stamp(moment: datetime) -> str:
    """A dateTime or instant to the second with the zone's offset at that moment: `2026-03-09T09:00:00-04:00`."""
    return moment.isoformat(timespec="seconds")

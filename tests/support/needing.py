"""A need on a running server, from its answer to what came of it: each operation as it was answered."""

from __future__ import annotations

from functools import cache
from typing import Any

from support.fhir import Answer, Fhir
from support.servers import until

_US_CORE = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
NEED_STEPS = ("judge-need", "offer-help", "refer", "referral-outcome")


def _parameters(**said: str) -> dict[str, Any]:
    parts = [
        {"name": name, "valueReference": {"reference": value}} if "/" in value else {"name": name, "valueCode": value}
        for name, value in said.items()
    ]
    return {"resourceType": "Parameters", "parameter": parts}


@cache
def walked(fhir: Fhir) -> tuple[dict[str, Answer], dict[str, str]]:
    """The answer of each operation, and of each type a resource of the chain (`Task/1`)."""
    answers: dict[str, Answer] = {}
    for each in (
        {"resourceType": "Patient", "id": "needing", "active": True},
        {"resourceType": "Practitioner", "id": "helper", "active": True},
        {"resourceType": "Organization", "id": "helping", "active": True, "name": "Helping"},
        {
            "resourceType": "Observation", "id": "needing", "status": "final",
            "category": [{"coding": [{"system": _US_CORE, "code": "sdoh"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "93030-5"}]},
            "subject": {"reference": "Patient/needing"},
            "derivedFrom": [{"reference": "QuestionnaireResponse/needing"}],
            "valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": "LA33-6"}]},
        },
    ):  # fmt: skip
        assert fhir.put(f"{each['resourceType']}/{each['id']}", each).status in (200, 201)
    until(lambda: bool(_links(fhir)), seconds=30, what="the need is proposed")
    links = _links(fhir)
    need = links["Condition"]
    answers["judge-need"] = fhir.post(f"{need}/$judge-need", _parameters(by="Practitioner/helper", decision="confirm"))
    whom = {"by": "Practitioner/helper", "to": "Organization/helping"}
    answers["offer-help"] = fhir.post(f"{need}/$offer-help", _parameters(**whom, answer="accept"))
    answers["refer"] = fhir.post(f"{need}/$refer", _parameters(**whom))
    (task,) = (each["resource"]["id"] for each in answers["refer"].json["parameter"] if each["name"] == "task")
    answers["referral-outcome"] = fhir.post(f"Task/{task}/$referral-outcome", _parameters(status="accepted"))
    until(lambda: "Provenance" in _links(fhir), seconds=30, what="the Provenances have arrived")
    return answers, _links(fhir) | {
        "QuestionnaireResponse": "QuestionnaireResponse/needing",
        "Patient": "Patient/needing",
    }


def _links(fhir: Fhir) -> dict[str, str]:
    """A resource of each type of the chain."""
    found: dict[str, str] = {}
    for need in fhir.get("Patient/needing/$need-chain").json.get("parameter", ()):
        for link in (each["part"] for each in need["part"] if each["name"] == "link"):
            step = next(each["valueCode"] for each in link if each["name"] == "step")
            for each in link:
                if each["name"] == "what" or (each["name"] == "provenance" and step != "observation"):
                    path = each["valueReference"]["reference"]
                    found[path.partition("/")[0]] = path
    return found

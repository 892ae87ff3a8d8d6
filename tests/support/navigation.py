"""Short ways to tell of risks and of navigators, for tests on care teams."""

from __future__ import annotations

from typing import Any

from carethread.core.ports import Resource
from support.care import OURS, ROLE, Care, patient, practitioner, role

RISK = "http://terminology.hl7.org/CodeSystem/risk-probability"
TASKS = "https://carethread.dev/fhir/CodeSystem/careteam-task"


def navigator(id_: str, limit: int, department: str = "heart", **members: Any) -> Resource:
    """A PractitionerRole that may have so many people."""
    code = [{"coding": [{"system": ROLE, "code": "navigator"}]}]
    room = [{"url": OURS + "caseload-limit", "valueInteger": limit}]
    return role(id_, f"who-{id_}", department, code=code, extension=room, **members)


def staff(care: Care, id_: str, limit: int, department: str = "heart", **members: Any) -> None:
    """A navigator who is known to all."""
    care.tell(practitioner(f"who-{id_}"), navigator(id_, limit, department, **members))


def assessment(id_: str, who: str, level: str = "high", **members: Any) -> Resource:
    """A RiskAssessment of a Patient (their id)."""
    said = {"qualitativeRisk": {"coding": [{"system": RISK, "code": level}]}}
    return {
        "resourceType": "RiskAssessment", "id": id_, "status": "final", "subject": {"reference": f"Patient/{who}"},
        "prediction": [said], **members,
    }  # fmt: skip


def at_risk(care: Care, who: str, level: str = "high", **members: Any) -> None:
    """Somebody of whom a risk comes to be known."""
    if care.ask("GET", f"Patient/{who}", service="records").status == 404:
        care.tell(patient(who))
    care.put(assessment(f"risk-{who}", who, level, **members))


def tasks(care: Care, code: str, who: str = "", *, status: str = "") -> list[Resource]:
    """Tasks of ours in the order in which they were made."""
    more = (f"&patient=Patient/{who}" if who else "") + (f"&status={status}" if status else "")
    return care.found(f"Task?code={TASKS}|{code}{more}&_sort=authored-on,_id&_count=200")


def task(care: Care, code: str, who: str = "", *, status: str = "") -> Resource:
    """The only one."""
    (found,) = tasks(care, code, who, status=status)
    return found


def flags(care: Care, who: str = "") -> list[Resource]:
    """The Flags that somebody (a Patient's id), or anybody, is at high risk."""
    found = care.found(f"Flag?patient=Patient/{who}" if who else "Flag")
    return [each for each in found if each["code"]["coding"][0]["code"] == "high-risk"]


def people(care: Care, id_: str) -> list[str]:
    """Whose navigator a PractitionerRole is."""
    return care.store.glance(lambda session: session.places("navigator", f"PractitionerRole/{id_}"))


def named(parameters: Resource, name: str) -> Any:
    """The value of a parameter; None without it."""
    part: Resource = next((each for each in parameters["parameter"] if each["name"] == name), {})
    value = next((value for key, value in part.items() if key.startswith("value")), None)
    return value["reference"] if isinstance(value, dict) and "reference" in value else value

"""A front desk for tests: a schedule with slots, bookings of them, and what the practice counts of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from support.fhir import Answer, Fhir
from support.servers import until

MEASURE = "Measure/no-show-rate"
SYSTEM = "urn:example:record-numbers"
Resource = dict[str, Any]


def create(fhir: Fhir, resource: Resource) -> Resource:
    """POST a resource; what is stored."""
    answer = fhir.post(resource["resourceType"], resource)
    assert answer.status == 201, answer
    stored: Resource = answer.json
    return stored


def reference(resource: Resource) -> str:
    """`Type/id`."""
    return f"{resource['resourceType']}/{resource['id']}"


def patient(number: str) -> Resource:
    """A made-up person by their record number."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": number}],
        "name": [{"family": "Person", "given": [number]}],
    }


def schedule(fhir: Fhir, actor: str = "Practitioner/somebody") -> str:
    """A new Schedule's reference."""
    return reference(create(fhir, {"resourceType": "Schedule", "active": True, "actor": [{"reference": actor}]}))


def slot(fhir: Fhir, schedule: str, start: datetime, status: str = "free") -> Resource:
    """A new Slot of 20 minutes, as stored."""
    end = start + timedelta(minutes=20)
    times = {"start": start.isoformat(), "end": end.isoformat()}
    return create(fhir, {"resourceType": "Slot", "schedule": {"reference": schedule}, "status": status, **times})


def appointment(slot: Resource, patient: str, status: str = "booked") -> Resource:
    """A visit of a patient in a slot, not yet sent."""
    return {
        "resourceType": "Appointment",
        "status": status,
        "slot": [{"reference": reference(slot)}],
        "start": slot["start"],
        "end": slot["end"],
        "participant": [{"actor": {"reference": patient}, "status": "accepted"}],
    }


def become(fhir: Fhir, visit: Resource, status: str) -> Resource:
    """Write an Appointment's new status over its newest version; what is stored."""
    stored = fhir.get(reference(visit)).json
    answer = fhir.put(reference(visit), {**stored, "status": status}, If_Match=f'W/"{stored["meta"]["versionId"]}"')
    assert answer.status == 200, answer
    newest: Resource = answer.json
    return newest


def evaluate(fhir: Fhir, start: str, end: str, subject: str = "") -> Answer:
    """$evaluate-measure of the no-show rate."""
    who = f"&subject={quote(subject)}" if subject else ""
    return fhir.get(f"{MEASURE}/$evaluate-measure?periodStart={start}&periodEnd={end}{who}")


def counts(report: Resource) -> dict[str, int]:
    """The counts of a MeasureReport by population."""
    found = {p["code"]["coding"][0]["code"]: p["count"] for p in report["group"][0]["population"]}
    return {"all": found["initial-population"], "due": found["denominator"], "missed": found["numerator"]}


def until_counts(fhir: Fhir, start: str, end: str, expected: dict[str, int], subject: str = "") -> None:
    """Wait until the no-show rate's counts are these."""

    def now() -> dict[str, int]:
        answer = evaluate(fhir, start, end, subject)
        return counts(answer.json) if answer.status == 200 else {"status": answer.status}

    until(lambda: now() == expected, seconds=60, what=f"counts {expected}", details=lambda: f"last: {now()}")


def moment(day: str, hour: int = 9, minute: int = 0) -> datetime:
    """A time of day, UTC."""
    return datetime.fromisoformat(day).replace(hour=hour, minute=minute, tzinfo=UTC)

"""Visits and stays of one person at edges, and what measures count of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from carethread.metrics.evaluating.counting import Counted, score
from support.facts import facts_of
from support.measured import counted, known
from support.measures.plain import TIMEZONE

YEAR = (date(2029, 1, 1), date(2029, 12, 31))
BEGIN = datetime(2029, 2, 1, 9, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
DAY = 24 * HOUR

Resource = dict[str, Any]


def met(number: int, start: datetime, kind: str = "AMB", lasted: timedelta = HOUR, **more: Any) -> Resource:
    period = {"start": start.isoformat(), "end": (start + lasted).isoformat()}
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "status": "finished",
        "class": {"code": kind},
        "subject": {"reference": "Patient/ann"},
        "period": period,
        "reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}],
        "participant": [{"individual": {"reference": f"Practitioner/{more.pop('by', 'p')}"}}],
        **more,
    }


TERMS = "http://terminology.hl7.org/CodeSystem/"


def coded(code: str, name: str) -> Resource:
    """A concept of one of FHIR's code systems, after a coding of the house."""
    return {"coding": [{"system": "urn:of-the-house", "code": "20"}, {"system": TERMS + name, "code": code}]}


ELECTIVE = coded("EL", "v3-ActPriority")


def groups(name: str, resources: list[Resource]) -> list[Counted]:
    of_all = [{"resourceType": "Patient", "id": "ann"}, *resources]
    with facts_of({f"{each['resourceType']}/{each['id']}": each for each in of_all}.values()) as facts:
        return counted(facts, name, *YEAR)


def scores(name: str, resources: list[Resource]) -> list[float | None]:
    found = zip(known(name).groups, groups(name, resources), strict=True)
    return [score(group, told.whole) for group, told in found]


def count(name: str, resources: list[Resource]) -> tuple[dict[str, int], float | None]:
    (group,) = groups(name, resources)
    told = {name: number for name, number in group.whole.counts.items() if number}
    return told, score(known(name).groups[0], group.whole)


def stay(number: int, start: datetime, lasted: timedelta = 3 * DAY, discharge: str = "home", **more: Any) -> Resource:
    left = {"dischargeDisposition": coded(discharge, "discharge-disposition")}
    return met(number, start, "IMP", lasted, hospitalization=left, **more)


END = BEGIN + 3 * DAY


def by_day(number: int, first: int, last: int) -> Resource:
    """A stay of which the days are known."""
    return {**stay(number, BEGIN), "period": {"start": f"2029-02-{first:02}", "end": f"2029-02-{last:02}"}}


def open_ended(number: int, status: str) -> Resource:
    """A stay of years ago, without an end."""
    return {**stay(number, BEGIN), "status": status, "period": {"start": "2025-03-01T08:00:00Z"}}


def brought(number: int, start: datetime) -> Resource:
    return {**stay(number, start), "hospitalization": {"admitSource": coded("hosp-trans", "admit-source")}}


ZONES = [
    {"resourceType": "Organization", "id": id_, "extension": [{"url": TIMEZONE, "valueCode": zone}]}
    for id_, zone in {"new-york": "America/New_York", "tokyo": "Asia/Tokyo"}.items()
]


def booked(status: str, reason: str = "", start: datetime = BEGIN, **marks: Any) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
    return {
        "resourceType": "Appointment",
        "id": "a",
        "status": status,
        "start": start.isoformat(),
        "participant": [{"actor": {"reference": "Patient/ann"}, "status": "accepted"}],
        "cancelationReason": {"coding": [{"system": "urn:own", "code": "prov"}, {"system": system, "code": reason}]},
        "extension": [
            {"url": f"https://carethread.dev/fhir/StructureDefinition/{name.replace('_', '-')}", **value}
            for name, value in marks.items()
        ],
    }


PATIENT, LATE = {"valueCode": "patient"}, {"valueBoolean": True}

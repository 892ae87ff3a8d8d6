"""Searches over the services as one client sees them, through the gateway and HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.fhir import Fhir
from support.processes import carethread


def made(key: str, **members: Any) -> dict[str, Any]:
    type_name, _, id_ = key.partition("/")
    return {"resourceType": type_name, "id": id_, **members}


RESOURCES = [
    made("Patient/p1", name=[{"family": "One"}]),
    made("Patient/p2", name=[{"family": "Two"}]),
    made(
        "Appointment/a1",
        status="cancelled",
        start="2026-03-01T09:00:00Z",
        end="2026-03-01T09:30:00Z",
        participant=[{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    ),
    made(
        "Observation/bp",
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure"}]},
        subject={"reference": "Patient/p1"},
        component=[
            {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value, "unit": "mmHg"}}
            for code, value in (("sys", 140), ("dia", 90))
        ],
    ),
    made(
        "Task/t1",
        status="requested",
        intent="order",
        focus={"reference": "Appointment/a1"},
        **{"for": {"reference": "Patient/p1"}},
    ),
]


@pytest.fixture(scope="module")
def fhir() -> Iterator[Fhir]:
    with carethread("up") as process:
        for resource in RESOURCES:
            answer = process.fhir.put(f"{resource['resourceType']}/{resource['id']}", resource)
            assert answer.status == 201, answer
        yield process.fhir


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("Patient?_has:Appointment:patient:status=cancelled", {"Patient/p1"}),
        ("Appointment?_has:Task:focus:patient.name=one", {"Appointment/a1"}),
        ("Task?focus:Appointment.patient.name=one&_include=Task:patient", {"Task/t1", "Patient/p1"}),
        ("Patient?name=one&_revinclude=Appointment:patient", {"Patient/p1", "Appointment/a1"}),
        ("Patient/p1/*", {"Appointment/a1", "Observation/bp", "Task/t1"}),
        ("Patient/p1/Task?status=requested", {"Task/t1"}),
        ("?_type=Patient,Task", {"Patient/p1", "Patient/p2", "Task/t1"}),
        ("Observation?component-code-value-quantity=sys$gt135", {"Observation/bp"}),
        ("Observation?component-code-value-quantity=dia$gt135", set()),
        ("Observation?code:text=blood", {"Observation/bp"}),
    ],
)
def test_one_search_over_all_services(fhir: Fhir, url: str, found: set[str]) -> None:
    path, _, query = url.partition("?")
    form = {"Content_Type": "application/x-www-form-urlencoded", "Prefer": "handling=strict"}
    for answer in (
        fhir.get(url, Prefer="handling=strict"),
        fhir.send("POST", f"{path}/_search".lstrip("/"), query, headers=form),
    ):
        assert answer.status == 200, answer
        keys = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in answer.json.get("entry", [])}
        assert keys == found


def test_a_read_takes_a_summary(fhir: Fhir) -> None:
    read = fhir.get("Patient/p1?_elements=gender")
    assert read.status == 200
    assert "name" not in read.json
    assert read.json["meta"]["tag"][-1]["code"] == "SUBSETTED"

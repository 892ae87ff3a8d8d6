"""The CapabilityStatement that we generate is one by our own validator, and tells what is declared.

That a running server does what it claims is shown in `e2e/test_capabilities.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.definitions import value_set
from carethread.core.fhir.validation import validate
from carethread.core.service import Service
from carethread.core.settings import SERVICES
from carethread.interactions.description.capabilities import BULK_DATA, SUBSCRIPTIONS, capability_statement
from carethread.interactions.operations import operations_of
from carethread.interactions.rest.table import SYSTEM_CODES, TYPE_CODES

PROFILES = Path(__file__).parents[4] / "fhir_profiles"
BASE = "https://care.example/fhir"
CONTEXT = Context(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
ALL: dict[str, Service] = {name: import_module(f"carethread.{name}").SERVICE for name in SERVICES}


@pytest.mark.parametrize("names", [*([name] for name in ALL), list(ALL)], ids=lambda names: "+".join(names))
def test_it_is_valid_and_tells_every_type_once(names: list[str]) -> None:
    services = [ALL[name] for name in names]
    made = json.parse(json.render(capability_statement(services, "https://care.example/fhir", CONTEXT)))
    assert [issue for issue in validate(made) if issue.severity in ("error", "fatal")] == []
    types = [resource["type"] for resource in made["rest"][0]["resource"]]
    assert types == sorted({type_.name for service in services for type_ in service.types})
    operations = {o["name"] for resource in made["rest"][0]["resource"] for o in resource.get("operation", [])}
    of_patients = {"everything", "export"} if "Patient" in types else set()
    ours = {o.name for service in services for o in service.operations if o.type in ("", *types)}
    assert operations == {"validate"} | of_patients | ours
    assert [operation["name"] for operation in made["rest"][0]["operation"]] == ["export"]


def test_it_names_the_profile_that_a_type_declares() -> None:
    made = capability_statement([ALL["scheduling"]], "https://care.example/fhir", CONTEXT)
    resources = {resource["type"]: resource for resource in made["rest"][0]["resource"]}
    assert resources["Slot"]["supportedProfile"] == ["https://carethread.dev/fhir/StructureDefinition/slot"]
    assert "supportedProfile" not in resources["AppointmentResponse"]


def test_the_interactions_are_r4s() -> None:
    (codes,) = value_set("type-restful-interaction").codes.values()
    assert set(TYPE_CODES) <= set(codes)
    (codes,) = value_set("system-restful-interaction").codes.values()
    assert set(SYSTEM_CODES) == set(codes)


def test_it_says_that_nothing_is_secured_and_that_bulk_data_is_there() -> None:
    made = capability_statement(list(ALL.values()), BASE, CONTEXT)
    assert made["instantiates"] == [BULK_DATA, SUBSCRIPTIONS]
    assert made["rest"][0]["security"]["cors"] is False
    assert "service" not in made["rest"][0]["security"]


def test_includes_are_of_what_can_refer_to_the_type() -> None:
    made = capability_statement(list(ALL.values()), BASE, CONTEXT)
    resources = {resource["type"]: resource for resource in made["rest"][0]["resource"]}
    assert "Slot:schedule" in resources["Slot"]["searchInclude"]
    assert {"Slot:schedule", "Provenance:target"} <= set(resources["Schedule"]["searchRevInclude"])
    assert "Slot:schedule" not in resources["Patient"]["searchRevInclude"]
    alone = capability_statement([ALL["metrics"]], BASE, CONTEXT)["rest"][0]["resource"]
    sources = {each.split(":")[0] for resource in alone for each in resource.get("searchRevInclude", ())}
    assert sources <= {"Appointment", "Measure", "MeasureReport", "Library"}


def test_each_operation_is_defined_by_hl7_or_in_a_file_that_is_published() -> None:
    """Ours have an OperationDefinition in `fhir_profiles/`, which the owner of that type publishes."""
    folder = "OperationDefinition"
    ours = {o.definition for service in ALL.values() for o in operations_of(service)}
    ours = {definition for definition in ours if not definition.startswith("http://hl7.org/fhir/")}
    published = any(folder in s.definitions for s in ALL.values() if s.owns(folder))
    files = (PROFILES / folder).glob("*.json") if published else ()
    assert ours <= {json.parse_object(file.read_bytes())["url"] for file in files}

"""The CapabilityStatement that we generate is one by our own validator, and tells what is declared."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module

import pytest

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.service import Service
from carethread.core.settings import SERVICES
from carethread.interactions.capabilities import capability_statement

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
    assert operations == {"validate"} | of_patients | {o.name for service in services for o in service.operations}
    assert [operation["name"] for operation in made["rest"][0]["operation"]] == ["export"]


def test_it_names_the_profile_that_a_type_declares() -> None:
    made = capability_statement([ALL["scheduling"]], "https://care.example/fhir", CONTEXT)
    resources = {resource["type"]: resource for resource in made["rest"][0]["resource"]}
    assert resources["Slot"]["supportedProfile"] == ["https://carethread.dev/fhir/StructureDefinition/slot"]
    assert "supportedProfile" not in resources["AppointmentResponse"]

"""Who answers an operation on a type: its owner, or the service that declares it on a type of another's."""

from __future__ import annotations

import pytest

from carethread.core.context import Context
from carethread.core.errors import NotSupported
from carethread.core.ports import Resource
from carethread.core.service import Call, Operation, ResourceType, Runtime, Service
from carethread.gateway.routing import answered_by
from carethread.interactions.operations import operations_on
from carethread.interactions.operations.invoke import find


def _said(runtime: Runtime, call: Call, context: Context) -> Resource:
    return {"resourceType": "Parameters"}


ABOUT = Operation("about", "Patient", ("instance",), "https://care.example/about", _said)
GAPS = Operation("gaps", "CareTeam", ("type",), "https://care.example/gaps", _said)
RECORDS = Service("records", "Made up.", (ResourceType("Patient"),))
TEAMS = Service("careteams", "Made up.", (ResourceType("CareTeam"),), operations=(ABOUT, GAPS))


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("Patient/1/$about", "careteams"),
        ("Patient/$about", "careteams"),
        ("Patient/1/$everything", ""),
        ("CareTeam/$gaps", ""),
        ("Patient/1", ""),
        ("Patient", ""),
        ("$about", ""),
        ("", ""),
    ],
)
def test_an_operation_goes_to_whom_declares_it(path: str, service: str) -> None:
    assert answered_by(path, [RECORDS, TEAMS]) == service


def test_the_operations_on_a_type_are_told_with_who_answers() -> None:
    found = {operation.name: service.name for operation, service in operations_on("Patient", [TEAMS, RECORDS])}
    assert found["about"] == "careteams"
    assert found["everything"] == found["validate"] == "records"
    assert "gaps" not in found


def test_a_service_answers_what_it_declares_on_a_type_of_anothers_and_nothing_else(made: Runtime) -> None:
    assert find(made, "about", "Patient", "instance") is ABOUT
    assert find(made, "gaps", "CareTeam", "type") is GAPS
    for name, type_name, level in (
        ("about", "Patient", "type"),
        ("about", "CareTeam", "instance"),
        ("validate", "Patient", "type"),
    ):
        with pytest.raises(NotSupported):
            find(made, name, type_name, level)


@pytest.fixture
def made() -> Runtime:
    unused: Runtime = Runtime(TEAMS, None, None, None, "https://care.example/fhir")  # type: ignore[arg-type]  # not asked
    return unused

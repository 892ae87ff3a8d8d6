"""What an entry writes follows from its request, its fullUrl and its resource, in this order."""

from __future__ import annotations

import pytest

from carethread.core.errors import FhirError
from carethread.importer.identity import Condition, identify, parse_condition

_X = "0b1c2d3e-0000-4000-8000-000000000001"
_POST = {"method": "POST", "url": "Patient"}


def _patient(**members: str) -> dict[str, str]:
    return {"resourceType": "Patient", **members}


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ({"fullUrl": f"urn:uuid:{_X}", "resource": _patient(), "request": _POST}, f"Patient/{_X}"),
        ({"fullUrl": f"urn:uuid:{_X}", "resource": _patient(id="a"), "request": _POST}, f"Patient/{_X}"),
        ({"fullUrl": "http://ehr/Patient/9", "resource": _patient(id="a"), "request": _POST}, "Patient/a"),
        ({"fullUrl": "http://ehr/Patient/9", "resource": _patient(), "request": _POST}, "Patient/9"),
        ({"resource": _patient(id="a"), "request": {"method": "PUT", "url": "Patient/b"}}, "Patient/b"),
        ({"fullUrl": f"urn:uuid:{_X}", "resource": _patient(id="a")}, "Patient/a"),
        ({"fullUrl": f"urn:uuid:{_X}", "resource": _patient()}, f"Patient/{_X}"),
        ({"fullUrl": "http://ehr/Patient/9", "resource": _patient(id="9"), "search": {"mode": "match"}}, "Patient/9"),
        ({"resource": _patient(id="9"), "request": {"method": "DELETE", "url": "x"}, "response": {}}, "Patient/9"),
    ],
)
def test_the_target(entry, url):
    target = identify(entry)
    assert target
    assert target.url == url


@pytest.mark.parametrize(
    "entry", [{"resource": _patient(gender="female")}, {"fullUrl": "urn:oid:1.2", "resource": _patient()}]
)
def test_a_resource_without_a_name_gets_the_same_one_each_time(entry):
    first, second = identify(entry), identify({**entry, "resource": dict(entry["resource"])})
    assert first == second
    assert first
    assert len(first.id) == 36


def test_other_content_gets_another_name():
    assert identify({"resource": _patient(gender="female")}) != identify({"resource": _patient(gender="male")})


def test_the_conditions():
    create = identify({"resource": _patient(id="a"), "request": {**_POST, "ifNoneExist": "identifier=urn%3As%7C1"}})
    assert create
    assert (create.condition, create.overwrite) == (Condition("Patient", "identifier=urn:s|1"), False)
    update = identify({"resource": _patient(id="a"), "request": {"method": "PUT", "url": "Patient?identifier=urn:s|1"}})
    assert update
    assert (update.condition, update.overwrite) == (Condition("Patient", "identifier=urn:s|1"), True)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"request": {"method": "GET", "url": "Patient"}},
        {"request": {"method": "DELETE", "url": "Patient/1"}, "response": {"status": "204"}},
        {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
    ],
)
def test_an_entry_with_nothing_to_write(entry):
    assert identify(entry) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"resource": []},
        {"resource": {"id": "a"}},
        {"resource": {"resourceType": "patient/x"}},
        {"resource": _patient(), "request": {"method": "PUT", "url": "Observation/1"}},
        {"resource": _patient(), "request": {"method": "PUT", "url": "Patient"}},
        {"resource": _patient(), "request": {"method": "PATCH", "url": "Patient/1"}},
        {"request": {"method": "DELETE", "url": "Patient/1"}},
    ],
)
def test_an_entry_that_cannot_be_written(entry):
    with pytest.raises(FhirError):
        identify(entry)


@pytest.mark.parametrize(
    ("reference", "identifier"),
    [
        ("Practitioner?identifier=http://x/npi|1", ("http://x/npi", "1")),
        ("Practitioner?identifier=http%3A%2F%2Fx%7C1", ("http://x", "1")),
        ("Practitioner?identifier=1", None),
        ("Practitioner?identifier=a|1&active=true", None),
        ("Practitioner?name=x", None),
    ],
)
def test_criteria_that_are_one_identifier(reference, identifier):
    condition = parse_condition(reference)
    assert condition
    assert condition.identifier() == identifier


@pytest.mark.parametrize("reference", ["Practitioner/1", "urn:uuid:1?x", "http://x/Patient?identifier=a|b", "#a?b"])
def test_what_is_no_conditional_reference(reference):
    assert parse_condition(reference) is None

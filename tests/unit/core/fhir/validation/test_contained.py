"""Contained resources: ids, who refers to whom, and what they may not have."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.fhir.validation import validate

INNER = {"resourceType": "Organization", "id": "o", "name": "x"}


def patient(*contained: Any, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "contained": list(contained), **members}


def organization(identifier: str, part_of: str | None = None, **members: Any) -> dict[str, Any]:
    reference = {"partOf": {"reference": part_of}} if part_of else {}
    return {**INNER, "id": identifier, **reference, **members}


OWNED = {"managingOrganization": {"reference": "#o"}}
FLAG = {"resourceType": "Flag", "id": "f", "status": "active", "code": {"text": "x"}, "subject": {"reference": "#"}}


def errors(resource: dict[str, Any]) -> list[str]:
    return [str(i.expression) for i in validate(resource) if i.severity == "error"]


@pytest.mark.parametrize(
    "resource",
    [
        patient(INNER, **OWNED),
        patient(INNER, extension=[{"url": "http://example.org/e", "valueUri": "#o"}]),
        patient(FLAG),
        patient(organization("o", "#p"), organization("p"), **OWNED),
        # a circle is not an orphan
        patient(organization("o", "#p"), organization("p", "#o")),
        patient(organization("o", telecom=[{"id": "a", "use": "work"}]), name=[{"id": "a", "family": "x"}], **OWNED),
    ],
)
def test_accepted(resource):
    assert errors(resource) == []


@pytest.mark.parametrize(
    ("resource", "where"),
    [
        (patient(INNER), ["Patient.contained[0]"]),
        (patient(organization("o", "#o")), ["Patient.contained[0]"]),
        (patient(organization("o", "#p"), organization("p")), ["Patient.contained[0]", "Patient.contained[1]"]),
        (patient(INNER, extension=[{"url": "http://example.org/e", "valueString": "#o"}]), ["Patient.contained[0]"]),
        (patient(INNER, INNER, **OWNED), ["Patient.contained[1]"]),
        (patient({"resourceType": "Organization", "name": "x"}), ["Patient.contained[0]"] * 2),
        (patient({**INNER, "contained": [organization("p")]}, **OWNED), ["Patient.contained[0].contained"]),
        (patient({**INNER, "meta": {"versionId": "1"}}, **OWNED), ["Patient.contained[0].meta"]),
        (patient({**INNER, "meta": {"security": [{"code": "x"}]}}, **OWNED), ["Patient.contained[0].meta"]),
        (patient({"resourceType": "Location", "id": "o"}, **OWNED), ["Patient.managingOrganization.reference"]),
        (patient(organization("p"), **OWNED), ["Patient.managingOrganization.reference", "Patient.contained[0]"]),
        (patient({**INNER, "foo": 1}, **OWNED), ["Patient.contained[0].foo"]),
        (patient(5, **OWNED), ["Patient.contained[0]"]),
        (
            {"resourceType": "Patient", "link": [{"other": {"reference": "#"}, "type": "seealso"}]},
            ["Patient.link[0].other.reference"],
        ),
    ],
)
def test_refused(resource, where):
    found = errors(resource)
    assert [expression for expression in where if expression not in found] == []


@pytest.mark.timeout(10)
def test_a_long_chain_costs_its_length():
    chain = [organization(f"o{n}", f"#o{n + 1}") for n in range(5000)]
    assert len([i for i in validate(patient(*chain)) if "dom-3" in i.diagnostics]) > 900
    same = [organization("o", "#o") for _ in range(5000)]
    assert validate(patient(*same))


def test_narrative_is_asked_of_the_outermost_resource_only():
    found = [(i.expression, i.severity) for i in validate(patient(INNER, **OWNED)) if "dom-6" in i.diagnostics]
    assert found == [("Patient", "warning")]


def test_ids_of_elements_are_unique_in_a_resource():
    twice: dict[str, Any] = {
        "resourceType": "Patient",
        "name": [{"id": "a", "family": "x"}, {"id": "a", "family": "y"}],
    }
    assert errors(twice) == ["Patient.name[1].id"]
    beside = {
        "resourceType": "Patient",
        "birthDate": "2000",
        "_birthDate": {"id": "a"},
        "name": [{"id": "a", "use": "old"}],
    }
    assert errors(beside) == ["Patient.name[0].id"]

"""What R4's words ask beyond the definitions: absolute URIs, entries of Bundles, conditions of Questionnaires."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.fhir.validation import validate

UUID = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
OTHER = "urn:uuid:d757873d-ec9a-4326-a141-556f43239520"


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}


def bundle(kind: str, *entries: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **members}


def errors(resource: dict[str, Any]) -> list[str]:
    return [str(i.expression) for i in validate(resource) if i.severity == "error"]


def extended(extension: dict[str, Any]) -> dict[str, Any]:
    return patient(extension=[extension])


ACCEPTED = [
    extended({"url": "http://example.org/e", "extension": [{"url": "part", "valueString": "x"}]}),
    extended({"url": "urn:oid:1.2.3", "valueString": "x"}),
    extended({"url": "http://example.org/e", "valueCanonical": "#q"}),
    extended({"url": "http://example.org/e", "valueUri": "relative"}),
    patient(modifierExtension=[{"url": "http://example.org/unknown", "valueString": "x"}]),
    patient(identifier=[{"system": "urn:ietf:rfc:3986", "value": "https://example.org"}]),
    patient(identifier=[{"value": "x"}]),
    bundle("collection", {"fullUrl": "https://example.org/fhir/Patient/1", "resource": patient(id="1")}),
    bundle("collection", {"fullUrl": "https://example.org/elsewhere", "resource": patient(id="1")}),
    bundle("transaction", {"resource": patient(), "request": {"method": "POST", "url": "Patient"}}),
    bundle(
        "collection",
        {"fullUrl": UUID, "resource": patient(managingOrganization={"reference": OTHER})},
        {"fullUrl": OTHER, "resource": {"resourceType": "Organization", "name": "x"}},
    ),
]

REFUSED = [
    (extended({"url": "relative", "valueString": "x"}), "Patient.extension[0].url"),
    (extended({"url": "#part", "valueString": "x"}), "Patient.extension[0].url"),
    (extended({"url": "http://example.org/e", "valueCanonical": "Questionnaire/1"}), "Patient.extension[0].value"),
    (extended({"url": "http://example.org/e", "valueUri": UUID.upper().lower() + "0"}), "Patient.extension[0].value"),
    (extended({"url": "http://example.org/e", "valueUri": "urn:uuid:" + "A" * 36}), "Patient.extension[0].value"),
    (extended({"url": "http://example.org/e", "valueUrl": "urn:oid:x"}), "Patient.extension[0].value"),
    (extended({"url": "http://example.org/e", "valueCode": "a\nb"}), "Patient.extension[0].value"),
    (patient(_id={"extension": [{"url": "http://example.org/e", "valueString": "x"}]}), "Patient.id"),
    (patient(identifier=[{"system": "mrn", "value": "1"}]), "Patient.identifier[0].system"),
    (patient(identifier=[{"system": "urn:ietf:rfc:3986", "value": "1"}]), "Patient.identifier[0].value"),
    (patient(meta={"tag": [{"system": "tags", "code": "x"}]}), "Patient.meta.tag[0].system"),
    (
        patient(managingOrganization={"reference": "Organization/1", "type": "http://example.org/Organization"}),
        "Patient.managingOrganization.type",
    ),
    (bundle("collection", {"resource": patient(id="1")}), "Bundle.entry[0].fullUrl"),
    (bundle("collection", {"fullUrl": "Patient/1", "resource": patient(id="1")}), "Bundle.entry[0].fullUrl"),
    (
        bundle("collection", {"fullUrl": "https://example.org/Patient/2", "resource": patient(id="1")}),
        "Bundle.entry[0].fullUrl",
    ),
    (bundle("searchset", {"fullUrl": UUID, "resource": patient()}), "Bundle.entry[0].resource.id"),
    (bundle("searchset", link=[{"relation": "self", "url": "http://example.org"}] * 2), "Bundle.link"),
    (
        bundle(
            "collection",
            {"fullUrl": UUID, "resource": patient(managingOrganization={"reference": OTHER})},
            {"fullUrl": OTHER, "resource": {"resourceType": "Location"}},
        ),
        "Bundle.entry[0].resource.managingOrganization.reference",
    ),
    (
        {
            "resourceType": "Questionnaire",
            "status": "draft",
            "item": [
                {
                    "linkId": "1",
                    "type": "string",
                    "enableWhen": [{"question": "2", "operator": "exists", "answerBoolean": True}],
                }
            ],
        },
        "Questionnaire.item[0].enableWhen[0].question",
    ),
]


@pytest.mark.parametrize("resource", ACCEPTED)
def test_accepted(resource):
    assert errors(resource) == []


@pytest.mark.parametrize(("resource", "where"), REFUSED)
def test_refused(resource, where):
    assert where in errors(resource)

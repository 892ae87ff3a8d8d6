"""Requests that are nearly right: FHIR bodies, URLs and headers with something in them changed, by a seeded chance."""

from __future__ import annotations

import json
import random
import time
from typing import Any
from urllib.parse import quote

from support.fhir import Fhir


def entry(method: str, url: str, resource: Any) -> dict[str, Any]:
    """One Bundle.entry."""
    return {"request": {"method": method, "url": url}, "resource": resource}


PATIENT: dict[str, Any] = {"resourceType": "Patient", "active": True}
SEEN: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "f",
    "status": "final",
    "code": {"text": "x"},
    "subject": {"reference": "urn:uuid:1"},
}
APPOINTMENT: dict[str, Any] = {
    "resourceType": "Appointment",
    "status": "proposed",
    "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
}
JUNK: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**30, "", " ", "\x00", "\ud800", "x" * 3000, "2031-02-30", "🙂", "Patient/1",
    "urn:uuid:x", [], {}, [[]], [None], [{}], {"a": {}}, {"resourceType": "Patient"}, "http://[", "?", "%", "../..",
    "\u202e",
]  # fmt: skip
SEEDS: list[dict[str, Any]] = [
    PATIENT,
    APPOINTMENT,
    {
        "resourceType": "Patient",
        "id": "f",
        "meta": {"profile": ["http://x.example/p"], "tag": [{"code": "t"}]},
        "contained": [{"resourceType": "Organization", "id": "o"}],
        "extension": [{"url": "http://x.example", "valueQuantity": {"value": 1.10, "unit": "kg"}}],
        "name": [{"family": "Person", "given": ["A"], "_given": [{"extension": [{"url": "u", "valueString": "v"}]}]}],
        "managingOrganization": {"reference": "#o"},
        "birthDate": "1990-01-01",
    },
    {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [entry("POST", "Patient", PATIENT), entry("GET", "Patient?name=x", None)],
    },
    {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"fullUrl": "urn:uuid:1", **entry("POST", "Patient", PATIENT)}, entry("PUT", "Observation/f", SEEN)],
    },
    {
        "resourceType": "Slot",
        "schedule": {"reference": "Schedule/1"},
        "status": "free",
        "start": "2031-01-01T09:00:00Z",
        "end": "2031-01-01T10:00:00Z",
    },
    {
        "resourceType": "Measure",
        "status": "active",
        "group": [{"population": [{"criteria": {"language": "text/cql", "expression": "x"}}]}],
    },
]
PATHS = [
    "", "Patient", "Appointment", "Slot", "Measure", "Observation", "Bundle", "Patient/f", "Observation/f", "metadata",
    "Patient/f/_history", "Patient/f/_history/1", "Patient/_search", "Measure/no-show-rate/$evaluate-measure", "Banana",
    "Patient/f/$x",
]  # fmt: skip
NAMES = [
    "name", "family", "birthdate", "identifier", "_id", "_lastUpdated", "_count", "_sort", "_include", "_revinclude",
    "_summary", "_total", "_elements", "_cursor", "_has", "_filter", "_text", "_format", "organization", "link", "date",
    "organization.name", "general-practitioner:Practitioner.name", "subject.name", "value-quantity", "code", "code:in",
    "name:exact", "periodStart", "periodEnd", "subject", "_before", "phone", "active:not", "_tag", "_profile", "actor",
    "patient.identifier", "slot",
]  # fmt: skip
VALUES = [
    "", "\x00", "\udcff", "é" * 100, "9" * 400, "x", "ge2031", "2031-13", "|", "a|b", "http://x|", "|||", "\\", ",",
    ",,", "$", "1e999", "-1", "0", "Patient/1", "Patient:link", "Observation:subject:Patient", "true", "count",
    "ap1", "*", "5.4|http://unitsofmeasure.org|mg", "../..", "name,-birthdate", "eyJhIjoxfQ", "W10", "json",
    "2031-01-01", "#x", "Patient?name=x", "urn:uuid:x",
]  # fmt: skip


def mutated(chance: random.Random, value: Any) -> Any:
    """The value with something in it changed, removed, doubled or put elsewhere."""
    if chance.random() < 0.15:
        return chance.choice(JUNK)
    if isinstance(value, dict) and value:
        name = chance.choice(list(value))
        rest = {key: child for key, child in value.items() if key != name}
        match chance.randrange(5):
            case 0:
                return rest
            case 1:
                return {
                    **rest,
                    chance.choice(["x", "_" + name, name + "x", "", "resourceType", "id", "extension"]): value[name],
                }
            case _:
                return {**value, name: mutated(chance, value[name])}
    if isinstance(value, list) and value:
        position = chance.randrange(len(value))
        if chance.random() < 0.2:
            return value * 2
        return [*value[:position], mutated(chance, value[position]), *value[position + 1 :]]
    return chance.choice(JUNK)


def cut(chance: random.Random, body: bytes) -> bytes:
    """Bytes with some of them changed."""
    if not body:
        return body
    at = chance.randrange(len(body))
    return (
        body[:at]
        + chance.choice([b"", b"\x00", b"\xff", b'"', b"{", b"]", b"\\u0000", b"\\ud800", b"1e5", b",,"])
        + body[at + chance.randrange(4) :]
    )


def request(chance: random.Random) -> tuple[str, str, bytes | None, dict[str, str]]:
    path = chance.choice(PATHS)
    if chance.random() < 0.2:
        path = quote(
            "".join(chance.choice([path, "/", "é", "%", "\x00", "$", "_history", "x", ".."]) for _ in range(3)),
            safe="/$",
        )
    if chance.random() < 0.6:
        pairs = [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(1, 4))]
        path += "?" + "&".join(
            f"{quote(n, safe=':._')}={quote(v.encode('utf-8', 'surrogateescape'), safe='')}" for n, v in pairs
        )
    method = chance.choice(["GET", "GET", "POST", "POST", "POST", "PUT", "PUT", "DELETE", "PATCH"])
    body: bytes | None = None
    if method in ("POST", "PUT", "PATCH"):
        resource: Any = chance.choice(SEEDS)
        for _ in range(chance.randrange(4)):
            resource = mutated(chance, resource)
        body = json.dumps(resource).encode()
        if chance.random() < 0.2:
            body = cut(chance, body)
        if isinstance(resource, dict) and chance.random() < 0.7:
            kind = resource.get("resourceType")
            path = "" if kind == "Bundle" else f"{kind}/f" if method == "PUT" else str(kind)
            path = quote(path.encode("utf-8", "surrogatepass"), safe="/")
    headers = {"Content_Type": "application/fhir+json"} if body is not None else {}
    junk = [
        "strict",
        "handling=strict",
        'W/"1"',
        'W/"',
        "*",
        "return=minimal",
        "return=OperationOutcome",
        "application/json",
        "x" * 100,
    ]
    for name in (
        "Prefer",
        "If_Match",
        "If_None_Match",
        "Accept",
        "X_CareThread_Backfill",
        "traceparent",
        "Content_Type",
    ):
        if chance.random() < 0.08:
            headers[name] = chance.choice([*junk, "true"])
    return method, path, body, headers


def check_never_a_fault(fhir: Fhir, seed: int, *, seconds: float, requests: int) -> int:
    """Send up to `requests` mutated requests for up to `seconds`; returns how many.

    None is answered with a 5xx, and each refusal is an OperationOutcome; the error says how to repeat what went wrong.
    """
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    for number in range(requests):
        if time.monotonic() > end:
            return number
        method, path, body, headers = request(chance)
        answer = fhir.send(method, path, body, headers=headers)
        said = f"seed {seed}, request {number}: {method} {path[:300]} {headers} {(body or b'')[:600]!r} -> {answer}"
        assert answer.status < 500, said
        if answer.status >= 400:
            assert answer.json is not None, said
            assert answer.json["resourceType"] == "OperationOutcome", said
            assert answer.json["issue"][0]["diagnostics"], said
    return requests

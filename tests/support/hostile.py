"""Hooks that let schemathesis reach deeper: bodies that are right or nearly right, ids of what is there.

Left to itself it makes bodies of the schema's shape, of which FHIR's rules leave few; a third of them go as they are.
Schemathesis finds this module by SCHEMATHESIS_HOOKS.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import schemathesis

from carethread.core.fhir.definitions import resource_types
from support.examples import example
from support.fuzz import mutated

_IDS = ("one", "two")
_chance = Random(20310301)


@schemathesis.hook
def before_call(context: Any, case: Any, **_: Any) -> None:
    """Change a request before it is sent, or leave it as it is.

    `return=minimal` is taken out: the answer then has no body and no Content-Type, and OpenAPI has no way to say so.
    """
    if (case.headers or {}).get("Prefer") == "return=minimal":
        case.headers["Prefer"] = "return=representation"
    if _chance.random() < 1 / 3:
        return
    parameters = case.path_parameters
    if isinstance(parameters, dict):
        if "id" in parameters:
            parameters["id"] = _chance.choice(_IDS)
        if "version" in parameters:
            parameters["version"] = _chance.choice(("1", "2"))
    body = _body(case)
    if body is not None:
        case.body = body


def _body(case: Any) -> Any:
    """A body that is right, or has one thing changed; None where there is nothing to say."""
    method, media_type = case.method.upper(), (case.media_type or "").partition(";")[0]
    type_name = next((part for part in case.path.split("/") if part in resource_types()), "")
    if method == "POST" and media_type == "application/fhir+json" and not type_name and "$" not in case.path:
        return _changed(_bundle())
    if not type_name:
        return None
    resource = {**example(type_name), "id": (case.path_parameters or {}).get("id", "one")}
    if method == "PATCH":
        return _patch(media_type, resource)
    if media_type != "application/fhir+json" or method not in ("POST", "PUT"):
        return None
    return _changed(resource)


def _changed(value: Any) -> Any:
    if _chance.random() < 0.5:
        return value
    text = json.dumps(mutated(_chance, value), ensure_ascii=False, default=str)
    return json.loads(text.encode(errors="replace"))  # schemathesis's own encoder takes no surrogates


def _patch(media_type: str, resource: dict[str, Any]) -> Any:
    member = _chance.choice(sorted(resource))
    value = _changed(resource[member])
    verb = _chance.choice(("add", "replace", "remove", "test", "copy", "move"))
    match media_type:
        case "application/json-patch+json":
            return [{"op": verb, "path": f"/{member}", "value": value, "from": f"/{_chance.choice(sorted(resource))}"}]
        case "application/merge-patch+json":
            return {member: value}
    parts = [
        {"name": "type", "valueCode": _chance.choice(("replace", "delete", "add", "insert", "move"))},
        {"name": "path", "valueString": f"{resource['resourceType']}.{member}"},
        {"name": "name", "valueString": member},
        {"name": "value", "valueString": "x"},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": _chance.sample(parts, 3)}]}


def _bundle() -> dict[str, Any]:
    names = _chance.sample(["Flag", "Slot", "Measure", "Patient", "Questionnaire", "Subscription"], 3)
    entries = []
    for number, name in enumerate(names):
        resource = {**example(name), "id": "one"}
        url = f"{name}/one"
        method = _chance.choice(("POST", "PUT", "DELETE", "GET"))
        entry: dict[str, Any] = {"request": {"method": method, "url": name if method == "POST" else url}}
        if method in ("POST", "PUT"):
            entry |= {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{number}", "resource": resource}
        entries.append(entry)
    return {"resourceType": "Bundle", "type": _chance.choice(("batch", "transaction")), "entry": entries}

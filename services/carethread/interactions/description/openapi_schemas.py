"""The OpenAPI document's schemas: what the values of searches, bodies and answers look like.

A resource's schema is loose: the members that its type has, and JSON's type of each. What FHIR asks beyond that, the
profiles say and the validator checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.fhir.definitions import primitive_types, type_definition
from carethread.core.fhir.search.values import PREFIXES
from carethread.interactions.rest.exchange import MEDIA_TYPE

Json = dict[str, Any]

ID = r"^[A-Za-z0-9\-.]{1,64}$"

INSTANT = r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?"

_NUMBER = r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?"

_PREFIX = f"({'|'.join(PREFIXES)})?"

_SEARCH_VALUES: Mapping[str, str] = {
    "date": _PREFIX + INSTANT,
    "number": _PREFIX + _NUMBER,
    "quantity": _PREFIX + _NUMBER + r"(\|[^|,]*\|[^|,]+)?",
    "token": r"[^,]+",
    "string": r"[^,]+",
    "reference": r"[^,]+",
    "uri": r"[^,]+",
    "composite": r"[^,$]+\$[^,$]+",
}
"""What one value of each search type looks like; a comma joins several."""

_JSON_TYPES: Mapping[str, str] = {
    "boolean": "boolean",
    "integer": "integer",
    "positiveInt": "integer",
    "unsignedInt": "integer",
    "decimal": "number",
}
"""JSON's type of a primitive; the others are strings."""


def ref(kind: str, name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def content(schema: Json, media_type: str = MEDIA_TYPE) -> Json:
    """A body of one media type."""
    return {media_type: {"schema": schema}}


def resource(type_name: str) -> Json:
    members: Json = {"resourceType": {"const": type_name}}
    for element in type_definition(type_name).elements.values():
        for name, code in element.json_names().items():
            members[name] = {"type": "array"} if element.is_list else {"type": _json_type(code)}
    return {"type": "object", "required": ["resourceType"], "properties": members}


def _json_type(code: str) -> str:
    if code in _JSON_TYPES:
        return _JSON_TYPES[code]
    return "string" if code in primitive_types() or code.startswith("http://hl7.org/fhirpath/") else "object"


TEXT: Json = {"type": "string"}

VALUES: Json = {
    f"{kind}.value": {"type": "string", "pattern": f"^{one}(,{one})*$"} for kind, one in _SEARCH_VALUES.items()
}

_STORED: Json = {
    "type": "object",
    "required": ["resourceType", "id", "meta"],
    "properties": {
        "id": {"type": "string", "pattern": ID},
        "meta": {"type": "object", "required": ["versionId", "lastUpdated"]},
    },
}


def _bundle(kind: str) -> Json:
    return {
        "type": "object",
        "required": ["resourceType", "type"],
        "properties": {
            "resourceType": {"const": "Bundle"},
            "type": {"enum": kind.split()},
            "total": {"type": "integer", "minimum": 0},
            "link": {"type": "array", "items": {"type": "object", "required": ["relation", "url"]}},
            "entry": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        },
    }


RESOURCES: Json = {
    "Stored": _STORED,
    "Resource": {"type": "object", "required": ["resourceType"], "properties": {"resourceType": TEXT}},
    "Searchset": _bundle("searchset"),
    "History": _bundle("history"),
    "Answers": _bundle("batch-response transaction-response"),
    "Asked": {
        "type": "object",
        "required": ["resourceType", "type", "entry"],
        "properties": {
            "resourceType": {"const": "Bundle"},
            "type": {"enum": ["batch", "transaction"]},
            "entry": {
                "type": "array",
                "maxItems": 5000,
                "items": {
                    "type": "object",
                    "required": ["request"],
                    "properties": {
                        "fullUrl": TEXT,
                        "resource": ref("schemas", "Resource"),
                        "request": {
                            "type": "object",
                            "required": ["method", "url"],
                            "properties": {
                                "method": {"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]},
                                "url": TEXT,
                            },
                        },
                    },
                },
            },
        },
    },
    "Manifest": {
        "type": "object",
        "required": ["transactionTime", "request", "requiresAccessToken", "output", "error"],
    },
}

PATCHES: Json = {
    "application/json-patch+json": {
        "schema": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["op", "path"],
                "properties": {
                    "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                    "path": {"type": "string"},
                    "from": {"type": "string"},
                },
            },
        }
    },
    **content(ref("schemas", "Parameters")),
    "application/merge-patch+json": {"schema": {"type": "object"}},
}

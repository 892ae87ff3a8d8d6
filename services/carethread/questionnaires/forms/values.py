"""Values of a choice of types, such as `value[x]` and `answer[x]`, by their FHIR types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS = (
    "boolean",
    "decimal",
    "integer",
    "date",
    "dateTime",
    "time",
    "string",
    "uri",
    "Attachment",
    "Coding",
    "Quantity",
    "Reference",
)
"""The types of an answer: http://hl7.org/fhir/R4/questionnaireresponse.html."""

_MEMBERS = {name: {f"{name}{kind[0].upper()}{kind[1:]}": kind for kind in KINDS} for name in ("value", "answer")}

VALUES: Mapping[str, str] = _MEMBERS["value"]
"""The member of an answer, such as `valueCoding`, to its type."""


def typed_value(element: Mapping[str, Any], name: str = "value") -> tuple[str, Any]:
    """The type and the JSON value of `value[x]` (or `answer[x]`); ("", None) where there is none."""
    members = _MEMBERS[name]
    for member, value in element.items():
        if kind := members.get(member):
            return kind, value
    return "", None

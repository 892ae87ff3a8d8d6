"""What a column of a unit says, as a parameter: whatever type SQL gives it. Pure."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

from carethread.core.clock import instant, to_micros
from carethread.core.fhir import json
from carethread.core.fhir.json import Number
from carethread.core.fhir.targets import parse_reference
from carethread.core.fhir.validation.primitives import CONTROL
from carethread.core.ports import Resource
from carethread.metrics.evaluating.asking import REFERS

_WHOLE = 2**63
"""From here on a whole number in JSON is no longer read as it is written."""


def parameter(name: str, value: Any) -> Resource | None:
    """A column of a unit; None where it says nothing."""
    reference = f"{REFERS[name]}/{value}" if name in REFERS else str(value) if name == "resource" else ""
    if value and parse_reference(reference):
        return {"name": name, "valueReference": {"reference": reference}}
    match value:
        case None | "":
            return None
        case bool():
            return {"name": name, "valueBoolean": value}
        case int():
            return {"name": name, "valueDecimal": Number(str(value))}
        case float() if isfinite(value):
            return {"name": name, "valueDecimal": Number(f"{value:.15g}")}
        case Decimal() if isfinite(value):
            return {"name": name, "valueDecimal": Number(f"{value:f}")}
        case datetime():
            return {"name": name, "valueInstant": instant(to_micros(value.replace(tzinfo=UTC)))}
        case date():
            return {"name": name, "valueDate": value.isoformat()}
        case time() if value.tzinfo is None:
            return {"name": name, "valueTime": value.isoformat()}
    return {"name": name, "valueString": CONTROL.sub("\ufffd", _text(_plain(value)))}


def _text(plain: Any) -> str:
    return plain if isinstance(plain, str) else json.render(plain).decode()


def _plain(value: Any) -> Any:
    """A value as JSON has it: a list or a struct by its parts, all else that FHIR has no type for as text."""
    match value:
        case list() | tuple():
            return [_plain(each) for each in value]
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case bool() | str() | None:
            return value
        case int() if -_WHOLE <= value < _WHOLE:
            return value
        case float() if isfinite(value):
            return value
        case bytes() | bytearray():
            return b64encode(value).decode()
    return str(value)

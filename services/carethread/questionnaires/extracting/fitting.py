"""A value of one FHIR type in the place of another: `Coding` where a CodeableConcept stands, `date` where a dateTime
does. Not all types that elements have can be asked for (http://hl7.org/fhir/uv/sdc/extraction.html)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

_TEXTS = frozenset({"string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid"})
_TIMES = frozenset({"date", "dateTime", "instant"})
_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity"})
_WHOLE = frozenset({"integer", "unsignedInt", "positiveInt"})
_NUMBERS = _WHOLE | {"decimal"}

_WRAPPED: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("Coding", "CodeableConcept"): lambda value: {"coding": [value]},
    ("string", "CodeableConcept"): lambda value: {"text": value},
    ("string", "Reference"): lambda value: {"reference": value},
    ("string", "Annotation"): lambda value: {"text": value},
    ("string", "Identifier"): lambda value: {"value": value},
    ("string", "HumanName"): lambda value: {"text": value},
    ("string", "Address"): lambda value: {"text": value},
    ("decimal", "Quantity"): lambda value: {"value": value},
}
"""A value that is one part of the type wanted."""

_PARTS: Mapping[tuple[str, str], str] = {
    ("Coding", "code"): "code",
    ("Coding", "uri"): "system",
    ("Coding", "string"): "display",
    ("CodeableConcept", "string"): "text",
    ("Quantity", "decimal"): "value",
    ("Reference", "string"): "reference",
    ("Reference", "uri"): "reference",
    ("Attachment", "url"): "url",
}
"""A part of a value that is of the type wanted."""

_PREFERRED = ("CodeableConcept", "Quantity", "string", "dateTime", "integer", "boolean", "Reference")
"""Of a choice, which type is tried first where none is the value's own."""


def fitted(kind: str, value: Any, wanted: str) -> Any:
    """The value, of type `kind`, as one of type `wanted`; None where it cannot be one."""
    plain, wanted_plain = _plain(kind), _plain(wanted)
    if plain == wanted_plain:
        return _of_same(value, wanted)
    if (wrap := _WRAPPED.get((plain, wanted_plain))) is not None:
        return wrap(value)
    if (name := _PARTS.get((kind, wanted)) or _PARTS.get((kind, wanted_plain))) is not None:
        return value.get(name)
    if plain == "string":
        return value if wanted_plain in ("dateTime", "time", "base64Binary") else None
    return str(value) if wanted_plain == "string" and plain in ("dateTime", "time", "decimal") else None


def _plain(kind: str) -> str:
    """A type by the one that stands for all that are written alike."""
    if kind in _TEXTS:
        return "string"
    if kind in _TIMES:
        return "dateTime"
    if kind in _QUANTITIES:
        return "Quantity"
    return "decimal" if kind in _NUMBERS else kind


def _of_same(value: Any, wanted: str) -> Any:
    if wanted == "date":
        return value[:10]
    if wanted == "instant":
        return value if "T" in value else None
    if wanted in _WHOLE:
        return int(value) if float(value).is_integer() else None
    return value


def chosen(kind: str, value: Any, types: Collection[str]) -> tuple[str, Any]:
    """Which of the types that an element has takes a value, and the value for it; empty where none does."""
    if kind in types:
        return kind, value
    for wanted in types if len(types) == 1 else [name for name in _PREFERRED if name in types]:
        if (found := fitted(kind, value, wanted)) is not None:
            return wanted, found
    return "", None


def with_unit(kind: str, value: Any, unit: Mapping[str, Any]) -> tuple[str, Any]:
    """A number as the quantity that its unit (a Coding) makes of it."""
    if kind not in _NUMBERS or not unit:
        return kind, value
    named = {"unit": unit.get("display") or unit.get("code"), "system": unit.get("system"), "code": unit.get("code")}
    return "Quantity", {"value": value, **{name: text for name, text in named.items() if text}}

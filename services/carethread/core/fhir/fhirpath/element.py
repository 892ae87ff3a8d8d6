"""What collections hold: FHIR elements with their type, and the plain values that expressions compute with.

A plain (System) value is a bool, int, Decimal, str, Temporal or Quantity; an element becomes one where an operator
needs it. Source: http://hl7.org/fhirpath/N1, section 3; http://hl7.org/fhir/R4/fhirpath.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson

from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.model import keys, members
from carethread.core.fhir.fhirpath.quantity import Quantity, measure
from carethread.core.fhir.fhirpath.temporal import Temporal, parse_date, parse_datetime, parse_time
from carethread.core.fhir.json import Number

Items = list[Any]
"""A collection: Elements and plain values, in order."""

UCUM = "http://unitsofmeasure.org"

_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"})
_TEMPORAL: Mapping[str, Callable[[str], Temporal | None]] = {
    "date": parse_date,
    "dateTime": parse_datetime,
    "instant": parse_datetime,
    "time": parse_time,
}


class Element:
    """A node of a resource: its JSON `value`, its `type` (empty: unknown), and the `_name` object of a primitive."""

    __slots__ = ("extra", "type", "value")

    def __init__(self, value: Any, type_name: str, extra: dict[str, Any] | None = None) -> None:
        self.value = value
        self.type = type_name
        self.extra = extra


def resource_element(resource: dict[str, Any]) -> Element:
    """A resource as the node to start from."""
    return Element(resource, str(resource.get("resourceType", "")))


def child(element: Element, name: str) -> Iterator[Element]:
    """The children of a node that have this name; a choice is found by its stem."""
    value = element.value
    if type(value) is not dict:
        if name in ("id", "extension") and element.extra:
            yield from _spread(element.extra, name, "string" if name == "id" else "Extension")
        return
    slots = members(element.type).get(name)
    if slots is not None:
        for slot in slots:
            if slot.key in value or "_" + slot.key in value:
                yield from _spread(value, slot.key, slot.type)
    elif not members(element.type):
        yield from _spread(value, name, "")


def children(element: Element) -> Iterator[Element]:
    """All children of a node."""
    value = element.value
    if type(value) is not dict:
        for name in ("id", "extension"):
            yield from child(element, name)
        return
    types = keys(element.type)
    seen: set[str] = set()
    for name in value:
        key = name.removeprefix("_")
        if key not in seen and name != "resourceType":
            seen.add(key)
            yield from _spread(value, key, types.get(key, ""))


def _spread(value: dict[str, Any], key: str, type_name: str) -> Iterator[Element]:
    content, extra = value.get(key), value.get("_" + key)
    if type(content) is list or type(extra) is list:
        contents = content if type(content) is list else []
        extras = extra if type(extra) is list else []
        for i in range(max(len(contents), len(extras))):
            item = contents[i] if i < len(contents) else None
            more = extras[i] if i < len(extras) else None
            if item is not None or more is not None:
                yield _element(item, type_name, more)
    elif content is not None or extra is not None:
        yield _element(content, type_name, extra)


def _element(value: Any, type_name: str, extra: Any) -> Element:
    if type(value) is dict and "resourceType" in value and type_name in ("Resource", ""):
        type_name = str(value["resourceType"])
    return Element(value, type_name, extra if type(extra) is dict else None)


def plain(item: Any) -> Any:
    """The plain value of an item; a node that has none stays what it is, a primitive without value is None."""
    if type(item) is not Element:
        return item
    value = item.value
    if type(value) is str:
        parse = _TEMPORAL.get(item.type)
        return (parse(value) or value) if parse else value
    if type(value) is dict:
        return _quantity(value) or item if item.type in _QUANTITIES else item
    if type(value) is list:
        return item
    if isinstance(value, Number):
        return Decimal(value.text)
    if type(value) is float:
        return Decimal(repr(value))
    return Decimal(value) if type(value) is int and item.type == "decimal" else value


def _quantity(value: dict[str, Any]) -> Quantity | None:
    number = value.get("value")
    if not isinstance(number, int | float) or isinstance(number, bool):
        return None
    unit = value.get("code") if value.get("system") == UCUM else value.get("unit") or value.get("code")
    amount = Decimal(number.text if isinstance(number, Number) else repr(number))
    return Quantity(amount, str(unit or "1"))


def is_number(value: Any) -> bool:
    """Whether a plain value is an Integer or a Decimal."""
    return type(value) is int or type(value) is Decimal


def single(items: Items, what: str) -> Any:
    """The one plain value of a collection, None when it is empty. Raises FhirPathEvaluationError for several."""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathEvaluationError(f"{what} takes one item, not {len(items)}.")
    return plain(items[0])


def truth(items: Items, what: str) -> bool | None:
    """A collection as a condition: its boolean, true for any other single item, None when empty."""
    value = single(items, what)
    if value is None:
        return None
    return value if type(value) is bool else True


def key(item: Any) -> Any:
    """Something hashable that is the same for equal items."""
    value = plain(item)
    if type(value) is bool:
        return ("boolean", value)
    if type(value) is Element:
        return ("element", orjson.dumps([value.value, value.extra], default=float, option=orjson.OPT_SORT_KEYS))
    if type(value) is Quantity:
        known = measure(value.unit)
        return ("quantity", value.value * known[0], known[1]) if known else ("quantity", value.value, value.unit)
    if value is None:
        return ("extra", orjson.dumps(item.extra, default=float, option=orjson.OPT_SORT_KEYS))
    return value


def system_type(value: Any) -> str | None:
    """The System type of a plain value; None for an element."""
    if type(value) is Temporal:
        return value.kind
    return _SYSTEM_TYPES.get(type(value))


_SYSTEM_TYPES: Mapping[type, str] = {
    bool: "Boolean",
    int: "Integer",
    Decimal: "Decimal",
    str: "String",
    Quantity: "Quantity",
}

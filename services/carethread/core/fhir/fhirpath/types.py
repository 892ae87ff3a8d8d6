"""`is`, `as`, `ofType` and `type()`: what type an item has.

An unqualified name means FHIR's type, else the System type of that name. `is` accepts what specializes the type; `as`
and `ofType` do so for complex types, but take a primitive only by its own name.
Source: http://hl7.org/fhirpath/N1, section 6.3; http://hl7.org/fhir/R4/fhirpath.html#types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carethread.core.fhir.definitions import primitive_types
from carethread.core.fhir.fhirpath.element import Element, Items, system_type
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.model import ancestry, is_defined

SYSTEM_TYPES = frozenset({"Boolean", "Integer", "Decimal", "String", "Date", "DateTime", "Time", "Quantity"})

Test = Callable[[Any], bool]


def type_test(specifier: str, *, exact: bool) -> Test:
    """Whether an item is of the type that `FHIR.Patient`, `System.String` or `Patient` names.

    `exact` is the rule of `as` and `ofType`. Raises FhirPathEvaluationError for a type that does not exist.
    """
    namespace, _, name = specifier.rpartition(".")
    fhir = namespace in ("", "FHIR") and is_defined(name)
    system = namespace in ("", "System") and name in SYSTEM_TYPES
    if not fhir and not system and namespace != "System":
        raise FhirPathEvaluationError(f"There is no type '{specifier[:64]}'.")
    only_own = exact and name in primitive_types()

    def test(item: Any) -> bool:
        if type(item) is Element:
            return fhir and (item.type == name or (not only_own and name in ancestry(item.type)))
        return system and system_type(item) == name

    return test


def of_type(items: Items, test: Test) -> Items:
    """Those items that pass."""
    return [item for item in items if test(item)]


def type_info(item: Any) -> Element:
    """The namespace and name of an item's type, as an element with these two children."""
    if type(item) is Element:
        own = ancestry(item.type)[1] if "#" in item.type else item.type
        return Element({"namespace": "FHIR", "name": own}, "")
    return Element({"namespace": "System", "name": system_type(item)}, "")

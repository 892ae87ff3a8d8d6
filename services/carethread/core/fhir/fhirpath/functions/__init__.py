"""The functions of FHIRPath by name, in modules by what they are about.

Source: http://hl7.org/fhirpath/N1, section 5; http://hl7.org/fhir/R4/fhirpath.html#functions.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.fhir.fhirpath.functions import (
    boundaries,
    collections,
    conversion,
    fhir,
    mathematics,
    navigation,
    rowkeys,
    strings,
)
from carethread.core.fhir.fhirpath.functions.kinds import Closure, Eager, Function, Lazy, Named

GROUPS: Mapping[str, Mapping[str, Function]] = {
    "Existence, filtering, subsetting, combining": collections.FUNCTIONS,
    "Tree navigation, trace, time": navigation.FUNCTIONS,
    "Conversion": conversion.FUNCTIONS,
    "Strings": strings.FUNCTIONS,
    "Mathematics": mathematics.FUNCTIONS,
    "Boundaries of precision": boundaries.FUNCTIONS,
    "FHIR's own": fhir.FUNCTIONS,
    "SQL on FHIR": rowkeys.FUNCTIONS,
}
"""The functions by what they are about."""

FUNCTIONS: Mapping[str, Function] = {name: function for table in GROUPS.values() for name, function in table.items()}
"""Name to implementation; `is`, `as` and `ofType` take a type and belong to the compiler."""

TYPE_FUNCTIONS = ("is", "as", "ofType")

__all__ = ["FUNCTIONS", "GROUPS", "TYPE_FUNCTIONS", "Closure", "Eager", "Function", "Lazy", "Named"]

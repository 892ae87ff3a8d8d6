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
    strings,
)
from carethread.core.fhir.fhirpath.functions.kinds import Closure, Eager, Function, Lazy

FUNCTIONS: Mapping[str, Function] = {
    **collections.FUNCTIONS,
    **navigation.FUNCTIONS,
    **conversion.FUNCTIONS,
    **strings.FUNCTIONS,
    **mathematics.FUNCTIONS,
    **boundaries.FUNCTIONS,
    **fhir.FUNCTIONS,
}
"""Name to implementation; `is`, `as` and `ofType` take a type and belong to the compiler."""

__all__ = ["FUNCTIONS", "Closure", "Eager", "Function", "Lazy"]

"""FHIRPath: one evaluator, compiled to closures, over parsed JSON; it does no I/O.

`compile` reads an expression once; `Expression` applies it. `Budget` bounds what comes from outside.
Source: http://hl7.org/fhirpath/N1; http://hl7.org/fhir/R4/fhirpath.html.
"""

from carethread.core.fhir.fhirpath.element import Element
from carethread.core.fhir.fhirpath.errors import (
    BudgetExceeded,
    FhirPathError,
    FhirPathEvaluationError,
    FhirPathSyntaxError,
)
from carethread.core.fhir.fhirpath.expression import Expression, compile
from carethread.core.fhir.fhirpath.functions.declared import Declared, functions
from carethread.core.fhir.fhirpath.quantity import Quantity
from carethread.core.fhir.fhirpath.scope import Budget, Purse
from carethread.core.fhir.fhirpath.temporal import Temporal

__all__ = [
    "Budget",
    "BudgetExceeded",
    "Declared",
    "Element",
    "Expression",
    "FhirPathError",
    "FhirPathEvaluationError",
    "FhirPathSyntaxError",
    "Purse",
    "Quantity",
    "Temporal",
    "compile",
    "functions",
]

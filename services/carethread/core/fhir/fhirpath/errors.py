"""What can go wrong with an expression: it cannot be read, it cannot be applied, or it would cost too much."""

from __future__ import annotations

from carethread.core.errors import Malformed, TooCostly


class FhirPathError(Malformed):
    """The root of what is wrong with an expression itself; never carries the resource's content."""

    code = "invalid"


class FhirPathSyntaxError(FhirPathError):
    """The text is not FHIRPath, or names a function that does not exist."""


class FhirPathEvaluationError(FhirPathError):
    """The expression was applied to something it does not fit, such as `single()` to two items."""


class BudgetExceeded(TooCostly):
    """The expression is longer, deeper or takes more steps than its budget allows."""

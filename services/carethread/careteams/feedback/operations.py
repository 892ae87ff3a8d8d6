"""The operations of feedback, on Task; see fhir_profiles/OperationDefinition/task-*.json."""

from __future__ import annotations

from carethread.careteams.feedback import coding, reporting, resolving, reviewing
from carethread.core.service import Operation

_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/Task-"

OPERATIONS = (
    Operation(
        "resolve-feedback", "Task", ("instance",), f"{_DEFINITION}resolve-feedback", resolving.resolve, True,
        parameters=resolving.TAKES,
    ),
    Operation(
        "code-comment", "Task", ("instance",), f"{_DEFINITION}code-comment", coding.code_comment, True,
        parameters=coding.TAKES,
    ),
    Operation(
        "close-feedback-review", "Task", ("instance",), f"{_DEFINITION}close-feedback-review", reviewing.close_review,
        True, parameters=reviewing.TAKES,
    ),
    Operation(
        "feedback-loop", "Task", ("type",), f"{_DEFINITION}feedback-loop", reporting.loop, parameters=reporting.TAKES
    ),
    Operation(
        "feedback-themes", "Task", ("type",), f"{_DEFINITION}feedback-themes", reporting.of_themes,
        parameters=reporting.TAKES,
    ),
)  # fmt: skip

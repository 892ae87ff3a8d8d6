"""OperationOutcome, built in this one place. Source: http://hl7.org/fhir/R4/operationoutcome.html."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carethread.core.errors import FhirError, Issue
from carethread.core.fhir import json

DETAILS = "https://carethread.dev/fhir/CodeSystem/conflict"
"""The codes of `Issue.detail`."""


def operation_outcome(issues: Sequence[Issue]) -> dict[str, Any]:
    """The resource that says what was wrong, where, and what is allowed."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def _issue(issue: Issue) -> dict[str, Any]:
    out: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if issue.detail:
        out["details"] = {"coding": [{"system": DETAILS, "code": issue.detail}]}
    out["diagnostics"] = issue.diagnostics
    if issue.expression:
        out["expression"] = [issue.expression]
    return out


def outcome_bytes(error: FhirError) -> bytes:
    """An error as the JSON of its OperationOutcome."""
    return json.render(operation_outcome(error.issues))


def bounded(outcome: bytes, most: int) -> bytes:
    """An OperationOutcome with as many of its first issues as fit into so many bytes, and how many more there are."""
    if len(outcome) <= most:
        return outcome
    issues = json.parse_object(outcome)["issue"]
    kept: list[dict[str, Any]] = []
    size = 200  # what stands around them
    for issue in issues:
        size += len(json.render(issue)) + 1
        if size > most:
            break
        kept.append(issue)
    more = Issue("informational", f"{len(issues) - len(kept)} more issues are left out.", severity="information")
    return json.render({"resourceType": "OperationOutcome", "issue": [*kept, _issue(more)]})

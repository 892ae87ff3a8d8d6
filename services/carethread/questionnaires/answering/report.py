"""What is found wrong with a response: all of it, bounded; some of it is only not finished yet while it is a draft.

Source: http://hl7.org/fhir/uv/sdc/validation.html: what is not complete may be kept though rules are not met.
"""

from __future__ import annotations

from carethread.core.errors import Issue

MOST_ISSUES = 1000

DRAFTS = ("in-progress", "stopped")
"""Statuses of a response that nobody has called complete."""


class Report:
    """Issues in the order in which they are found. `draft`: of a response that is not complete."""

    def __init__(self, *, draft: bool) -> None:
        self.draft = draft
        self._issues: list[Issue] = []
        self._more = 0
        self._severity = "information"

    def add(self, code: str, path: str, told: str, severity: str = "error", *, later: bool = False) -> None:
        """One issue. What is wrong `later` only, once the response is complete, is a warning in a draft."""
        if later and self.draft and severity == "error":
            severity = "warning"
        if len(self._issues) < MOST_ISSUES:
            self._issues.append(Issue(code, told, path, severity))
            return
        self._more += 1
        if severity == "error":
            self._severity = severity

    def issues(self) -> list[Issue]:
        if not self._more:
            return self._issues
        told = f"{self._more} more issues were found; these are the first {MOST_ISSUES}."
        return [*self._issues, Issue("informational", told, "QuestionnaireResponse", self._severity)]

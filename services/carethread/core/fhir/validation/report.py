"""Where a validation stands and what it has found; a path becomes text only when something is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from carethread.core.errors import Issue

Place = tuple["Place | None", str, int | None]
"""An element: its parent, its name and, in an array, its index. The root has no parent."""

MAX_ISSUES = 1000
"""More than anyone reads; the rest is counted in one closing issue, so that a hostile body costs little."""

_MAX_SUGGESTIONS = 20
_MAX_NAME = 64


class Run:
    """One validation: the issues found, the resource whose `contained` a `#id` means, and what was asked for."""

    __slots__ = ("_dropped", "_suggested", "container", "informational", "issues")

    def __init__(self, informational: bool) -> None:
        self.issues: list[Issue] = []
        self.informational = informational
        self.container: dict[str, Any] = {}
        self._dropped = 0
        self._suggested = 0

    def add(self, code: str, place: Place, diagnostics: str, severity: str = "error") -> None:
        if len(self.issues) >= MAX_ISSUES:
            self._dropped += 1
        else:
            self.issues.append(Issue(code, diagnostics, expression(place), severity))

    def suggestion(self, name: str, allowed: Iterable[str]) -> str:
        """The allowed name nearest to a wrong one, as a sentence; finding it is slow, so only for the first few."""
        self._suggested += 1
        if self._suggested > _MAX_SUGGESTIONS:
            return ""
        nearest = difflib.get_close_matches(name[:_MAX_NAME], allowed, 1)
        return f" Did you mean '{nearest[0]}'?" if nearest else ""

    def finish(self, root: Place) -> list[Issue]:
        if self._dropped:
            text = f"{self._dropped} more issues were found; these are the first {MAX_ISSUES}."
            self.issues.append(Issue("informational", text, expression(root), "information"))
        return self.issues


def expression(place: Place) -> str:
    """The FHIRPath of an element: `Appointment.participant[0].status`."""
    steps: list[str] = []
    at: Place | None = place
    while at is not None:
        at, name, index = at
        steps.append(name if index is None else f"{name}[{index}]")
    return ".".join(reversed(steps))


def step(name: Any) -> str:
    """A member name that comes from outside as a FHIRPath step: bounded, printable, delimited where it must be."""
    text = str(name)[:_MAX_NAME].encode("ascii", "backslashreplace").decode()
    return text if text.isidentifier() else "`" + text.replace("`", "\\`") + "`"

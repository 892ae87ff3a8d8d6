"""What comments are about, counted: how many have which theme, and what has changed since the time before. Pure.

A theme is what a person has coded a comment as, by https://carethread.dev/fhir/CodeSystem/feedback-theme: the domains
and problems of the Healthcare Complaints Analysis Tool (https://doi.org/10.1136/bmjqs-2015-004596), praise, and other.
A comment may have several. Small counts are not told: few are easily recognised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.careteams.feedback.terms import SEVERITIES, SEVERITY, THEME, THEMES, coded, outputs
from carethread.core.ports import Resource

ALL = (
    "care", "safety", "environment", "waiting", "access", "coordination", "costs", "listening", "communication",
    "respect", "praise", "other",
)  # fmt: skip
"""The codes of the CodeSystem, in its order."""

SEVERE = ("none", "low", "medium", "high")
"""The codes of https://carethread.dev/fhir/CodeSystem/feedback-severity, in order."""

LEAST = 5
"""The least count that is told; of fewer, but of none, it is only told that they are fewer."""


@dataclass(frozen=True, slots=True)
class Themes:
    """How many comments there were, how many of them nobody has coded, how many are of high severity, and how many
    have each theme."""

    comments: int
    uncoded: int
    severe: int
    of: Mapping[str, int]


def themes(tasks: Iterable[Resource]) -> Themes:
    """The themes of comments, by the Tasks by which they are coded."""
    standing = [task for task in tasks if task["status"] != "cancelled"]
    done = [task for task in standing if task["status"] == "completed"]
    found = Counter(code for task in done for code in sorted(_codes(task, THEME, THEMES)))
    severe = sum("high" in _codes(task, SEVERITY, SEVERITIES) for task in done)
    return Themes(len(standing), len(standing) - len(done), severe, {code: found[code] for code in ALL if found[code]})


def _codes(task: Resource, part: str, system: str) -> set[str]:
    return {code for each in outputs(task, part) for code in coded(each.get("valueCodeableConcept"), system)}


def told(count: int) -> int | None:
    """A count as it is told; None: it is too small to be."""
    return count if count == 0 or count >= LEAST else None


def counted(count: int) -> dict[str, Any]:
    """A count as a value of FHIR; a small one as what it is less than."""
    number = told(count)
    return {"valueUnsignedInt": number} if number is not None else {"valueString": f"<{LEAST}"}


def changes(now: Themes, before: Themes) -> dict[str, int]:
    """By how much the counts of themes have changed, of those that can be told both times."""
    both: Sequence[tuple[str, int | None, int | None]] = [
        (code, told(now.of.get(code, 0)), told(before.of.get(code, 0))) for code in ALL
    ]
    return {code: a - b for code, a, b in both if a is not None and b is not None and (a or b)}

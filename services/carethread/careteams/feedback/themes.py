"""What comments are about, counted: how many have which theme, and what has changed since the time before. Pure.

A theme is what a person has coded a comment as, by https://carethread.dev/fhir/CodeSystem/feedback-theme: the domains
and problems of the Healthcare Complaints Analysis Tool (https://doi.org/10.1136/bmjqs-2015-004596), praise, and other.
A comment may have several. Small counts are not told: few are easily recognised. Where numbers of few people are not
told at all, `people` says who stands behind each Task, and what follows from another number is not told either, nor
what follows of a department from those of the `others`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from carethread.careteams.feedback.hiding import NOBODY, Others, Standing, masked_apart, masked_themes_apart
from carethread.careteams.feedback.terms import SEVERITIES, SEVERITY, THEME, THEMES, coded, outputs
from carethread.core.few import MASKED
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

COMMENTS, UNCODED, SEVERITY_HIGH = "comments", "uncoded", "severe"
_CODED = "coded"
_WHOLES = ((_CODED,), (COMMENTS, _CODED))
"""What all comments with a theme count in; both, where how many have none is not told."""

_SPLITS = ((COMMENTS, frozenset({COMMENTS})), (COMMENTS, frozenset({UNCODED, SEVERITY_HIGH})))


@dataclass(frozen=True, slots=True)
class Themes:
    """How many comments there were, how many of them nobody has coded, how many are of high severity, and how many
    have each theme. `masked` are those of these numbers that are not told, by name or theme."""

    comments: int
    uncoded: int
    severe: int
    of: Mapping[str, int]
    masked: Set[str] = frozenset()

    def counts(self) -> dict[str, int]:
        """The numbers of all comments, by name."""
        return {COMMENTS: self.comments, UNCODED: self.uncoded, SEVERITY_HIGH: self.severe}

    def told(self, theme: str) -> int | None:
        """How many have a theme; None: that is not told."""
        return None if theme in self.masked else told(self.of.get(theme, 0))


def themes(
    tasks: Sequence[Resource], people: Sequence[str] = (), others: Others = NOBODY, department: str = ""
) -> Themes:
    """The themes of comments, by the Tasks by which they are coded; `people` where few are not told, and where they are
    one department's the Tasks and people of each of the others."""
    counting = [_counting(task) for task in tasks]
    found = Counter(name for names in counting for name in names)
    of = {code: found[code] for code in ALL if found[code]}
    hides = frozenset[str]()
    if people:
        apart: dict[str, list[Standing]] = {department: list(zip(people, counting, strict=True))}
        for each, (some, whose) in others.items():
            apart[each] = list(zip(whose, map(_counting, some), strict=True))
        hidden = masked_apart(apart, _SPLITS)
        given = {name for of_one in apart.values() for _, names in of_one for name in names}
        there = [code for code in ALL if code in given]
        wholes = {each: () if COMMENTS in hides else _WHOLES[UNCODED in hides] for each, hides in hidden.items()}
        hides = frozenset(hidden[department] | masked_themes_apart(apart, there, wholes)[department])
    return Themes(found[COMMENTS], found[UNCODED], found[SEVERITY_HIGH], of, hides)


def _counting(task: Resource) -> frozenset[str]:
    """The numbers that count a Task."""
    if task["status"] == "cancelled":
        return frozenset()
    if task["status"] != "completed":
        return frozenset({COMMENTS, UNCODED})
    severe = {SEVERITY_HIGH} if "high" in _codes(task, SEVERITY, SEVERITIES) else set[str]()
    return frozenset({COMMENTS, _CODED} | severe | _codes(task, THEME, THEMES) & set(ALL))


def _codes(task: Resource, part: str, system: str) -> set[str]:
    return {code for each in outputs(task, part) for code in coded(each.get("valueCodeableConcept"), system)}


def told(count: int) -> int | None:
    """A count as it is told; None: it is too small to be."""
    return count if count == 0 or count >= LEAST else None


def counted(count: int, *, masked: bool = False) -> dict[str, Any]:
    """A count as a value of FHIR; a small one as what it is less than, one that is masked without a value."""
    if masked:
        return {"_valueUnsignedInt": MASKED}
    number = told(count)
    return {"valueUnsignedInt": number} if number is not None else {"valueString": f"<{LEAST}"}


def changes(now: Themes, before: Themes) -> dict[str, int]:
    """By how much the counts of themes have changed, of those that can be told both times."""
    both: Sequence[tuple[str, int | None, int | None]] = [(code, now.told(code), before.told(code)) for code in ALL]
    return {code: a - b for code, a, b in both if a is not None and b is not None and (a or b)}

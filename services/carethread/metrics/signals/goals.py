"""What a department wants a measure to be: a Goal of the department, of which a target names the Measure.

Goals are the practice's own and change without the Measure, which comes with the installation; R4's Goal may be an
organization's, so that nothing of its own is needed but the Measure's canonical (extension `goal-measure`). Who has
expressed it answers for the number. Source: http://hl7.org/fhir/R4/goal.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from carethread.core.fhir import json
from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES

GOAL_MEASURE = PROFILES + "goal-measure"

_PURSUED = ("accepted", "active", "on-hold")
_MOST = 1000
_OWNERS = ("Practitioner", "PractitionerRole")


@dataclass(frozen=True, slots=True)
class Target:
    """A goal (`Goal/1`) of a department: from `low` to `high`, of which either may be open; `strict` leaves these two
    out. `owner` is a reference, or empty."""

    department: str
    goal: str
    low: float | None
    high: float | None
    strict: bool
    owner: str

    def met(self, value: float | None) -> bool | None:
        """Whether a number is as it is wanted; None for that of nobody, or where nothing is said of it."""
        if value is None or (self.low is None and self.high is None):
            return None
        if self.strict and value in (self.low, self.high):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def pursued(session: Session) -> list[Resource]:
    """The goals of departments that are pursued."""
    query = parse_query("Goal", [("lifecycle-status", ",".join(_PURSUED))])
    return [json.restore(each.body) for each in session.search(query, _MOST).matches]


def targets(goals: Sequence[Resource], canonical: str, notation: Resource | None, base: str) -> dict[str, Target]:
    """The targets of departments for a Measure (its canonical with version), of several of one the last by id.

    A number without comparator is the least that is wanted, or the most where the Measure improves by decreasing.
    """
    decreases = "decrease" in at(notation or {}, "coding.code")
    ordered = sorted(goals, key=lambda goal: str(goal["id"]))
    return {each.department: each for goal in ordered for each in _of(goal, canonical, base, decreases=decreases)}


def _of(goal: Resource, canonical: str, base: str, *, decreases: bool) -> Iterator[Target]:
    whose = [id_ for kind, id_ in keys_at(goal, "subject", base) if kind == "Organization"]
    if not whose or goal.get("lifecycleStatus") not in _PURSUED:
        return
    owner = next((f"{kind}/{id_}" for kind, id_ in keys_at(goal, "expressedBy", base) if kind in _OWNERS), "")
    for target in goal.get("target", ()):
        named = extension(target, GOAL_MEASURE).get("valueCanonical", "")
        if named in (canonical, canonical.partition("|")[0]):
            low, high, strict = _bounds(target, decreases=decreases)
            yield Target(whose[0], f"Goal/{goal['id']}", low, high, strict, owner)


def _bounds(target: Mapping[str, Resource], *, decreases: bool) -> tuple[float | None, float | None, bool]:
    if wanted := target.get("detailRange"):
        return _number(wanted.get("low")), _number(wanted.get("high")), False
    quantity = target.get("detailQuantity")
    number, comparator = _number(quantity), (quantity or {}).get("comparator", "<=" if decreases else ">=")
    low, high = (None, number) if comparator.startswith("<") else (number, None)
    return low, high, comparator in ("<", ">")


def _number(quantity: Resource | None) -> float | None:
    if not quantity or "value" not in quantity:
        return None
    percent = "%" in (quantity.get("code"), quantity.get("unit"))
    return float(quantity["value"]) / (100 if percent else 1)


def is_of_department(goal: Resource) -> bool:
    """Whether a Goal is an organization's, so that it is looked at here."""
    return any(kind == "Organization" for kind, _ in keys_at(goal, "subject"))

"""Who becomes somebody's navigator: of those with a free place the first by department, continuity, language and room.

Pure. Each reason outweighs all that come after it, so that the sum of the weights is the order; of equals the one with
the lowest reference is taken, so that the same facts always lead to the same person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DEPARTMENT, CONTINUITY, LANGUAGE, ROOM = 8, 4, 2, 1
"""Points; each is more than those behind it together, for a room is never a whole point (nobody has endless places)."""

_ALL = DEPARTMENT + CONTINUITY + LANGUAGE + ROOM


@dataclass(frozen=True, slots=True)
class Navigator:
    """A PractitionerRole that is a navigator now, with how many people it may have, and has."""

    role: str
    practitioner: str
    department: str
    limit: int
    load: int
    languages: frozenset[str] = frozenset()

    @property
    def free(self) -> int:
        return max(0, self.limit - self.load)


@dataclass(frozen=True, slots=True)
class Need:
    """Somebody who needs a navigator: their department, language, and who knows them (roles and practitioners)."""

    patient: str
    department: str = ""
    language: str = ""
    before: frozenset[str] = frozenset()
    """Who was their navigator before."""
    team: frozenset[str] = frozenset()
    """Who is on their care team."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is chosen. `weight` is a share of 1."""

    code: str
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The one who is chosen, and why."""

    navigator: Navigator
    reasons: tuple[Reason, ...]

    @property
    def score(self) -> float:
        return sum(each.weight for each in self.reasons)


def choose(need: Need, navigators: Iterable[Navigator]) -> Choice | None:
    """The navigator for somebody; None where nobody has a free place."""
    found = [Choice(each, tuple(_reasons(need, each))) for each in navigators if each.free]
    return min(found, key=lambda each: (-each.score, each.navigator.role), default=None)


def _reasons(need: Need, navigator: Navigator) -> Iterable[Reason]:
    names = {navigator.role, navigator.practitioner} - {""}
    if need.department and navigator.department == need.department:
        yield _reason("department", "Is of the same department.", DEPARTMENT)
    if names & need.before:
        yield _reason("continuity", "Was their navigator before.", CONTINUITY)
    elif names & need.team:
        yield _reason("continuity", "Is on their care team.", CONTINUITY)
    if need.language and main_language(need.language) in {main_language(each) for each in navigator.languages}:
        yield _reason("language", "Speaks their language.", LANGUAGE)
    share = navigator.free / (navigator.limit + 1)
    yield _reason("room", f"Has {navigator.free} of {navigator.limit} places free.", ROOM * share)


def _reason(code: str, text: str, points: float) -> Reason:
    return Reason(code, text, round(points / _ALL, 6))


def main_language(tag: str) -> str:
    """The language of a tag without region or script (BCP 47): `de` of `de-CH`."""
    return tag.partition("-")[0].lower()

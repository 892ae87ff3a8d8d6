"""Which proposal suits best, and why: a table of weighted reasons. Pure.

Each reason says how far it holds, from 0 to 1; those that have nothing to do with the person do not count. The score is
the weighted mean, so it too is 0 to 1, and the shares that a proposal's reasons have in it sum up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

from carethread.core.moments import DAY
from carethread.core.ports import Key
from carethread.scheduling.finding.asking import Token
from carethread.scheduling.finding.suiting import says
from carethread.scheduling.finding.windows import Span, inside

_REMOTE = ("modality|video", "modality|phone", "modality|home")
_EARTH_KM = 6371.0

_NEAR_KM = 10.0
"""At this distance travel counts half."""

_SOON_DAYS = 7.0
"""After this wait, being soon counts half."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: `position` is latitude and longitude in degrees; texts are empty where they are not known."""

    position: tuple[float, float] | None = None
    postal_code: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is known of the person, and what they would like."""

    now: int
    carers: frozenset[Key] = frozenset()
    seen: frozenset[Key] = frozenset()
    preferred: Sequence[Span] | None = None
    modality: str = ""
    languages: frozenset[str] = frozenset()
    gender: str = ""
    reasons: Sequence[Token] = ()
    home: Place | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a proposal: when it is, what its slots are for, and who and where the actors are."""

    begin: int
    end: int
    kinds: str = ""
    actors: frozenset[Key] = frozenset()
    languages: frozenset[str] = frozenset()
    genders: frozenset[str] = frozenset()
    places: tuple[Place, ...] = field(default=())


class Reason(NamedTuple):
    """Why a proposal ranks where it does; `weight` is its share of the score."""

    code: str
    text: str
    weight: float


Degree = Callable[[Wishes, Facts], float | None]
"""How far a reason holds, 0 to 1; None where it has nothing to do with the person."""


def _continuity(wishes: Wishes, facts: Facts) -> float | None:
    return float(bool(wishes.carers & facts.actors)) if wishes.carers else None


def _seen(wishes: Wishes, facts: Facts) -> float | None:
    return float(bool(wishes.seen & facts.actors)) if wishes.seen else None


def _preferred_time(wishes: Wishes, facts: Facts) -> float | None:
    return None if wishes.preferred is None else float(inside(wishes.preferred, facts.begin, facts.end))


def _modality(wishes: Wishes, facts: Facts) -> float | None:
    return float(f" modality|{wishes.modality} " in facts.kinds) if wishes.modality else None


def _language(wishes: Wishes, facts: Facts) -> float | None:
    return float(bool(wishes.languages & facts.languages)) if wishes.languages else None


def _gender(wishes: Wishes, facts: Facts) -> float | None:
    return float(wishes.gender in facts.genders) if wishes.gender else None


def _reason(wishes: Wishes, facts: Facts) -> float | None:
    return float(says(facts.kinds, wishes.reasons)) if wishes.reasons else None


def _travel(wishes: Wishes, facts: Facts) -> float | None:
    if wishes.home is None:
        return None
    if any(f" {kind} " in facts.kinds for kind in _REMOTE):
        return 1.0
    return max((_nearness(wishes.home, place) for place in facts.places), default=0.0)


def _waiting(wishes: Wishes, facts: Facts) -> float | None:
    return 1 / (1 + max(facts.begin - wishes.now, 0) / DAY / _SOON_DAYS)


def _nearness(home: Place, place: Place) -> float:
    if home.position and place.position:
        return 1 / (1 + kilometres(home.position, place.position) / _NEAR_KM)
    if home.postal_code and home.postal_code == place.postal_code:
        return 1.0
    return 0.5 if home.city and home.city == place.city else 0.0


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The distance of two points by latitude and longitude, as the crow flies."""
    north, south = radians(one[0]), radians(other[0])
    half = sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(radians(other[1] - one[1]) / 2) ** 2
    return 2 * _EARTH_KM * asin(sqrt(min(half, 1.0)))


REASONS: Sequence[tuple[str, int, str, Degree]] = (
    ("continuity", 30, "With somebody of the person's care team", _continuity),
    ("preferred-time", 20, "At a time that is preferred", _preferred_time),
    ("waiting", 15, "Soon", _waiting),
    ("seen-before", 10, "With somebody whom the person has seen before", _seen),
    ("language", 10, "In a language that the person speaks", _language),
    ("travel", 10, "Not far to go", _travel),
    ("modality", 10, "In the way that is preferred", _modality),
    ("reason", 10, "Made for the reason that is given", _reason),
    ("gender", 5, "With a clinician of the gender that is preferred", _gender),
)
"""Code, weight, what it says, and how far it holds."""


def rank(wishes: Wishes, facts: Facts) -> tuple[float, list[Reason]]:
    """The score of a proposal, 0 to 1, and its reasons, the weightiest first."""
    holds = [(code, weight, text, degree(wishes, facts)) for code, weight, text, degree in REASONS]
    known = [(code, weight, text, degree) for code, weight, text, degree in holds if degree is not None]
    whole = sum(weight for _, weight, _, _ in known)
    reasons = [Reason(code, text, weight * degree / whole) for code, weight, text, degree in known if degree > 0]
    return sum(reason.weight for reason in reasons), sorted(reasons, key=lambda reason: (-reason.weight, reason.code))

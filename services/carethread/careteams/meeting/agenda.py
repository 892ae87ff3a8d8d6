"""The order of a huddle's agenda: one item for each person, whoever needs it most first. Pure.

The same reasons give the same agenda, in whatever order they are found. Moments are microseconds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from carethread.careteams.meeting.weights import MOST, NEW, WEIGHTS


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a person (`Patient/1`) is on the agenda: a kind of `weights.WEIGHTS`, what it is about (`Task/1`), and since
    when."""

    person: str
    kind: str
    about: str
    since: int


@dataclass(frozen=True, slots=True)
class Item:
    """A person on the agenda, with what speaks for them, what counts most first."""

    person: str
    score: int
    reasons: tuple[Reason, ...]


def ordered(reasons: Iterable[Reason], since: int) -> list[Item]:
    """The agenda; what came to be after `since` is new. Of equals the one who has waited longest comes first."""
    of: dict[str, set[Reason]] = defaultdict(set)
    for reason in reasons:
        of[reason.person].add(reason)
    items = [Item(person, _score(found, since), tuple(sorted(found, key=_weight))) for person, found in of.items()]
    return sorted(items, key=lambda item: (-item.score, min(each.since for each in item.reasons), item.person))


def _score(reasons: Iterable[Reason], since: int) -> int:
    found = list(reasons)
    counted = Counter(each.kind for each in found)
    new = {each.kind for each in found if each.since > since}
    return sum(WEIGHTS[kind].points * min(number, MOST) for kind, number in counted.items()) + NEW * len(new)


def _weight(reason: Reason) -> tuple[int, str, int, str]:
    return -WEIGHTS[reason.kind].points, reason.kind, reason.since, reason.about

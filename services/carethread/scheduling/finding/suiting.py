"""What a slot is for and where it is, and whether that suits: services, kind of visit, modality, place. Pure.

`kinds` is the text that `Opening` has: ` system|code modality|phone place:wing silent:specialty `. Of what a slot is
silent its Schedule speaks. One that says nothing of a matter suits beside another that says what is wanted; by itself
it does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from carethread.core.ports import Key
from carethread.scheduling.finding.asking import Asked, Token

_MODALITY, _PLACE, _SILENT = "modality|", "place:", "silent:"
_INHERITED = {"service-type": "serviceType", "specialty": "specialty"}
"""What a slot may leave to its Schedule, by the parameter that asks for it."""

REASON = "reason"
"""The element of a criterion about why somebody comes."""

_OF_OTHER_MATTERS = (_MODALITY, _PLACE, _SILENT)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the tokens, or one of the modalities, is wanted.

    `element` is what a slot may leave to its Schedule to say, `heirs` are the Schedules that say it. For a `REASON` is
    what is so by its Schedule, whatever the slot says.
    """

    tokens: Sequence[Token] = ()
    modalities: Sequence[str] = ()
    element: str = ""
    heirs: frozenset[str] = frozenset()

    def met(self, kinds: str) -> bool:
        """Whether the slot says what is wanted."""
        if self.modalities:
            return any(f" {_MODALITY}{each} " in kinds for each in self.modalities)
        return any(_says(kinds, token) for token in self.tokens)

    def inherited(self, kinds: str) -> frozenset[str]:
        """The Schedules that say what is wanted where the slot is silent."""
        return self.heirs if self.is_left_by(kinds) else frozenset()

    def is_left_by(self, kinds: str) -> bool:
        """Whether the slot leaves it to its Schedule."""
        return self.element == REASON or (bool(self.element) and f" {_SILENT}{self.element} " in kinds)

    def open(self, kinds: str) -> bool:
        """Whether the slot says nothing of it."""
        if self.modalities:
            return f" {_MODALITY}" not in kinds
        return all(kind.startswith(_OF_OTHER_MATTERS) for kind in kinds.split())


@dataclass(frozen=True, slots=True)
class Need:
    """What at least one of those who take part is: of one of these Schedules, or one of these actors.

    `places`, of a need that is about where they meet: the ids of the Locations that will do. A slot that is at a place
    of its own is nowhere else, wherever its Schedule is. None: it is about who they are.
    """

    schedules: frozenset[str]
    actors: frozenset[Key] = frozenset()
    places: frozenset[str] | None = None

    def met(self, kinds: str, schedule: str) -> bool:
        """Whether a slot of the Schedule is what is needed."""
        place = place_of(kinds)
        return schedule in self.schedules if self.places is None or not place else place in self.places


class Source(NamedTuple):
    """Slots that suit: of these Schedules, for these purposes by their numbers; None: any."""

    schedules: frozenset[str] | None = None
    purposes: Collection[int] | None = None


def place_of(kinds: str) -> str:
    """The id of the Location that is the slot's own place; empty: it is where its Schedule is."""
    return kinds.partition(f" {_PLACE}")[2].partition(" ")[0]


def _says(kinds: str, token: Token) -> bool:
    if token.system is None:
        return f"|{token.code} " in kinds
    return f" {token.system}|{token.code} " in kinds if token.code else f" {token.system}|" in kinds


def says(kinds: str, tokens: Iterable[Token]) -> bool:
    """Whether a slot is for one of these."""
    return any(_says(kinds, token) for token in tokens)


def criteria_of(asked: Asked) -> list[Criterion]:
    """What is wanted of the slots."""
    found = [Criterion(tuple(group), element=_INHERITED.get(name, "")) for name, group in asked.kinds.items()]
    return [*found, *([Criterion(modalities=tuple(asked.modalities))] if asked.modalities else [])]


def sources(
    purposes: Mapping[int, str], criteria: Sequence[Criterion], needs: Sequence[Need], *, alone: bool
) -> list[Source]:
    """Where slots that suit are to be found, no slot in two of them.

    `purposes` are all that there are, by their numbers; `needs` are what a slot that is `alone` has to meet by itself.
    """
    found: dict[frozenset[str] | None, set[int]] = {}
    for number, kinds in purposes.items():
        among = _among(kinds, criteria, needs, alone)
        if among is None or among:
            found.setdefault(among, set()).add(number)
    if len(found) == 1 and len(purposes) == sum(map(len, found.values())):
        return [Source(among) for among in found]
    return [Source(among, numbers) for among, numbers in found.items()]


def _among(kinds: str, criteria: Iterable[Criterion], needs: Iterable[Need], alone: bool) -> frozenset[str] | None:
    """The Schedules of which slots of a purpose suit; None: any."""
    bounds = [each.inherited(kinds) for each in criteria if not (each.met(kinds) or (not alone and each.open(kinds)))]
    place = place_of(kinds)
    for need in needs:
        if need.places is None or not place:
            bounds.append(need.schedules)
        elif place not in need.places:
            return frozenset()
    return frozenset.intersection(*bounds) if bounds else None


def enough(slots: Sequence[tuple[str, str]], criteria: Sequence[Criterion]) -> bool:
    """Whether, of slots that suit together (their kinds and Schedules), at least one says what is wanted, for each."""
    return all(
        any(each.met(kinds) or schedule in each.inherited(kinds) for kinds, schedule in slots) for each in criteria
    )

"""Which definitions of a kind are in effect: of the PlanDefinitions that are stored, those that are active and can be
followed, one for each url.

Those that CareThread brings along are active. A practice has its own way by one of the same url under an id of its own,
which takes the place of ours whatever its status: with other numbers, or `retired`. Of several of one's own one that is
active counts, and of these the one written last. What is in effect stands in the database as claimed places, each with
the id and the digest of a version: to know that nothing has changed costs one look, and each is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from typing import Generic, Protocol, TypeVar

from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Resource, Session, Stored


class _Named(Protocol):
    @property
    def url(self) -> str: ...


One = TypeVar("One", bound=_Named)
All = TypeVar("All")

_HOLDER = "in effect"
_PAGE = 500
_REMEMBERED = 20
_UNFIT = (FhirError, KeyError, StopIteration, TypeError, ValueError)
"""What reading a definition raises that an EHR has sent, and that is none."""

Params = Sequence[tuple[str, str]]


class InEffect(Generic[One, All]):
    """One kind of definitions. `kind` names their places, `folder` is where in `fhir_profiles/` ours are; `is_one`
    tells them from other PlanDefinitions, `read` makes one of them what is worked with, or raises, `together` all."""

    def __init__(
        self,
        kind: str,
        folder: str,
        is_one: Callable[[Resource], bool],
        read: Callable[[Resource], One],
        together: Callable[[list[One]], All],
    ) -> None:
        self._kind, self._folder = kind, folder
        self._is_one, self._one, self._together = is_one, read, together
        self._read: Mapping[tuple[str, ...], All] = {}
        """All of them by their places. It is replaced, never changed: other threads look at it."""

    @cached_property
    def ours(self) -> Mapping[str, str]:
        """Those that CareThread brings along: their ids and their urls."""
        folder = files("carethread.fhir_profiles").joinpath(self._folder)
        found = [json.parse_object(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
        return {str(each["id"]): str(each["url"]) for each in found}

    def all(self, session: Session) -> All:
        """Those that are in effect as it stands in this transaction, in order of their urls."""
        places = tuple(session.places(self._kind, _HOLDER))
        known = self._read.get(places)
        if known is None:
            stored = session.current([("PlanDefinition", id_of(place)) for place in places]).values()
            found = [self._one(json.parse_object(each.body)) for each in stored if _place(each) in places]
            known = self._together(sorted(found, key=lambda each: each.url))
            self._read = {**(self._read if len(self._read) < _REMEMBERED else {}), places: known}
        return known

    @property
    def seen(self) -> Sequence[All]:
        """What this process has had in effect lately."""
        return tuple(self._read.values())

    def stand(self, session: Session) -> set[str]:
        """The places that are held."""
        return set(session.places(self._kind, _HOLDER))

    def wanted(self, session: Session, *searches: Params) -> list[str]:
        """The places of those to be in effect among what searches find, in order of their urls."""
        chosen: dict[str, tuple[tuple[bool, bool, int, str], str]] = {}
        for stored in _found(session, searches):
            definition = json.parse_object(stored.body)
            url = definition.get("url")
            if url and self._is_one(definition):
                active = definition.get("status") == "active"
                rank = stored.id not in self.ours, active, stored.updated, stored.id
                if url not in chosen or rank > chosen[url][0]:
                    chosen[url] = rank, _place(stored) if active and self._is_sound(definition) else ""
        return [place for _, (_, place) in sorted(chosen.items()) if place]

    def put(self, session: Session, places: set[str]) -> None:
        """Have these be held, and no others; whoever does holds a lock."""
        before = self.stand(session)
        session.release(self._kind, _HOLDER, keep=places)
        session.claim_all(self._kind, dict.fromkeys(sorted(places - before), _HOLDER))

    def _is_sound(self, definition: Resource) -> bool:
        """Whether it can be followed; an EHR's may be stored that cannot."""
        try:
            self._one(definition)
        except _UNFIT:
            return False
        return True


def id_of(place: str) -> str:
    """The id of the PlanDefinition that a place is of."""
    return place.partition("|")[0]


def _place(stored: Stored) -> str:
    return f"{stored.id}|{sha256(stored.body).hexdigest()[:24]}"


def _found(session: Session, searches: Sequence[Params]) -> Iterator[Stored]:
    for params in searches:
        after = ""
        while True:
            query = parse_query("PlanDefinition", [*params, *([(CURSOR, after)] if after else [])])
            page = session.search(query, _PAGE)
            yield from page.matches
            if not (after := page.next):
                break

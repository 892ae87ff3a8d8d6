"""Which programmes are in effect: of the PlanDefinitions copied here those that are active and can be followed.

For each url one's own comes before ours, and the one written last; so one of ours is ended, or changed, by one of the
same url. Places tell which they are: a place names the id and the content, so that each is read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Resource, Session, Stored
from carethread.core.programmes.programme import STAFF, Action, Programme, Trigger
from carethread.core.programmes.reading import is_programme, programme_of
from carethread.core.service import Runtime
from carethread.questionnaires.programmes.terms import BEGINNING, ROUND, next_round, round_key

FOLDER = "programmes"
"""Where in `fhir_profiles/` our own programmes are."""

TRACES = (b"/StructureDefinition/programme",)

_KIND, _HOLDER = "programme", "in effect"
_PAGE = 500
_REMEMBERED = 20
MOST = 200
"""Programmes in effect at once; of more, those whose urls come first."""


class Programmes:
    """The programmes that are in effect together."""

    def __init__(self, programmes: Sequence[Programme]) -> None:
        self.all = tuple(programmes)
        self._by_url = {each.url: each for each in programmes}
        self._by_type: dict[str, list[tuple[Programme, Action, Trigger]]] = {}
        for programme in programmes:
            for action in programme.actions:
                for trigger in action.triggers:
                    self._by_type.setdefault(trigger.type, []).append((programme, action, trigger))

    def get(self, url: str) -> Programme | None:
        return self._by_url.get(url)

    def announced(
        self, type_name: str, verb: str, version: int, department: str
    ) -> Iterator[tuple[Programme, Action, Trigger]]:
        """What an event may be the trigger of, by what its envelope says."""
        for programme, action, trigger in self._by_type.get(type_name, ()):
            ours = not programme.department or programme.department == department
            if ours and trigger.announced(type_name, verb, version):
                yield programme, action, trigger


_read: dict[tuple[str, ...], Programmes] = {}
"""Programmes by their places."""


def in_effect(session: Session) -> Programmes:
    """The programmes as they stand in this transaction, by url."""
    global _read
    places = tuple(session.places(_KIND, _HOLDER))
    known = _read.get(places)
    if known is None:
        stored = session.current([("PlanDefinition", place.partition("|")[0]) for place in places]).values()
        found = [programme_of(json.parse_object(each.body)) for each in stored if _place(each) in places]
        known = Programmes(sorted(found, key=lambda each: each.url))
        _read = {**(_read if len(_read) < _REMEMBERED else {}), places: known}
    return known


def definitions_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Put into effect what is, once copies are others; staff is asked from the next round on."""
    session.lock(["programmes"])
    places = set(_wanted(session))
    before = set(session.places(_KIND, _HOLDER))
    if places == before:
        return
    session.release(_KIND, _HOLDER, keep=places)
    session.claim_all(_KIND, dict.fromkeys(sorted(places - before), _HOLDER))
    now = to_micros(context.clock())
    new = {place.partition("|")[0] for place in places - before}
    for programme in in_effect(session).all:
        if programme.id in new and not context.backfill and any(each.every for each in programme.actions):
            session.timers.set(BEGINNING, programme.url[:300], now)
        for action in programme.actions:
            if programme.subject == STAFF:
                due = next_round(action, now)[1]
                session.timers.set_all(ROUND, {round_key(programme, action): due}, sooner=True)


def _wanted(session: Session) -> list[str]:
    """The places of those to be in effect."""
    chosen: dict[str, tuple[tuple[bool, int, str], str]] = {}
    for stored in _copies(session):
        definition = json.parse_object(stored.body)
        url = definition.get("url")
        if url and is_programme(definition):
            rank = stored.id not in ours(), stored.updated, stored.id
            if url not in chosen or rank > chosen[url][0]:
                chosen[url] = rank, _place(stored) if is_sound(definition) else ""
    return [place for _, (_, place) in sorted(chosen.items()) if place][:MOST]


def _copies(session: Session) -> Iterator[Stored]:
    after = ""
    while True:
        params = [("_sort", "_id"), *([(CURSOR, after)] if after else [])]
        page = session.search(parse_query("PlanDefinition", params), _PAGE)
        yield from page.matches
        if not (after := page.next):
            return


def is_sound(definition: Resource) -> bool:
    """Whether it is active and can be followed; an EHR's may be stored that cannot."""
    if definition.get("status") != "active":
        return False
    try:
        programme_of(definition)
    except (FhirError, KeyError, TypeError, ValueError):
        return False
    return True


def _place(stored: Stored) -> str:
    return f"{stored.id}|{sha256(stored.body).hexdigest()[:24]}"


@lru_cache(1)
def ours() -> Mapping[str, str]:
    """The programmes that CareThread brings along: their ids, which are the names of their files, and their urls."""
    folder = files("carethread.fhir_profiles").joinpath(FOLDER)
    found = [json.parse_object(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return {each["id"]: str(each["url"]) for each in found}

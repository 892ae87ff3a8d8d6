"""The programmes that are in effect (`core.in_effect`), of the PlanDefinitions copied here; and what follows where that
changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.in_effect import InEffect, id_of
from carethread.core.ports import Session
from carethread.core.programmes.programme import STAFF, Action, Programme, Trigger
from carethread.core.programmes.reading import is_programme, programme_of
from carethread.core.service import Runtime
from carethread.questionnaires.programmes.terms import BEGINNING, ROUND, next_round, round_key

TRACES = (b"/StructureDefinition/programme",)

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


_PROGRAMMES = InEffect("programme", "programmes", is_programme, programme_of, Programmes)


def in_effect(session: Session) -> Programmes:
    """The programmes as they stand in this transaction, by url."""
    return _PROGRAMMES.all(session)


def definitions_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Put into effect what is, once copies are others; staff is asked from the next round on."""
    session.lock(["programmes"])
    places = set(_PROGRAMMES.wanted(session, [("_sort", "_id")])[:MOST])
    before = _PROGRAMMES.stand(session)
    if places == before:
        return
    _PROGRAMMES.put(session, places)
    now = to_micros(context.clock())
    new = {id_of(place) for place in places - before}
    for programme in in_effect(session).all:
        if programme.id in new and not context.backfill and any(each.every for each in programme.actions):
            session.timers.set(BEGINNING, programme.url[:300], now)
        for action in programme.actions:
            if programme.subject == STAFF:
                due = next_round(action, now)[1]
                session.timers.set_all(ROUND, {round_key(programme, action): due}, sooner=True)

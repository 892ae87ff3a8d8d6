"""What happens when events arrive: they are matched, and what matches is numbered in the ledger, in one transaction.

What is told as history (`ce_backfill`) notifies nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from weakref import WeakKeyDictionary

from carethread.core.clock import Clock, system_clock, to_micros
from carethread.core.context import Context
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search.meets import Found
from carethread.core.fhir.search.merges import PATIENT
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Resource, Session, Store
from carethread.core.ports.deliveries import Match
from carethread.core.service import AskFirst, Reaction, Runtime
from carethread.interactions.standing import any_merged
from carethread.subscriptions.asking import Asking, Known, ask, at_once, sorted_out
from carethread.subscriptions.crossing import before
from carethread.subscriptions.focus import version_of
from carethread.subscriptions.life import SERVER, TYPE, refresh
from carethread.subscriptions.matching import Happening, Index, interaction
from carethread.subscriptions.topics import Trigger, catalogue


@dataclass(slots=True)
class _Known:
    """The interests of one database, up to a generation."""

    index: Index
    generation: int = 0


@dataclass(frozen=True)
class Matcher:
    """Matches events; keeps the interests of each database in memory, and reads only those that changed."""

    clock: Clock = system_clock
    known: WeakKeyDictionary[Store, _Known] = field(default_factory=WeakKeyDictionary)
    lock: Lock = field(default_factory=Lock)
    asking: Asking = field(default_factory=Asking)

    def handle(self, runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        """Raises AskFirst for what was deleted, or went before, as long as its owner was not asked."""
        now = to_micros(self.clock())
        own: list[str] = []
        if own := sorted({event.resource_id for event in events if event.resource_type == TYPE}):
            refresh(session, own, now)
        reached: dict[str, int] = {}
        for event in events:
            reached[event.service] = max(reached.get(event.service, 0), event.sequence)
        generation = session.deliveries.reach(reached)
        with self.lock:
            known = self._known(runtime, session, generation)
            try:
                matches = self._matched(runtime, session, known.index, events, now)
            finally:
                if own:
                    known.generation = max(0, generation - len(own))  # what was changed here is not committed yet
        session.deliveries.append(matches, now)
        self.asking.forget(event.id for event in events)

    def _matched(
        self, runtime: Runtime, session: Session, index: Index, events: Sequence[Event], now: int
    ) -> list[Match]:
        """Raises AskFirst, for all that is to be asked."""
        known = self.asking.known
        waited = [event for event in events if not event.backfill and index.waits_for(event)]
        about, lacking = sorted_out(partial(_about, runtime, event, known) for event in waited)
        seen = _happenings(runtime, session, about, known)
        matches, also = sorted_out(partial(_matches, index, each, now) for each in seen)
        if lacking or also:
            raise AskFirst(partial(ask, [*lacking, *also]))
        return [match for each in matches for match in each]

    def _known(self, runtime: Runtime, session: Session, generation: int) -> _Known:
        known = self.known.get(runtime.store)
        if known is None:
            known = self.known[runtime.store] = _Known(Index(catalogue(), runtime.base_url))
        if known.generation != generation:
            after = known.generation if known.generation < generation else 0
            known.generation = 0  # until all is taken in
            known.index.change(session.deliveries.interests(after))
            known.generation = generation
        return known


def _matches(index: Index, happening: Happening, now: int) -> list[Match]:
    event = happening.event
    return [
        Match(
            subscription=id_,
            ce_id=event.id,
            service=event.service,
            sequence=event.sequence,
            type=event.resource_type,
            id=event.resource_id,
            version=event.version,
            verb=happening.interaction,
            key=event.key,
            time=event.time,
        )
        for id_ in index.matches(happening, now)
    ]


def happenings(runtime: Runtime, session: Session, events: Sequence[Event]) -> list[Happening]:
    """Events with what the criteria of topics and filters are on. Raises Busy when an owner is away."""
    return _happenings(runtime, session, [_about(runtime, event, at_once) for event in events], at_once)


def _happenings(
    runtime: Runtime, session: Session, about: Sequence[tuple[Event, Resource]], known: Known
) -> list[Happening]:
    kin = _kin(runtime, session, [resource for _, resource in about])
    asks = partial(_before, runtime, known)
    return [
        Happening(event, resource, _status_before(event, resource), runtime.base_url, kin, asks)
        for event, resource in about
    ]


def _about(runtime: Runtime, event: Event, known: Known) -> tuple[Event, Resource]:
    """The event with its resource, or for a delete what that was before."""
    if interaction(event) != "delete":
        return event, json.parse_object(event.data)
    key = event.resource_type, event.resource_id
    ask_ = partial(version_of, runtime, event.service, key, event.version - 1, Context(principal=SERVER))
    return event, json.parse_object(known((event.id, 0), ask_) or event.data)


def _before(runtime: Runtime, known: Known, happening: Happening, trigger: Trigger) -> Sequence[Found]:
    return known((happening.event.id, id(trigger)), partial(before, runtime, happening, trigger))


def _status_before(event: Event, resource: Resource) -> str:
    status = resource.get("status", "") if event.deleted else event.previous_status
    return status if isinstance(status, str) else ""


def _kin(runtime: Runtime, session: Session, resources: Sequence[Resource]) -> dict[str, list[str]]:
    """The ids of those who were merged with a patient whom the resources name, by his id; most have none."""
    named = sorted({id_ for resource in resources for id_ in _patients(resource, runtime.base_url)})
    if not named or not any_merged(session, named):
        return {}
    kin = {id_: session.kin([id_]) for id_ in named}
    return {id_: others for id_, others in kin.items() if len(others) > 1}


def _patients(value: object, base_url: str) -> list[str]:
    if isinstance(value, list):
        return [id_ for each in value for id_ in _patients(each, base_url)]
    if not isinstance(value, dict):
        return []
    text = value.get("reference")
    target = parse_reference(text, base_url) if isinstance(text, str) else None
    found = [target.id] if target and target.type == PATIENT and target.id else []
    return found + [id_ for each in value.values() for id_ in _patients(each, base_url)]


def trigger_types() -> tuple[str, ...]:
    """The types whose events topics wait for."""
    return tuple(sorted({name for topic in catalogue().values() for name in topic.types}))


REACTIONS = (Reaction("notifications", "effect", (*trigger_types(), TYPE), Matcher().handle),)

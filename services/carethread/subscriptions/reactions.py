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
from carethread.core.fhir.search.merges import PATIENT, REPLACED_BY
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Resource, Session, Store
from carethread.core.ports.deliveries import Match
from carethread.core.service import Reaction, Runtime
from carethread.subscriptions.crossing import before
from carethread.subscriptions.focus import version_of
from carethread.subscriptions.life import SERVER, TYPE, refresh
from carethread.subscriptions.matching import Happening, Index, interaction
from carethread.subscriptions.topics import catalogue


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

    def handle(self, runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        """Raises Busy when the owner of what was deleted, or of what went before, is away."""
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
            waited = [event for event in events if not event.backfill and known.index.waits_for(event)]
            seen = happenings(runtime, session, waited)
            matches = [match for each in seen for match in _matches(known.index, each, now)]
            if own:
                known.generation = max(0, generation - len(own))  # what was changed here is not committed yet
        session.deliveries.append(matches, now)

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
    resources = [_resource(runtime, event) for event in events]
    kin = _kin(runtime, session, resources)
    return [
        Happening(event, resource, _status_before(event, resource), runtime.base_url, kin, partial(before, runtime))
        for event, resource in zip(events, resources, strict=True)
    ]


def _resource(runtime: Runtime, event: Event) -> Resource:
    """The resource, or for a delete what it was before."""
    if interaction(event) != "delete":
        return json.parse_object(event.data)
    key = event.resource_type, event.resource_id
    before = version_of(runtime, event.service, key, event.version - 1, Context(principal=SERVER))
    return json.parse_object(before or event.data)


def _status_before(event: Event, resource: Resource) -> str:
    status = resource.get("status", "") if event.deleted else event.previous_status
    return status if isinstance(status, str) else ""


def _kin(runtime: Runtime, session: Session, resources: Sequence[Resource]) -> dict[str, list[str]]:
    """The ids of those who were merged with a patient whom the resources name, by his id; most have none."""
    named = sorted({id_ for resource in resources for id_ in _patients(resource, runtime.base_url)})
    if not named or not _any_merged(session, named):
        return {}
    kin = {id_: session.kin([id_]) for id_ in named}
    return {id_: others for id_, others in kin.items() if len(others) > 1}


def _any_merged(session: Session, ids: Sequence[str]) -> bool:
    """Whether one of the patients was merged with another, among these or beside them."""
    if len(session.kin(ids)) > len(ids):
        return True
    return bool(session.referring([(PATIENT, id_) for id_ in ids], [f"{PATIENT}.{REPLACED_BY}"], 1))


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

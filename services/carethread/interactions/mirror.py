"""Mirrors: read-only copies of another service's types, so that chains, includes and rules run locally.

A mirror starts from the owner's snapshot and is then fed by events; each version is kept only if it is higher than
what is there, so duplicates and disorder change nothing. Deletions leave tombstones.

The snapshot comes in chunks, each as its resources are when the owner reads it, and how far it is stands in the
transaction that keeps a chunk: what breaks off goes on behind the last one, however much was written meanwhile. For
what was committed before the first chunk was asked for, and not changed since, lives at its place when that is read;
and what is committed later has a number higher than the sequence of the first chunk, so that its event is still to
come. That sequence stays the mirror's, and the moment before it the one from which it needs events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from types import MappingProxyType
from typing import TypeVar, cast

from carethread.core.clock import system_clock, to_micros
from carethread.core.context import Context, Principal
from carethread.core.errors import Busy
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search import IndexRows, extract
from carethread.core.fhir.search.merges import PATIENT, survivor
from carethread.core.ports import Chunk, Key, Place, Progress, Session, Stored, Subscription, Write
from carethread.core.service import Keeper, Mirror, Reaction, Runtime, Service

T = TypeVar("T")

_FORGOTTEN_AT_ONCE = 500
"""Copies deleted in one transaction: other writers wait no longer than that takes."""

_PARTED_WITH_AT_ONCE = 5000
"""The same of what a keeper keeps, which has no index rows."""

_NOT_EMPTY = -1
"""The place of a mirror that has begun with copies of before still there."""

_MARGIN = 3_600_000_000
"""Microseconds. More than what a transaction takes, an answer on its way, and clocks that differ."""


def copies(service: Service, owners: Mapping[str, str]) -> list[Mirror]:
    """What a service keeps copies of, or makes something else of: its mirrors, and without one of Patient the patients
    who were merged, for searches follow merges in every service (`core.fhir.search.merges`)."""
    has_patients = service.owns(PATIENT) or any(mirror.type == PATIENT for mirror in service.mirrors)
    merged = () if has_patients else (Mirror(PATIENT, owners[PATIENT], merged_only=True),)
    return [*service.mirrors, *merged, *(service.distils() if service.distils else ())]


def keep(
    runtime: Runtime,
    session: Session,
    versions: Sequence[Stored],
    wanted: Collection[Key] | None = None,
    made: Mapping[Key, IndexRows] = MappingProxyType({}),
    *,
    context: Context | None = None,
) -> None:
    """Store what is newer than the copy that is there; of several versions of one resource the last.

    `wanted`: of what has no copy yet, only these get one. `made`: index rows that are ready. `context`: in which what
    follows is done; without one it is the service's own.
    """
    newest: dict[Key, Stored] = {}
    for stored in versions:
        key = stored.type, stored.id
        if key not in newest or stored.version > newest[key].version:
            newest[key] = stored
    present = session.current(newest, lock=True)
    taken = {
        key: stored
        for key, stored in newest.items()
        if (stored.version > present[key].version if key in present else _is_wanted(runtime, stored, wanted))
    }
    session.write(
        [
            Write(
                replace(stored, row=present[key].row if key in present else 0),
                None if stored.deleted else made.get(key) or _index(runtime, stored),
                None,
            )
            for key, stored in taken.items()
        ]
    )
    for mirror in runtime.service.mirrors:
        ids = sorted(id_ for kind, id_ in taken if kind == mirror.type)
        if mirror.stored and ids:
            mirror.stored(runtime, session, ids, context or Context(Principal(runtime.service.name)))


def _is_wanted(runtime: Runtime, stored: Stored, wanted: Collection[Key] | None) -> bool:
    """Whether what has no copy yet gets one."""
    if wanted is not None:
        return (stored.type, stored.id) in wanted
    mirror = next((each for each in runtime.service.mirrors if each.type == stored.type), None)
    return mirror is None or stored.deleted or _is_kept(mirror, stored.body)


def _is_kept(mirror: Mirror, body: bytes) -> bool:
    if mirror.keeps is None:
        return True
    if mirror.traces and not any(trace in body for trace in mirror.traces):
        return False
    return mirror.keeps(json.restore(body))


def _index(runtime: Runtime, stored: Stored) -> IndexRows:
    """The copy's index rows, of all parameters or of some: most of what a copy costs is writing them."""
    params = next((mirror.params for mirror in runtime.service.mirrors if mirror.type == stored.type), None)
    rows = extract(json.parse(stored.body), base=runtime.base_url)
    if params is not None:
        for table in (getattr(rows, each.name) for each in fields(rows)):
            if isinstance(table, dict):  # its rows begin with the parameter; what tells more of one follows a colon
                for row in [row for row in table if row[0].partition(":")[0] not in params]:
                    del table[row]
    return rows


def start(runtime: Runtime, mirror: Mirror, stopped: Callable[[], bool] = lambda: False) -> None:
    """Fill a mirror from its owner's snapshot, or go on with that, unless it is done; give up when `stopped`.

    Raises Busy when the owner is away, or another process fills the mirror at the same time: then begin once more.
    """
    name = _name(mirror)
    progress = runtime.store.mirrored(name)
    if progress is None:
        progress = _moved(runtime, name, None, Progress(to_micros(system_clock()), 0, _NOT_EMPTY))
    if progress.place == _NOT_EMPTY:
        while runtime.store.transact(partial(_forget, progress=progress, mirror=mirror)):
            pass
        progress = _moved(runtime, name, progress, replace(progress, place=0))
    if progress.place is None:
        return
    snapshot = runtime.owners.snapshot(mirror.owner, mirror.type, progress.place)
    for chunk, copied in _one_ahead((chunk, _copied(runtime, mirror, chunk)) for chunk in snapshot):
        if stopped():
            return
        sequence = progress.sequence if progress.place else chunk.sequence
        progress = _moved(runtime, name, progress, replace(progress, sequence=sequence, place=chunk.through), copied)
    keeper, through = mirror.keeper, progress.sequence
    filled = (lambda session: keeper.reached(session, through)) if keeper else _nothing
    _moved(runtime, name, progress, replace(progress, place=None), filled)


def _nothing(session: Session) -> None:
    """An empty effect."""


def _copied(runtime: Runtime, mirror: Mirror, chunk: Chunk) -> Callable[[Session], None]:
    """What keeps of a chunk what a mirror takes of it, made ready as far as that is possible outside a transaction."""
    if keeper := mirror.keeper:
        given = list(map(keeper.made, chunk.versions))
        return lambda session: keeper.keep(session, given)
    found = [
        (stored, _index(runtime, stored) if _is_kept(mirror, stored.body) else None)
        for stored in chunk.versions
        if not mirror.merged_only or _is_merged(runtime, stored.body)
    ]
    made = {(stored.type, stored.id): index for stored, index in found if index}
    context = Context(Principal(runtime.service.name), backfill=True)
    return lambda session: keep(runtime, session, [stored for stored, _ in found], made=made, context=context)


def _one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The items, each made while the one before is worked on: as one is indexed, the database stores another."""
    done = object()
    with ThreadPoolExecutor(1, "mirror") as pool:
        coming = pool.submit(next, items, done)
        while (item := coming.result()) is not done:
            coming = pool.submit(next, items, done)
            yield cast(T, item)


def _moved(
    runtime: Runtime,
    name: str,
    before: Progress | None,
    after: Progress,
    copied: Callable[[Session], None] = _nothing,
) -> Progress:
    """Keep what was copied, and how far the mirror is with it; what was there before is history."""

    def work(session: Session) -> None:
        _mark(session, name, before, after)
        copied(session)

    runtime.store.transact(work)
    return after


def _forget(session: Session, progress: Progress, mirror: Mirror) -> int:
    """Part with copies that were kept before the mirror began: of what was deleted by then no event would tell it."""
    _mark(session, _name(mirror), progress, progress)
    if mirror.keeper:
        return mirror.keeper.forget(session, _PARTED_WITH_AT_ONCE)
    return session.forget(mirror.type, _FORGOTTEN_AT_ONCE)


def _mark(session: Session, name: str, before: Progress | None, after: Progress) -> None:
    if not session.mark_mirrored(name, before, after):
        raise Busy(f"Another process fills the mirror '{name}'.")


def begin_late(runtime: Runtime, subscription: Subscription, topics: Mapping[str, Mirror]) -> None:
    """Spare a consumer the history of topics that it has read nothing of: a mirror needs what came after it began.

    `topics` are those that nothing but a mirror reads. Raises Busy.
    """
    consumer = runtime.service.name
    read = runtime.store.positions(consumer)
    begin: dict[Place, int] = {}
    for topic, mirror in topics.items():
        progress = runtime.store.mirrored(_name(mirror))
        if progress is None or not progress.began or any(name == topic for name, _ in read):
            continue
        kept = subscription.kept(progress.began - _MARGIN)
        begin |= {place: each.start for place, each in kept.items() if place[0] == topic and each.start}

    def work(session: Session) -> None:
        for place, position in begin.items():
            session.advance(consumer, *place, 0, position)

    if begin:
        runtime.store.transact(work)
        for place in begin:
            subscription.rewind(place)


def remember(runtime: Runtime, found: Sequence[Stored]) -> None:
    """Keep what an owner answered to a question that the mirror could not."""
    if found:
        runtime.store.transact(lambda session: keep(runtime, session, found))


def _name(mirror: Mirror) -> str:
    """A mirror by its type; one of a part is not taken for the whole, should the service come to want that."""
    if mirror.keeper:
        return mirror.keeper.name
    return f"{mirror.type}:merged" if mirror.merged_only else mirror.type


def _is_merged(runtime: Runtime, body: bytes) -> bool:
    return bool(survivor(json.parse(body), runtime.base_url))


def _about_merges(runtime: Runtime, events: Sequence[Event]) -> set[Key]:
    """Whom the events tell to be merged, or to be so no longer: what ends a merge may come before what made it."""
    return {
        (event.resource_type, event.resource_id)
        for event in events
        if event.deleted or "link" in event.changed or _is_merged(runtime, event.data)
    }


def reaction(mirror: Mirror) -> Reaction:
    """What feeds a mirror: a projection of the owner's events."""

    def handle_with(keeper: Keeper, session: Session, events: Sequence[Event]) -> None:
        keeper.keep(session, [keeper.made(_stored(event)) for event in events])
        keeper.reached(session, max(event.sequence for event in events))

    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        for backfill in (True, False):
            told = [event for event in events if event.backfill is backfill]
            wanted = _about_merges(runtime, told) if mirror.merged_only else None
            context = Context(Principal(runtime.service.name), backfill=backfill)
            if told:
                keep(runtime, session, [_stored(event) for event in told], wanted, context=context)

    keeper = mirror.keeper
    made_of = (lambda _, session, events: handle_with(keeper, session, events)) if keeper else handle
    again = partial(_make_anew, mirror=mirror)
    return Reaction(f"mirror-{_name(mirror)}", "projection", (mirror.type,), made_of, again)


def _make_anew(runtime: Runtime, mirror: Mirror) -> None:
    """Forget the copies, and begin again with the owner's snapshot; meanwhile a read by id asks the owner."""
    runtime.store.transact(lambda session: session.mark_mirrored(_name(mirror), None, None))
    start(runtime, mirror)


def _stored(event: Event) -> Stored:
    return Stored(
        type=event.resource_type,
        id=event.resource_id,
        version=event.version,
        updated=event.time,
        deleted=event.deleted,
        body=b"" if event.deleted else event.data,
        method="DELETE" if event.deleted else "PUT",
        key=event.key,
        department=event.department,
    )

"""Mirrors: read-only copies of another service's types, so that chains, includes and rules run locally.

A mirror starts from the owner's snapshot and is then fed by events; each version is kept only if it is higher than
what is there, so duplicates and disorder change nothing. Deletions leave tombstones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search import extract
from carethread.core.fhir.search.merges import PATIENT, survivor
from carethread.core.ports import Key, Session, Stored, Write
from carethread.core.service import Mirror, Reaction, Runtime, Service


def copies(service: Service, owners: Mapping[str, str]) -> list[Mirror]:
    """What a service keeps copies of: its mirrors, and without one of Patient the patients who were merged.

    Searches follow merges in every service (`core.fhir.search.merges`).
    """
    has_patients = service.owns(PATIENT) or any(mirror.type == PATIENT for mirror in service.mirrors)
    return [*service.mirrors, *(() if has_patients else (Mirror(PATIENT, owners[PATIENT], merged_only=True),))]


def keep(runtime: Runtime, session: Session, versions: Sequence[Stored], wanted: Collection[Key] | None = None) -> None:
    """Store what is newer than the copy that is there; of several versions of one resource the last.

    `wanted`: of what has no copy yet, only these get one.
    """
    newest: dict[Key, Stored] = {}
    for stored in versions:
        key = stored.type, stored.id
        if key not in newest or stored.version > newest[key].version:
            newest[key] = stored
    present = session.current(newest, lock=True)
    session.write(
        [
            Write(
                replace(stored, row=present[key].row if key in present else 0),
                None if stored.deleted else extract(json.parse(stored.body), base=runtime.base_url),
                None,
            )
            for key, stored in newest.items()
            if (stored.version > present[key].version if key in present else wanted is None or key in wanted)
        ]
    )


def start(runtime: Runtime, mirror: Mirror) -> None:
    """Fill a mirror from its owner's snapshot, unless that was done. Raises Busy when the owner is away."""
    name = _name(mirror)
    if runtime.store.mirrored(name) is not None:
        return
    complete_to = 0
    for sequence, chunk in runtime.owners.snapshot(mirror.owner, mirror.type):
        complete_to = sequence
        remember(runtime, [stored for stored in chunk if not mirror.merged_only or _is_merged(runtime, stored.body)])
    runtime.store.mark_mirrored(name, complete_to)


def remember(runtime: Runtime, found: Sequence[Stored]) -> None:
    """Keep what an owner answered to a question that the mirror could not."""
    if found:
        runtime.store.transact(lambda session: keep(runtime, session, found))


def _name(mirror: Mirror) -> str:
    """A mirror by its type; one of a part is not taken for the whole, should the service come to want that."""
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

    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        wanted = _about_merges(runtime, events) if mirror.merged_only else None
        keep(runtime, session, [_stored(event) for event in events], wanted)

    return Reaction(f"mirror-{_name(mirror)}", "projection", (mirror.type,), handle)


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

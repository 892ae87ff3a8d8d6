"""Mirrors: read-only copies of another service's types, so that chains, includes and rules run locally.

A mirror starts from the owner's snapshot and is then fed by events; each version is kept only if it is higher than
what is there, so duplicates and disorder change nothing. Deletions leave tombstones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search import extract
from carethread.core.ports import Session, Stored, Write
from carethread.core.service import Mirror, Reaction, Runtime


def keep(runtime: Runtime, session: Session, versions: Sequence[Stored]) -> None:
    """Store what is newer than the copy that is there; of several versions of one resource the last."""
    newest: dict[tuple[str, str], Stored] = {}
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
            if key not in present or stored.version > present[key].version
        ]
    )


def start(runtime: Runtime, mirror: Mirror) -> None:
    """Fill a mirror from its owner's snapshot, unless that was done. Raises Busy when the owner is away."""
    if runtime.store.mirrored(mirror.type) is not None:
        return
    complete_to = 0
    for sequence, chunk in runtime.owners.snapshot(mirror.owner, mirror.type):
        complete_to = sequence
        remember(runtime, chunk)
    runtime.store.mark_mirrored(mirror.type, complete_to)


def remember(runtime: Runtime, found: Sequence[Stored]) -> None:
    """Keep what an owner answered to a question that the mirror could not."""
    if found:
        runtime.store.transact(lambda session: keep(runtime, session, found))


def reaction(mirror: Mirror) -> Reaction:
    """What feeds a mirror: a projection of the owner's events."""

    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        keep(runtime, session, [_stored(event) for event in events])

    return Reaction(f"mirror-{mirror.type}", "projection", (mirror.type,), handle)


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

"""Stores for tests: a migrated database of either kind, a service over it, and short ways to write and to look."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import new_id
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search import extract
from carethread.core.ports import Store, Stored, Write
from carethread.core.service import ResourceType, Runtime, Service
from support.migrated import bring, engine_at

BASE = "https://care.example/fhir"


def open_store(url: str, service: str = "records", *, pool: int = 10, busy_seconds: float = 15) -> SqlStore:
    """A store on the database, migrated."""
    bring(url, [service])
    return SqlStore(engine_at(url, service, pool=pool, busy_seconds=busy_seconds), service)


def open_stores(folder: Path, url: str, services: Collection[str]) -> dict[str, SqlStore]:
    """A store of each service, migrated: in files of the folder where `url` is SQLite's, else in schemas of it."""
    if url.startswith("sqlite"):
        return {name: open_store(f"sqlite:///{folder}/{name}.db", name) for name in services}
    bring(url, [*services])
    return {name: SqlStore(engine_at(url, name), name) for name in services}


def service_of(*types: str) -> Service:
    """A service that owns the types and has no rules."""
    return Service("records", "Made up.", tuple(ResourceType(name) for name in types))


def runtime(store: SqlStore, service: Service) -> Runtime:
    """The service over the store, with nobody beside it."""
    return Runtime(service, store, LocalOwners({}), LocalPeer({}), BASE)


def version(resource: dict[str, Any], number: int = 1, *, row: int = 0, updated: int = 0, event: bool = True) -> Write:
    """A version of a resource as a write of the port."""
    type_name, id_ = resource["resourceType"], resource["id"]
    updated = updated or 1_700_000_000_000_000 + number * 1_000_000
    key = f"{type_name}/{id_}"
    stored = Stored(type_name, id_, number, updated, False, json.render(resource), key=key, row=row)
    return Write(stored, extract(resource, base=BASE), _event(stored) if event else None)


def deletion(before: Stored, *, event: bool = True) -> Write:
    """The version that deletes what is stored."""
    gone = Stored(
        before.type, before.id, before.version + 1, before.updated + 1_000_000, True, b"", "DELETE", before.key,
        row=before.row,
    )  # fmt: skip
    return Write(gone, None, _event(gone) if event else None)


def _event(stored: Stored) -> Event:
    return Event(
        id=new_id(),
        service="records",
        verb="deleted" if stored.deleted else "created" if stored.version == 1 else "updated",
        resource_type=stored.type,
        resource_id=stored.id,
        version=stored.version,
        time=stored.updated,
        key=stored.key,
        data=b"",
    )


def put(store: Store, resources: Sequence[dict[str, Any]]) -> None:
    """Store resources as they are, each as the next version of what is there."""

    def work(session: Any) -> None:
        found = session.current([(r["resourceType"], r["id"]) for r in resources], lock=True)
        writes = []
        for resource in resources:
            stands = found.get((resource["resourceType"], resource["id"]))
            writes.append(
                version(resource, stands.version + 1, row=stands.row, updated=stands.updated + 1_000_000)
                if stands
                else version(resource)
            )
        session.write(writes)

    store.transact(work)

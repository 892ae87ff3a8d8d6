"""Several services over real stores in one process, with a gateway in front, for tests of what spans them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine, reading
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import claims, outbox, resources, staged, versions
from carethread.adapters.sql.transactions import journal
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Peer, Request, Resource, Response
from carethread.core.service import Limits, Runtime, Service
from carethread.gateway.coordinator import Coordinator
from carethread.gateway.routing import gateway
from carethread.interactions.rest.handling import Handler
from carethread.records import SERVICE as RECORDS
from carethread.scheduling import SERVICE as SCHEDULING
from support.stores import BASE, open_stores

SERVICES: Mapping[str, Service] = {service.name: service for service in (RECORDS, SCHEDULING, CARETEAMS)}


@dataclass(frozen=True)
class Practice:
    """The services by name, and what coordinates them; `ask` speaks to the gateway."""

    runtimes: Mapping[str, Runtime]
    stores: Mapping[str, SqlStore]
    peer: Peer
    coordinator: Coordinator
    journal: journal.SqlJournal
    handler: Handler

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        whole, _, query = path.partition("?")
        pairs = [tuple(pair.split("=", 1)) for pair in query.split("&")] if query else []
        sent = {"content-type": "application/fhir+json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        request = Request(method, whole, pairs, sent, b"" if body is None else json.render(body))  # type: ignore[arg-type]
        return self.handler(request, Context())

    def transact(self, *entries: Mapping[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
        """POST a transaction of these entries; the status, and the Bundle or OperationOutcome."""
        response = self.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, **headers)
        return response.status, json.parse_object(response.body)

    def read(self, path: str) -> dict[str, Any]:
        return json.parse_object(self.ask("GET", path).body)


def practice_of(
    stores: Mapping[str, SqlStore], journal_url: str, schema: str = "", services: Mapping[str, Service] = SERVICES
) -> Practice:
    """The services over these stores."""
    runtimes: dict[str, Runtime] = {}
    owners, peer = LocalOwners(runtimes), LocalPeer(runtimes)
    for name, store in stores.items():
        runtimes[name] = Runtime(services[name], store, owners, peer, BASE)
    engine = make_engine(journal_url, schema)
    journal.make(engine, schema or "gateway")
    kept = journal.SqlJournal(engine)
    coordinator = Coordinator(kept, peer, "here", sleep=lambda _: None)
    handler = gateway([*services.values()], peer, BASE, Limits(), coordinator)
    return Practice(runtimes, stores, peer, coordinator, kept, handler)


@contextmanager
def practice(folder: Path, names: Sequence[str] = tuple(SERVICES), postgres: str = "") -> Iterator[Practice]:
    """A practice on SQLite files in a folder, or in schemas of a PostgreSQL database."""
    stores = open_stores(folder, postgres or "sqlite:", names)
    made = practice_of(stores, postgres or f"sqlite:///{folder}/gateway.db", "gateway" if postgres else "")
    try:
        yield made
    finally:
        for store in stores.values():
            store.close()
        made.journal.engine.dispose()


def entry(
    method: str, url: str, resource: Mapping[str, Any] | None = None, full_url: str = "", **more: str
) -> dict[str, Any]:
    """One entry; `more` are members of its request, such as ifMatch."""
    made: dict[str, Any] = {"fullUrl": full_url} if full_url else {}
    return {**made, **({"resource": resource} if resource else {}), "request": {"method": method, "url": url, **more}}


URN = "urn:uuid:9d3b8f0e-0000-4000-8000-00000000000{}".format


def patient(value: str) -> Resource:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": value}]}


def team(reference: str, status: str = "active") -> Resource:
    return {"resourceType": "CareTeam", "status": status, "subject": {"reference": reference}}


def slot(id_: str, status: str = "free") -> Resource:
    times = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T09:30:00Z"}
    return {"resourceType": "Slot", "id": id_, "schedule": {"reference": "Schedule/s"}, "status": status, **times}


def booking(id_: str, slot_id: str, reference: str = "Patient/p", status: str = "booked") -> Resource:
    return {
        "resourceType": "Appointment",
        "id": id_,
        "status": status,
        "slot": [{"reference": f"Slot/{slot_id}"}],
        "start": "2026-03-02T09:00:00Z",
        "end": "2026-03-02T09:30:00Z",
        "participant": [{"actor": {"reference": reference}, "status": "accepted"}],
    }


def put(resource: Resource, **more: str) -> Resource:
    return entry("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **more)


def intake(value: str) -> list[Resource]:
    """A patient, a team for them and a booked visit: three owners."""
    return [
        entry("POST", "CareTeam", team(URN(1)), URN(2)),
        put(booking(f"a{value}", f"s{value}", URN(1))),
        entry("POST", "Patient", patient(value), URN(1)),
    ]


def settled(practice: Practice) -> None:
    """Nothing is in doubt or held, and each version of everything has exactly one event."""
    assert practice.journal.left() == []
    for name, store in practice.stores.items():
        assert count(store, staged) == 0, name
        with reading(store.engine) as connection:
            assert not connection.execute(select(resources.c.id).where(resources.c.held != "")).all(), name
            assert not connection.execute(select(resources.c.id).where(resources.c.version == 0)).all(), name
            holders = connection.execute(select(claims.c.holder)).scalars().all()
            assert all(holder.startswith("Appointment/") for holder in holders), name
            told = connection.execute(select(outbox.c.row, outbox.c.version)).all()
            kept = connection.execute(select(versions.c.row, versions.c.version)).all()
        assert sorted(map(tuple, told)) == sorted(map(tuple, kept)), name


def count(store: SqlStore, table: Any) -> int:
    with reading(store.engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

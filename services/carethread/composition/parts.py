"""Services with their stores, limits and ways to each other, by the settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from carethread.composition.analysing import SERVICE as ANALYSING
from carethread.composition.analysing import Late, parquet
from carethread.core.context import new_id
from carethread.core.errors import Busy
from carethread.core.ports import Owners, Peer
from carethread.core.service import Limits, Runtime, Service
from carethread.core.settings import GATEWAY, SERVICES, Settings, SettingsError
from carethread.core.webhooks.endpoints import networks

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from carethread.adapters.rpc.tls import Tls
    from carethread.adapters.sql.events.outbox import SqlOutbox
    from carethread.adapters.sql.events.postbox import SqlPostbox
    from carethread.adapters.sql.store.store import SqlStore
    from carethread.adapters.sql.transactions.journal import SqlJournal


def registry() -> dict[str, Service]:
    """Every service by name."""
    return {name: import_module(f"carethread.{name}").SERVICE for name in SERVICES}


def owners_of_types() -> dict[str, str]:
    """Which service owns each resource type."""
    return {type_.name: service.name for service in registry().values() for type_ in service.types}


def limits(settings: Settings) -> Limits:
    """The bounds on a request that the settings give."""
    return Limits(body_bytes=settings.max_body_bytes)


def database(settings: Settings, name: str) -> str:
    """The URL of a database. Raises SettingsError for one that cannot be used."""
    from carethread.adapters.sql.urls import unusable

    if reason := unusable(settings.database(name)):
        variable = f"CARETHREAD_{name.upper()}_" if name in settings.database_urls else "CARETHREAD_"
        raise SettingsError(f"The database URL of {name} ({variable}DATABASE_URL) {reason}.")
    return settings.database(name)


def store(settings: Settings, service: str) -> SqlStore:
    """A service's own database."""
    from carethread.adapters.sql.engine import make_engine
    from carethread.adapters.sql.store.store import SqlStore

    engine = make_engine(database(settings, service), schema=service)
    shows = registry()[service].shows if service in SERVICES else None
    if shows is None:
        return SqlStore(engine, service)
    return SqlStore(engine, service, lambda stored: shows(stored, settings.few_people))


def journal_of(settings: Settings) -> SqlJournal:
    """The gateway's journal of transactions that span services."""
    from carethread.adapters.sql.engine import make_engine
    from carethread.adapters.sql.transactions.journal import SqlJournal

    return SqlJournal(make_engine(database(settings, GATEWAY), schema=GATEWAY))


def runtimes(settings: Settings, names: Iterable[str]) -> dict[str, Runtime]:
    """The named services with their parts; the others are reached by gRPC and HTTP."""
    from carethread.adapters.local import LocalOwners, LocalPeer

    services = registry()
    here: dict[str, Runtime] = {}
    together = set(names) == set(services)
    owners: Owners = LocalOwners(here) if together else grpc_owners(settings)
    peer: Peer = LocalPeer(here) if together else http_peer(settings)
    for name in names:
        here[name] = Runtime(
            services[name],
            store(settings, name),
            owners,
            peer,
            settings.fhir_base,
            limits(settings),
            websocket_url=settings.websocket_url,
            webhook_http=settings.webhook_http,
            webhook_networks=networks(settings.webhook_networks),
            analytics=Late(settings) if name == ANALYSING else None,
            parquet=parquet if name == ANALYSING else None,
            small_cells=settings.few_people,
        )
    return here


def grpc_owners(settings: Settings) -> Owners:
    """What asks the owners of types by gRPC."""
    from carethread.adapters.rpc.client import GrpcOwners

    default = settings.grpc_address
    targets = {name: settings.grpc_targets.get(name, default) for name in SERVICES}
    return GrpcOwners(targets, message_bytes=message_bytes(settings), tls=tls(settings))


METADATA_BYTES = 64 * 1024
"""More than what stands beside a resource in a gRPC message takes."""


def message_bytes(settings: Settings) -> int:
    """The largest gRPC message: as set, or the largest resource with what stands beside it."""
    return settings.grpc_message_bytes or settings.max_body_bytes + METADATA_BYTES


def tls(settings: Settings) -> Tls:
    """The transport security of gRPC."""
    from carethread.adapters.rpc.tls import Tls

    def path(text: str) -> Path | None:
        return Path(text) if text else None

    return Tls(
        cert=path(settings.grpc_tls_cert),
        key=path(settings.grpc_tls_key),
        client_ca=path(settings.grpc_tls_client_ca),
        ca=path(settings.grpc_tls_ca),
        name=settings.grpc_tls_name,
    )


def http_peer(settings: Settings) -> Peer:
    from carethread.adapters.http.peer import HttpPeer

    urls = {name: f"{url.rstrip('/')}/fhir" for name, url in settings.http_urls.items()}
    return HttpPeer({GATEWAY: settings.fhir_base, **urls})


def migrate(settings: Settings, names: Iterable[str]) -> list[str]:
    """Bring the services' databases to this version's schema; returns those that were changed. Raises Busy."""
    from carethread.adapters.sql.migrate import migrate as migrate_one
    from carethread.adapters.sql.transactions.journal import make

    changed = []
    for name in names:
        engine = store(settings, name).engine
        migrate_it = make if name == GATEWAY else migrate_one
        with named(name):
            if migrate_it(engine, name):
                changed.append(name)
        engine.dispose()
    return changed


@contextmanager
def named(database: str) -> Iterator[None]:
    """Let what is away say, to those who operate it, which database it is."""
    try:
        yield
    except Busy as error:
        error.add_note(f"the database of {database}")
        raise


def engine_of(runtime: Runtime) -> Engine:
    """The engine of a store that `store` above has made."""
    engine: Engine = runtime.store.engine  # type: ignore[attr-defined]  # the port does not tell of it
    return engine


def migrated(runtime: Runtime) -> bool:
    from carethread.adapters.sql.migrate import HEAD, revision

    try:
        return revision(engine_of(runtime)) == HEAD
    except Busy:
        return False


def process_name() -> str:
    """A name that no other process has, nor another part of this one."""
    return f"{socket.gethostname()[:20]}-{os.getpid()}-{new_id()[-12:]}"


def beats(runtime: Runtime, part: str) -> Callable[[], None]:
    """The signs of life of one loop of this process."""
    from carethread.adapters.sql.events.running import Beats

    return Beats(engine_of(runtime), part, process_name())


def outbox_of(settings: Settings, runtime: Runtime) -> SqlOutbox:
    from carethread.adapters.sql.events.outbox import SqlOutbox

    return SqlOutbox(engine_of(runtime), runtime.service.name, settings.fhir_base, runtime.limits)


def postbox_of(runtime: Runtime) -> SqlPostbox:
    from carethread.adapters.sql.events.postbox import SqlPostbox

    return SqlPostbox(engine_of(runtime), runtime.service.name)

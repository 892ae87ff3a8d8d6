"""Services with their stores, limits and ways to each other, by the settings."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from carethread.core.errors import Busy
from carethread.core.ports import Owners, Peer
from carethread.core.service import Limits, Runtime, Service
from carethread.core.settings import GATEWAY, SERVICES, Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from carethread.adapters.sql.events.outbox import SqlOutbox
    from carethread.adapters.sql.store.store import SqlStore


DATABASES = ("sqlite:///", "postgresql+psycopg://")


def registry() -> dict[str, Service]:
    """Every service by name."""
    return {name: import_module(f"carethread.{name}").SERVICE for name in SERVICES}


def owners_of_types() -> dict[str, str]:
    """Which service owns each resource type."""
    return {type_.name: service.name for service in registry().values() for type_ in service.types}


def limits(settings: Settings) -> Limits:
    """The bounds on a request that the settings give."""
    return Limits(body_bytes=settings.max_body_bytes)


def store(settings: Settings, service: str) -> SqlStore:
    """A service's own database."""
    from carethread.adapters.sql.engine import make_engine
    from carethread.adapters.sql.store.store import SqlStore

    return SqlStore(make_engine(settings.database(service), schema=service), service)


def runtimes(settings: Settings, names: Iterable[str]) -> dict[str, Runtime]:
    """The named services with their parts; the others are reached by gRPC and HTTP."""
    from carethread.adapters.local import LocalPeer

    services = registry()
    here: dict[str, Runtime] = {}
    together = set(names) == set(services)
    owners: Owners = _grpc_owners(settings)
    peer: Peer = LocalPeer(here) if together else http_peer(settings)
    for name in names:
        here[name] = Runtime(services[name], store(settings, name), owners, peer, settings.fhir_base, limits(settings))
    return here


def _grpc_owners(settings: Settings) -> Owners:
    from carethread.adapters.rpc.client import GrpcOwners

    default = settings.grpc_address
    return GrpcOwners({name: settings.grpc_targets.get(name, default) for name in SERVICES})


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
        if migrate_it(engine, name):
            changed.append(name)
        engine.dispose()
    return changed


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


def outbox_of(settings: Settings, runtime: Runtime) -> SqlOutbox:
    from carethread.adapters.sql.events.outbox import SqlOutbox

    return SqlOutbox(engine_of(runtime), runtime.service.name, settings.fhir_base, runtime.limits)

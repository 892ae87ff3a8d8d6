"""The one place where parts are wired: services with their stores, peers and edges, by the settings."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Event as Signal
from threading import Thread, current_thread
from typing import TYPE_CHECKING, Any

from carethread.core.clock import system_clock
from carethread.core.context import Context, Principal
from carethread.core.errors import Busy
from carethread.core.events import topic
from carethread.core.faults import told
from carethread.core.ports import Decision, Owners, Peer, Publisher, Subscription
from carethread.core.service import Limits, Reaction, Runtime, Service
from carethread.core.settings import GATEWAY, SERVICES, Settings, SettingsError

if TYPE_CHECKING:
    import grpc
    from sqlalchemy import Engine

    from carethread.adapters.rpc.health import Health
    from carethread.adapters.sql.outbox import SqlOutbox
    from carethread.adapters.sql.store import SqlStore
    from carethread.gateway.coordinator import Coordinator

log = logging.getLogger(__name__)

_RPC_WORKERS = 8
_HEALTH_SECONDS = 2.0
_SWEEP_SECONDS = 1.0
_DATABASES = ("sqlite:///", "postgresql+psycopg://")


def registry() -> dict[str, Service]:
    """Every service by name."""
    return {name: import_module(f"carethread.{name}").SERVICE for name in SERVICES}


def owners_of_types() -> dict[str, str]:
    """Which service owns each resource type."""
    return {type_.name: service.name for service in registry().values() for type_ in service.types}


def check(settings: Settings) -> None:
    """Raise SettingsError for a setting that is well-formed and still cannot be used."""

    if settings.log_level not in logging.getLevelNamesMapping():
        raise SettingsError("CARETHREAD_LOG_LEVEL is one of DEBUG, INFO, WARNING, ERROR, CRITICAL.")
    for name in (*SERVICES, GATEWAY):
        if not settings.database(name).startswith(_DATABASES):
            kinds = " or ".join(f"{kind}..." for kind in _DATABASES)
            variable = f"CARETHREAD_{name.upper()}_" if name in settings.database_urls else "CARETHREAD_"
            raise SettingsError(f"The database URL of {name} ({variable}DATABASE_URL) begins with {kinds}.")
    if settings.kafka_bootstrap_servers and not any(settings.database(name).startswith("sqlite") for name in SERVICES):
        return  # nothing is kept in files
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder {settings.data} (CARETHREAD_DATA) cannot be made: {error.strerror}.") from None
    if not os.access(settings.data, os.W_OK | os.X_OK):
        raise SettingsError(f"The folder {settings.data} (CARETHREAD_DATA) cannot be written to.")


def limits(settings: Settings) -> Limits:
    """The bounds on a request that the settings give."""
    return Limits(body_bytes=settings.max_body_bytes)


def store(settings: Settings, service: str) -> SqlStore:
    """A service's own database."""
    from carethread.adapters.sql.engine import make_engine
    from carethread.adapters.sql.store import SqlStore

    return SqlStore(make_engine(settings.database(service), schema=service), service)


def runtimes(settings: Settings, names: Iterable[str]) -> dict[str, Runtime]:
    """The named services with their parts; the others are reached by gRPC and HTTP."""
    from carethread.adapters.local import LocalPeer

    services = registry()
    here: dict[str, Runtime] = {}
    together = set(names) == set(services)
    owners: Owners = _grpc_owners(settings)
    peer: Peer = LocalPeer(here) if together else _http_peer(settings)
    for name in names:
        here[name] = Runtime(services[name], store(settings, name), owners, peer, settings.fhir_base, limits(settings))
    return here


def _grpc_owners(settings: Settings) -> Owners:
    from carethread.adapters.rpc.client import GrpcOwners

    default = settings.grpc_address
    return GrpcOwners({name: settings.grpc_targets.get(name, default) for name in SERVICES})


def _http_peer(settings: Settings) -> Peer:
    from carethread.adapters.http.peer import HttpPeer

    urls = {name: f"{url.rstrip('/')}/fhir" for name, url in settings.http_urls.items()}
    return HttpPeer({GATEWAY: settings.fhir_base, **urls})


def migrate(settings: Settings, names: Iterable[str]) -> list[str]:
    """Bring the services' databases to this version's schema; returns those that were changed. Raises Busy."""
    from carethread.adapters.sql.journal import make
    from carethread.adapters.sql.migrate import migrate as migrate_one

    changed = []
    for name in names:
        engine = store(settings, name).engine
        migrate_it = make if name == GATEWAY else migrate_one
        if migrate_it(engine, name):
            changed.append(name)
        engine.dispose()
    return changed


def http_edge(settings: Settings, names: Sequence[str]) -> Callable[..., Any]:
    """The HTTP edge of one service, of the gateway, or of all services behind the gateway in one process."""
    from carethread.adapters.http.app import make_app
    from carethread.adapters.http.edge import make_edge
    from carethread.adapters.http.fhir import answering
    from carethread.adapters.logs import log_setup
    from carethread.adapters.prometheus import exposition, http_observer
    from carethread.gateway.routing import gateway
    from carethread.interactions.rest import handle

    log_setup(settings.log_level)
    services = [name for name in names if name != GATEWAY]
    here = runtimes(settings, services)
    peer = next(iter(here.values())).peer if here else _http_peer(settings)
    if GATEWAY in names:
        coordinator = _coordinator(settings, peer)
        handler = gateway(list(registry().values()), peer, settings.fhir_base, limits(settings), coordinator)
        _sweeping(coordinator, here)
    else:
        handler = partial(handle, here[names[0]])
    answer = answering(handler, system_clock, http_observer(GATEWAY if GATEWAY in names else names[0]))
    application = make_app(
        answer,
        max_body_bytes=settings.max_body_bytes,
        not_ready=lambda: [name for name, runtime in here.items() if not _migrated(runtime)],
        exposition=partial(exposition, {name: partial(_backlog, settings, runtime) for name, runtime in here.items()}),
    )
    return make_edge(
        application,
        answer,
        threads=settings.http_threads,
        max_body_bytes=settings.max_body_bytes,
        body_seconds=settings.request_seconds,
    )


def _engine(runtime: Runtime) -> Engine:
    """The engine of a store that `store` above has made."""
    engine: Engine = runtime.store.engine  # type: ignore[attr-defined]  # the port does not tell of it
    return engine


def _migrated(runtime: Runtime) -> bool:
    from carethread.adapters.sql.migrate import HEAD, revision

    try:
        return revision(_engine(runtime)) == HEAD
    except Busy:
        return False


def _backlog(settings: Settings, runtime: Runtime) -> int:
    """How many events are unsent. Raises Busy while the database is away or has another version's schema."""
    if not _migrated(runtime):
        raise Busy(f"The database of {runtime.service.name} is away or not migrated.")
    return _outbox(settings, runtime).backlog()


def _outbox(settings: Settings, runtime: Runtime) -> SqlOutbox:
    from carethread.adapters.sql.outbox import SqlOutbox

    return SqlOutbox(_engine(runtime), runtime.service.name, settings.fhir_base, runtime.limits)


def rpc_server(settings: Settings, here: Mapping[str, Runtime]) -> grpc.Server:
    """The gRPC server of the services in this process, not yet started."""
    from carethread.adapters.rpc.health import Health
    from carethread.adapters.rpc.server import make_server

    health = Health(here)
    Thread(target=_tell_health, args=(health, here), name="health", daemon=True).start()
    return make_server(list(here.values()), settings.grpc_address, workers=_RPC_WORKERS, health=health)


def _tell_health(health: Health, here: Mapping[str, Runtime]) -> None:
    """Keep gRPC's health in step with the databases, for as long as the process lives."""
    while True:
        for name, runtime in here.items():
            health.set(name, _migrated(runtime))
        time.sleep(_HEALTH_SECONDS)


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker process runs beside the requests: a thread for each loop."""

    threads: Sequence[Thread]
    stop: Signal

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        """Tell the loops to end, and wait until they have."""
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=20)


def _coordinator(settings: Settings, peer: Peer) -> Coordinator:
    from carethread.adapters.sql.engine import make_engine
    from carethread.adapters.sql.journal import SqlJournal
    from carethread.gateway.coordinator import Coordinator

    journal = SqlJournal(make_engine(settings.database(GATEWAY), schema=GATEWAY))
    return Coordinator(journal, peer, socket.gethostname())


def _sweeping(coordinator: Coordinator, here: Mapping[str, Runtime]) -> None:
    """Finish the transactions that a process before this one left, and from now on those that time out."""
    stop = Signal()

    def loop() -> None:
        _until_done(lambda: coordinator.sweep(Context(principal=Principal(GATEWAY)), mine=True), stop)
        while not stop.wait(_SWEEP_SECONDS):
            _until_done(lambda: coordinator.sweep(Context(principal=Principal(GATEWAY))), stop)
            for runtime in here.values():
                _until_done(partial(_settle_doubts, runtime, coordinator.decision), stop)

    Thread(target=_kept_up, args=(loop, stop), name="transactions", daemon=True).start()


def _settle_doubts(runtime: Runtime, decision: Callable[[str], Decision]) -> None:
    from carethread.interactions.rest import handle
    from carethread.interactions.transaction.part import settle_doubts

    context = Context(principal=Principal(runtime.service.name))
    settle_doubts(runtime, decision, context, lambda inside, request: handle(inside, request, context))


def _doubt_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    from carethread.interactions.transaction.part import decision_at

    decision = partial(decision_at, _http_peer(settings), GATEWAY)
    while not stop.wait(_SWEEP_SECONDS):
        _until_done(partial(_settle_doubts, runtime, decision), stop)


def worker(settings: Settings, here: Mapping[str, Runtime]) -> Worker:
    """Relays, mirrors and consumers of the services in this process."""
    stop = Signal()
    loops: list[tuple[str, Callable[[], None]]] = []
    for name, runtime in here.items():
        loops.append((f"relay-{name}", partial(_relay_loop, settings, runtime, stop)))
        if len(here) < len(SERVICES):  # else the gateway is beside them, and sees to it
            loops.append((f"doubts-{name}", partial(_doubt_loop, settings, runtime, stop)))
        reactions = _reactions(runtime)
        if reactions:
            loops.append((f"consumer-{name}", partial(_consumer_loop, settings, runtime, reactions, stop)))
    return Worker([Thread(target=_kept_up, args=(loop, stop), name=name, daemon=True) for name, loop in loops], stop)


def _kept_up(loop: Callable[[], None], stop: Signal) -> None:
    """Run a loop until it ends by itself; one that fails is logged and begun again, for nobody else does its work."""
    pause = 1.0
    while not stop.is_set():
        began = time.monotonic()
        try:
            loop()
            return
        except Exception as error:  # noqa: BLE001  # whatever it was, a relay or consumer that stays down is worse
            log.error("loop_failed", extra={"loop": current_thread().name, **told(error)})
            pause = min(pause * 2, 30.0) if time.monotonic() - began < 60 else 1.0
            stop.wait(pause)


def _reactions(runtime: Runtime) -> list[Reaction]:
    from carethread.interactions.mirror import copies, reaction

    mirrors = copies(runtime.service, owners_of_types())
    return [reaction(mirror) for mirror in mirrors] + list(runtime.service.reactions)


def _relay_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    from carethread.adapters.prometheus import observer
    from carethread.core.relay import Relay
    from carethread.interactions.publish import publish

    name = runtime.service.name
    _until_done(lambda: publish(runtime, Context(principal=Principal(name))), stop)
    holder = f"{socket.gethostname()}-{os.getpid()}"
    relay = Relay(_outbox(settings, runtime), _publisher(settings), name, holder, observe=observer(name))
    relay.run(stop, runtime.store.wait)


def _publisher(settings: Settings) -> Publisher:
    if settings.kafka_bootstrap_servers:
        from carethread.adapters.kafka import KafkaPublisher

        return KafkaPublisher(_kafka(settings))
    from carethread.adapters.sql.bus import EmbeddedPublisher

    return EmbeddedPublisher(_bus(settings), settings.kafka_topic_prefix)


def _consumer_loop(settings: Settings, runtime: Runtime, reactions: Sequence[Reaction], stop: Signal) -> None:
    from carethread.adapters.prometheus import observer
    from carethread.core.consumer import Consumer
    from carethread.interactions.mirror import copies, start

    for mirror in copies(runtime.service, owners_of_types()):
        _until_done(partial(start, runtime, mirror), stop)
    if not stop.is_set():
        subscription = _subscription(settings, runtime, reactions)
        Consumer(runtime, subscription, reactions, observe=observer(runtime.service.name)).run(stop)


def _subscription(settings: Settings, runtime: Runtime, reactions: Sequence[Reaction]) -> Subscription:
    name = runtime.service.name
    types = sorted({type_name for reaction in reactions for type_name in reaction.types})
    topics = [topic(type_name, settings.kafka_topic_prefix) for type_name in types]
    positions = partial(runtime.store.positions, name)
    if settings.kafka_bootstrap_servers:
        from carethread.adapters.kafka import KafkaSubscription

        member = settings.kafka_member or socket.gethostname()
        return KafkaSubscription(_kafka(settings), name, topics, positions, member=f"{member}-{name}")
    from carethread.adapters.sql.bus import EmbeddedSubscription

    return EmbeddedSubscription(_bus(settings), topics, positions)


def _kafka(settings: Settings) -> Any:
    from carethread.adapters.kafka import KafkaSettings

    return KafkaSettings(
        settings.kafka_bootstrap_servers,
        settings.kafka_topic_prefix,
        settings.kafka_partitions,
        settings.kafka_replication,
    )


def _bus(settings: Settings) -> Path:
    return settings.data / "bus.db"


def make_bus(settings: Settings) -> None:
    """Make the embedded bus's file, once, before several threads and processes open it."""
    if not settings.kafka_bootstrap_servers:
        from carethread.adapters.sql.bus import connect

        connect(_bus(settings)).close()


def _until_done(work: Callable[[], object], stop: Signal) -> None:
    """Do what needs a database or another service, again and again until it is there."""
    pause = 0.1
    while not stop.is_set():
        try:
            work()
            return
        except Busy:
            stop.wait(pause)
            pause = min(pause * 2, 5.0)

"""The gRPC server of the services in this process, with what lets a transaction span them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Event as Signal
from threading import Thread
from typing import TYPE_CHECKING

from carethread.core.context import Context, Principal
from carethread.core.ports import Journal, Peer, Request, Response
from carethread.core.service import Runtime
from carethread.core.settings import GATEWAY, SERVICES, Settings

if TYPE_CHECKING:
    from carethread.adapters.rpc.fhir import Transact
    from carethread.adapters.rpc.health import Health
    from carethread.adapters.rpc.notifications import Notifications
    from carethread.adapters.rpc.server import RpcServer
from carethread.composition.loops import until_done
from carethread.composition.parts import (
    engine_of,
    journal_of,
    limits,
    message_bytes,
    migrated,
    outbox_of,
    registry,
    tls,
)

_HEALTH_SECONDS = 2.0


def rpc_server(
    settings: Settings, here: Mapping[str, Runtime], notifications: Notifications | None = None
) -> RpcServer:
    """The gRPC server of the services in this process, not yet started."""
    from carethread.adapters.rpc.health import Health
    from carethread.adapters.rpc.server import RpcServer, Serving
    from carethread.adapters.sql.events.log import SqlEventLog

    health = Health(here)
    Thread(target=_tell_health, args=(health, here), name="health", daemon=True).start()
    logs = {name: SqlEventLog(engine_of(runtime), outbox_of(settings, runtime)) for name, runtime in here.items()}
    serving = Serving(message_bytes=message_bytes(settings), subscribers=settings.grpc_subscribers, tls=tls(settings))
    transact = _transact(settings, here)
    return RpcServer(list(here.values()), transact, logs, settings.grpc_address, serving, health, notifications)


def _transact(settings: Settings, here: Mapping[str, Runtime]) -> Transact:
    """How a Bundle is done: over all services where all are here, else by the one service that is."""
    if set(here) >= set(SERVICES):
        return spanning(here, journal_of(settings), settings)
    return partial(alone, next(iter(here.values())))


def alone(runtime: Runtime, request: Request, context: Context, check: Callable[[], None]) -> Response:
    """A Bundle of one service."""
    from carethread.adapters.rpc.calls import timely
    from carethread.interactions.rest.handling import handle

    return handle(timely(runtime, check), request, context)


def spanning(here: Mapping[str, Runtime], journal: Journal, settings: Settings) -> Transact:
    """Bundles over all services, as the gateway does them; this process has a name of its own in the journal."""
    from carethread.adapters.local import LocalPeer
    from carethread.adapters.rpc.calls import timely
    from carethread.gateway.coordinator import Coordinator
    from carethread.gateway.routing import gateway

    plain, holder, services = LocalPeer(here), f"{socket.gethostname()}-{settings.grpc_port}-rpc", registry().values()

    def transact(request: Request, context: Context, check: Callable[[], None]) -> Response:
        peer = _Timely(LocalPeer({name: timely(runtime, check) for name, runtime in here.items()}), plain)
        coordinator = Coordinator(journal, peer, holder)
        return gateway(list(services), peer, settings.fhir_base, limits(settings), coordinator)(request, context)

    own = Coordinator(journal, plain, holder)
    left = partial(own.sweep, Context(principal=Principal(GATEWAY)), mine=True)
    Thread(target=until_done, args=(left, Signal()), name="transactions", daemon=True).start()
    return transact


@dataclass(frozen=True, slots=True)
class _Timely:
    """Peers that do nothing for a caller who has gone, but what follows from a decision: that is told in any case."""

    until_decided: Peer
    plain: Peer

    def call(self, service: str, request: Request) -> Response:
        from carethread.interactions.transaction.message import PATH

        told = request.path.startswith(f"{PATH}/") and request.method != "PUT"
        return (self.plain if told else self.until_decided).call(service, request)

    def knows(self, service: str) -> bool:
        return self.plain.knows(service)


def _tell_health(health: Health, here: Mapping[str, Runtime]) -> None:
    """Keep gRPC's health in step with the databases, for as long as the process lives."""
    while True:
        for name, runtime in here.items():
            health.set(name, migrated(runtime))
        time.sleep(_HEALTH_SECONDS)

"""The HTTP edge, with what keeps transactions across services going."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Event as Signal
from threading import Thread
from typing import TYPE_CHECKING, Any

from carethread.core.clock import system_clock
from carethread.core.context import Context, Principal
from carethread.core.ports import Decision, Peer
from carethread.core.service import Runtime
from carethread.core.settings import GATEWAY, Settings

if TYPE_CHECKING:
    from carethread.gateway.coordinator import Coordinator
from carethread.composition.bus import described_bus
from carethread.composition.loops import kept_up, until_done
from carethread.composition.observing import states
from carethread.composition.parts import http_peer, journal_of, limits, migrated, registry, runtimes

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0


def http_edge(settings: Settings, names: Sequence[str]) -> Callable[..., Any]:
    """The HTTP edge of one service, of the gateway, or of all services behind the gateway in one process."""
    from carethread.adapters.http.app import make_app
    from carethread.adapters.http.edge import make_edge
    from carethread.adapters.http.fhir import answering
    from carethread.adapters.logs import log_setup
    from carethread.adapters.prometheus import exposition, http_observer
    from carethread.gateway.front import fronts
    from carethread.gateway.routing import gateway
    from carethread.interactions.description.asyncapi import asyncapi
    from carethread.interactions.rest.handling import handle

    log_setup(settings.log_level)
    services = [name for name in names if name != GATEWAY]
    here = runtimes(settings, services)
    if here:
        log.info("small_numbers", extra={"told": settings.small_numbers})
    peer = next(iter(here.values())).peer if here else http_peer(settings)
    if GATEWAY in names:
        coordinator = _coordinator(settings, peer)
        handler = gateway(list(registry().values()), peer, settings.fhir_base, limits(settings), coordinator)
        _sweeping(coordinator, here)
    else:
        handler = partial(handle, here[names[0]])
    answer = answering(handler, system_clock, http_observer(GATEWAY if GATEWAY in names else names[0]))
    described = [service for name, service in registry().items() if GATEWAY in names or name in names]
    pages = [page for service in described for page in service.pages]
    application = make_app(
        answer,
        asyncapi=partial(asyncapi, described, described_bus(settings), GATEWAY in names),
        max_body_bytes=settings.max_body_bytes,
        not_ready=lambda: [name for name, runtime in here.items() if not migrated(runtime)],
        exposition=partial(exposition, states(settings, here, taking_in=GATEWAY in names)),
        pages=pages,
        fronts=fronts(pages),
        files=[file for service in described for file in service.files],
    )
    return make_edge(
        application,
        answer,
        threads=settings.http_threads,
        max_body_bytes=settings.max_body_bytes,
        body_seconds=settings.request_seconds,
        gathering=[f"{op.type}/${op.name}" for service in described for op in service.operations if op.gathers],
    )


def _coordinator(settings: Settings, peer: Peer) -> Coordinator:
    from carethread.gateway.coordinator import Coordinator

    return Coordinator(journal_of(settings), peer, socket.gethostname())


def _sweeping(coordinator: Coordinator, here: Mapping[str, Runtime]) -> None:
    """Finish the transactions that a process before this one left, and from now on those that time out."""
    stop = Signal()

    def loop() -> None:
        until_done(lambda: coordinator.sweep(Context(principal=Principal(GATEWAY)), mine=True), stop)
        while not stop.wait(SWEEP_SECONDS):
            until_done(lambda: coordinator.sweep(Context(principal=Principal(GATEWAY))), stop)
            for runtime in here.values():
                until_done(partial(settle_doubts_of, runtime, coordinator.decision), stop)

    Thread(target=kept_up, args=(loop, stop), name="transactions", daemon=True).start()


def settle_doubts_of(runtime: Runtime, decision: Callable[[str], Decision]) -> None:
    from carethread.interactions.rest.handling import handle
    from carethread.interactions.transaction.part import settle_doubts

    settle_doubts(runtime, decision, Context(principal=Principal(runtime.service.name)), handle)

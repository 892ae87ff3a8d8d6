"""Who takes messages in: a consumer with a database of its own, which does what they ask for as the gateway does."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event as Signal

from carethread.composition.bus import subscription
from carethread.composition.loops import until_done
from carethread.composition.parts import beats, grpc_owners, http_peer, journal_of, limits, owners_of_types, store
from carethread.core.consuming.pulse import Pulse
from carethread.core.ports import Peer
from carethread.core.service import Runtime, Service
from carethread.core.settings import INBOUND, Settings
from carethread.gateway.coordinator import Coordinator

_FORGET_SECONDS = 10.0


def inbound(settings: Settings, here: Mapping[str, Runtime]) -> Runtime:
    """The parts of who takes in; the services are those in this process, or are reached by HTTP."""
    peer = next(iter(here.values())).peer if here else http_peer(settings)
    service = Service(INBOUND, "Messages from integration engines, done once and answered.", types=())
    return Runtime(service, store(settings, INBOUND), grpc_owners(settings), peer, settings.fhir_base, limits(settings))


def loops(settings: Settings, runtime: Runtime, pulse: Pulse, stop: Signal) -> list[tuple[str, Callable[[], None]]]:
    """What it runs beside its relay."""
    coordinator = _coordinator(settings, runtime.peer)
    return [
        (f"consumer-{INBOUND}", pulse.of(partial(_take_in, settings, runtime, coordinator, pulse, stop))),
        (f"journal-{INBOUND}", partial(_forget, runtime, coordinator, stop)),
    ]


def _coordinator(settings: Settings, peer: Peer) -> Coordinator:
    return Coordinator(journal_of(settings), peer, f"{socket.gethostname()}-{os.getpid()}-{INBOUND}")


def _take_in(settings: Settings, runtime: Runtime, coordinator: Coordinator, pulse: Pulse, stop: Signal) -> None:
    from carethread.adapters.prometheus import observer
    from carethread.core.consuming.consumer import Consumer
    from carethread.gateway.inbound.doing import running
    from carethread.gateway.inbound.reaction import about, put_aside, reaction, received

    reactions = [reaction(running(owners_of_types(), runtime.peer, coordinator, runtime.limits))]
    observe = pulse.observing(observer(INBOUND))
    read = subscription(settings, runtime, reactions, observe)
    Consumer(
        runtime,
        read,
        reactions,
        read=received,
        about=about,
        put_aside=put_aside,
        observe=observe,
        patience=settings.held_seconds,
        most=1,  # a message may take long, and one that is refused must not undo the answers of others
        beat=pulse,
        attended=beats(runtime, "consumer"),
    ).run(stop)


def _forget(runtime: Runtime, coordinator: Coordinator, stop: Signal) -> None:
    from carethread.gateway.inbound.doing import forget_answered

    while not stop.wait(_FORGET_SECONDS):
        until_done(partial(forget_answered, coordinator, runtime.store), stop)

"""What runs beside the requests: relays, mirrors and consumers."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event as Signal
from threading import Thread

from carethread.composition.bus import publisher, subscription
from carethread.composition.http import SWEEP_SECONDS, settle_doubts_of
from carethread.composition.loops import kept_up, until_done
from carethread.composition.parts import http_peer, outbox_of, owners_of_types
from carethread.core.context import Context, Principal
from carethread.core.service import Reaction, Runtime
from carethread.core.settings import GATEWAY, SERVICES, Settings


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


def _doubt_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    from carethread.interactions.transaction.part import decision_at

    decision = partial(decision_at, http_peer(settings), GATEWAY)
    while not stop.wait(SWEEP_SECONDS):
        until_done(partial(settle_doubts_of, runtime, decision), stop)


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
    return Worker([Thread(target=kept_up, args=(loop, stop), name=name, daemon=True) for name, loop in loops], stop)


def _reactions(runtime: Runtime) -> list[Reaction]:
    from carethread.interactions.mirror import copies, reaction

    mirrors = copies(runtime.service, owners_of_types())
    return [reaction(mirror) for mirror in mirrors] + list(runtime.service.reactions)


def _relay_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    from carethread.adapters.prometheus import observer
    from carethread.core.relay import Relay
    from carethread.interactions.publish import publish

    name = runtime.service.name
    until_done(lambda: publish(runtime, Context(principal=Principal(name))), stop)
    holder = f"{socket.gethostname()}-{os.getpid()}"
    relay = Relay(outbox_of(settings, runtime), publisher(settings), name, holder, observe=observer(name))
    relay.run(stop, runtime.store.wait)


def _consumer_loop(settings: Settings, runtime: Runtime, reactions: Sequence[Reaction], stop: Signal) -> None:
    from carethread.adapters.prometheus import observer
    from carethread.core.consumer import Consumer
    from carethread.interactions.mirror import copies, start

    for mirror in copies(runtime.service, owners_of_types()):
        until_done(partial(start, runtime, mirror), stop)
    if not stop.is_set():
        read = subscription(settings, runtime, reactions)
        Consumer(runtime, read, reactions, observe=observer(runtime.service.name)).run(stop)

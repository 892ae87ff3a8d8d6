"""What runs beside the answering: relays, mirrors and consumers, timers, and what is wanted of other services."""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event as Signal
from threading import Thread
from typing import TYPE_CHECKING

from carethread.composition.alarming import alarm_loop
from carethread.composition.analysing import SERVICE as PUBLISHING
from carethread.composition.bus import publisher, subscription
from carethread.composition.delivering import SERVICE as DELIVERING
from carethread.composition.delivering import stream_loop, webhook_loop, websocket_loop
from carethread.composition.errands import loops as errand_loops
from carethread.composition.facts import latest_loop, publish_loop, views_read
from carethread.composition.housekeeping import housekeeping, statistics
from carethread.composition.http import SWEEP_SECONDS, settle_doubts_of
from carethread.composition.inbound import inbound
from carethread.composition.inbound import loops as inbound_loops
from carethread.composition.loops import kept_up, until_done
from carethread.composition.parts import beats, http_peer, outbox_of, owners_of_types, postbox_of
from carethread.core.consuming.pulse import Pulse
from carethread.core.context import Context, Principal
from carethread.core.errors import Busy, NotSupported
from carethread.core.events import topic
from carethread.core.service import Mirror, Reaction, Runtime
from carethread.core.settings import GATEWAY, INBOUND, SERVICES, Settings

if TYPE_CHECKING:
    from carethread.adapters.rpc.notifications import Notifications

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
"""Between two tries to reach owners that are away."""

_GATHER_SECONDS = 0.25
"""For which events gather that become facts: these are published each half a second."""


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


def worker(settings: Settings, here: Mapping[str, Runtime], *, taking_in: bool = False) -> Worker:
    """Relays, mirrors and consumers of the services in this process; `taking_in`: and what takes messages in."""
    stop = Signal()
    loops: list[tuple[str, Callable[[], None]]] = []
    pulses: dict[str, Pulse] = {}
    for name, runtime in here.items():
        loops.append((f"relay-{name}", partial(_relay_loop, settings, runtime, stop)))
        loops += errand_loops(runtime, stop)
        if len(here) < len(SERVICES):  # else the gateway is beside them, and sees to it
            loops.append((f"doubts-{name}", partial(_doubt_loop, settings, runtime, stop)))
        if name == DELIVERING:
            loops.append(("delivery", partial(webhook_loop, settings, runtime, stop)))
        if name == PUBLISHING and not views_read():
            continue  # events wait for views that can be read, and are no dead letters
        if runtime.service.distils:
            loops.append((f"filling-{name}", partial(_filling_loop, runtime, stop)))
        reactions = _reactions(runtime)
        if reactions:
            pulses[name] = pulse = Pulse()
            consume = partial(_consumer_loop, settings, runtime, reactions, pulse, stop)
            loops.append((f"consumer-{name}", pulse.of(consume)))
        if name == PUBLISHING:
            loops.append(("facts", partial(publish_loop, settings, runtime, stop)))
            loops.append(("latest", partial(latest_loop, runtime, stop)))
    if taking_in:
        runtime, pulses[INBOUND] = inbound(settings, here), Pulse()
        here = {**here, INBOUND: runtime}
        loops.append((f"relay-{INBOUND}", partial(_relay_loop, settings, runtime, stop)))
        loops += inbound_loops(settings, runtime, pulses[INBOUND], stop)
    loops.append(("alarms", partial(alarm_loop, settings, here, pulses, stop)))
    loops.append(("housekeeping", partial(housekeeping, settings, here, stop)))
    loops.append(("statistics", partial(statistics, here, stop)))
    return _worker(loops, stop)


def sockets(settings: Settings, here: Mapping[str, Runtime]) -> Worker:
    """The websockets of Subscriptions."""
    stop = Signal()
    return _worker([("sockets", partial(websocket_loop, settings, here[DELIVERING], stop))], stop)


def streams(settings: Settings, here: Mapping[str, Runtime], notifications: Notifications) -> Worker:
    """The streams of notifications, beside the gRPC server that has them."""
    stop = Signal()
    return _worker([("streams", partial(stream_loop, settings, here[DELIVERING], notifications, stop))], stop)


def _worker(loops: Sequence[tuple[str, Callable[[], None]]], stop: Signal) -> Worker:
    return Worker([Thread(target=kept_up, args=(loop, stop), name=name, daemon=True) for name, loop in loops], stop)


def _reactions(runtime: Runtime) -> list[Reaction]:
    from carethread.interactions.mirror import copies, reaction

    mirrors = copies(runtime.service, owners_of_types())
    return [reaction(mirror) for mirror in mirrors] + list(runtime.service.reactions)


def _mirrored_only(settings: Settings, runtime: Runtime, reactions: Sequence[Reaction]) -> dict[str, Mirror]:
    """The topics that feed one mirror and nothing else."""
    from carethread.interactions.mirror import copies

    readers = Counter(type_name for reaction in reactions for type_name in reaction.types)
    mirrors = copies(runtime.service, owners_of_types())
    return {topic(each.type, settings.kafka_topic_prefix): each for each in mirrors if readers[each.type] == 1}


def _relay_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    from carethread.adapters.prometheus import observer
    from carethread.core.relaying.relay import Relay
    from carethread.interactions.publish import publish

    name = runtime.service.name
    until_done(lambda: publish(runtime, Context(principal=Principal(name))), stop)
    holder = f"{socket.gethostname()}-{os.getpid()}"
    relay = Relay(
        outbox_of(settings, runtime),
        publisher(settings, name),
        name,
        holder,
        observe=observer(name),
        postbox=postbox_of(runtime),
    )
    relay.run(stop, runtime.store.wait)


def _filled(runtime: Runtime, mirror: Mirror, stop: Signal) -> bool:
    """Fill a mirror; False where no service has its type."""
    from carethread.interactions.mirror import start

    try:
        until_done(partial(start, runtime, mirror, stop.is_set), stop)
    except NotSupported as error:
        _tell_missing(runtime, mirror, error)
        return False
    return True


def _filling_loop(runtime: Runtime, stop: Signal) -> None:
    """Fill what is made of other services' resources, each as soon as its owner is there. Events need not wait for
    that: whatever came first, the higher version stays."""
    from carethread.interactions.mirror import start

    waiting = list(runtime.service.distils() if runtime.service.distils else ())
    while waiting and not stop.is_set():
        for mirror in list(waiting):
            try:
                start(runtime, mirror, stop.is_set)
                waiting.remove(mirror)
            except NotSupported as error:
                _tell_missing(runtime, mirror, error)
                waiting.remove(mirror)
            except Busy:
                continue
        stop.wait(_AGAIN_SECONDS if waiting else 0)


def _tell_missing(runtime: Runtime, mirror: Mirror, error: NotSupported) -> None:
    """No service has the type of a mirror: the others go on without it until the next start."""
    named = {"service": runtime.service.name, "type": mirror.type, "owner": mirror.owner}
    log.warning("mirror_without_owner", extra={**named, "reason": str(error)})


def _consumer_loop(
    settings: Settings, runtime: Runtime, reactions: Sequence[Reaction], pulse: Pulse, stop: Signal
) -> None:
    from carethread.adapters.prometheus import observer
    from carethread.core.consuming.consumer import Consumer
    from carethread.interactions.mirror import begin_late, copies, reaction

    mirrors = [each for each in copies(runtime.service, owners_of_types()) if not each.keeper]
    missing = {reaction(mirror).name for mirror in mirrors if not _filled(runtime, mirror, stop)}
    reactions = [each for each in reactions if each.name not in missing]
    if not stop.is_set():
        observe = pulse.observing(observer(runtime.service.name))
        read = subscription(settings, runtime, reactions, observe)
        until_done(partial(begin_late, runtime, read, _mirrored_only(settings, runtime, reactions)), stop)
        Consumer(
            runtime,
            read,
            reactions,
            observe=observe,
            patience=settings.held_seconds,
            rests=_GATHER_SECONDS if runtime.service.name == PUBLISHING else 0.0,
            beat=pulse,
            attended=beats(runtime, "consumer"),
        ).run(stop)

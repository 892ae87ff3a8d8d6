"""Subscribers that come to us: whoever has bound a subscription to a connection is served while it lasts.

Each turn is that of any other channel (`delivery`), with the connection as its endpoint. A connection has one turn at a
time, so that a slow one holds one thread, and no longer than an attempt lasts: then it is closed. What was not
acknowledged waits for the next connection.

The ledger counts the readers of each subscription: whoever comes, in this process or another, takes it over, and each
process ends the readers of its own that are not the newest any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal
from threading import Lock
from typing import Protocol

from carethread.core.context import Context, authorize
from carethread.core.errors import Busy, NotFound, PreconditionFailed
from carethread.core.faults import told
from carethread.core.pauses import longer
from carethread.core.ports import Session
from carethread.core.ports.channels import Channel
from carethread.core.ports.deliveries import Subscriber
from carethread.core.service import Runtime
from carethread.subscriptions.delivery import LEASE_SECONDS, WEBSOCKET, Delivery, serve
from carethread.subscriptions.life import TYPE

log = logging.getLogger(__name__)

THREADS = 32
_LOOK_SECONDS = 0.5
_LONGEST_PAUSE = 5.0


Binding = tuple[int, int]
"""The number of a connection, and that of the subscription's reader: each greets once."""


class Sockets(Channel, Protocol):
    """The connections of this process; as a channel, the subscription's id is the address."""

    def bound(self) -> Mapping[str, Binding]:
        """What each subscription is bound to."""
        ...

    def supersede(self, subscription: str, binding: Binding) -> None:
        """End a binding if it still is one: a newer reader has come, to another process."""
        ...


def readable(runtime: Runtime, channel: str, id_: str, context: Context) -> int:
    """The number of a new reader of a subscription's notifications, who takes it over from the one before.

    Raises Forbidden, NotFound, PreconditionFailed for another channel or one that is off, and Busy.
    """
    authorize("read", TYPE, context)
    found, stored = runtime.store.snapshot(
        lambda session: (session.deliveries.subscriber(id_), session.current([(TYPE, id_)]).get((TYPE, id_)))
    )
    if found is None or stored is None or stored.deleted:
        raise NotFound("There is no Subscription with this id.", expression="subscription")
    if found.channel != channel:
        raise PreconditionFailed(
            f"The channel of this Subscription is {found.channel}, not {channel}.",
            expression="Subscription.channel.type",
        )
    if found.status == "off":
        raise PreconditionFailed("This Subscription is off; send it as requested.", expression="Subscription.status")
    return runtime.store.transact(lambda session: session.deliveries.bind([id_]))[id_]


class SocketEngine:
    """Serves what is bound in this process, of one kind of channel."""

    def __init__(
        self, delivery: Delivery, sockets: Sockets, *, channel: str = WEBSOCKET, threads: int = THREADS
    ) -> None:
        self._delivery = delivery
        self._sockets = sockets
        self._channel = channel
        self._threads = threads
        self._lock = Lock()
        self._running: dict[str, Binding] = {}
        self._greeted: dict[str, Binding] = {}

    def run(self, stop: Signal, wait: Callable[[float], None], attended: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is set. `wait(seconds)` returns when there may be something new, or time is up;
        `attended` is called each time that it comes round."""
        pause = 0.0
        with ThreadPoolExecutor(self._threads, "socket") as threads:
            while not stop.is_set():
                attended()
                try:
                    claimed = self._next()
                    pause = 0.0
                except Busy as error:
                    pause = longer(pause, _LONGEST_PAUSE)
                    log.warning("delivery_waits", extra={"reason": str(error)})
                    stop.wait(pause)
                    continue
                for subscriber, binding in claimed:
                    threads.submit(self._serve, subscriber, binding)
                if not claimed:
                    wait(_LOOK_SECONDS)

    def _next(self) -> list[tuple[Subscriber, Binding]]:
        """One for each connection that is not at work, leased: who has just bound, or has something due."""
        here = self._delivery
        bound = dict(self._sockets.bound())
        found = here.runtime.store.glance(lambda session: session.deliveries.subscribers(list(bound))) if bound else []
        for each in found:
            if each.reader > bound[each.subscription][1]:
                self._sockets.supersede(each.subscription, bound.pop(each.subscription))
        with self._lock:
            self._greeted = {id_: binding for id_, binding in self._greeted.items() if bound.get(id_) == binding}
            busy = {connection for connection, _ in self._running.values()}
            idle = {
                id_: binding for id_, binding in bound.items() if binding[0] not in busy and id_ not in self._running
            }
        now = here.now()
        waiting = [
            each.subscription
            for each in found
            if each.subscription in idle and (each.due <= now or each.subscription not in self._greeted)
        ]
        first = {idle[id_][0]: id_ for id_ in reversed(waiting)}
        only = {id_: idle[id_][1] for id_ in list(first.values())[: max(0, self._threads - len(busy))]}
        if not only:
            return []

        def claim(session: Session) -> list[Subscriber]:
            return session.deliveries.claim((self._channel,), here.holder, LEASE_SECONDS, now, len(only), only)

        claimed = [(each, idle[each.subscription]) for each in here.runtime.store.transact(claim)]
        with self._lock:
            self._running |= {subscriber.subscription: binding for subscriber, binding in claimed}
        return claimed

    def _serve(self, subscriber: Subscriber, binding: Binding) -> None:
        id_ = subscriber.subscription
        with self._lock:
            greet = self._greeted.get(id_) != binding
            self._greeted[id_] = binding
        try:
            serve(self._delivery, subscriber, greet=greet)
        except Busy as error:
            log.warning("delivery_waits", extra={"subscription": id_, "reason": str(error)})
        except Exception as error:  # noqa: BLE001  # the lease stays until it ends, which is pause enough
            log.error("delivery_failed", extra={"subscription": id_, **told(error)})
        finally:
            with self._lock:
                del self._running[id_]

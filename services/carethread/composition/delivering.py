"""The delivery of notifications: to webhooks in the worker, to websockets in a role of its own, to gRPC streams beside
the calls."""

from __future__ import annotations

import os
import random
import socket
from functools import partial
from threading import Event as Signal
from typing import TYPE_CHECKING

from carethread.composition.loops import until_done
from carethread.composition.parts import message_bytes
from carethread.core.clock import system_clock
from carethread.core.context import Context, Principal, new_id
from carethread.core.ports.channels import Channel
from carethread.core.service import Runtime
from carethread.core.settings import Settings
from carethread.core.webhooks.endpoints import networks

if TYPE_CHECKING:
    from carethread.adapters.rpc.notifications import Notifications
    from carethread.subscriptions.delivery import Delivery

SERVICE = "subscriptions"


def secrets(settings: Settings) -> list[str]:
    """What signs, the newest first."""
    return [secret.strip() for secret in settings.webhook_secrets.split(",") if secret.strip()]


def _delivery(settings: Settings, runtime: Runtime, channel: Channel) -> Delivery:
    from carethread.adapters.prometheus import observer
    from carethread.subscriptions.delivery import Delivery
    from carethread.subscriptions.together import Together

    holder = f"{socket.gethostname()[:20]}-{os.getpid()}-{new_id()[-12:]}"
    return Delivery(
        runtime,
        channel,
        holder,
        system_clock,
        secrets(settings),
        observer(runtime.service.name),
        random.random,
        Together(runtime.store),
    )


def webhook_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    """Serve the endpoints of Subscriptions until `stop` is set."""
    from carethread.adapters.webhooks import Webhooks
    from carethread.subscriptions.engine import Engine
    from carethread.subscriptions.unfit import turn_out_unfit

    until_done(partial(turn_out_unfit, runtime, Context(principal=Principal(SERVICE))), stop)
    channel = Webhooks(
        networks(settings.webhook_networks), http=settings.webhook_http, authorities=settings.webhook_authorities
    )
    try:
        Engine(_delivery(settings, runtime, channel)).run(stop, runtime.store.wait)
    finally:
        channel.close()


def websocket_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    """Serve websockets until `stop` is set."""
    from carethread.adapters.websocket.server import Sockets
    from carethread.subscriptions.sockets import SocketEngine
    from carethread.subscriptions.tokens import redeem

    context = Context(principal=Principal(SERVICE))
    sockets = Sockets(settings.host, settings.ws_port, partial(redeem, runtime, context=context))
    until_done(partial(runtime.store.positions, SERVICE), stop)
    sockets.start()
    try:
        SocketEngine(_delivery(settings, runtime, sockets), sockets).run(stop, runtime.store.wait)
    finally:
        sockets.close()


def notifications(settings: Settings, runtime: Runtime) -> Notifications:
    """The streams of notifications, for a gRPC server; `stream_loop` serves them."""
    from carethread.adapters.rpc.notifications import Notifications
    from carethread.subscriptions.delivery import GRPC
    from carethread.subscriptions.sockets import readable

    return Notifications(
        partial(readable, runtime, GRPC), most=settings.grpc_subscribers, message_bytes=message_bytes(settings)
    )


def stream_loop(settings: Settings, runtime: Runtime, streams: Notifications, stop: Signal) -> None:
    """Serve the streams of notifications until `stop` is set."""
    from carethread.subscriptions.delivery import GRPC
    from carethread.subscriptions.sockets import SocketEngine

    until_done(partial(runtime.store.positions, SERVICE), stop)
    SocketEngine(_delivery(settings, runtime, streams), streams, channel=GRPC).run(stop, runtime.store.wait)

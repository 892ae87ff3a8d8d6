"""The delivery of notifications: to webhooks in the worker, to websockets in a role of its own, to gRPC streams beside
the calls."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from threading import Event as Signal
from typing import TYPE_CHECKING

from carethread.composition.loops import until_done
from carethread.composition.parts import beats, message_bytes, process_name
from carethread.core.clock import system_clock
from carethread.core.context import Context, Principal
from carethread.core.errors import Busy
from carethread.core.ports.channels import Channel
from carethread.core.service import Runtime
from carethread.core.settings import Settings, SettingsError
from carethread.core.webhooks.endpoints import networks

if TYPE_CHECKING:
    from carethread.adapters.rpc.notifications import Notifications
    from carethread.subscriptions.delivery import Delivery

SERVICE = "subscriptions"
DELIVERY = "delivery "
"""Begins the names of what serves channels."""


def secrets(settings: Settings) -> list[str]:
    """What signs, the newest first: of a file, what it says now. Raises Busy for one that says nothing, SettingsError
    where both are given."""
    path = settings.webhook_secrets_file
    if path and settings.webhook_secrets:
        raise SettingsError("Give CARETHREAD_WEBHOOK_SECRETS or CARETHREAD_WEBHOOK_SECRETS_FILE, not both.")
    try:
        text = Path(path).read_text(encoding="utf-8") if path else settings.webhook_secrets
    except (OSError, UnicodeDecodeError):
        text = ""
    found = [secret.strip() for line in text.splitlines() for secret in line.split(",") if secret.strip()]
    if path and not found:
        raise Busy("The file in CARETHREAD_WEBHOOK_SECRETS_FILE cannot be read, or names no secret.")
    return found


def _delivery(settings: Settings, runtime: Runtime, channel: Channel) -> Delivery:
    from carethread.adapters.prometheus import observer
    from carethread.subscriptions.delivery import Delivery
    from carethread.subscriptions.together import Together

    return Delivery(
        runtime,
        channel,
        process_name(),
        system_clock,
        partial(secrets, settings),
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
        engine = Engine(_delivery(settings, runtime, channel))
        engine.run(stop, runtime.store.wait, beats(runtime, f"{DELIVERY}rest-hook"))
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
        engine = SocketEngine(_delivery(settings, runtime, sockets), sockets)
        engine.run(stop, runtime.store.wait, beats(runtime, f"{DELIVERY}websocket"))
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
    engine = SocketEngine(_delivery(settings, runtime, streams), streams, channel=GRPC)
    engine.run(stop, runtime.store.wait, beats(runtime, f"{DELIVERY}{GRPC}"))

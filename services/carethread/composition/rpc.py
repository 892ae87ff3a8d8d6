"""The gRPC server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Thread
from typing import TYPE_CHECKING

from carethread.core.service import Runtime
from carethread.core.settings import Settings

if TYPE_CHECKING:
    import grpc

    from carethread.adapters.rpc.health import Health
from carethread.composition.parts import migrated

_RPC_WORKERS = 8

_HEALTH_SECONDS = 2.0


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
            health.set(name, migrated(runtime))
        time.sleep(_HEALTH_SECONDS)

"""The processes of one command: granian's HTTP worker, and one process for gRPC, relays, mirrors and consumers.

Objects of gRPC and Kafka are made after the fork, in the process that uses them. A worker that dies is started again; a
worker whose supervisor died ends by itself. Ctrl-C reaches every process of a terminal, but only the supervisor acts on
it: it ends the others in order.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import urllib3  # here, not on use: no thread may be importing while granian forks, or the fork waits for it for ever

from carethread.core.settings import GATEWAY, Settings, SettingsError, export, share_metrics

log = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0
_STOP_SECONDS = 15.0
_HTTP_STOP_SECONDS = 8
"""What requests that are being read or answered get to finish in; both together stay below Kubernetes' 30 s."""
_LOOK_SECONDS = 0.5
_ENDINGS = {signal.SIGTERM, signal.SIGINT}
_HEADER_MILLISECONDS = 10_000


def check_port(host: str, port: int, option: str) -> None:
    """Raise SettingsError when a TCP port cannot be listened on; `option` names what chooses it."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            reason = (error.strerror or "it cannot be used").lower()
            raise SettingsError(
                f"Cannot listen on {host} port {port}: {reason}. Choose another with {option}."
            ) from None


def serve_http(settings: Settings, names: Sequence[str], beside: Beside | None = None) -> None:
    """Serve HTTP until SIGTERM or SIGINT; `beside` lives as long."""
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.server import Server

    server = Server(
        "carethread",
        address=settings.host,
        port=settings.http_port,
        interface=Interfaces.RSGI,
        workers=1,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_HTTP_STOP_SECONDS,
    )
    if beside:
        server.on_startup(beside.start)
        server.on_shutdown(beside.stop)
    with _metrics_folder() if beside else nullcontext():
        server.serve(target_loader=partial(_load, settings, tuple(names), os.getpid()), wrap_loader=False)


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """Where the processes of one start keep their metrics, and from where HTTP shows them."""
    with TemporaryDirectory(prefix="carethread-metrics-", ignore_cleanup_errors=True) as folder:
        share_metrics(folder)
        yield


def _load(settings: Settings, names: Sequence[str], supervisor: int) -> Callable[..., Any]:
    from carethread.composition.http import http_edge

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # for this thread and all that it starts
    signal.signal(
        signal.SIGTERM, signal.SIG_DFL
    )  # until granian's loop listens; the handler from before the fork cannot
    _end_with(supervisor)
    return http_edge(settings, names)


def _end_with(supervisor: int) -> None:
    """End this process when its supervisor is gone: politely first, then at once."""

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


class Beside:
    """A process of ours beside the HTTP server, started again when it ends by itself."""

    def __init__(self, settings: Settings, arguments: Sequence[str]) -> None:
        self._settings = settings
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        export(self._settings)
        self._spawn()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def _spawn(self) -> None:
        # It is told whose end is its own: by the time that it could look, that process may be gone.
        whose = ["--supervisor", f"{os.getpid()}"]
        self._process = subprocess.Popen([sys.executable, "-m", "carethread", *self._arguments, *whose])

    def _watch(self) -> None:
        while self._process is not None:
            self._process.wait()
            if self._stopping.wait(_RESTART_SECONDS):
                return
            self._spawn()

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        self._stopping.set()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()


def run_worker(
    settings: Settings, names: Sequence[str], roles: Sequence[str], *, supervisor: int | None = None
) -> None:
    """Run gRPC (`rpc`), the loops (`worker`) and the websockets (`ws`) of the services until SIGTERM or SIGINT.

    One that has a `supervisor`, a process by its id, leaves SIGINT to that, and ends when it is gone. Raises
    SettingsError when the gRPC address cannot be listened on.
    """
    # Signals are waited for, not handled: a handler that sets an Event may run while its thread holds the Event's lock.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    if supervisor is not None:
        _end_with(supervisor)
    from carethread.adapters.logs import log_setup
    from carethread.composition.delivering import SERVICE, notifications
    from carethread.composition.observing import serve_metrics
    from carethread.composition.parts import runtimes
    from carethread.composition.rpc import rpc_server
    from carethread.composition.worker import sockets, streams, worker

    log_setup(settings.log_level)
    here = runtimes(settings, [name for name in names if name != GATEWAY])
    if here and supervisor is None:
        log.info("small_numbers", extra={"told": settings.small_numbers})
    if supervisor is None and settings.metrics_port:
        check_port(settings.host, settings.metrics_port, "CARETHREAD_METRICS_PORT")
        serve_metrics(settings, here, taking_in=GATEWAY in names)
    if "rpc" in roles:
        check_port(settings.host, settings.grpc_port, "--grpc-port (CARETHREAD_GRPC_PORT)")
    told = notifications(settings, here[SERVICE]) if "rpc" in roles and SERVICE in here else None
    server = rpc_server(settings, here, told) if "rpc" in roles else None
    loops = [worker(settings, here, taking_in=GATEWAY in names)] if "worker" in roles else []
    if "ws" in roles and "subscriptions" in here:
        check_port(settings.host, settings.ws_port, "--ws-port (CARETHREAD_WS_PORT)")
        loops.append(sockets(settings, here))
    if told:
        loops.append(streams(settings, here, told))
    if server:
        server.start()
    for each in loops:
        each.start()
    signal.sigwait(_ENDINGS if supervisor is None else {signal.SIGTERM})
    if server:
        server.end_streams()
    for each in loops:
        each.join()
    if server:
        server.stop(grace=5)
    for runtime in here.values():
        runtime.store.close()


def wait_ready(url: str, seconds: float) -> bool:
    """Whether the server at `url` says that it is ready, within a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(urllib3.exceptions.HTTPError):
            if urllib3.request("GET", f"{url}/readyz", timeout=1.0, retries=False).status == 200:
                return True
        time.sleep(0.05)
    return False

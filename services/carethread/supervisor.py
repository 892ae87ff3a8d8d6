"""The processes of one command: granian's HTTP worker, and one process for gRPC, relays, mirrors and consumers.

Objects of gRPC and Kafka are made after the fork, in the process that uses them. A worker that dies is started again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any

from carethread.core.settings import Settings, export

_RESTART_SECONDS = 1.0
_STOP_SECONDS = 25.0
_HEADER_MILLISECONDS = 10_000


def serve_http(settings: Settings, names: Sequence[str], beside: Beside | None = None) -> None:
    """Serve HTTP until SIGTERM or SIGINT; `beside` lives as long."""
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.server import Server

    server = Server(
        "carethread",
        address=settings.host,
        port=settings.http_port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=settings.http_threads,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=int(_STOP_SECONDS),
    )
    if beside:
        server.on_startup(beside.start)
        server.on_shutdown(beside.stop)
    server.serve(target_loader=partial(_load, settings, tuple(names)), wrap_loader=False)


def _load(settings: Settings, names: Sequence[str]) -> Callable[..., Any]:
    from carethread.composition import http_app

    return http_app(settings, names)


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
        self._process = subprocess.Popen([sys.executable, "-m", "carethread", *self._arguments])

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


def run_worker(settings: Settings, names: Sequence[str], roles: Sequence[str]) -> None:
    """Run gRPC (`rpc`) and the loops (`worker`) of the services until SIGTERM, SIGINT, or the end of the parent."""
    from carethread.composition import log_setup, rpc_server, runtimes, worker

    log_setup(settings)
    here = runtimes(settings, names)
    stop = threading.Event()

    def ended(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)
    server = rpc_server(settings, here) if "rpc" in roles else None
    loops = worker(settings, here) if "worker" in roles else None
    if server:
        server.start()
    if loops:
        loops.start()
    while not stop.wait(1.0):
        pass
    if loops:
        loops.join()
    if server:
        server.stop(grace=5).wait()
    for runtime in here.values():
        runtime.store.close()


def wait_ready(url: str, seconds: float) -> bool:
    """Whether the server at `url` says that it is ready, within a time."""
    import urllib3

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if urllib3.request("GET", f"{url}/readyz", timeout=1.0, retries=False).status == 200:
                return True
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
    return False

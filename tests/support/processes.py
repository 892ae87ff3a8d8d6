"""`carethread …` as a process of its own, on free ports, spoken to from outside as a user would."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3

from support import run
from support.fhir import Fhir
from support.servers import Process, free_port

SOURCES = Path(__file__).parents[2] / "services"


class CareThread(Process):
    """`carethread ARGUMENTS` with ports of its own on 127.0.0.1, given through the settings.

    `env` adds settings, or changes them; processes that share data are given one CARETHREAD_DATA, or each has its own.
    None of the tests' own environment that starts with CARETHREAD_ gets through.
    `ready` names what `start` waits for: "http" (`/readyz` answers 200), "grpc" (the port accepts), or "" (nothing).
    """

    def __init__(
        self, *arguments: str, env: Mapping[str, str] | None = None, ready: str = "http", start_seconds: float = 60.0
    ) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARETHREAD_")}
        ports = {f"CARETHREAD_{name}_PORT": str(free_port()) for name in ("HTTP", "GRPC", "WS")}
        settings = {**ports, **(env or {})}
        settings.setdefault("CARETHREAD_DATA", str(run.folder("data")))
        checks: dict[str, Callable[[], bool]] = {"http": self._http_ready, "grpc": self._grpc_ready, "": lambda: True}
        self.data = Path(settings["CARETHREAD_DATA"])
        self.http_port = int(settings["CARETHREAD_HTTP_PORT"])
        self.grpc_port = int(settings["CARETHREAD_GRPC_PORT"])
        self.ws_port = int(settings["CARETHREAD_WS_PORT"])
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.fhir = Fhir(f"{self.url}/fhir")
        super().__init__(
            "-".join(("carethread", *(part for part in arguments if part.isalnum()))),
            [sys.executable, "-m", "carethread", *arguments],
            checks[ready],
            env={**inherited, "PYTHONPATH": str(SOURCES), **settings},
            start_seconds=start_seconds,
        )

    def _http_ready(self) -> bool:
        try:
            return urllib3.request("GET", f"{self.url}/readyz", timeout=2.0, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _grpc_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.grpc_port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def carethread(
    *arguments: str, env: Mapping[str, str] | None = None, ready: str = "http", start_seconds: float = 60.0
) -> Iterator[CareThread]:
    """A started process that is stopped, with all its children, when the block ends."""
    process = CareThread(*arguments, env=env, ready=ready, start_seconds=start_seconds)
    try:
        process.start()
        yield process
    finally:
        process.stop()

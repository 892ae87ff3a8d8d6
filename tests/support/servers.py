"""A server beside the tests, as a process group or as a container: one set of verbs for both.

`start` waits until the server answers; `stop` is polite and keeps its data and port, so that `start` brings it back;
`kill9` is a crash; `pause` freezes it without closing a connection, until `unpause`; `restore` brings it back from any
of these.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol, TypeVar

from support import run
from support.run import Unavailable

_T = TypeVar("_T")

_START_SECONDS = 90.0
_STOP_SECONDS = 30.0


class Server(Protocol):
    """What a fault test may do to a server."""

    @property
    def pid(self) -> int:
        """The process that its others descend from."""
        ...

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill9(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def restore(self) -> None: ...


@dataclass(frozen=True)
class Handle:
    """A running server and its address, which stays the same over stop and start."""

    address: str
    server: Server

    @property
    def pid(self) -> int:
        return self.server.pid

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def kill9(self) -> None:
        self.server.kill9()

    def pause(self) -> None:
        self.server.pause()

    def unpause(self) -> None:
        self.server.unpause()

    def restore(self) -> None:
        self.server.restore()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing holds now, another one each time.

    It is none of those from which the kernel serves connections, which could take it before its server listens; other
    workers begin elsewhere.
    """
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


_ports = cycle(random.SystemRandom().sample(range(10_000, 32_000), 22_000))


def until(condition: Callable[[], bool], *, seconds: float, what: str, details: Callable[[], str] = str) -> None:
    """Wait for `condition`, asked every 50 ms; TimeoutError says what was waited for, with `details`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s\n{details()}".rstrip())
        time.sleep(0.05)


def as_user(name: str | None) -> dict[str, Any]:
    """The options by which `subprocess` runs a program as the account `name`; None: as ourselves."""
    return {"user": name, "group": name, "extra_groups": []} if name else {}


class Process:
    """A server that is a process group of its own; its output goes to the file `log`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        ready: Callable[[], bool],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        start_seconds: float = _START_SECONDS,
    ) -> None:
        self.name = name
        self.exit_code: int | None = None  # of the last process that ended here, as `subprocess` gives it
        self.log = run.begin() / f"{name}-{os.getpid()}-{id(self):x}.log"
        self._command = list(command)
        self._ready = ready
        self._env = dict(env) if env is not None else None
        self._user = user
        self._stop_signal = stop_signal
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._note: Path | None = None

    @property
    def pid(self) -> int:
        """The process group's leader; the group has the same number."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def output(self, lines: int = 40) -> str:
        """The last lines of what it wrote."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def start(self) -> None:
        if self.alive:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self.log.parent,
                start_new_session=True,
                **as_user(self._user),
            )
        self._note = run.note(self.name, group=self.pid, signal=int(self._stop_signal))
        try:
            until(self._answers, seconds=self._start_seconds, what=f"{self.name} ready", details=self.output)
        except BaseException:
            self.kill9()
            raise

    def _answers(self) -> bool:
        if not self.alive:
            raise RuntimeError(f"{self.name} ended before it was ready\n{self.output()}")
        return self._ready()

    def stop(self) -> None:
        """Ask the leader to end, wait, then make sure that the whole group is gone."""
        if self._process is not None:
            self._process.send_signal(self._stop_signal)
            self._signal(signal.SIGCONT)  # a paused process acts on nothing else but SIGKILL
            try:
                self._process.wait(_STOP_SECONDS)
            finally:
                self.kill9()

    def kill9(self) -> None:
        """SIGKILL to the whole group."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self.exit_code = self._process.wait()
            self._process = None
        if self._note is not None:
            self._note.unlink(missing_ok=True)
            self._note = None

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def unpause(self) -> None:
        self._signal(signal.SIGCONT)

    def restore(self) -> None:
        if self.alive:
            self.unpause()
        else:
            self.start()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


class Container:
    """A server in a container, its `port` published under the same number on 127.0.0.1 only.

    The folder `in_memory` inside it is fast, and gone when the container stops.
    """

    def __init__(
        self,
        name: str,
        image: str,
        port: int,
        ready: Callable[[], bool],
        *,
        env: Mapping[str, str],
        inner_port: int | None = None,
        command: Sequence[str] | None = None,
        in_memory: str = "",
    ) -> None:
        from testcontainers.core.container import DockerContainer

        self.name = f"{run.begin().name}-{name}-{os.getpid()}-{port}"
        self._ready = ready
        self._container = DockerContainer(image, name=self.name, env=dict(env))
        if command:
            self._container.with_command(list(command))
        if in_memory:
            self._container.with_tmpfs_mount(in_memory)
        ports: dict[str, Any] = self._container.ports
        ports[f"{inner_port or port}/tcp"] = ("127.0.0.1", port)
        self._made = False

    def start(self) -> None:
        if not self._made:
            run.note("container", container=self.name)
            self._container.start()
            self._made = True
        else:
            self._inner.start()
        until(self._ready, seconds=_START_SECONDS, what=f"{self.name} ready", details=self._output)

    @property
    def _inner(self) -> Any:
        return self._container.get_wrapped_container()

    @property
    def pid(self) -> int:
        inner = self._inner
        inner.reload()
        found: int = inner.attrs["State"]["Pid"]
        return found

    @property
    def inner(self) -> str:
        """Its address in the engine's own network, which this machine may reach or not; empty when it has none."""
        inner = self._inner
        inner.reload()
        networks: dict[str, Any] = inner.attrs["NetworkSettings"]["Networks"]
        return next((str(each["IPAddress"]) for each in networks.values() if each.get("IPAddress")), "")

    def _output(self) -> str:
        text: str = self._inner.logs(tail=40).decode(errors="replace")
        return text

    def stop(self) -> None:
        self._inner.stop(timeout=int(_STOP_SECONDS))

    def kill9(self) -> None:
        self._inner.kill()

    def pause(self) -> None:
        self._inner.pause()

    def unpause(self) -> None:
        self._inner.unpause()

    def restore(self) -> None:
        inner = self._inner
        inner.reload()
        if inner.status == "paused":
            self.unpause()
        else:
            self.start()


@cache
def require_engine() -> None:
    """Return when a container engine answers, else raise `Unavailable`.

    CARETHREAD_TEST_NO_DOCKER=1 says that there is none, so that the other routes can be taken on purpose.
    """
    if os.environ.get("CARETHREAD_TEST_NO_DOCKER"):
        raise Unavailable("containers are switched off by CARETHREAD_TEST_NO_DOCKER")
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # the run's keeper removes containers
    import docker

    try:
        docker.from_env(timeout=10).ping()
    except docker.errors.DockerException as error:
        raise Unavailable(f"no container engine answers ({type(error).__name__})") from error


def containerised(start: Callable[[], Container]) -> Container:
    """What `start` makes, or `Unavailable` where the engine is absent or cannot get the image."""
    require_engine()
    import docker

    try:
        return start()
    except docker.errors.ImageNotFound as error:
        raise Unavailable("the container engine has no such image and cannot get it") from error
    except docker.errors.APIError as error:
        raise Unavailable(f"the container engine refused: {error.explanation}") from error


def first(*routes: Callable[[], _T]) -> _T:
    """The first route that works; `Unavailable` with every reason when none does."""
    reasons: list[str] = []
    for route in routes:
        try:
            return route()
        except Unavailable as error:
            reasons.append(str(error))
    raise Unavailable("; ".join(reasons))

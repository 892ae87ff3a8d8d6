"""A real Apache Kafka for tests: by address, in a container, or from Maven's jars; one KRaft node on 127.0.0.1.

The broker listens on the same port number inside its container and outside, because it also talks to itself through the
address that it advertises (transaction markers).
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from support import run
from support.maven import jars
from support.run import Unavailable
from support.servers import Container, Handle, Process, Server, containerised, first, free_port

IMAGE = "apache/kafka:4.1.0"
_CLUSTER = "5L6g3nShT-eMCtK--X86sw"
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # size, key 18, version 0, correlation id, no client id


class Broker(Handle):
    """A broker and what may be done to it."""

    @property
    def bootstrap(self) -> str:
        """`host:port`."""
        return self.address


def bootstrap() -> str:
    """The run's shared broker as `host:port`; the first worker that asks starts it."""
    return os.environ.get("CARETHREAD_TEST_KAFKA") or run.once("kafka", lambda: start().bootstrap)


def start() -> Broker:
    """Start a broker of one's own; `Unavailable` says why there is no way to."""
    port = free_port()
    server = first(lambda: _in_container(port), lambda: _from_jars(port))
    return Broker(f"127.0.0.1:{port}", server)


def start_secured(more: Mapping[str, str], users: Sequence[str], port: int) -> Broker:
    """A broker from Maven's jars with settings of its own; `users` are SCRAM credentials as its storage tool has them.

    Its plain listener on `port` stays, beside those that the settings add.
    """
    return Broker(f"127.0.0.1:{port}", _from_jars(port, more, users))


def _settings(port: int, host: str, controller: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "3000",  # how long a broker that was killed waits to be let in again
        "broker.heartbeat.interval.ms": "500",
    }


def _in_container(port: int) -> Server:
    settings = _settings(port, "", free_port())
    env = {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in settings.items()}

    def begin() -> Container:
        container = Container("kafka", IMAGE, port, lambda: _answers(port), env={**env, "CLUSTER_ID": _CLUSTER})
        container.start()
        return container

    return containerised(begin)


def _from_jars(port: int, more: Mapping[str, str] | None = None, users: Sequence[str] = ()) -> Server:
    java = shutil.which("java")
    if java is None:
        raise Unavailable("no java to run a broker from Maven's jars")
    libs = jars(Path(__file__).with_name("kafka.pom.xml"))
    home = run.folder("kafka")
    properties = home / "server.properties"
    settings = {**_settings(port, "127.0.0.1", free_port()), "log.dirs": str(home / "data"), **(more or {})}
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    base = [java, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{libs}/*"]
    form = [*base, "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)]
    form += [part for user in users for part in ("--add-scram", user)]
    formatted = subprocess.run(form, capture_output=True, text=True, check=False)
    if formatted.returncode:
        raise Unavailable(f"the broker's storage cannot be formatted: {formatted.stderr.strip()[-300:]}")
    server = Process("kafka", [*base, "kafka.Kafka", str(properties)], lambda: _answers(port))
    server.start()
    return server


def _answers(port: int) -> bool:
    """Does a broker answer ApiVersions? A container's port accepts connections before the broker listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(_API_VERSIONS)
            return len(connection.recv(8)) == 8
    except OSError:
        return False

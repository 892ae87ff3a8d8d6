"""A real PostgreSQL for tests: by address, in a container, or from the machine's own packages."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from support import run
from support.run import Unavailable
from support.servers import Container, Handle, Process, Server, as_user, containerised, first, free_port

IMAGE = "postgres:15-bookworm"
_USER = "carethread"
_PASSWORD = "carethread"  # of a server on loopback that lives as long as the tests
_FAST = {"fsync": "off", "max_connections": "300"}  # the data need not survive the machine, only a kill of the server
_SHARED = {**_FAST, "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0"}  # nobody kills it
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "max_connections": "300", "shared_buffers": "512MB"}


class Postgres(Handle):
    """A server and what may be done to it."""

    @property
    def url(self) -> str:
        """Its maintenance database, as `postgresql+psycopg://…`."""
        return self.address


def url() -> str:
    """The run's shared server as `postgresql+psycopg://…`; the first worker that asks starts it."""
    return os.environ.get("CARETHREAD_TEST_DATABASE_URL") or run.once("postgres", _start_shared)


def start(*, durable: bool = False, **more: str) -> Postgres:
    """Start a server of one's own; `Unavailable` says why there is no way to. A `durable` one survives the machine;
    `more` are settings of PostgreSQL."""
    port = free_port()
    settings = {**(_DURABLE if durable else _FAST), **more}
    server = first(lambda: _in_container(port, settings), lambda: _from_packages(port, settings))
    return Postgres(_url(port), server)


def _start_shared() -> str:
    """Its data are in memory: most of what a test does here is to make and drop a database, thousands of files."""
    port = free_port()
    server = first(lambda: _in_container(port, _SHARED, in_memory=True), lambda: _from_packages(port, _SHARED))
    inner = server.inner if isinstance(server, Container) else ""
    return _url(5432, inner) if inner and _answers(5432, inner) else _url(port)  # past the proxy of a published port


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """A fresh, empty database on the server, dropped afterwards, as `postgresql+psycopg://…`."""
    made = create(server_url, "test")
    _servers[made] = server_url
    try:
        yield made
    finally:
        del _servers[made]
        _tell(server_url, "DROP DATABASE {} WITH (FORCE)", _name(made))


_COPY = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"  # half of what the default takes where nothing is synced
_servers: dict[str, str] = {}
"""The server of each database that `database` made in this process and that is still there."""


def create(server_url: str, kind: str) -> str:
    """A database that stays, as `postgresql+psycopg://…`; its name begins with the kind."""
    made = make_url(server_url).set(database=f"{kind}_{uuid.uuid4().hex[:12]}").render_as_string(hide_password=False)
    _tell(server_url, _COPY, _name(made), "template1")
    return made


def replace(database_url: str, template: Callable[[str], str]) -> bool:
    """Make a database of this process that nobody has connected to yet a copy of another on its server, which
    `template` gives; whether it was so. A server that is there for longer than the run is left as it was."""
    server_url = _servers.get(database_url)
    if server_url is None or "CARETHREAD_TEST_DATABASE_URL" in os.environ:
        return False
    name = _name(database_url)
    asked = "SELECT sessions + numbackends FROM pg_stat_database WHERE datname = %s"
    if _maintenance(server_url, os.getpid()).execute(asked, (name,)).fetchone() != (0,):
        return False
    source = _name(template(server_url))
    _tell(server_url, "DROP DATABASE {}", name)
    _tell(server_url, _COPY, name, source)
    return True


def _name(database_url: str) -> str:
    return str(make_url(database_url).database)


@cache
def _maintenance(server_url: str, _process: int) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(_libpq(server_url), autocommit=True)


def _tell(server_url: str, statement: str, *names: str) -> None:
    """Have the server do what concerns whole databases, over a connection that is kept for the next time."""
    said = sql.SQL(statement).format(*map(sql.Identifier, names))
    try:
        _maintenance(server_url, os.getpid()).execute(said)
    except psycopg.OperationalError:  # the server was away meanwhile
        _maintenance.cache_clear()
        _maintenance(server_url, os.getpid()).execute(said)


def _url(port: int, host: str = "127.0.0.1") -> str:
    return f"postgresql+psycopg://{_USER}:{_PASSWORD}@{host}:{port}/postgres"


def _libpq(server_url: str) -> str:
    return make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)


def _options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _in_container(port: int, settings: Mapping[str, str], *, in_memory: bool = False) -> Server:
    def begin() -> Container:
        container = Container(
            "postgres",
            IMAGE,
            port,
            lambda: _answers(port),
            env={
                "POSTGRES_USER": _USER,
                "POSTGRES_PASSWORD": _PASSWORD,
                "POSTGRES_DB": "postgres",
                "LANG": "C.UTF-8",  # initdb takes the encoding from it
            },
            inner_port=5432,
            command=["postgres", *_options(settings)],
            in_memory="/var/lib/postgresql/data" if in_memory else "",
        )
        container.start()
        return container

    return containerised(begin)


def _from_packages(port: int, settings: Mapping[str, str]) -> Server:
    programs = _programs()
    home = run.folder("postgres")
    user = _unprivileged()
    if user:
        shutil.chown(home, user)
    password = home / "password"
    password.write_text(_PASSWORD)
    form = [str(programs / "initdb"), "-D", str(home / "data"), "-U", _USER, "--no-sync"]
    form += ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={password}"]
    formed = subprocess.run(form, capture_output=True, text=True, check=False, cwd=home, **as_user(user))
    if formed.returncode:
        raise Unavailable(f"initdb fails: {formed.stderr.strip()[-300:]}")
    command = [str(programs / "postgres"), "-D", str(home / "data"), "-p", str(port), *_options(settings)]
    local = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    server = Process(
        "postgres", [*command, *local], lambda: _answers(port), user=user, stop_signal=signal.SIGINT
    )  # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave
    server.start()
    return server


def _programs() -> Path:
    """The folder of the machine's newest initdb and postgres."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = shutil.which("initdb")
    candidates = [*packaged[::-1], *([Path(found).resolve()] if found else [])]
    for initdb in candidates:
        if (initdb.parent / "postgres").exists():
            return initdb.parent
    raise Unavailable("no PostgreSQL among the machine's packages")


def _unprivileged() -> str | None:
    """The account to run as when the tests run as root, whom PostgreSQL refuses; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in accounts:
            return name
    raise Unavailable("PostgreSQL does not run as root, and there is no account postgres or nobody")


def _answers(port: int, host: str = "127.0.0.1") -> bool:
    try:
        with psycopg.connect(_libpq(_url(port, host)), connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False

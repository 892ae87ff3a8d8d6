"""Databases that have their schema from the start: copies of one that the migrations made, once for each run.

To migrate takes a tenth of a second on SQLite and half of one on PostgreSQL, and most tests are about something else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, make_url

from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.migrate import migrate
from support import postgres, run


def engine_at(url: str, service: str, *, pool: int = 10, busy_seconds: float = 15) -> Engine:
    """The engine of a service's database; no connection is made yet."""
    return make_engine(url, "" if url.startswith("sqlite") else service, pool=pool, busy_seconds=busy_seconds)


def bring(url: str, services: Sequence[str]) -> None:
    """Bring the database to the newest schema of these services: by a copy where nothing has touched it yet."""
    if url.startswith("sqlite"):
        copied = _copied_file(Path(make_url(url).database or ""))
    else:
        names = sorted({*services, *_copied.get(url, ())})
        copied = postgres.replace(url, lambda server: _template(server, names))
        if copied:
            _copied[url] = names
    if not copied:
        _migrate(url, services)


_copied: dict[str, list[str]] = {}
"""The services whose schemas a database was given by a copy; while nobody has connected to it, those are all it has."""


def _migrate(url: str, services: Sequence[str]) -> None:
    for service in services:
        engine = engine_at(url, service)
        try:
            migrate(engine, service)
        finally:
            engine.dispose()


def _copied_file(path: Path) -> bool:
    """Whether there was no such file; another thread or process may be making it at the same time."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    made = run.once("migrated-sqlite", _file)
    draft = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
    shutil.copyfile(made, draft)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _file() -> str:
    path = run.folder("migrated") / "store.db"
    _migrate(f"sqlite:///{path}", ["any"])
    return str(path)


def _template(server_url: str, services: Sequence[str]) -> str:
    """A database on this server that has the schemas of the services, and is nobody's."""

    def make() -> str:
        made = postgres.create(server_url, "migrated")
        _migrate(made, services)
        return made

    address = make_url(server_url)
    return run.once(f"migrated-{address.host}-{address.port}-{'-'.join(services)}", make)

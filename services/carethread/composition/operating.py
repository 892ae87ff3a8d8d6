"""The databases as those who operate find them: there, reachable and of this version, or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from carethread.composition.parts import journal_of, named, owners_of_types, registry, store
from carethread.core.errors import Busy
from carethread.core.settings import GATEWAY, INBOUND, SERVICES, Settings

if TYPE_CHECKING:
    from carethread.adapters.sql.store.store import SqlStore

CONSUMERS = (*SERVICES, INBOUND)
"""Whose databases hold what a consumer remembers."""


def readers() -> list[str]:
    """Those of them whose consumer reads events; one that only owns (records) has none."""
    from carethread.interactions.mirror import copies

    owners = owners_of_types()
    reading = [name for name, service in registry().items() if service.reactions or copies(service, owners)]
    return [*reading, INBOUND]


def opened(settings: Settings, name: str) -> SqlStore:
    """A service's store as it is. Raises Busy where it is missing, away or of another version."""
    from carethread.adapters.sql.engine import is_sqlite
    from carethread.adapters.sql.migrate import HEAD, revision

    found = store(settings, name)
    if is_sqlite(found.engine):
        _must_be_there(name, found.engine.url.database or "")
    with named(name):
        stands = revision(found.engine)
    if stands != HEAD:
        raise Busy(f"The database of {name} is at revision {stands or 'none'}, not {HEAD}; run `carethread migrate`.")
    return found


def _must_be_there(name: str, path: str) -> None:
    """SQLite would make a file that is missing."""
    if not Path(path).is_file():
        raise Busy(
            f"There is no database of {name} at {path}; CARETHREAD_DATA or CARETHREAD_DATABASE_URL say where it is."
        )


def address(settings: Settings, name: str) -> str:
    """Where a database is, without its password, once it has answered. Raises Busy as `opened` does."""
    from carethread.adapters.sql.engine import is_sqlite

    if name == GATEWAY:
        journal = journal_of(settings)
        engine = journal.engine
        if is_sqlite(engine):
            _must_be_there(name, engine.url.database or "")
        journal.left()
    else:
        engine = opened(settings, name).engine
    return engine.url.render_as_string(hide_password=True)


def ready(url: str, seconds: float) -> str:
    """A service's HTTP address, once it has said that it is ready. Raises Busy."""
    import urllib3

    try:
        answer = urllib3.request("GET", f"{url.rstrip('/')}/readyz", timeout=seconds, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Busy(f"{url} does not answer ({type(error).__name__}).") from None
    if answer.status != 200:
        raise Busy(f"{url}/readyz answers {answer.status}.")
    return url

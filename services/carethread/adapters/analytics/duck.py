"""DuckDB runs a measure's SQL in a sandbox: one SELECT over the facts of one manifest, within time and memory.

It reads the files that the manifest lists and no others, loads no extension, reaches no network and changes nothing;
its settings are locked (https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview). The SQL is the
practice's own all the same: what keeps strangers out is who may write a Measure.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from carethread.adapters.analytics.parquet import MANIFEST, literal, read_manifest, scan
from carethread.core.errors import Busy, Invalid, TooCostly
from carethread.core.facts.derived import DERIVED
from carethread.core.facts.manifest import Manifest, select
from carethread.core.facts.relation import quoted
from carethread.core.ports.analytics import NO_PARAMETERS, Answer, Marks

_WORD = re.compile(r"\w+")

_MOST_ROWS = 2_000_000
"""That an answer may have; they are kept in memory."""

_MOST_CHARACTERS = 2000
"""Of what the engine says of a fault: the reason, and the place in the SQL."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What queries may take: megabytes for all that run at the same time, threads, seconds for each, and how many run
    at the same time; others wait."""

    memory: int = 1024
    threads: int = 2
    seconds: float = 60.0
    at_once: int = 2


class Sandbox:
    """A connection that is asked for SELECTs only, each within bounds."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, bounds: Bounds, turns: threading.Semaphore) -> None:
        self._connection = connection
        self._bounds = bounds
        self._turns = turns

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        """See `core.ports.analytics.Glimpse.query`."""
        wanted = _checked(sql)
        missing = sorted(wanted - parameters.keys())
        if missing:
            raise Invalid(f"The SQL names parameters that have no value here: {', '.join(missing)}.")
        if not self._turns.acquire(timeout=self._bounds.seconds):
            raise Busy("Other queries take all the room; try again.")
        try:
            return self._run(sql, {name: _value(parameters[name]) for name in wanted})
        finally:
            self._turns.release()

    def _run(self, sql: str, values: Mapping[str, object]) -> Answer:
        cursor = self._connection.cursor()
        alarm = threading.Timer(self._bounds.seconds, cursor.interrupt)
        alarm.start()
        try:
            found = cursor.execute(sql, dict(values)) if values else cursor.execute(sql)
            rows = found.fetchmany(_MOST_ROWS + 1)
            columns = tuple(each[0] for each in found.description or ())
        except duckdb.Error as error:
            raise self._told(error) from None
        finally:
            alarm.cancel()
            cursor.close()
        if len(rows) > _MOST_ROWS:
            raise TooCostly(f"The SQL finds more than {_MOST_ROWS} rows; let it count or limit them.")
        return Answer(columns, rows)

    def _told(self, error: duckdb.Error) -> Exception:
        if isinstance(error, duckdb.InterruptException):
            return TooCostly(f"The SQL takes longer than {self._bounds.seconds:g} seconds; narrow it.")
        if isinstance(error, duckdb.OutOfMemoryException):
            return TooCostly(f"The SQL takes more than {self._bounds.memory} MB of memory; narrow it.")
        if isinstance(error, duckdb.IOException):
            return Busy("The files of the facts are not there any more; try again.")
        return Invalid(f"The SQL cannot be run: {_lines(error)}")


def _checked(sql: str) -> set[str]:
    """The names of the parameters of the one SELECT that the SQL is. Raises Invalid for anything else."""
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise Invalid(f"The SQL cannot be read: {_lines(error)}") from None
    if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
        raise Invalid("The SQL is one SELECT, which may begin with WITH; nothing else is run.")
    return set(statements[0].named_parameters)


def _lines(error: duckdb.Error) -> str:
    """What the engine says first, and the place in the SQL that it points to; but no value that it found."""
    first, *others = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException):
        first = "A value cannot be converted; try_cast makes it NULL."
    place = next((number for number, line in enumerate(others) if line.startswith("LINE ")), len(others))
    return "\n".join([first, *others[place:]])[:_MOST_CHARACTERS]


def _value(value: object) -> object:
    """A parameter as the engine takes it: moments are naive, in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def connect(bounds: Bounds) -> duckdb.DuckDBPyConnection:
    """A database in memory, not locked yet."""
    config: dict[str, Any] = {
        "threads": str(bounds.threads),
        "memory_limit": f"{bounds.memory}MB",
        "temp_directory": "",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
    }
    return duckdb.connect(":memory:", config=config)


def lock(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """From now on nothing outside of the database is there but the files, and no setting changes."""
    connection.execute(f"SET allowed_paths = [{', '.join(literal(path.resolve()) for path in files)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


class _State:
    """The tables of one manifest, each made when a query names it for the first time: opening files takes a while."""

    def __init__(self, folder: Path, manifest: Manifest, bounds: Bounds, turns: threading.Semaphore) -> None:
        self._folder = folder
        self._tables = manifest.tables
        self._awaited = frozenset(map(str.lower, manifest.awaited))
        self.marks = Marks(manifest.time, manifest.sources)
        self.views = {name: table.view for name, table in manifest.tables.items()}
        self._connection = connect(bounds)
        lock(self._connection, [folder / path for path in sorted(manifest.files())])
        self._sandbox = Sandbox(self._connection, bounds, turns)
        self._here: set[str] = set()
        self._making = threading.Lock()

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        self._make(set(map(str.lower, _WORD.findall(sql))))
        return self._sandbox.query(sql, parameters)

    def _make(self, names: set[str]) -> None:
        for name, needed in DERIVED.items():
            names |= {needed.of} if name in names else set()
        if waiting := sorted(names & self._awaited):
            raise Busy(f"These facts are still being gathered: {', '.join(waiting)}; try again later.")
        with self._making:
            cursor = self._connection.cursor()
            for name, table in self._tables.items():
                if name.lower() in names and name not in self._here:
                    self._view(cursor, name, select(table, lambda paths: scan(self._folder, paths)))
            for name, derived in DERIVED.items():
                if name in names and name not in self._here and derived.of in self._tables:
                    self._view(cursor, name, derived.sql)
            cursor.close()

    def _view(self, cursor: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
        try:
            cursor.execute(f"CREATE VIEW {quoted(name)} AS {sql}")
        except duckdb.Error:  # the SQL is ours, so it is the files
            raise Busy("The files of the facts are not there any more; try again.") from None
        self._here.add(name)


class DuckAnalytics:
    """The facts that are published in a folder; see `core.ports.analytics.Analytics`."""

    def __init__(self, folder: Path, bounds: Bounds = Bounds()) -> None:  # it does not change
        self._folder = folder
        self._bounds = bounds
        self._turns = threading.BoundedSemaphore(bounds.at_once)
        self._looking = threading.Lock()
        self._seen: tuple[Any, ...] = ()
        self._state: _State | None = None

    @contextmanager
    def look(self) -> Iterator[_State]:
        yield self._newest()

    def _newest(self) -> _State:
        with self._looking:
            try:
                at = (self._folder / MANIFEST).stat()
            except OSError:
                raise Busy("No facts are published yet; what publishes them runs in the role worker.") from None
            seen = (at.st_ino, at.st_mtime_ns, at.st_size)
            if self._state is None or seen != self._seen:
                manifest = read_manifest(self._folder)
                if manifest is None:
                    raise Busy("No facts are published yet; what publishes them runs in the role worker.")
                self._state, self._seen = _State(self._folder, manifest, self._bounds, self._turns), seen
            return self._state

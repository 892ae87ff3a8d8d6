"""A connection of DuckDB that runs SELECTs and nothing else, over views of the files of one manifest.

It reads the files that the manifest lists and no others, loads no extension, reaches no network and changes nothing:
its settings are locked, and each query is a transaction that only reads
(https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from carethread.adapters.analytics.bounds import Bounds, Full, too_long
from carethread.adapters.analytics.parquet import literal, scan
from carethread.adapters.analytics.reading import check, failed, is_of_data, parameters_of
from carethread.core.errors import Busy, Invalid, TooCostly
from carethread.core.facts.derived import DERIVED
from carethread.core.facts.manifest import Manifest, select
from carethread.core.facts.relation import quoted
from carethread.core.facts.statement import below, inner
from carethread.core.ports.analytics import NO_PARAMETERS, NOTHING, Answer

MOST_ROWS = 2_000_000
"""That an answer may have; they are kept in memory."""

_MOST_KEPT = 8
"""Relations that are kept in memory."""

_ROWS_AT_ONCE = 5_000

_WORD = re.compile(r"\w+")

_GONE = "The files of the facts are not there any more; try again."

_DAMAGED = "A file of the facts {} is damaged: carethread facts rebuild makes them anew."


class Sandbox:
    """A connection that is asked for SELECTs only, one at a time, each within bounds; `files` is what it may read.

    `whole` raises Busy where files are damaged that SQL reads, which it is asked of what has failed on data."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        bounds: Bounds,
        files: Sequence[Path] = (),
        whole: Callable[[str, duckdb.DuckDBPyConnection], None] = lambda sql, cursor: None,
    ) -> None:
        self._connection = connection
        self._bounds = bounds
        self._files = files
        self._whole = whole
        self.until: float | None = None
        """By the monotonic clock, when queries end; without it each has the seconds of the bounds."""

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        """See `core.ports.analytics.Glimpse.query`."""
        columns, chunks = self.begin(sql, parameters)
        return Answer(columns, [row for rows in chunks for row in rows])

    def begin(self, sql: str, parameters: Mapping[str, object]) -> tuple[tuple[str, ...], Iterator[list[Any]]]:
        """The columns, and the rows by and by."""
        values = _values(sql, parameters)
        chunks = self._chunks(sql, values)
        return next(chunks), chunks  # the columns come first

    def columns(
        self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS, beside: Mapping[str, str] = NOTHING
    ) -> dict[str, str]:
        """See `core.ports.analytics.Glimpse.columns`."""
        check(sql)
        given = ", ".join(f"{name} AS (\n{each}\n)" for name, each in beside.items())
        before = f"{f'WITH {given} ' if given else ''}SELECT * FROM (\n"
        whole = f"{before}{inner(sql)}\n) AS units"
        values = _values(whole, parameters)
        try:
            with self._reading(whole, values) as cursor:
                found = cursor.execute(f"DESCRIBE {whole}", values or None).fetchall()
        except Invalid as error:
            raise below(error, before.count("\n")) from None
        return {str(name): str(kind) for name, kind, *_ in found}

    def keep(self, name: str, sql: str, parameters: Mapping[str, object]) -> None:
        """Make a table of the rows of a SELECT of ours."""
        values = _values(sql, parameters)
        with self._running(sql, values) as cursor:
            cursor.execute(f"CREATE TABLE {name} AS {sql}", values or None)

    def _chunks(self, sql: str, values: dict[str, object]) -> Iterator[Any]:
        count = 0
        with self._reading(sql, values) as cursor:
            found = cursor.execute(sql, values or None)
            described = found.description or ()
            yield tuple(each[0] for each in described)
            zoned = [place for place, each in enumerate(described) if str(each[1]) == "TIMESTAMP WITH TIME ZONE"]
            while rows := found.fetchmany(_ROWS_AT_ONCE):
                count += len(rows)
                if count > MOST_ROWS:
                    raise TooCostly(f"The SQL finds more than {MOST_ROWS} rows; let it count or limit them.")
                yield [_naive(row, zoned) for row in rows] if zoned else rows

    @contextmanager
    def _reading(self, sql: str, values: dict[str, object]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose statements change nothing."""
        with self._running(sql, values) as cursor:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            yield cursor

    @contextmanager
    def _running(self, sql: str, values: dict[str, object]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for as long as a query may take. What goes wrong there is told."""
        with closing(self._connection.cursor()) as cursor:
            seconds = self._bounds.seconds if self.until is None else self.until - time.monotonic()
            alarm = threading.Timer(max(0.0, seconds), cursor.interrupt)
            alarm.start()
            try:
                yield cursor
            except duckdb.InterruptException:
                raise too_long(self._bounds) from None
            except duckdb.FatalException:  # nothing of this database is right from now on: its process is to end
                raise
            except duckdb.IOException:
                raise Busy(_GONE) from None
            except MemoryError:
                raise Full from None
            except duckdb.Error as error:
                # A file that may be read and is gone is looked for as a folder, which may not be.
                if isinstance(error, duckdb.PermissionException) and not _are_there(self._files):
                    raise Busy(_GONE) from None
                if is_of_data(error):
                    with suppress(duckdb.Error):
                        cursor.rollback()
                    self._whole(sql, cursor)
                raise failed(error, self._connection, sql, values) from None
            finally:
                alarm.cancel()


def _values(sql: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Those of the parameters that the SQL names. Raises Invalid for anything but a SELECT, and for one that is
    missing."""
    wanted = parameters_of(sql)
    if missing := sorted(wanted - parameters.keys()):
        raise Invalid(f"The SQL names parameters that have no value here: {', '.join(missing)}.")
    return {name: _value(parameters[name]) for name in wanted}


def _value(value: object) -> object:
    """A parameter as the engine takes it: moments are naive, in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _naive(row: Sequence[Any], zoned: Sequence[int]) -> tuple[Any, ...]:
    """A row in which moments are in UTC and say no zone."""
    return tuple(_value(each) if place in zoned else each for place, each in enumerate(row))


_WRONG = "outer_join_simplification"
"""Of two outer joins, of each of which those without a match are asked for, it leaves out such (DuckDB 2.0.0)."""


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
        "disabled_optimizers": _WRONG,
    }
    return duckdb.connect(":memory:", config=config)


def lock(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """From now on nothing outside of the database is there but the files, and no setting changes."""
    connection.execute(f"SET allowed_paths = [{', '.join(literal(path.resolve()) for path in files)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _are_there(files: Sequence[Path]) -> bool:
    return all(file.is_file() for file in files)


def _names(sql: str) -> set[str]:
    """The words of SQL, and the tables that what it may mean is made of."""
    names = set(map(str.lower, _WORD.findall(sql)))
    return names | {needed.of for name, needed in DERIVED.items() if name in names}


class Tables:
    """The tables of one manifest, each made when a query names it for the first time: opening files takes a while."""

    def __init__(self, folder: Path, manifest: Manifest, bounds: Bounds) -> None:
        self._folder = folder
        self._tables = manifest.tables
        self._awaited = frozenset(map(str.lower, manifest.awaited))
        self._connection = connect(bounds)
        files = [folder / path for path in sorted(manifest.files())]
        lock(self._connection, files)
        self.sandbox = Sandbox(self._connection, bounds, files, self._refuse_damaged)
        self._here: set[str] = set()
        self._whole: set[str] = set()
        self._kept: list[str] = []

    def make(self, sql: str) -> None:
        """Have the tables that SQL names. Raises Busy for one that is not there yet, or is damaged."""
        names = _names(sql)
        if waiting := sorted(names & self._awaited):
            raise Busy(f"These facts are still being gathered: {', '.join(waiting)}; try again later.")
        for name, table in self._tables.items():
            if name.lower() in names and name not in self._here:
                self._make("VIEW", name, select(table, lambda paths: scan(self._folder, paths)))
        for name, derived in DERIVED.items():
            if name in names and name not in self._here and derived.of in self._tables:
                self._make("TABLE", name, derived.sql)  # few rows, and planning their joins anew takes long

    def keep(self, name: str, sql: str, parameters: Mapping[str, object]) -> None:
        """Have the rows of a SELECT of ours in memory, under a name; what was needed longest ago makes room."""
        if name in self._kept:
            self._kept.remove(name)
            self._kept.append(name)
            return
        self.make(sql)
        if len(self._kept) >= _MOST_KEPT:
            self._connection.execute(f"DROP TABLE {self._kept.pop(0)}")
        self.sandbox.keep(name, sql, parameters)
        self._kept.append(name)

    def close(self) -> None:
        self._connection.close()

    def _refuse_damaged(self, sql: str, cursor: duckdb.DuckDBPyConnection) -> None:
        """Raise Busy for a table that SQL names and that cannot be read as far as there is time to: of what fails then
        nobody knows whether the SQL is wrong. What has been read whole once is not read again."""
        named = _names(sql)
        names = {name for name in self._here & self._tables.keys() - self._whole if name.lower() in named}
        with suppress(duckdb.OutOfMemoryException, duckdb.InterruptException):
            for name in sorted(names):
                for files in filter(None, (self._tables[name].base, self._tables[name].deltas)):
                    self._read_all(name, scan(self._folder, [file.path for file in files]), cursor)
                self._whole.add(name)

    def _read_all(self, name: str, scanned: str, cursor: duckdb.DuckDBPyConnection) -> None:
        try:
            cursor.execute(f"SELECT bit_xor(hash(t)) FROM {scanned} AS t").fetchone()
        except (duckdb.FatalException, duckdb.OutOfMemoryException, duckdb.InterruptException):
            raise
        except duckdb.Error:
            raise self._unreadable(name) from None

    def _unreadable(self, name: str) -> Busy:
        files = self._tables[name].files if name in self._tables else ()
        is_there = files and _are_there([self._folder / file.path for file in files])
        return Busy(_DAMAGED.format(name) if is_there else _GONE)

    def _make(self, kind: str, name: str, sql: str) -> None:
        try:
            self._connection.execute(f"CREATE {kind} {quoted(name)} AS {sql}")
        except duckdb.FatalException:
            raise
        except duckdb.Error:  # the SQL is ours, so it is the files
            raise self._unreadable(name) from None
        self._here.add(name)

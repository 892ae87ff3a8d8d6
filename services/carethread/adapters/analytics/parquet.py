"""A folder of Parquet files and the manifest that lists them; see `core.ports.analytics.Shelf`.

    manifest.json        what counts; replaced as a whole
    prepared.json        what a rebuild has made, for who holds the lock to list
    <table>/<name>.parquet
    coming/              text on its way into files
    lock                 held by the process that writes

A file is on the disk before a manifest lists it, and the manifest before anybody reads it there, so after a crash the
old one or the new one stands, whole. DuckDB turns text into columns, which takes a tenth of what Python would.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import duckdb

from carethread.core.errors import Busy
from carethread.core.facts.manifest import (
    GONE,
    NUMBER,
    Damaged,
    File,
    Manifest,
    Prepared,
    Published,
    from_json,
    latest,
    prepared_from_json,
    select,
)
from carethread.core.facts.relation import KEY, TEXT, Relation, quoted
from carethread.core.ports.analytics import REBUILDING

log = logging.getLogger(__name__)

MANIFEST, PREPARED = "manifest.json", "prepared.json"

_COMING = "coming"

_DAY_SECONDS = 86_400.0
"""A rebuild reads what it has spread over files for as long as that takes."""

_LONGEST_LINE = 8_000_000
"""Bytes; a line holds at most a million characters."""

_CSV = (
    "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '', new_line = '\\r\\n',"
    f" parallel = false, max_line_size = {_LONGEST_LINE}, buffer_size = {2 * _LONGEST_LINE}"
)


class ParquetShelf:
    """The files of facts in a folder, which is made when missing. `memory` is what DuckDB may take, in megabytes.

    May be sent to another process, and used in several threads.
    """

    def __init__(self, folder: Path, *, memory: int = 512) -> None:
        self._folder = folder
        self._memory = memory
        self._connections = threading.local()

    def __reduce__(self) -> tuple[object, ...]:
        return _shelf, (self._folder, self._memory)

    @contextmanager
    def hold(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Busy(f"Another process writes the facts in {self._folder}.") from None
            yield

    def manifest(self) -> Manifest | None:
        return read_manifest(self._folder)

    def put(self, manifest: Manifest) -> None:
        try:
            before = self.manifest()
        except Damaged as error:
            log.error("manifest_replaced", extra={"reason": str(error)})
            before = None
        # From now on some files are needed by nobody but who reads the manifest before.
        self.touch(sorted((before.files() if before else set()) - manifest.files()))
        self._replace(MANIFEST, manifest.to_json())

    def prepare(self, prepared: Prepared) -> None:
        self._replace(PREPARED, prepared.to_json())

    def prepared(self) -> Prepared | None:
        try:
            found = prepared_from_json((self._folder / PREPARED).read_bytes())
        except OSError:
            return None
        files = [each.path for table in found.tables.values() for each in table.files] if found else []
        return found if all((self._folder / path).is_file() for path in files) else None

    def touch(self, paths: Sequence[str]) -> None:
        for path in paths:
            with suppress(OSError):
                os.utime(self._folder / path)

    def _replace(self, name: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        coming = self._folder / f"{name}.coming"
        with coming.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._rename(coming, self._folder / name)

    def _rename(self, coming: Path, path: Path) -> None:
        coming.replace(path)
        _sync(self._folder)

    def write(self, relation: Relation, rows: Iterable[str], *, delta: int = 0, gone: Sequence[str] = ()) -> File:
        columns = ", ".join(_typed(name, kind) for name, kind in relation.columns)
        last = f", {delta} AS {NUMBER}, false AS {GONE}" if delta else ""
        with self._text(rows) as text:
            names = ", ".join(f"{literal(name)}: 'VARCHAR'" for name, _ in relation.columns)
            asked = f"SELECT {columns}{last} FROM read_csv({literal(text)}, columns = {{{names}}}, {_CSV})"
            if not gone:
                return self._copy(relation.name, asked)
            with self._text(f"{id_}\r\n" for id_ in gone) as ids:
                key = f"{{{literal(KEY)}: 'VARCHAR'}}"
                told = f"SELECT {KEY}, {delta} AS {NUMBER}, true AS {GONE}"
                none = f"{told} FROM read_csv({literal(ids)}, columns = {key}, {_CSV})"
                return self._copy(relation.name, f"{asked} UNION ALL BY NAME {none}")

    def fold(self, name: str, table: Published) -> File:
        return self._copy(name, select(table, self._scan))

    def merge(self, name: str, table: Published) -> File:
        return self._copy(name, latest(self._scan([each.path for each in table.deltas])))

    def rows(self, table: Published, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        names = ", ".join(f"t.{quoted(name)}" for name, _ in table.columns)
        wanted = f"SEMI JOIN (SELECT unnest(?) AS {KEY}) AS w ON t.{KEY} = w.{KEY}"
        asked = f"SELECT {names} FROM ({select(table, self._scan)}) AS t {wanted}"
        try:
            return self._run(asked, [list(ids)]).fetchall()
        except duckdb.Error as error:
            raise Busy(f"Facts in {self._folder} cannot be read: {type(error).__name__}.") from None

    def sweep(self, listed: set[str], older_than: float) -> int:
        left = [*self._folder.glob("*/*.parquet"), *self._folder.glob(f"{_COMING}/*")]
        broken_off = self._folder.glob(f"{REBUILDING}*/*")
        gone = sum(_removed(file, older_than) for file in left if str(file.relative_to(self._folder)) not in listed)
        gone += sum(_removed(file, older_than - _DAY_SECONDS) for file in broken_off)
        for folder in self._folder.glob(f"{REBUILDING}*"):
            with suppress(OSError):
                folder.rmdir()  # if it is empty
        return gone

    def _scan(self, paths: Sequence[str]) -> str:
        return scan(self._folder, paths)

    def _copy(self, name: str, asked: str) -> File:
        path = self._folder / name / f"{uuid4().hex}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        found = self._run(f"COPY ({asked}) TO {literal(path)} (FORMAT parquet)").fetchone()
        with path.open("rb") as file:
            os.fsync(file.fileno())
        _sync(path.parent)
        return File(str(path.relative_to(self._folder)), int(found[0]) if found else 0)

    @contextmanager
    def _text(self, parts: Iterable[str]) -> Iterator[Path]:
        path = self._folder / _COMING / uuid4().hex
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(parts)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _run(self, sql: str, parameters: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection().execute(sql, parameters)
        except duckdb.FatalException:  # the engine says no more than this from now on
            del self._connections.its
            raise

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._connections, "its"):
            config: dict[str, Any] = {"threads": "1", "memory_limit": f"{self._memory}MB"}
            connection = duckdb.connect(":memory:", config={**config, "autoinstall_known_extensions": "false"})
            connection.execute("SET preserve_insertion_order = false")
            connection.execute(f"SET temp_directory = {literal(self._folder / _COMING)}")
            self._connections.its = connection
        return cast("duckdb.DuckDBPyConnection", self._connections.its)


def _shelf(folder: Path, memory: int) -> ParquetShelf:
    return ParquetShelf(folder, memory=memory)


def read_manifest(folder: Path) -> Manifest | None:
    """What a folder lists; None before the first time. Raises Busy for what cannot be read."""
    try:
        return from_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Busy(f"The manifest of the facts cannot be read: {type(error).__name__}.") from None


def scan(folder: Path, paths: Sequence[str]) -> str:
    """DuckDB's spelling of a table of files below a folder."""
    return f"read_parquet([{', '.join(literal((folder / path).resolve()) for path in paths)}])"


def _typed(name: str, type_name: str) -> str:
    """A column of text as its type; NULL where its text is none of that. A list is text in JSON.

    DuckDB has its reader of CSV make what is only cast, and that fails where a cast may not; so the text is trimmed.
    """
    column = quoted(name)
    if type_name == TEXT:
        return column
    if type_name.endswith("[]"):
        return f"TRY_CAST(from_json({column}, '[\"VARCHAR\"]') AS {type_name}) AS {column}"
    return f"TRY_CAST(trim({column}) AS {type_name}) AS {column}"


def _removed(file: Path, older_than: float) -> bool:
    with suppress(OSError):
        if file.stat().st_mtime < older_than:
            file.unlink()
            return True
    return False


def literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

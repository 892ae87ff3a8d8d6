"""What the first reading of a file learns for the second: what each fullUrl, identifier and criterion stands for.

It lives in a temporary SQLite database, which keeps to a few megabytes of memory and spills to disk, so that a file
with a million entries costs no more memory than one with ten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from carethread.importer.identity import Condition, Target

_SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;
CREATE TABLE target (
    document INTEGER, url TEXT, number INTEGER, target TEXT, PRIMARY KEY (document, url)) WITHOUT ROWID;
CREATE TABLE identifier (token TEXT, number INTEGER, target TEXT, PRIMARY KEY (token, number)) WITHOUT ROWID;
CREATE TABLE alias (target TEXT PRIMARY KEY, other TEXT) WITHOUT ROWID;
CREATE TABLE criterion (type TEXT, query TEXT, target TEXT, PRIMARY KEY (type, query)) WITHOUT ROWID;
CREATE TABLE conditional (number INTEGER PRIMARY KEY, target TEXT, type TEXT, query TEXT);
"""
_ROWS = 1000


class Index:
    """One file's index. Everything is added first, then looked up."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._pending: dict[str, list[tuple[Any, ...]]] = {}
        self._aliases = False
        self._cached_target = lru_cache(maxsize=20_000)(self._target)
        self.criterion = lru_cache(maxsize=20_000)(self._criterion)

    def close(self) -> None:
        """Give the database back to the system."""
        self._database.close()

    def add(self, document: int, number: int, full_url: str, target: Target) -> None:
        """Record that the entry writes `target`, which its Bundle refers to as `full_url`."""
        self._insert("target (document, url, number, target)", (document, full_url, number, target.url))
        if target.condition:
            self._insert("conditional", (number, target.url, *target.condition))

    def add_identifiers(self, number: int, target: Target, identifiers: Any) -> None:
        """Record Resource.identifier, one or a list, for the conditional references of this file."""
        for each in identifiers if isinstance(identifiers, list) else [identifiers]:
            with suppress(KeyError, TypeError):  # not an Identifier with both, so that no criterion can name it
                token = _token(target.type_name, each["system"], each["value"])
                self._insert("identifier", (token, number, target.url))

    def add_criteria(self, criteria: Iterable[Condition]) -> None:
        """Record that conditional references ask for these."""
        for condition in criteria:
            self._insert("criterion (type, query)", tuple(condition))

    def conditional(self) -> Iterator[tuple[int, str, Condition]]:
        """(number, `Type/id`, condition) of the entries that have a condition, by type, in order."""
        self._flush()
        for number, target, *condition in self._database.execute("SELECT * FROM conditional ORDER BY type, number"):
            yield number, target, Condition(*condition)

    def criteria(self) -> Iterator[Condition]:
        """What conditional references ask for, each once, by type."""
        self._flush()
        for row in self._database.execute("SELECT type, query FROM criterion ORDER BY type, query"):
            yield Condition(*row)

    def redirect(self, target: str, other: str) -> None:
        """From now on `target` stands for `other`, both `Type/id`."""
        self._aliases = True
        self._database.execute("INSERT OR REPLACE INTO alias VALUES (?, ?)", (target, other))

    def answer(self, condition: Condition, target: str | None) -> None:
        """Record what a criterion stands for; None for nothing or several."""
        self._database.execute("UPDATE criterion SET target = ? WHERE type = ? AND query = ?", (target, *condition))

    def holders(self, condition: Condition) -> list[tuple[int, str]]:
        """(number, `Type/id`) of the file's entries that have the identifier asked for, in order."""
        self._flush()
        identifier = condition.identifier()
        if identifier is None:
            return []
        rows = self._database.execute(
            "SELECT number, target FROM identifier WHERE token = ? ORDER BY number",
            (_token(condition.type_name, *identifier),),
        )
        return [(number, self.actual(target)) for number, target in rows]

    def actual(self, target: str) -> str:
        """What `Type/id` stands for: itself, unless redirected."""
        if not self._aliases:
            return target
        row = self._database.execute("SELECT other FROM alias WHERE target = ?", (target,)).fetchone()
        return str(row[0]) if row else target

    def meaning(self, document: int, url: str) -> str | None:
        """The `Type/id` that a reference stands for in its document; None for a URL that is no fullUrl there."""
        return self._cached_target(document, url) if ":" in url else self.actual(url)

    def first(self, document: int, url: str) -> int | None:
        """The number of the first entry with this fullUrl in its document."""
        self._flush()
        row = self._database.execute(
            "SELECT number FROM target WHERE document = ? AND url = ?", (document, url)
        ).fetchone()
        return int(row[0]) if row else None

    def _target(self, document: int, url: str) -> str | None:
        self._flush()
        row = self._database.execute(
            "SELECT target FROM target WHERE document = ? AND url = ?", (document, url)
        ).fetchone()
        return self.actual(row[0]) if row else None

    def _criterion(self, condition: Condition) -> str | None:
        row = self._database.execute("SELECT target FROM criterion WHERE type = ? AND query = ?", condition).fetchone()
        return str(row[0]) if row and row[0] else None

    def _insert(self, table: str, row: tuple[Any, ...]) -> None:
        rows = self._pending.setdefault(table, [])
        rows.append(row)
        if len(rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        for table, rows in self._pending.items():
            marks = ", ".join("?" * len(rows[0]))
            self._database.execute("BEGIN")
            self._database.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)
            self._database.execute("COMMIT")
        self._pending.clear()


def _token(type_name: str, system: str, value: str) -> str:
    return f"{type_name} {system}|{value}"

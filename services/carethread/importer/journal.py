"""What an import has had acknowledged, so that one cut off half-way goes on where it stood.

A file is known by its content and the server's base URL. For each owner, acknowledged entries are ranges of entry
numbers: chunks are cut anew on every run, and a range says what lies behind it however they fall. A chunk with a
refused entry, or a reference that led nowhere, is not acknowledged, so the next run tries it again. Losing the
journal costs time only.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from pathlib import Path

_SCHEMA = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS file (
    id INTEGER PRIMARY KEY, base TEXT NOT NULL, digest BLOB NOT NULL, path TEXT NOT NULL,
    complete INTEGER NOT NULL DEFAULT 0, UNIQUE (base, digest));
CREATE TABLE IF NOT EXISTS acknowledged (
    file INTEGER NOT NULL REFERENCES file, owner TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (file, owner, first)) WITHOUT ROWID;
"""


class Ranges:
    """Entry numbers in ascending ranges, both ends included."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self._firsts = [first for first, _ in ranges]
        self._lasts: list[int] = []
        for _, last in ranges:  # where ranges overlap, the furthest end counts
            self._lasts.append(max(last, self._lasts[-1]) if self._lasts else last)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]


class Journal:
    """The journal of imports into one base URL, in a SQLite file that several base URLs may share."""

    def __init__(self, path: Path, base: str) -> None:
        """Raises sqlite3.Error where the file cannot be opened or is no journal."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = base
        self._database = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def open_file(self, path: Path, digest: bytes, *, again: bool) -> int | None:
        """The journal's number for a file, or None when all of it was acknowledged. `again` forgets what was."""
        row = self._database.execute(
            "INSERT INTO file (base, digest, path) VALUES (?, ?, ?)"
            " ON CONFLICT (base, digest) DO UPDATE SET path = excluded.path RETURNING id, complete",
            (self._base, digest, str(path)),
        ).fetchone()
        number, complete = int(row[0]), bool(row[1])
        if again:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("UPDATE file SET complete = 0 WHERE id = ?", (number,))
            self._database.execute("DELETE FROM acknowledged WHERE file = ?", (number,))
            self._database.execute("COMMIT")
        return None if complete and not again else number

    def acknowledged(self, file: int, owner: str) -> Ranges:
        """The entries of a file that the owner has."""
        rows = self._database.execute(
            "SELECT first, last FROM acknowledged WHERE file = ? AND owner = ? ORDER BY first", (file, owner)
        )
        return Ranges(rows.fetchall())

    def acknowledge(self, file: int, owner: str, first: int, last: int) -> None:
        """Record that the owner has its entries from `first` to `last`, those acknowledged before among them."""
        self._database.execute(
            "INSERT INTO acknowledged VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
            (file, owner, first, last),
        )

    def complete(self, file: int) -> None:
        """Record that every entry of the file was acknowledged; its ranges are no longer needed."""
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("UPDATE file SET complete = 1 WHERE id = ?", (file,))
        self._database.execute("DELETE FROM acknowledged WHERE file = ?", (file,))
        self._database.execute("COMMIT")

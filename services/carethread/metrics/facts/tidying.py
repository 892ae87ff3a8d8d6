"""Tidying what is published: many small files of later rows become one, and many rows are folded into the base.

Files are written beside those that are listed, and listed in their place if these still are; so publishing goes on
meanwhile, and what breaks off has changed nothing. Files that are not listed any more stay a while, for who reads them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from carethread.core.facts.manifest import File, Published
from carethread.core.ports.analytics import Shelf

DELTAS = 8
"""Files of later rows that a table has before they are merged."""

FOLDED_ROWS = 50_000
"""Later rows that a table has before they are folded into its base."""

_FOLDED_PART = 8
"""Or so large a part of the base, for folding writes all of it."""

LINGER_SECONDS = 300.0
"""So long a file stays that is not listed, beside the time of who reads it: longer than a query takes to begin and to
end, and a file before it is listed."""


class Tidier:
    """What keeps a shelf tidy that is held by this process; `replacing` is shared with who publishes in it."""

    def __init__(
        self,
        shelf: Shelf,
        replacing: threading.Lock,
        *,
        deltas: int = DELTAS,
        rows: int = FOLDED_ROWS,
        linger: float = LINGER_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._shelf = shelf
        self._replacing = replacing
        self._deltas = deltas
        self._rows = rows
        self._linger = linger
        self._now = now

    def tidy(self) -> dict[str, Exception]:
        """Merge and fold what is due; what has failed, by its table: of one a file may be damaged."""
        manifest = self._shelf.manifest()
        failed: dict[str, Exception] = {}
        for name, table in manifest.tables.items() if manifest else ():
            try:
                self._tidy(name, table)
            except Exception as error:  # noqa: BLE001  # the other tables are none the worse for it
                failed[name] = error
        return failed

    def _tidy(self, name: str, table: Published) -> None:
        rows, base = (sum(each.rows for each in files) for files in (table.deltas, table.base))
        if rows > max(self._rows, base // _FOLDED_PART):
            self._replace(name, table, self._shelf.fold(name, table), folded=True)
        elif len(table.deltas) > self._deltas:
            self._replace(name, table, self._shelf.merge(name, table), folded=False)

    def sweep(self) -> int:
        """Remove files that were left behind; how many."""
        manifest = self._shelf.manifest()
        return self._shelf.sweep(manifest.files() if manifest else set(), self._now() - self._linger)

    def _replace(self, name: str, before: Published, file: File, *, folded: bool) -> None:
        """List a file in the place of those that it was made of, if they still are."""
        count = len(before.deltas)
        with self._replacing:
            stands = self._shelf.manifest()
            table = stands.tables.get(name) if stands else None
            if stands is None or table is None or table.base != before.base or table.deltas[:count] != before.deltas:
                return
            later = table.deltas[count:]
            if folded:
                after = replace(table, base=(file,) if file.rows else (), deltas=later)
            else:
                after = replace(table, deltas=(file, *later))
            self._shelf.put(replace(stands, tables={**stands.tables, name: after}))

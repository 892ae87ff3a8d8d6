"""The facts that are published in a folder, asked in DuckDB by SQL; see `core.ports.analytics.Analytics`.

Queries run in processes of their own (`process`), with nothing but the files that the manifest lists (`sandbox`). The
SQL is the practice's own all the same: what keeps strangers out is who may write a Measure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, count
from pathlib import Path
from typing import Any, cast

from carethread.adapters.analytics.bounds import USUAL, Bounds, too_long
from carethread.adapters.analytics.parquet import MANIFEST, read_manifest
from carethread.adapters.analytics.process import Children
from carethread.adapters.analytics.talking import Kept, Opening, Query
from carethread.core.errors import Busy
from carethread.core.facts.manifest import Manifest
from carethread.core.ports.analytics import NO_PARAMETERS, NOTHING, Answer, Marks

_MOST_REMEMBERED = 1000
"""Texts that were found to be one SELECT."""

_NUMBERS = count()


@dataclass(frozen=True, slots=True)
class _State:
    """The tables of one manifest."""

    marks: Marks
    views: Mapping[str, str]
    opening: Opening


class _Look:
    """A state for the queries of one answer. They end before `until`, which is that many `seconds` after it began."""

    def __init__(self, state: _State, children: Children, seconds: float, clock: Callable[[], float]) -> None:
        self.marks, self.views = state.marks, state.views
        self._opening = state.opening
        self._children = children
        self._seconds = seconds
        self._clock = clock
        self._until = clock() + seconds
        self._kept: dict[str, Kept] = {}

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        needed = tuple(kept for name, kept in self._kept.items() if name in sql)
        columns, *chunks = self._ask(Query("rows", sql, parameters, self._left(), needed))
        return Answer(columns, list(chain.from_iterable(chunks)))

    def columns(
        self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS, beside: Mapping[str, str] = NOTHING
    ) -> Mapping[str, str]:
        query = Query("columns", sql, parameters, self._left(), beside=beside)
        return cast("Mapping[str, str]", self._ask(query)[0])

    def kept(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> str:
        asked = repr((sql, sorted(parameters.items()))).encode()
        name = f"kept_{sha256(asked).hexdigest()[:24]}"
        self._kept[name] = Kept(name, sql, parameters)
        return name

    def _ask(self, query: Query) -> list[Any]:
        return self._children.ask(self._opening, query)

    def _left(self) -> float:
        """Seconds for the next query."""
        left = self._until - self._clock()
        if left <= 0:
            raise too_long(self._opening.bounds, self._seconds)
        return min(left, self._opening.bounds.seconds)


class DuckAnalytics:
    """The newest manifest's state, until another one stands in the folder."""

    def __init__(self, folder: Path, bounds: Bounds = USUAL, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._bounds = bounds
        self._clock = clock
        self._children = Children(bounds)
        self._looking = threading.Lock()
        self._seen: tuple[Any, ...] = ()
        self._state: _State | None = None
        self._selects: dict[str, None] = {}

    @contextmanager
    def look(self, *, leisure: bool = False) -> Iterator[_Look]:
        seconds = self._bounds.longest if leisure else self._bounds.seconds
        yield _Look(self._newest(), self._children, seconds, self._clock)

    def check(self, sql: str) -> None:
        if sql not in self._selects:
            self._children.ask(None, Query("check", sql, NO_PARAMETERS, self._bounds.seconds))
            if len(self._selects) >= _MOST_REMEMBERED:
                self._selects.clear()
            self._selects[sql] = None

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
                self._state, self._seen = self._opened(manifest), seen
            return self._state

    def _opened(self, manifest: Manifest) -> _State:
        views = {name: table.view for name, table in manifest.tables.items()}
        opening = Opening(next(_NUMBERS), self._folder.resolve(), manifest, self._bounds)
        return _State(Marks(manifest.time, manifest.sources), views, opening)

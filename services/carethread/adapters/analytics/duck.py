"""The facts that are published in a folder, asked in DuckDB by SQL; see `core.ports.analytics.Analytics`.

Queries run in processes of their own (`process`), with nothing but the files that the manifest lists (`sandbox`). The
SQL is the practice's own all the same: what keeps strangers out is who may write a Measure.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain, count
from pathlib import Path
from typing import Any, cast

from carethread.adapters.analytics.bounds import USUAL, Bounds
from carethread.adapters.analytics.parquet import MANIFEST, read_manifest
from carethread.adapters.analytics.process import Children
from carethread.adapters.analytics.talking import Kept, Opening, Query
from carethread.core.errors import Busy
from carethread.core.facts.manifest import Manifest
from carethread.core.ports.analytics import NO_PARAMETERS, NOTHING, Answer, Marks

_MOST_REMEMBERED = 1000
"""Texts that were found to be one SELECT, and relations that are kept for later queries."""

_NUMBERS = count()


class _State:
    """The tables of one manifest."""

    def __init__(self, folder: Path, manifest: Manifest, bounds: Bounds, children: Children) -> None:
        self.marks = Marks(manifest.time, manifest.sources)
        self.views = {name: table.view for name, table in manifest.tables.items()}
        self._opening = Opening(next(_NUMBERS), folder.resolve(), manifest, bounds)
        self._children = children
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        needed = tuple(kept for name, kept in self._kept.copy().items() if name in sql)
        columns, *chunks = self._children.ask(self._opening, Query("rows", sql, parameters, needed))
        return Answer(columns, list(chain.from_iterable(chunks)))

    def columns(
        self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS, beside: Mapping[str, str] = NOTHING
    ) -> Mapping[str, str]:
        query = Query("columns", sql, parameters, beside=beside)
        return cast("Mapping[str, str]", self._children.ask(self._opening, query)[0])

    def kept(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> str:
        asked = repr((sql, sorted(parameters.items()))).encode()
        name = f"kept_{sha256(asked).hexdigest()[:24]}"
        self._kept[name] = Kept(name, sql, parameters)
        while len(self._kept) > _MOST_REMEMBERED:
            self._kept.popitem(last=False)
        return name


class DuckAnalytics:
    """The newest manifest's state, until another one stands in the folder."""

    def __init__(self, folder: Path, bounds: Bounds = USUAL) -> None:
        self._folder = folder
        self._bounds = bounds
        self._children = Children(bounds)
        self._looking = threading.Lock()
        self._seen: tuple[Any, ...] = ()
        self._state: _State | None = None
        self._selects: dict[str, None] = {}

    @contextmanager
    def look(self) -> Iterator[_State]:
        yield self._newest()

    def check(self, sql: str) -> None:
        if sql not in self._selects:
            self._children.ask(None, Query("check", sql, NO_PARAMETERS))
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
                self._state, self._seen = _State(self._folder, manifest, self._bounds, self._children), seen
            return self._state

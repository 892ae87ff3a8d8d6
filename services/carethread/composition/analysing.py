"""The engine that reads published facts, as the service that has them is given it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from threading import Lock

from carethread.core.ports.analytics import Analytics, Glimpse
from carethread.core.settings import Settings

SERVICE = "metrics"
"""The service that has facts."""


class Late:
    """What runs SQL over the published facts; the engine is loaded when somebody asks, for that takes a while."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._beginning = Lock()
        self._begun: Analytics | None = None

    @property
    def _engine(self) -> Analytics:
        with self._beginning:
            self._begun = self._begun or self._made()
            return self._begun

    def _made(self) -> Analytics:
        from carethread.adapters.analytics.bounds import Bounds
        from carethread.adapters.analytics.duck import DuckAnalytics

        given = self._settings
        return DuckAnalytics(given.facts_folder, Bounds(given.facts_memory, given.facts_threads, given.facts_seconds))

    def look(self, *, leisure: bool = False) -> AbstractContextManager[Glimpse]:
        """Raises Invalid where a view cannot be read: then nothing is published, and what stands only gets older."""
        from carethread.metrics.facts.shipped import checked

        checked()
        return self._engine.look(leisure=leisure)

    def check(self, sql: str) -> None:
        self._engine.check(sql)


def parquet(columns: Sequence[tuple[str, str]], csv: bytes) -> bytes:
    """A table as a Parquet file; see `adapters.analytics.packing`, which loads the engine."""
    from carethread.adapters.analytics.packing import packed

    return packed(columns, csv)

"""Facts: the engine that reads what is published, the loop that publishes, and what rebuilds them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, suppress
from functools import partial as partial_of
from pathlib import Path
from threading import Event as Signal
from threading import Lock
from typing import TYPE_CHECKING

from carethread.core.errors import Busy
from carethread.core.ports.analytics import Analytics, Glimpse
from carethread.core.service import Runtime
from carethread.core.settings import Settings

if TYPE_CHECKING:
    from carethread.adapters.analytics.parquet import ParquetShelf

log = logging.getLogger(__name__)

SERVICE = "metrics"
"""The service that has facts."""

_NOT_CONFINED = {
    "reason": "The kernel has no Landlock, or it is off.",
    "so": "SQL of a Measure that is written by strangers could empty a file of the user that runs this.",
}
"""What is said where queries can open files for writing, though not write."""


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
        return self._engine.look(leisure=leisure)

    def check(self, sql: str) -> None:
        self._engine.check(sql)


def parquet(columns: Sequence[tuple[str, str]], csv: bytes) -> bytes:
    """A table as a Parquet file; see `adapters.analytics.packing`, which loads the engine."""
    from carethread.adapters.analytics.packing import packed

    return packed(columns, csv)


def shelf_of(settings: Settings) -> ParquetShelf:
    """The published files."""
    from carethread.adapters.analytics.parquet import ParquetShelf

    return ParquetShelf(settings.facts_folder, memory=settings.facts_memory)


def publish_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    """Publish what changes until `stop` is set."""
    from carethread.adapters.analytics.confining import has_landlock
    from carethread.adapters.prometheus import observer
    from carethread.composition.bus import log_of
    from carethread.core.clock import system_clock
    from carethread.metrics.facts.differing import Differing
    from carethread.metrics.facts.publishing import Publisher
    from carethread.metrics.facts.reaching import Horizon
    from carethread.metrics.facts.running import run
    from carethread.metrics.facts.shipped import shipped
    from carethread.metrics.facts.tidying import Tidier
    from carethread.metrics.signals.restating import Restating

    shelf, replacing, restating = shelf_of(settings), Lock(), Restating(runtime, system_clock)
    differing = Differing(shelf, shipped())

    def judge() -> None:
        restating.changed(differing.found())
        restating.settle()

    bus = log_of(settings, SERVICE, [subject.type for subject in shipped()])
    reaching = Horizon(bus, partial_of(runtime.store.positions, SERVICE), system_clock)
    publisher = Publisher(runtime.store, shelf, shipped(), system_clock, reaching, replacing, differing.published)
    if not has_landlock():
        log.warning("queries_not_confined", extra=_NOT_CONFINED)
    with closing(bus):
        run(publisher, Tidier(shelf, replacing), shelf, stop, judge, observer(SERVICE))


def latest_loop(runtime: Runtime, stop: Signal) -> None:
    """Keep the numbers that Prometheus reads fresh until `stop` is set."""
    from carethread.adapters.prometheus import observer
    from carethread.core.context import Context, Principal
    from carethread.metrics.exporting.latest import keep_latest

    keep_latest(runtime, Context(Principal(SERVICE)), stop, observer(SERVICE))


def rebuild_facts(
    settings: Settings,
    *,
    export: Path | None = None,
    since: int | None = None,
    partial: bool = False,
    processes: int = 2,
) -> int:
    """Rebuild all facts from the event log, or from the folder of an export that was asked for at a moment
    (microseconds), which its manifest tells where it has one; how many resources they are of.

    Raises Busy, Invalid where the log does not reach back far enough, Malformed for what is no export of all.
    """
    from carethread.adapters.sql.loading import SqlLoading
    from carethread.composition.bus import log_of
    from carethread.composition.parts import engine_of, runtimes
    from carethread.core.clock import system_clock
    from carethread.core.consuming.reading import resource_event
    from carethread.metrics.facts import sources
    from carethread.metrics.facts.folder import export_in
    from carethread.metrics.facts.publishing import Publisher
    from carethread.metrics.facts.rebuilding import Read, rebuild
    from carethread.metrics.facts.shipped import shipped

    found = export_in(export) if export else None
    moment = found.of_all(since) if found else 0
    runtime = runtimes(settings, [SERVICE])[SERVICE]
    types, shelf, read = [subject.type for subject in shipped()], shelf_of(settings), Read()
    bus = log_of(settings, SERVICE, types)
    try:
        if found:
            read.moment = moment
            read.positions.update(sources.behind(bus, moment, partial=partial))
            versions = sources.exported(found, types)
        else:
            whole = partial_of(resource_event, runtime)
            versions = sources.events(bus, types, read, whole, partial=partial)
        known = 0 if found or partial else runtime.store.snapshot(lambda session: session.facts.reached()).changed
        loading = SqlLoading(engine_of(runtime), SERVICE, known)
        folder = settings.facts_folder
        count = rebuild(versions, read, shipped(), shelf, loading, processes=processes, folder=folder)
    finally:
        bus.close()
    with suppress(Busy), shelf.hold():  # else the worker that holds it publishes them
        Publisher(runtime.store, shelf, shipped(), system_clock, lambda: None).publish()
    return count

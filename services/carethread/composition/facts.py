"""Facts: the loop that publishes them, and what rebuilds them."""

from __future__ import annotations

import logging
from contextlib import closing, suppress
from functools import partial as partial_of
from pathlib import Path
from threading import Event as Signal
from threading import Lock
from typing import TYPE_CHECKING

from carethread.composition.analysing import SERVICE
from carethread.composition.parts import engine_of, runtimes
from carethread.core.errors import Busy, Invalid, with_notes
from carethread.core.metric_names import FACTS_FAILED
from carethread.core.service import Runtime
from carethread.core.settings import Settings

if TYPE_CHECKING:
    from carethread.adapters.analytics.parquet import ParquetShelf

log = logging.getLogger(__name__)

_NOT_CONFINED = {
    "reason": "The kernel has no Landlock, or it is off.",
    "so": "SQL of a Measure that is written by strangers could empty a file of the user that runs this.",
}
"""What is said where queries can open files for writing, though not write."""

_NO_FACTS = "No facts are gathered or published until metrics starts with views that can be read; no event is lost."


def shelf_of(settings: Settings) -> ParquetShelf:
    """The published files."""
    from carethread.adapters.analytics.parquet import ParquetShelf

    return ParquetShelf(settings.facts_folder, memory=settings.facts_memory)


def views_read() -> bool:
    """Whether all views of facts can be read; the log tells what is wrong where they cannot."""
    from carethread.adapters.prometheus import observer
    from carethread.metrics.facts.shipped import checked

    try:
        checked()
    except Invalid as error:
        log.error("views_refused", extra={"reason": with_notes(error), "so": _NO_FACTS})
        observer(SERVICE)(FACTS_FAILED, 1)
        return False
    return True


def publish_loop(settings: Settings, runtime: Runtime, stop: Signal) -> None:
    """Publish what changes until `stop` is set."""
    from carethread.adapters.analytics.bounds import Bounds
    from carethread.adapters.analytics.confining import has_landlock
    from carethread.adapters.prometheus import observer
    from carethread.composition.bus import log_of
    from carethread.core.clock import system_clock
    from carethread.metrics.facts.differing import Differing
    from carethread.metrics.facts.publishing import Publisher
    from carethread.metrics.facts.reaching import Horizon
    from carethread.metrics.facts.running import run
    from carethread.metrics.facts.shipped import shipped
    from carethread.metrics.facts.tidying import LINGER_SECONDS, Tidier
    from carethread.metrics.signals.restating import Restating

    shelf, replacing, restating = shelf_of(settings), Lock(), Restating(runtime, system_clock)
    differing = Differing(shelf, shipped())

    def judge() -> None:
        restating.changed(differing.found())
        restating.settle()

    bus = log_of(settings, SERVICE, [subject.type for subject in shipped()])
    reaching = Horizon(bus, partial_of(runtime.store.positions, SERVICE), system_clock)
    publisher = Publisher(runtime.store, shelf, shipped(), system_clock, reaching, replacing, differing.published)
    linger = Bounds(seconds=settings.facts_seconds).longest + LINGER_SECONDS
    if not has_landlock():
        log.warning("queries_not_confined", extra=_NOT_CONFINED)
    with closing(bus):
        run(publisher, Tidier(shelf, replacing, linger=linger), shelf, stop, judge, observer(SERVICE))


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

    Raises Busy, Invalid where a view cannot be read or the log does not reach back far enough, Malformed for what is no
    export of all.
    """
    from carethread.adapters.sql.loading import SqlLoading
    from carethread.composition.bus import log_of
    from carethread.core.clock import system_clock
    from carethread.core.consuming.reading import resource_event
    from carethread.metrics.facts import sources
    from carethread.metrics.facts.folder import export_in
    from carethread.metrics.facts.publishing import Publisher
    from carethread.metrics.facts.rebuilding import Read, rebuild
    from carethread.metrics.facts.shipped import checked

    given = checked()
    found = export_in(export) if export else None
    moment = found.of_all(since) if found else 0
    runtime = runtimes(settings, [SERVICE])[SERVICE]
    types, shelf, read = [subject.type for subject in given], shelf_of(settings), Read()
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
        count = rebuild(versions, read, given, shelf, loading, processes=processes, folder=folder)
    finally:
        bus.close()
    with suppress(Busy), shelf.hold():  # else the worker that holds it publishes them
        Publisher(runtime.store, shelf, given, system_clock, lambda: None).publish()
    return count

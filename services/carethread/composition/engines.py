"""Engines that count measures on this machine or on a cluster, beside the service or without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from carethread.composition.analysing import SERVICE
from carethread.core.errors import Malformed
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Analytics
from carethread.core.settings import Settings, SettingsError

if TYPE_CHECKING:
    from carethread.core.service import Call

DUCKDB, SPARK = "duckdb", "spark"
NAMES = (DUCKDB, SPARK)
LOCAL = "local[2]"
"""The master that is two threads on this machine."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What counts: its name, and of Spark its master and further properties."""

    name: str = DUCKDB
    master: str = LOCAL
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts are: in a folder; or made, there or nowhere for long, of the files of an export, which are whole up
    to a moment (microseconds) that the export says where it is not given."""

    folder: Path | None = None
    export: Path | None = None
    as_of: int | None = None


Begun = Callable[[Path], AbstractContextManager[Analytics]]
"""An engine over the facts in a folder, while it runs."""


def evaluate(settings: Settings, engine: Engine, call: Call, source: Source | None) -> Resource:
    """The MeasureReport of a call of `$evaluate-measure`: of the shipped Measure of its id, or the one at its path,
    over the facts of the source; without one, of the installation's Measure and facts.

    Raises what the operation raises, NotFound for a department or practitioner whom these facts do not know;
    SettingsError where the engine is not installed, Busy where there are no facts,
    Malformed for what is no export, Conflict where facts are in the way of those to be made.
    """
    from carethread.composition.operating import opened
    from carethread.composition.parts import runtimes
    from carethread.core.context import Context, Principal
    from carethread.metrics.answering.answering import Question, answered, known
    from carethread.metrics.evaluating.asking import asked
    from carethread.metrics.evaluating.members import in_facts
    from carethread.metrics.measures.files import in_files

    wanted, begun = asked(call), _found(engine, settings)
    if source is None:
        opened(settings, SERVICE)
    runtime = runtimes(settings, [SERVICE])[SERVICE]
    measure, definition = in_files(call.id) if source else known(runtime, f"Measure/{call.id}")
    with _folder(settings, source) as folder, begun(folder) as analytics:
        asks = Question(measure, definition, wanted, None)
        here = replace(runtime, analytics=analytics)
        if wanted.department or wanted.practitioner:
            with analytics.look(leisure=True) as facts:
                in_facts(facts, wanted)
        return answered(here, asks, Context(principal=Principal(SERVICE)), kept=False, leisure=True)


def _found(engine: Engine, settings: Settings) -> Begun:
    """Raises SettingsError where it is not installed."""
    if engine.name == DUCKDB:
        from carethread.adapters.analytics.bounds import Bounds
        from carethread.adapters.analytics.duck import DuckAnalytics

        bounds = Bounds(settings.facts_memory, settings.facts_threads, settings.facts_seconds)
        return lambda folder: nullcontext(DuckAnalytics(folder, bounds))
    try:
        from carethread.adapters.analytics.spark import SparkAnalytics
    except ImportError as error:
        said = f"Spark is not installed ({error.name} is missing): pip install 'carethread[spark]'; it needs Java 17."
        raise SettingsError(said) from None
    return lambda folder: closing(SparkAnalytics(folder, engine.master, engine.properties))


@contextmanager
def _folder(settings: Settings, source: Source | None) -> Iterator[Path]:
    """Where the facts lie, once they are made."""
    if source is None or source.export is None:
        yield settings.facts_folder if source is None or source.folder is None else source.folder
        return
    with TemporaryDirectory(prefix="carethread-facts-") as briefly:
        folder = source.folder or Path(briefly)
        _make(settings, source.export, folder, source.as_of)
        yield folder


def _make(settings: Settings, export: Path, folder: Path, as_of: int | None) -> None:
    from carethread.adapters.analytics.parquet import ParquetShelf
    from carethread.metrics.facts.exported import publish
    from carethread.metrics.facts.folder import export_in
    from carethread.metrics.facts.shipped import checked

    found = export_in(export)
    time = as_of or found.moment
    if time is None:
        raise Malformed(f"{export} has no manifest.json that tells its transactionTime; --as-of says it.")
    publish(found, time, checked(), ParquetShelf(folder, memory=settings.facts_memory))

"""Apache Spark runs a measure's SQL over the same files as DuckDB: for facts that one machine is too small for.

Needs the extra `spark` and Java 17. The files lie where every machine of the cluster has them at the same path. What
runs and how long is for who began it to bound: there is no sandbox as in `adapters.analytics.duck`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType, TimestampType

from carethread.adapters.analytics.dialect import plain, translate
from carethread.adapters.analytics.parquet import read_manifest
from carethread.core.errors import Busy, Invalid, TooCostly
from carethread.core.facts.derived import DERIVED
from carethread.core.facts.manifest import GONE, NUMBER, Manifest, Published, select
from carethread.core.facts.relation import quoted
from carethread.core.ports.analytics import NO_PARAMETERS, Answer, Marks

_NAMES = {"VARCHAR": "STRING", "TIMESTAMP": "TIMESTAMP_NTZ"}
"""Spark's names of types, where they are others."""

_SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
}
"""What the meaning of the SQL hangs on."""

_QUIET = {"spark.log.level": "OFF", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
"""What Spark logs of a fault has values of the data in it."""

_HERE = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.sql.shuffle.partitions": "8"}
"""For a master on this machine: nobody else is to reach it, and 200 parts of everything are too many."""

_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Those of its Python side, which write to standard error whatever happens to the exception."""

_MOST_CHARACTERS = 2000


class SparkAnalytics:
    """The facts that are published in a folder; see `core.ports.analytics.Analytics`.

    `master` is a Spark master URL (https://spark.apache.org/docs/latest/submitting-applications.html#master-urls),
    `settings` further properties of Spark, which stand above ours. Spark starts with the first look, and runs until
    `close`; a process has one.
    """

    def __init__(self, folder: Path, master: str = "local[2]", settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._master = master
        self._settings = {**_QUIET, **(_HERE if master.startswith("local") else {}), **(settings or {})}

    @contextmanager
    def look(self) -> Iterator[_State]:
        manifest = read_manifest(self._folder)
        if manifest is None:
            raise Busy(f"No facts are published in {self._folder}.")
        yield _State(self._folder, manifest, self._session())

    def _session(self) -> SparkSession:
        builder = SparkSession.builder.appName("carethread").master(self._master)
        try:
            session = builder.config(map=dict(self._settings)).getOrCreate().newSession()
        except (PySparkException, Py4JError) as error:
            said = f"Spark does not start with master {self._master} ({_condition(error)}); it needs Java 17 or newer."
            raise Busy(said) from None
        for name, value in _SESSION.items():
            session.conf.set(name, value)
        for name in _LOGGERS:
            PySparkLogger.getLogger(name).disabled = True
        return session

    def close(self) -> None:
        """Stop Spark, if it runs."""
        running = SparkSession.getActiveSession()
        if running is not None:
            running.stop()


class _State:
    """The tables of one manifest, each made when a query names it for the first time, in a session of their own."""

    def __init__(self, folder: Path, manifest: Manifest, session: SparkSession) -> None:
        self._folder = folder.resolve()
        self._tables = manifest.tables
        self._awaited = frozenset(map(str.lower, manifest.awaited))
        self._session = session
        self._here: set[str] = set()
        self.marks = Marks(manifest.time, manifest.sources)
        self.views = {name: table.view for name, table in manifest.tables.items()}

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        asked = translate(sql, parameters)
        self._make(set(asked.tables))
        values = dict(asked.values)
        try:
            with self._kept(asked.steps, values):
                found = self._session.sql(asked.sql, args=values)
                schema, rows = found.schema, found.collect()
        except AnalysisException as error:
            raise Invalid(f"The SQL cannot be run: {_first(error)}") from None
        except (PySparkException, Py4JError) as error:
            raise _told(error) from None
        return Answer(tuple(schema.names), _naive(schema, rows))

    @contextmanager
    def _kept(self, steps: Sequence[tuple[str, str]], values: dict[str, Any]) -> Iterator[None]:
        """Have relations computed once, for as long as a query takes."""
        kept = []
        try:
            for name, sql in steps:
                kept.append((name, self._session.sql(sql, args=values).persist()))
                kept[-1][1].createOrReplaceTempView(f"`{name}`")
            yield
        finally:
            for name, frame in kept:
                self._session.catalog.dropTempView(f"`{name}`")
                frame.unpersist()

    def _make(self, names: set[str]) -> None:
        names |= {derived.of for name, derived in DERIVED.items() if name in names}
        if waiting := sorted(names & self._awaited):
            raise Busy(f"These facts are still being gathered: {', '.join(waiting)}; try again later.")
        for name, table in self._tables.items():
            if name.lower() in names and name not in self._here:
                self._view(name, select(table, lambda paths, table=table: self._scan(table, paths)))  # type: ignore[misc]
        for name, derived in DERIVED.items():
            if name in names and name not in self._here and derived.of in self._tables:
                self._view(name, derived.sql)

    def _view(self, name: str, sql: str) -> None:
        self._session.sql(plain(sql)).createOrReplaceTempView(name)
        self._here.add(name)

    def _scan(self, table: Published, paths: Sequence[str]) -> str:
        """Files as a table of which no SQL of a measure can know the name. Their columns need not be looked up."""
        more = ((NUMBER, "BIGINT"), (GONE, "BOOLEAN")) if paths[0] in {each.path for each in table.deltas} else ()
        columns = ", ".join(f"`{name.replace('`', '``')}` {_type(kind)}" for name, kind in (*table.columns, *more))
        name = f"files of {paths[0]}"
        try:
            files = self._session.read.schema(columns).parquet(*(str(self._folder / path) for path in paths))
        except AnalysisException:
            raise Busy("The files of the facts are not there any more; try again.") from None
        files.createOrReplaceTempView(f"`{name}`")
        return quoted(name)


def _type(kind: str) -> str:
    of = kind.removesuffix("[]")
    name = _NAMES.get(of, of)
    return f"ARRAY<{name}>" if kind.endswith("[]") else name


def _naive(schema: StructType, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows in which moments are naive and in UTC: where Spark's have a zone, Python has them in that of the machine."""
    zoned = {i for i, field in enumerate(schema.fields) if isinstance(field.dataType, TimestampType)}
    if not zoned:
        return [tuple(row) for row in rows]
    return [
        tuple(v.astimezone(UTC).replace(tzinfo=None) if i in zoned and v else v for i, v in enumerate(row))
        for row in rows
    ]


def _condition(error: Exception) -> str:
    """What kind of fault it is, in Spark's words, without any value."""
    found = error.getCondition() if isinstance(error, PySparkException) else None
    return found or type(error).__name__


def _first(error: PySparkException) -> str:
    """What Spark says of SQL that it does not take: the reason. No data has been looked at."""
    line = next((line for line in str(error).splitlines() if line.strip()), "")
    return line.partition(" SQLSTATE")[0][:_MOST_CHARACTERS]


def _told(error: Exception) -> Exception:
    said = _condition(error)
    if "FILE_NOT_EXIST" in said or "FileNotFound" in str(error):
        return Busy("The files of the facts are not there any more; try again.")
    if "OutOfMemory" in str(error) or "maxResultSize" in str(error):
        return TooCostly("The SQL takes more memory than Spark has (spark.driver.memory, spark.executor.memory).")
    if isinstance(error, PySparkException):
        return Invalid(f"The SQL cannot be run: {said}.")
    return Busy(f"Spark broke off: {said}.")

"""Apache Spark runs a measure's SQL over the same files as DuckDB: for facts that one machine is too small for.

Needs the extra `spark` and Java 17. The files lie where every machine of the cluster has them at the same path. What
runs and how long is for who began it to bound: there is no sandbox as in `adapters.analytics.duck`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.logger import PySparkLogger
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType, TimestampType

from carethread.adapters.analytics.dialect import check, plain, translate
from carethread.adapters.analytics.parquet import read_manifest
from carethread.core.errors import Busy, Invalid, TooCostly
from carethread.core.facts.derived import DERIVED
from carethread.core.facts.manifest import GONE, NUMBER, Manifest, Published, select
from carethread.core.facts.relation import quoted
from carethread.core.facts.statement import inner
from carethread.core.ports.analytics import NO_PARAMETERS, NOTHING, Answer, Marks

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

_SILENT = """appender.none.type = Null
appender.none.name = none
rootLogger.level = off
rootLogger.appenderRef.none.ref = none
"""
"""Log4j's own settings until Spark has read its: else it warns of the machine's name. Spark takes settings for its
defaults that name no appender."""

_JAVA = "spark.driver.extraJavaOptions"

_HERE = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.sql.shuffle.partitions": "8"}
"""For a master on this machine: nobody else is to reach it, and 200 parts of everything are too many."""

_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Those of its Python side, which write to standard error whatever happens to the exception."""

_MOST_CHARACTERS = 2000

_GONE = "The files of the facts are not there any more; try again, where that takes long with a copy of the folder."
"""How long a look takes is not bounded, and how long files stay is."""


class SparkAnalytics:
    """The facts that are published in a folder; see `core.ports.analytics.Analytics`.

    `master` is a Spark master URL (https://spark.apache.org/docs/latest/submitting-applications.html#master-urls),
    `settings` further properties of Spark, which stand above ours. Spark starts with the first look, and runs until
    `close`; a process has one. What it writes on this machine goes then.
    """

    def __init__(self, folder: Path, master: str = "local[2]", settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._master = master
        self._is_here = master.startswith("local")
        self._given = settings or {}
        self._folders: TemporaryDirectory[str] | None = None

    @contextmanager
    def look(self, *, leisure: bool = False) -> Iterator[_State]:
        manifest = read_manifest(self._folder)
        if manifest is None:
            raise Busy(f"No facts are published in {self._folder}.")
        yield _State(self._folder, manifest, self._session())

    def check(self, sql: str) -> None:
        check(sql)

    def _session(self) -> SparkSession:
        builder = SparkSession.builder.appName("carethread").master(self._master)
        try:
            session = builder.config(map=self._settings()).getOrCreate().newSession()
        except (PySparkException, Py4JError) as error:
            said = f"Spark does not start with master {self._master} ({_condition(error)}); it needs Java 17 or newer."
            raise Busy(said) from None
        for name, value in _SESSION.items():
            session.conf.set(name, value)
        for name in _LOGGERS:
            PySparkLogger.getLogger(name).disabled = True
        return session

    def _settings(self) -> dict[str, bool | float | int | str | None]:
        """Spark makes a folder of tables where it starts, though it gets none; and spills in one of the machine's."""
        if self._folders is None:
            self._folders = TemporaryDirectory(prefix="carethread-spark-", ignore_cleanup_errors=True)
        own = Path(self._folders.name)
        (logging := own / "log4j2.properties").write_text(_SILENT, "utf-8")
        options = f"-Dlog4j2.configurationFile={logging.as_uri()} {self._given.get(_JAVA, '')}"
        folders = {"spark.sql.warehouse.dir": (own / "warehouse").as_uri()}
        here = {**_HERE, "spark.local.dir": str(own / "spilled")} if self._is_here else {}
        return {**_QUIET, **here, **folders, **self._given, _JAVA: options.strip()}

    def close(self) -> None:
        """Stop Spark, if it runs."""
        running = SparkSession.getActiveSession()
        if running is not None:
            running.stop()
        if self._folders is not None:
            self._folders.cleanup()
            self._folders = None


class _State:
    """The tables of one manifest, each made when a query names it for the first time, in a session of their own."""

    def __init__(self, folder: Path, manifest: Manifest, session: SparkSession) -> None:
        self._folder = folder.resolve()
        self._tables = manifest.tables
        self._awaited = frozenset(map(str.lower, manifest.awaited))
        self._session = session
        self._here: set[str] = set()
        self._shared: dict[str, DataFrame] = {}
        self.marks = Marks(manifest.time, manifest.sources)
        self.views = {name: table.view for name, table in manifest.tables.items()}

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        with self._found(sql, parameters) as found:
            schema, rows = found.schema, found.collect()
        return Answer(tuple(schema.names), _naive(schema, rows))

    def columns(
        self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS, beside: Mapping[str, str] = NOTHING
    ) -> Mapping[str, str]:
        check(sql)
        given = ", ".join(f"{name} AS (\n{each}\n)" for name, each in beside.items())
        whole = f"WITH {given} SELECT * FROM (\n{inner(sql)}\n) AS units" if given else sql
        with self._found(whole, parameters, only_its_columns=True) as found:
            return {each.name: each.dataType.simpleString().upper() for each in found.schema}

    @contextmanager
    def _found(
        self, sql: str, parameters: Mapping[str, object], *, only_its_columns: bool = False
    ) -> Iterator[DataFrame]:
        asked = translate(sql, parameters)
        self._make(set(asked.tables))
        values = dict(asked.values)
        try:
            with self._stepped(asked.steps, values, computed=not only_its_columns):
                yield self._session.sql(asked.sql, args=values)
        except AnalysisException as error:
            raise Invalid(f"The SQL cannot be run: {_first(error)}") from None
        except (PySparkException, Py4JError) as error:
            raise _told(error) from None

    def kept(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> str:
        asked = repr((sql, sorted(parameters.items()))).encode()
        name = f"kept_{sha256(asked).hexdigest()[:24]}"
        if name not in self._shared:
            with self._found(sql, parameters) as found:
                self._shared[name] = _computed(found)
                self._shared[name].createOrReplaceTempView(name)
        return name

    @contextmanager
    def _stepped(self, steps: Sequence[tuple[str, str]], values: dict[str, Any], *, computed: bool) -> Iterator[None]:
        """Have relations under their names for as long as a query takes."""
        made = []
        try:
            for name, sql in steps:
                found = self._session.sql(sql, args=values)
                (_computed(found) if computed else found).createOrReplaceTempView(f"`{name}`")
                made.append(name)
            yield
        finally:
            for name in made:
                self._session.catalog.dropTempView(f"`{name}`")

    def _make(self, names: set[str]) -> None:
        names |= {derived.of for name, derived in DERIVED.items() if name in names}
        if waiting := sorted(names & self._awaited):
            raise Busy(f"These facts are still being gathered: {', '.join(waiting)}; try again later.")
        for name, table in self._tables.items():
            if name.lower() in names and name not in self._here:
                self._view(name, select(table, lambda paths, table=table: self._scan(table, paths)))  # type: ignore[misc]
        for name, derived in DERIVED.items():
            if name in names and name not in self._here and derived.of in self._tables:
                self._view(name, derived.sql, computed=True)

    def _view(self, name: str, sql: str, *, computed: bool = False) -> None:
        found = self._session.sql(plain(sql))
        (_computed(found) if computed else found).createOrReplaceTempView(name)
        self._here.add(name)

    def _scan(self, table: Published, paths: Sequence[str]) -> str:
        """Files as a table of which no SQL of a measure can know the name. Their columns need not be looked up."""
        more = ((NUMBER, "BIGINT"), (GONE, "BOOLEAN")) if paths[0] in {each.path for each in table.deltas} else ()
        columns = ", ".join(f"`{name.replace('`', '``')}` {_type(kind)}" for name, kind in (*table.columns, *more))
        name = f"files of {paths[0]}"
        try:
            files = self._session.read.schema(columns).parquet(*(str(self._folder / path) for path in paths))
        except AnalysisException:
            raise Busy(_GONE) from None
        files.createOrReplaceTempView(f"`{name}`")
        return quoted(name)


def _computed(frame: DataFrame) -> DataFrame:
    """Its rows, and no more how they came about: in a plan Spark has what a view is made of wherever it is named, also
    of what is cached, and plans that name what names others twice grow beyond all measure. Rows that nothing refers
    to any more Spark removes by itself."""
    return frame.localCheckpoint()


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
        return Busy(_GONE)
    if "OutOfMemory" in str(error) or "maxResultSize" in str(error):
        return TooCostly("The SQL takes more memory than Spark has (spark.driver.memory, spark.executor.memory).")
    if isinstance(error, PySparkException):
        return Invalid(f"The SQL cannot be run: {said}.")
    return Busy(f"Spark broke off: {said}.")

"""SQL that means harm: it writes nothing, tells no value by its errors, and has no more time and memory than given."""

from __future__ import annotations

import io
import os
import queue
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

from carethread.adapters.analytics import child, process, reading, sandbox
from carethread.adapters.analytics.bounds import Bounds, Full
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf, read_manifest
from carethread.adapters.analytics.sandbox import Tables
from carethread.adapters.analytics.talking import Opening, Query
from carethread.core.errors import Busy, Invalid, TooCostly
from carethread.core.facts.manifest import Manifest, Published
from carethread.core.facts.relation import Relation
from carethread.core.ports.analytics import Glimpse
from carethread.core.wanting import Unwanted, while_wanted

PEOPLE = Relation("people", "https://example.org/people|1", (("id", "VARCHAR"), ("born", "VARCHAR")))
OTHERS = Relation("others", "https://example.org/others|1", (("id", "VARCHAR"),))
SECRET = "demo-person-005"


def published(folder: Path) -> Path:
    shelf = ParquetShelf(folder, memory=64)
    people = shelf.write(PEOPLE, [f"{SECRET},2001-02-03\r\n", *(f"p{i},x\r\n" for i in range(10))])
    others = shelf.write(OTHERS, ["o\r\n"])
    tables = {"people": Published(PEOPLE.view, PEOPLE.columns, (people,)),
              "others": Published(OTHERS.view, OTHERS.columns, (others,))}  # fmt: skip
    shelf.put(Manifest(5, 1, {}, {}, tables))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("facts"))


@pytest.fixture(scope="module")
def analytics(folder: Path) -> DuckAnalytics:
    return DuckAnalytics(folder, Bounds(memory=96, threads=1, seconds=2.0))


@pytest.fixture
def facts(analytics: DuckAnalytics) -> Iterator[Glimpse]:
    with analytics.look(leisure=True) as glimpse:
        yield glimpse


def _file(folder: Path, table: str) -> Path:
    return next((folder / table).iterdir())


WRITES = [
    "COPY (SELECT 1) TO '{file}' (FORMAT csv, USE_TMP_FILE false)",
    "COPY (SELECT 1) TO '{folder}/new.csv'",
    "DELETE FROM {kept}",
    "INSERT INTO {kept} SELECT * FROM {kept}",
    "UPDATE {kept} SET id = 'x'",
]


@pytest.mark.parametrize("written", WRITES)
@pytest.mark.parametrize(
    "whole",
    [
        "WITH u AS (SELECT 1), w AS ({written}), zz AS (SELECT 1) SELECT * FROM u",
        "WITH u AS (SELECT 1), w AS ({written} RETURNING *) SELECT * FROM w",
        "SELECT * FROM (WITH w AS ({written}) SELECT 1)",
        "SELECT (WITH w AS ({written}) SELECT 1)",
        "SELECT 1 UNION ALL (WITH w AS ({written}) SELECT 1)",
        "SELECT * FROM query('WITH w AS ({quoted}) SELECT 1')",
    ],
)
def test_nothing_writes(facts: Glimpse, folder: Path, whole: str, written: str) -> None:
    kept, file = facts.kept("SELECT id FROM people"), _file(folder, "people")
    before, there = file.read_bytes(), sorted(folder.rglob("*"))
    assert facts.query(f"SELECT count(*) FROM {kept}").rows == [(11,)]
    sql = written.format(file=file, folder=folder, kept=kept)
    with pytest.raises(Invalid):
        facts.query(whole.format(written=sql, quoted=sql.replace("'", "''")))
    assert facts.query(f"SELECT count(*), count(DISTINCT id) FROM {kept}").rows == [(11, 11)]
    assert file.read_bytes() == before
    assert sorted(folder.rglob("*")) == there


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1), w AS (COPY (SELECT 1) TO 'x'), zz AS (SELECT 1",
        "SELECT 1), w AS (DELETE FROM kept_0), zz AS (SELECT 1",
        "SELECT 1) AS x, (SELECT 2",
        "SELECT 1; SELECT 2",
        "SELECT 1 /* SELECT",
        "WITH w AS (DELETE FROM people) SELECT 1",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM arrow_scan(1, 2, 3)",
        "SELECT * FROM query('SELECT 1')",
        "DELETE FROM people",
        "-- nothing",
        "",
    ],
)
def test_sql_that_is_no_select_by_itself(analytics: DuckAnalytics, facts: Glimpse, sql: str) -> None:
    with pytest.raises(Invalid):
        analytics.check(sql)
    with pytest.raises(Invalid):
        facts.columns(sql)


OF_THE_ENGINE = [
    ("sqlite_master", "sqlite_master"),
    ("PG_SETTINGS", "PG_SETTINGS"),
    ("pg_catalog.pg_settings", "pg_catalog.pg_settings"),
    ("information_schema.tables", "information_schema.tables"),
    ("system.information_schema.tables", "system.information_schema.tables"),
    ("memory.main.people", "memory.main.people"),
    ("main.sqlite_master", "main.sqlite_master"),
    ("duckdb_settings()", "duckdb_settings()"),
    ("(SHOW TABLES)", "what SHOW, DESCRIBE or SUMMARIZE tells"),
    ("(DESCRIBE people)", "what SHOW, DESCRIBE or SUMMARIZE tells"),
]


@pytest.mark.parametrize(("table", "named"), OF_THE_ENGINE)
def test_what_the_engine_tells_of_itself_is_no_fact(analytics: DuckAnalytics, table: str, named: str) -> None:
    with pytest.raises(Invalid, match=f"reads from {re.escape(named)}; it reads tables of facts, and of functions"):
        analytics.check(f"SELECT * FROM {table}")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("random() < 0.5", "random()"),
        ("uuid()", "uuid()"),
        ("main.NOW()", "now()"),
        ("TODAY()", "today()"),
        ("Current_Date", "current_date"),
        ("current_timestamp - INTERVAL 1 DAY", "current_timestamp"),
        ("LOCALTIME", "localtime"),
        ("age(born)", "age()"),
        ("list_transform([1], x -> x + random())", "random()"),
        ("current_setting('allowed_paths')", "current_setting()"),
        ("getvariable('x')", "getvariable()"),
        ("pg_postmaster_start_time()", "pg_postmaster_start_time()"),
        ("version()", "version()"),
        ("current_user", "current_user"),
        ("USER", "user"),
        ("session_user()", "session_user()"),
        ("current_role", "current_role"),
    ],
)
def test_what_is_another_each_time_is_no_fact(analytics: DuckAnalytics, asked: str, named: str) -> None:
    told = f"calls {re.escape(named)}, which tells what is not in the facts; the moment of these is \\$now"
    for sql in (f"SELECT {asked} FROM people", f"SELECT id FROM people ORDER BY {asked}"):
        with pytest.raises(Invalid, match=told):
            analytics.check(sql)


@pytest.mark.parametrize("sampled", ["USING SAMPLE 10%", "TABLESAMPLE reservoir(5)", "TABLESAMPLE 10% (bernoulli, 42)"])
def test_a_sample_is_another_each_time(analytics: DuckAnalytics, sampled: str) -> None:
    with pytest.raises(Invalid, match="takes a sample"):
        analytics.check(f"SELECT * FROM (SELECT * FROM people {sampled})")


IN_NO_ORDER = {
    "SELECT row_number() OVER () FROM people": "row_number() OVER",
    "SELECT row_number() OVER (PARTITION BY age) FROM people": "row_number() OVER",
    "SELECT row_number() OVER (ORDER BY 1) FROM people": "row_number() OVER",
    "SELECT lag(age) OVER w FROM people WINDOW w AS (PARTITION BY id)": "lag() OVER",
    "SELECT lead(age) OVER () FROM people": "lead() OVER",
    "SELECT first(age) OVER () FROM people": "first_value() OVER",
    "SELECT ntile(4) OVER () FROM people": "ntile() OVER",
    "SELECT sum(age) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM people": "sum() OVER",
    "SELECT first(age) FROM people": "first()",
    "SELECT ANY_VALUE(age) FROM people": "any_value()",
    "SELECT last(age) FILTER (age > 1) FROM people": "last()",
    "SELECT len(string_agg(id, '')) FROM people": "string_agg()",
    "SELECT array(SELECT age FROM people)[1]": "array_agg()",
    "WITH one AS (SELECT * FROM people LIMIT 1) SELECT * FROM one": "LIMIT",
    "SELECT * FROM people WHERE age = (SELECT age FROM people OFFSET 1)": "LIMIT or OFFSET",
    "SELECT age FROM people UNION SELECT 1 LIMIT 10%": "LIMIT",
    "SELECT DISTINCT ON (age) age, id FROM people": "DISTINCT ON",
    "SELECT * FROM people POSITIONAL JOIN people AS others": "POSITIONAL JOIN",
}


@pytest.mark.parametrize(("sql", "named"), IN_NO_ORDER.items())
def test_what_goes_by_the_order_of_files_is_another_each_time(analytics: DuckAnalytics, sql: str, named: str) -> None:
    with pytest.raises(Invalid, match=re.escape(named)) as refused:
        analytics.check(sql)
    assert "ORDER BY" in str(refused.value) or "join by a column" in str(refused.value), "what to do"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT row_number() OVER (PARTITION BY age ORDER BY id), rank() OVER (), sum(age) OVER () FROM people",
        "SELECT lag(age) OVER w FROM people WINDOW w AS (ORDER BY id)",
        "SELECT first_value(age ORDER BY id) OVER (), sum(age) OVER (ORDER BY id ROWS 1 PRECEDING) FROM people",
        "SELECT first(age ORDER BY id), list(DISTINCT age ORDER BY age), max(age), mode(age) FROM people",
        "SELECT DISTINCT ON (age) age, id FROM people ORDER BY age, id",
        "SELECT * FROM (SELECT age FROM people UNION SELECT 1 ORDER BY 1 LIMIT 3)",
    ],
)
def test_what_says_its_order_is_taken(analytics: DuckAnalytics, sql: str) -> None:
    analytics.check(sql)


def test_what_comes_of_the_facts_alone_is_taken(analytics: DuckAnalytics) -> None:
    analytics.check(
        "WITH tables AS (SELECT id, age($now, born) AS age, p.now, p.user, 'now()' AS random FROM Main.people AS p)"
        " SELECT *, row_number() OVER (ORDER BY id), if(age IS NULL, error('no birth date'), 1), pg_typeof(id)"
        " FROM tables"
    )


def test_no_macro_hides_what_is_not_to_be_called() -> None:
    """The catalog tells of a macro how it is spelled, and not how stable it is."""
    functions = reading._catalog().functions
    macros = duckdb.connect().execute(
        "SELECT lower(function_name), macro_definition FROM duckdb_functions() WHERE function_type = 'macro'"
    )
    for name, spelled in macros.fetchall():
        called = {word.strip('"') for word in re.findall(r'\w+(?="?\()', spelled.lower())}
        hides = called & functions or set(re.findall(r"\w+", spelled.lower())) & reading._WITHOUT_BRACKETS
        assert not hides or name in functions, name


def test_sql_that_is_one_select(analytics: DuckAnalytics, facts: Glimpse) -> None:
    sql = "WITH a AS (SELECT id, born = $day AS young FROM people) SELECT * FROM a, range(2) -- (delete;"
    analytics.check(sql)
    assert facts.columns(sql, {"day": "x"}) == {"id": "VARCHAR", "young": "BOOLEAN", "range": "BIGINT"}


@pytest.mark.parametrize(
    "column",
    [
        "error('n=' || (SELECT count(*) FROM people) || id)",
        "json_extract(id, '$')",
        "regexp_matches(born, id || '(')",
        "strptime(id, '%Y')",
        "format('{:d}', id)",
        "TIMESTAMP '2001-01-01' AT TIME ZONE id",
        "CAST(id AS INTEGER)",
        "json_deserialize_sql(CAST(to_json(id) AS JSON))",
        "CAST(born AS TIMESTAMPTZ)",
        "date_trunc(id, DATE '2001-01-01')",
        "date_part(id, DATE '2001-01-01')",
        "repeat(id, -1)[error(id)]",
        "struct_extract({'a': 1}, id)",
        "current_setting(id)",
        "nextval(id)",
        "getvariable(id)",
        "make_date(CAST(length(id) AS BIGINT) * 100000, 13, 77)",
        "CAST(id AS BIT)", "CAST(id AS UUID)", "CAST(id AS BLOB)::UUID", "unhex(id)", "from_base64(id)",
        "json_transform(id, '{\"a\": \"INTEGER\"}')", "encode(id)::BLOB::DOUBLE", "CAST(id AS INTERVAL)",
        "CAST([id] AS INTEGER[])", "enum_code(CAST(id AS ENUM('a')))", "printf('%d', id)",
    ],
)  # fmt: skip
def test_no_error_tells_a_value(facts: Glimpse, column: str) -> None:
    sql = f"SELECT min({column}) FROM people WHERE id = '{SECRET[:4]}' || '{SECRET[4:]}'"
    try:
        facts.query(sql)
    except Invalid as error:
        assert SECRET not in str(error)
        assert "11" not in str(error)
        assert "2001-02-03" not in str(error)


def test_what_the_text_has_wrong_is_told(facts: Glimpse) -> None:
    with pytest.raises(Invalid, match=r'(?s)"nope" not found.*LINE 1: SELECT nope'):
        facts.query("SELECT nope FROM people")
    with pytest.raises(Invalid, match=r"does not take, or calls error"):
        facts.query("SELECT error(id) FROM people")


def _memory(pid: int) -> int:
    """Megabytes that a process has had at most."""
    return _megabytes(pid, "VmHWM")


def _megabytes(pid: int, of: str) -> int:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith(of))
    return int(line.split()[1]) // 1024


def _one(analytics: DuckAnalytics) -> process.Child:
    """The process that waits for queries."""
    (found,) = analytics._children._idle
    return found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT max(length(repeat('x', 4000000000))) FROM people",
        "SELECT count(*) FROM (SELECT repeat('x', 50000000) || id AS x FROM people) GROUP BY x",
        "SELECT list(range) FROM range(100000000)",
    ],
)
def test_memory_has_an_end(analytics: DuckAnalytics, facts: Glimpse, sql: str) -> None:
    facts.query("SELECT 1")
    before = _memory(os.getpid())
    with pytest.raises(TooCostly, match="96 MB"):
        facts.query(sql)
    assert _memory(os.getpid()) < before + 50
    assert facts.query("SELECT 1").rows == [(1,)], "the next one runs"
    assert _memory(_one(analytics).id) < 96 + 224 + 16


def test_a_process_has_the_addresses_that_its_allocator_keeps(folder: Path) -> None:
    """Grouping as many rows as fit, twice, leaves it with 1.43 times the memory of a query beside what it has at rest
    (measured); one that is refused these is replaced by another, or hangs."""
    analytics, bounds = DuckAnalytics(folder), Bounds()
    with analytics.look() as facts:
        facts.query("SELECT count(*) FROM people")
    most, _ = resource.prlimit(_one(analytics).id, resource.RLIMIT_DATA)
    assert most // 2**20 - _megabytes(_one(analytics).id, "VmData") >= 1.5 * bounds.memory


def test_what_does_not_listen_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.3)
    analytics = DuckAnalytics(folder, Bounds(memory=96, threads=1, seconds=0.5))
    with analytics.look(leisure=True) as facts:
        facts.query("SELECT 1")
        before = _one(analytics).id
        began = time.monotonic()
        with pytest.raises(TooCostly, match=r"longer than 0\.5 seconds"):
            facts.query("SELECT length(regexp_replace(repeat('ab', 20000000), '(a|b)', 'x', 'g'))")
        assert time.monotonic() - began < 5
        assert facts.query("SELECT 1").rows == [(1,)]
        if _one(analytics).id != before:
            assert not Path(f"/proc/{before}").exists(), "and nothing is left of it"


def test_what_nobody_wants_any_more_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_ASKS_SECONDS", 0.05)
    analytics = DuckAnalytics(folder, Bounds(memory=96, threads=1, seconds=30.0, at_once=1))
    wanted = iter([True, True, False])
    with analytics.look() as facts:
        facts.query("SELECT 1")
        before = _one(analytics).id
        with while_wanted(lambda: next(wanted)), pytest.raises(Unwanted):
            facts.query("SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 1")
        assert not Path(f"/proc/{before}").exists()
        assert facts.query("SELECT 1").rows == [(1,)], "its turn is another's"


def test_an_answer_has_an_end(facts: Glimpse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_BYTES", 100_000)
    with pytest.raises(TooCostly, match="let it count or limit"):
        facts.query("SELECT repeat('x', 1000) FROM range(200)")
    assert len(facts.query("SELECT repeat('x', 1000) FROM range(50)").rows) == 50
    with pytest.raises(TooCostly, match="2000000 rows"):
        monkeypatch.undo()
        facts.query("SELECT 1 FROM range(2000001)")


def test_a_process_that_died_is_replaced(analytics: DuckAnalytics, facts: Glimpse) -> None:
    facts.query("SELECT 1")
    os.kill(_one(analytics).id, signal.SIGKILL)
    assert facts.query("SELECT 2").rows == [(2,)]


def test_what_breaks_the_engine_is_told(facts: Glimpse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_PROGRAM", "carethread.nothing")
    with pytest.raises(Busy, match="ended by itself"):
        DuckAnalytics(Path()).check("SELECT 1")


class Broken:
    """A connection of a database that has had a fatal error."""

    def cursor(self) -> Broken:
        return self

    def close(self) -> None: ...

    def interrupt(self) -> None: ...

    def execute(self, *_: object) -> None:
        raise duckdb.FatalException("database has been invalidated because of a previous fatal error")


@pytest.mark.parametrize(
    ("kind", "sql"), [("rows", "SELECT 1"), ("rows", "SELECT * FROM people"), ("columns", "SELECT 'its columns'")]
)
def test_an_engine_that_is_broken_ends_its_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, sql: str
) -> None:
    """Else it would refuse all SQL from then on."""
    manifest, bounds = read_manifest(folder), Bounds(memory=64, threads=1)
    assert manifest is not None
    asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
    asked.put((Opening(1, folder, manifest, bounds), Query(kind, sql, {}, 5.0)))
    monkeypatch.setattr(reading, "_reader", Broken)
    monkeypatch.setattr(sandbox, "connect", lambda _: Broken())
    monkeypatch.setattr(sandbox, "lock", lambda *_: None)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit, match=str(child.BROKEN)):
        child._answer(asked, answers := io.BytesIO(), 0.01)
    assert not answers.getvalue(), "who asked is told by the end"


def test_a_process_has_no_secrets_and_cannot_write(analytics: DuckAnalytics, facts: Glimpse) -> None:
    facts.query("SELECT 1")
    proc = Path(f"/proc/{_one(analytics).id}")
    assert (proc / "environ").read_bytes() == b"TZ=UTC\0"
    assert "Max file size             0" in (proc / "limits").read_text()


CONFINED = """
import os, pathlib, socket, sys
from carethread.adapters.analytics.confining import confine
confine(1 << 30)
def refused(what):
    try:
        what()
    except OSError:
        return True
file = pathlib.Path(sys.argv[1])
tries = [lambda: file.write_bytes(b"x"), lambda: (file.parent / "new").write_bytes(b"x")]
if sys.argv[2] == "landlock":
    tries += [file.unlink, lambda: file.open("r+b"), lambda: os.truncate(file, 0), lambda: (file.parent / "d").mkdir(),
              lambda: file.rename(file.parent / "other"), lambda: os.execv("/bin/true", ["true"]),
              lambda: socket.create_server(("127.0.0.1", 0))]
print([bool(refused(each)) for each in tries], file.read_bytes())
"""


def test_who_is_confined_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"whole")
    asked = subprocess.run(
        [sys.executable, "-c", CONFINED, tmp_path / "file", "landlock" if _has_landlock() else ""],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "False" not in asked.stdout
    assert asked.stdout.endswith("b'whole'\n") or not _has_landlock()


def _has_landlock() -> bool:
    import ctypes

    return bool(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= 1)


PARENT = """
import sys, threading
from pathlib import Path
from carethread.adapters.analytics.duck import DuckAnalytics
analytics = DuckAnalytics(Path(sys.argv[1]))
with analytics.look() as facts:
    facts.query("SELECT 1")
    print(analytics._children._idle[0].id, flush=True)
    facts.query("SELECT count(*) FROM range(100000000000) AS a, range(10000) AS b")
"""


def test_a_process_ends_with_its_parent_though_a_query_runs(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, folder], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _is_alive(pid)
        time.sleep(0.3)  # the query has begun
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not _is_alive(pid):
            break
        time.sleep(0.05)
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_process_that_nobody_asks_ends_and_another_one_answers(folder: Path) -> None:
    analytics = DuckAnalytics(folder, Bounds(memory=96, threads=1, idle=0.1))
    with analytics.look() as facts:
        assert facts.query("SELECT 1").rows == [(1,)]
        idle = _one(analytics).id
        for _ in range(100):
            if not _is_alive(idle):
                break
            time.sleep(0.02)
        assert not _is_alive(idle)
        assert facts.query("SELECT 2").rows == [(2,)]


def test_nothing_runs_before_somebody_asks(folder: Path) -> None:
    analytics = DuckAnalytics(folder)
    with analytics.look() as facts:
        assert facts.views
        assert not analytics._children._idle


def test_values_come_as_they_are(facts: Glimpse) -> None:
    moment = datetime(2026, 1, 31, 10, tzinfo=UTC).replace(tzinfo=None)
    sql = """SELECT CAST(1.5 AS DECIMAL(9, 2)), DATE '2026-01-31', TIMESTAMP '2026-01-31 10:00:00',
             TIMESTAMPTZ '2026-01-31 11:00:00+01', TIME '10:00:00', INTERVAL 1 DAY, uuid() IS NOT NULL, 1e300, NULL,
             [1, 2], {'a': 'b'}, MAP {'a': 1}, 170141183460469231731687303715884105727, CAST('x' AS BLOB),
             CAST('018f1a2b-0000-7000-8000-000000000000' AS UUID)"""
    assert facts.query(sql).rows == [(
        Decimal("1.50"), moment.date(), moment, moment, moment.time(), timedelta(days=1), True, 1e300, None, [1, 2],
        {"a": "b"}, {"a": 1}, 2**127 - 1, b"x", UUID("018f1a2b-0000-7000-8000-000000000000"),
    )]  # fmt: skip
    with pytest.raises(Invalid, match="cast them"):
        facts.query("SELECT [TIMESTAMPTZ '2026-01-31 11:00:00+01']")
    assert facts.query("SELECT 1").rows == [(1,)]


def test_a_damaged_file_stops_only_its_own_table(tmp_path: Path) -> None:
    folder = published(tmp_path)
    _file(folder, "others").write_bytes(b"1\n")
    with DuckAnalytics(folder, Bounds(memory=64, threads=1)).look() as facts:
        with pytest.raises(Busy, match=r"others is damaged.*rebuild"):
            facts.query("SELECT * FROM others")
        assert facts.query("SELECT count(*) FROM people").rows == [(11,)]


def test_a_page_that_is_damaged_is_no_fault_of_the_sql(tmp_path: Path) -> None:
    """What the engine says of a damaged page is what it says of a value that a function does not take."""
    shelf = ParquetShelf(tmp_path, memory=64)
    written = shelf.write(PEOPLE, [f"p{number},{number * 7919 % 10007}\r\n" for number in range(2000)])
    manifest = Manifest(5, 1, {}, {}, {"people": Published(PEOPLE.view, PEOPLE.columns, (written,))})
    whole, said = (file := tmp_path / written.path).read_bytes(), []
    for at in range(200, len(whole) // 2, len(whole) // 16):
        broken = bytearray(whole)
        broken[at] ^= 4
        file.write_bytes(bytes(broken))
        tables = Tables(tmp_path, manifest, Bounds(memory=64, threads=1))
        tables.make("SELECT * FROM people")
        try:
            tables.sandbox.query("SELECT id, born FROM people")
        except Busy as error:
            said.append(str(error))
        tables.close()
    assert len(said) > 2
    assert set(said) == {"A file of the facts people is damaged: carethread facts rebuild makes them anew."}


def test_a_fault_of_the_sql_is_one_though_another_table_is_damaged(tmp_path: Path) -> None:
    folder = published(tmp_path)
    _file(folder, "others").write_bytes(b"1\n")
    analytics = DuckAnalytics(folder, Bounds(memory=64, threads=1))
    with analytics.look() as facts, pytest.raises(Invalid, match="cannot be converted"):
        facts.query("SELECT CAST(id AS INTEGER) FROM people")


def test_what_was_whole_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, read_all = list[str](), Tables._read_all

    def noted(tables: Tables, name: str, scanned: str, cursor: duckdb.DuckDBPyConnection) -> None:
        read.append(name)
        read_all(tables, name, scanned, cursor)

    monkeypatch.setattr(Tables, "_read_all", noted)
    manifest = read_manifest(folder)
    assert manifest
    tables = Tables(folder, manifest, Bounds(memory=64, threads=1))
    for sql in ("SELECT CAST(id AS INTEGER) FROM people", "SELECT CAST(born AS DATE) FROM people, others"):
        tables.make(sql)
        with pytest.raises(Invalid, match="cannot be converted"):
            tables.sandbox.query(sql)
    tables.close()
    assert read == ["people", "others"]


def test_a_process_that_refused_and_was_idle_is_followed_by_another(folder: Path) -> None:
    analytics = DuckAnalytics(folder, Bounds(memory=96, threads=1, idle=0.1))
    with pytest.raises(Invalid, match="one SELECT"):
        analytics.check("DELETE FROM people")
    idle = _one(analytics).id
    for _ in range(100):
        if not _is_alive(idle):
            break
        time.sleep(0.02)
    assert not _is_alive(idle)
    with analytics.look() as facts:
        assert facts.query("SELECT 1").rows == [(1,)]


def test_a_process_that_does_not_begin_is_not_the_fault_of_the_sql(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_BEGIN_SECONDS", 0.0)
    with DuckAnalytics(folder).look() as facts, pytest.raises(Busy, match="does not begin"):
        facts.query("SELECT 1")


def test_waiting_for_a_turn_and_tries_are_of_the_time_of_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first process is not there any more when it is asked: the second has what is left."""
    given = []

    def ask(self: process.Child, opening: object, query: Query) -> list[Any]:
        given.append(query.seconds)
        self.is_fresh = False
        if len(given) == 1:
            time.sleep(0.5)
            raise process.Ended
        return []

    monkeypatch.setattr(process.Child, "ask", ask)
    children = process.Children(Bounds())
    children._idle.append(used := process.Child(Bounds()))
    used.is_fresh = False
    children.ask(None, Query("check", "SELECT 1", {}, seconds=5))
    assert given[0] <= 5 and given[1] <= given[0] - 0.5


def test_a_refusal_comes_first_and_an_answer_after_it(folder: Path) -> None:
    analytics = DuckAnalytics(folder, Bounds(memory=96, threads=1))
    with pytest.raises(Invalid, match="one SELECT"):
        analytics.check("DELETE FROM people")
    with analytics.look() as facts:
        assert facts.query("SELECT count(*) FROM others").rows == [(1,)]


def test_where_no_room_is_left_to_read_sql_another_process_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong with such SQL: what queries before it took is not always given back."""

    def full(sql: str) -> None:
        raise duckdb.OutOfMemoryException("Allocation failure")

    monkeypatch.setattr(duckdb, "extract_statements", full)
    with pytest.raises(Full):
        reading.parameters_of("SELECT 1")
    with pytest.raises(Full):
        reading.check("SELECT 'never read before'")


def test_one_database_reads_all_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin one takes longer than to read a measure with it."""
    reading.check("SELECT 'the first'")
    monkeypatch.setattr(duckdb, "connect", lambda *_, **__: pytest.fail("another database is begun"))
    with pytest.raises(Invalid, match="reads from read_csv"):
        reading.check("SELECT * FROM read_csv('/etc/passwd')")
    reading.check("SELECT 'the second'")

"""The sandbox of SQL: what it reads, and that it does nothing else, for as long and with as much as it may."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf, read_manifest
from carethread.adapters.analytics.sandbox import Tables, connect
from carethread.core.errors import Busy, Invalid, TooCostly
from carethread.core.facts.manifest import Manifest, Published
from carethread.core.facts.relation import Relation
from carethread.core.ports.analytics import Glimpse

LINKS = Relation("patient_links", "https://example.org/links|1", (("id", "VARCHAR"), ("survivor_id", "VARCHAR")))
VALUES = Relation(
    "numbers", "https://example.org/numbers|2",
    (("id", "VARCHAR"), ("n", "BIGINT"), ("x", "DOUBLE"), ("yes", "BOOLEAN"), ("day", "DATE"), ("at", "TIMESTAMP"),
     ("list", "BIGINT[]"), ("select", "VARCHAR")),
)  # fmt: skip
SECRET = "secret-of-another-file"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tables published, and files that are not."""
    made = tmp_path_factory.mktemp("facts")
    shelf = ParquetShelf(made, memory=64)
    links = shelf.write(LINKS, ["a,b\r\n", "b,c\r\n", "x,y\r\n", "loop,loop\r\n"])
    values = shelf.write(VALUES, [
        'a,1,1.10,True,2026-01-31,2026-01-31T10:00:00.000Z,"[1, 2]",from\r\n',
        'b,many,much,maybe,2026,soon,"[""q""]",\r\n',
    ])  # fmt: skip
    shelf.put(Manifest(5, 1, {"records": {"Patient": 3}}, {}, {
        "patient_links": Published(LINKS.view, LINKS.columns, (links,)),
        "numbers": Published(VALUES.view, VALUES.columns, (values,)),
        "nothing": Published("n|1", (("id", "VARCHAR"), ("n", "BIGINT"))),
    }, ("visits",)))  # fmt: skip
    (made / "secret.csv").write_text(SECRET)
    return made


@pytest.fixture(scope="module")
def facts(folder: Path) -> Iterator[Glimpse]:
    with DuckAnalytics(folder, Bounds(memory=64, threads=1, seconds=1.0, leisure=100)).look(leisure=True) as glimpse:
        yield glimpse


def test_values_have_their_types_and_what_is_none_is_null(facts: Glimpse) -> None:
    rows = facts.query('SELECT n, x, yes, day, "at", list, "select" FROM numbers ORDER BY id').rows
    moment = datetime(2026, 1, 31, 10, tzinfo=UTC).replace(tzinfo=None)
    assert rows == [(1, 1.1, True, moment.date(), moment, [1, 2], "from"), (None, None, None, None, None, [None], None)]


def test_a_table_without_any_rows_is_there(facts: Glimpse) -> None:
    assert facts.query("SELECT count(*), sum(n) FROM nothing").rows == [(0, None)]


def test_who_was_merged_is_followed_to_the_end(facts: Glimpse) -> None:
    found = facts.query("SELECT * FROM survivors ORDER BY 1")
    assert found.columns == ("patient_id", "survivor_id")
    assert found.rows == [("a", "c"), ("b", "c"), ("loop", "loop"), ("x", "y")]


def test_what_is_kept_is_computed_once_for_each_value_of_its_parameters(folder: Path) -> None:
    with DuckAnalytics(folder, Bounds(memory=64, threads=1, seconds=5.0)).look(leisure=True) as facts:
        asked = "SELECT id, random() AS r FROM numbers WHERE n = $n"
        one = facts.kept(asked, {"n": 1})
        rows = facts.query(f"SELECT * FROM {one} AS k").rows
        assert [id_ for id_, _ in rows] == ["a"]
        assert facts.kept(asked, {"n": 1}) == one
        assert facts.query(f"SELECT * FROM {one} AS k").rows == rows
        assert facts.query(f"SELECT count(*) FROM {facts.kept(asked, {'n': 2})} AS k").rows == [(0,)]


def test_many_are_kept_though_few_at_a_time(folder: Path) -> None:
    with DuckAnalytics(folder, Bounds(memory=64, threads=1, seconds=5.0)).look() as facts:
        names = [
            facts.kept(f"SELECT id, {number} AS number FROM numbers WHERE n = $n", {"n": 1}) for number in range(12)
        ]
        for _ in range(2):
            found = [facts.query(f"SELECT number FROM {name} AS k").rows for name in names]
            assert found == [[(number,)] for number in range(12)]


def test_what_was_needed_longest_ago_makes_room(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest is not None
    tables = Tables(folder, manifest, Bounds(memory=64, threads=1))
    found = set()
    for number in range(20):
        tables.keep("often", "SELECT random() AS r", {})
        tables.keep(f"once_{number}", "SELECT 1 AS r", {})
        found |= set(tables.sandbox.query("SELECT r FROM often").rows)
    assert len(found) == 1, "it was never made anew"
    tables.close()


def test_only_one_select_is_kept(facts: Glimpse) -> None:
    with pytest.raises(Invalid, match="one SELECT"):
        facts.query(f"SELECT * FROM {facts.kept('DROP TABLE numbers')}")


def test_parameters_are_given_by_name_and_moments_are_in_utc(facts: Glimpse) -> None:
    given = {"start": datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "ids": "a", "unused": 7}
    sql = 'SELECT id FROM numbers WHERE "at" >= $start AND id = $ids'
    assert facts.query(sql, given).dicts() == [{"id": "a"}]
    with pytest.raises(Invalid, match="no value here: end"):
        facts.query("SELECT $start, $end", given)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT nope FROM numbers", '"nope" not found.*\nLINE 1'),
        ("SELECT * FROM nowhere", "nowhere does not exist"),
        ("SELEC 1", "cannot be read.*\nLINE 1"),
        ("", "one SELECT"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("COPY numbers TO 'x'", "one SELECT"),
        ("CREATE TABLE x AS SELECT 1", "one SELECT"),
        ("DROP VIEW numbers", "one SELECT"),
        ("SET memory_limit = '3GB'", "one SELECT"),
        ("ATTACH 'x.db'", "one SELECT"),
        ("INSTALL httpfs", "one SELECT"),
        ("EXPLAIN SELECT 1", "one SELECT"),
        ("PRAGMA version", "one SELECT"),
    ],
)
def test_what_is_wrong_is_told_with_the_engines_line(facts: Glimpse, sql: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        facts.query(sql)


def test_no_value_is_told(facts: Glimpse) -> None:
    with pytest.raises(Invalid) as error:
        facts.query("SELECT CAST(survivor_id AS INTEGER) FROM patient_links WHERE id = 'x'")
    assert "try_cast" in str(error.value)
    assert "'y'" not in str(error.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sniff_csv('{folder}/secret.csv')",
        "SELECT * FROM read_parquet('{folder}/*/*.parquet')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM folder",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{folder}/x.csv''')",
    ],
)
def test_nothing_but_the_listed_files_is_reached(facts: Glimpse, folder: Path, sql: str) -> None:
    with pytest.raises(Invalid) as error:
        facts.query(sql.format(folder=folder))
    assert SECRET not in str(error.value)
    assert not (folder / "x.csv").exists()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT count(*) FROM range(100000000000) AS a, range(10000) AS b", "longer than 1 seconds"),
        ("SELECT list(range) FROM range(100000000)", "64 MB"),
    ],
)
def test_what_takes_too_much_is_ended(facts: Glimpse, sql: str, told: str) -> None:
    with pytest.raises(TooCostly, match=told):
        facts.query(sql)
    assert facts.query("SELECT 1").rows == [(1,)], "the next one runs"


@pytest.mark.parametrize(("leisure", "seconds"), [(False, 60), (True, 600)])
def test_all_queries_of_a_look_have_one_deadline(folder: Path, leisure: bool, seconds: int) -> None:
    now = 0.0
    analytics = DuckAnalytics(folder, Bounds(memory=64, threads=1), clock=lambda: now)
    with analytics.look(leisure=leisure) as facts:
        assert facts.query("SELECT 1").rows == [(1,)]
        now = seconds - 1.0
        assert facts.query("SELECT 1").rows == [(1,)]
        now = float(seconds)
        for asked in (facts.query, facts.columns):
            with pytest.raises(
                TooCostly, match=f"longer than {seconds} seconds: .* shorter period .* 600 seconds where nobody waits"
            ):
                asked("SELECT 1")
    with analytics.look() as facts:
        assert facts.query("SELECT 1").rows == [(1,)], "the next has its own"


def test_a_query_has_the_time_that_is_left(folder: Path) -> None:
    now = 0.0
    with DuckAnalytics(folder, Bounds(memory=64, threads=1, seconds=30), clock=lambda: now).look() as facts:
        facts.query("SELECT 1")
        now = 29.7
        with pytest.raises(TooCostly, match="longer than 30 seconds"):
            facts.query("SELECT count(*) FROM range(100000000000) AS a, range(10000) AS b")


def test_what_has_no_room_waits_and_is_told(folder: Path) -> None:
    analytics = DuckAnalytics(folder, Bounds(memory=64, threads=1, at_once=1, patience=0.3))
    with analytics.look() as facts:
        facts.query("SELECT 1")
        turns = analytics._children._turns  # another query runs as long as this is held
        turns.acquire()
        with pytest.raises(Busy, match="room"):
            facts.query("SELECT 1")
        threading.Timer(0.1, turns.release).start()
        assert facts.query("SELECT 1").rows == [(1,)]


def test_what_is_not_there_yet_is_busy(folder: Path, tmp_path: Path, facts: Glimpse) -> None:
    with pytest.raises(Busy, match="No facts"), DuckAnalytics(tmp_path).look():
        pass
    with pytest.raises(Busy, match="visits"):
        facts.query("SELECT * FROM visits")


@pytest.mark.parametrize("gone", ["base", "delta"])
@pytest.mark.parametrize("when", ["before it is opened", "after its first query"])
def test_files_that_are_gone_are_busy(tmp_path: Path, gone: str, when: str) -> None:
    shelf = ParquetShelf(tmp_path, memory=64)
    files = {"base": shelf.write(LINKS, ["a,b\r\n"]), "delta": shelf.write(LINKS, ["c,d\r\n"], delta=1)}
    published = Published("l|1", LINKS.columns, (files["base"],), (files["delta"],))
    shelf.put(Manifest(tables={"patient_links": published}))
    with DuckAnalytics(tmp_path, Bounds(memory=64, threads=1)).look() as facts:
        if when == "after its first query":
            assert facts.query("SELECT count(*) FROM patient_links").rows == [(2,)]
        (tmp_path / files[gone].path).unlink()
        for asked in (facts.query, facts.columns):
            with pytest.raises(Busy, match="not there any more"):
                asked("SELECT * FROM patient_links")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
def test_a_manifest_that_cannot_be_read_is_busy(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(Busy), DuckAnalytics(tmp_path).look():
        pass


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    with ParquetShelf(tmp_path).hold(), pytest.raises(Busy), ParquetShelf(tmp_path).hold():
        pass
    with ParquetShelf(tmp_path).hold():
        pass


def test_who_has_no_match_in_two_joins_is_found() -> None:
    """By the engine's own optimizer nobody is, in DuckDB 2.0.0."""
    connection = connect(Bounds(memory=64, threads=1))
    connection.execute("CREATE TABLE visits AS SELECT 'v' AS id, 'ann' AS who")
    connection.execute("CREATE TABLE stays AS SELECT 'other' AS visit, 'ann' AS who")
    connection.execute("CREATE TABLE merged (who VARCHAR, into_who VARCHAR)")
    found = connection.execute(
        "WITH met AS ("
        "   SELECT coalesce(m.into_who, s.who) AS who, s.visit FROM stays s LEFT JOIN merged m ON m.who = s.who)"
        " SELECT v.id FROM visits v LEFT JOIN met a ON a.visit = v.id AND a.who = v.who"
        " LEFT JOIN (SELECT who FROM met WHERE visit IS NULL) u ON u.who = v.who WHERE a.who IS NULL AND u.who IS NULL"
    ).fetchall()
    assert found == [("v",)]

"""Spark beside DuckDB: the same tables, the same meaning of SQL, the same units of every measure, counted alike; all in
one Spark, which takes long to begin."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from string import Template
from typing import Any

import pytest
from click.testing import CliRunner

from bench.practice_of_a_million import write
from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.cli import cli
from carethread.core.errors import Busy, Invalid
from carethread.core.facts.manifest import Manifest, Published
from carethread.core.facts.relation import Relation
from carethread.core.fhir import json
from carethread.core.ports.analytics import Glimpse
from carethread.demo.practice import generate
from carethread.metrics.evaluating.counting import Counted, bare
from carethread.metrics.evaluating.evaluating import Units, answer, evaluate, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.files import names
from carethread.metrics.measures.shipped import standard
from support import spark
from support.measured import known
from support.run import Unavailable
from support.stores import BASE

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[2] / "docs" / "metrics-engines.md"
BLOCKS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHARE = 0.004
DAYS = Days(date(2029, 2, 1), date(2029, 12, 31))
SECRET = "said-by-a-patient"
LINKS = Relation("patient_links", "https://example.org/links|1", (("id", "VARCHAR"), ("survivor_id", "VARCHAR")))
VALUES = Relation(
    "numbers", "https://example.org/numbers|2",
    (("id", "VARCHAR"), ("n", "BIGINT"), ("x", "DOUBLE"), ("yes", "BOOLEAN"), ("day", "DATE"), ("at", "TIMESTAMP"),
     ("list", "BIGINT[]"), ("select", "VARCHAR")),
)  # fmt: skip

Engines = tuple[Glimpse, Glimpse]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of facts: of values of each type with deltas, and of a practice."""
    values, practice = tmp_path_factory.mktemp("values"), tmp_path_factory.mktemp("practice")
    shelf = ParquetShelf(values, memory=64)
    base = shelf.write(VALUES, [
        'a,1,1.10,True,2026-01-31,2026-01-31T23:30:00.000Z,"[1, 2]",from\r\n',
        f'b,many,much,maybe,2026,soon,"[""q""]",{SECRET}\r\n',
        "c,3,,,,,,\r\n", "d,4,,,,1969-12-31T23:59:59.999999Z,,\r\n",
    ])  # fmt: skip
    later = shelf.write(VALUES, ["b,5,,,,,,\r\n", "b,6,,,,,,\r\n", "e,7,,,,,,\r\n"], delta=1, gone=["c"])
    last = shelf.write(VALUES, ["b,8,0.1,,,2026-10-25T02:30:00.5+02:00,,\r\n"], delta=2, gone=["e"])
    links = shelf.write(LINKS, ["a,b\r\n", "b,c\r\n", "x,y\r\n"])
    shelf.put(Manifest(5, 1, {"records": {"Patient": 3}}, {}, {
        "patient_links": Published(LINKS.view, LINKS.columns, (links,)),
        "numbers": Published(VALUES.view, VALUES.columns, (base,), (later, last)),
        "fresh": Published(VALUES.view, VALUES.columns, (), (later,)),
        "nothing": Published("n|1", VALUES.columns),
        "lost": Published("l|1", LINKS.columns, (type(links)("lost/lost.parquet", 1),)),
    }, ("visits",)))  # fmt: skip
    write(practice, SHARE)
    return values, practice


@pytest.fixture(scope="module")
def both(folders: tuple[Path, Path]) -> Iterator[tuple[Engines, Engines]]:
    """Of each folder Spark's glimpse and DuckDB's."""
    with ExitStack() as stack:
        found = []
        for folder in folders:
            try:
                sparks = spark.analytics(folder)
            except Unavailable as error:
                pytest.skip(str(error))
            stack.callback(sparks.close)
            duck = DuckAnalytics(folder, Bounds(threads=1))
            found.append((stack.enter_context(sparks.look(leisure=True)), stack.enter_context(duck.look(leisure=True))))
        yield found[0], found[1]


@pytest.fixture(scope="module")
def values(both: tuple[Engines, Engines]) -> Engines:
    return both[0]


@pytest.fixture(scope="module")
def practice(both: tuple[Engines, Engines]) -> Engines:
    return both[1]


@pytest.fixture(scope="module")
def asked(practice: Engines) -> Units:
    """The units of most of a year."""
    sparks, duck = (units(facts, known("no-show-rate"), DAYS, ()) for facts in practice)
    assert sparks == duck
    assert len(sparks.wanted) == 2, "departments lie in several zones"
    return duck


@pytest.mark.parametrize("name", names())
def test_each_measure_has_the_same_units(practice: Engines, asked: Units, name: str) -> None:
    sql = f"{bare(known(name), asked.wanted)}\nSELECT * FROM unit"
    sparks, duck = (answer(facts, sql, asked) for facts in practice)
    assert sparks.columns == duck.columns
    assert Counter(map(_row, sparks.rows)) == Counter(map(_row, duck.rows))


@pytest.mark.parametrize("name", standard())
def test_each_stratifier_has_the_same_strata(practice: Engines, asked: Units, name: str) -> None:
    sparks, duck = (Counter(answer(facts, standard()[name], asked).rows) for facts in practice)
    assert sparks == duck
    assert len({value for _, value in duck}) > 1


@pytest.mark.parametrize("name", ["no-show-rate", "caseload", "waiting-time", "third-next-available"])
def test_units_are_counted_alike(practice: Engines, asked: Units, name: str) -> None:
    """With strata and people; how they are counted is the same for all measures."""
    sparks, duck = (evaluate(facts, known(name), asked, people=name == "no-show-rate") for facts in practice)
    assert [_cells(each) for each in sparks] == [_cells(each) for each in duck]


def _row(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(f"{float(cell):.9g}" if isinstance(cell, float | Decimal) else cell for cell in row)


def _cells(counted: Counted) -> dict[tuple[str, str], tuple[object, ...]]:
    """All cells; of a value what no order of summing up changes."""
    cells = {("", ""): counted.whole}
    cells |= {(column, value): cell for column, of in counted.strata.items() for value, cell in of.items()}
    return {
        place: (dict(cell.counts), cell.value if cell.value is None else f"{cell.value:.9g}", dict(cell.people))
        for place, cell in cells.items()
    }


@pytest.mark.parametrize("name", names())
def test_there_is_something_to_count(practice: Engines, asked: Units, name: str) -> None:
    """Of each group somebody is in the score; who compares nothing with nothing finds no difference."""
    told = {"proportion": "numerator", "ratio": "numerator", "continuous-variable": "measure-population"}
    for counted, group in zip(evaluate(practice[1], known(name), asked, people=False), known(name).groups, strict=True):
        assert counted.whole.counts["initial-population"] > 0
        assert counted.whole.counts.get(told[group.scoring], 1) > 0
        assert group.scoring != "continuous-variable" or counted.whole.value is not None
        assert not counted.strata or any(len(of) > 1 for of in counted.strata.values())


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT id, n, x, yes, day, "at", list, "select" FROM numbers ORDER BY id, n',
        "SELECT * FROM fresh ORDER BY id, n",
        "SELECT count(*) AS c, sum(n) AS s FROM nothing",
        "SELECT * FROM survivors ORDER BY patient_id",
        'SELECT id FROM numbers WHERE "at" >= $start AND id = $ids',
        "SELECT $start AS a, $day AS b, $ids AS c, $n AS d, $x AS e, $yes AS f, $none AS g",
        'SELECT date_trunc(\'hour\', "at") AS h, "at" - INTERVAL 1 HOUR AS g, epoch("at") AS e FROM numbers ORDER BY n',
        "SELECT n / 3.0 AS a, n / 2 AS b, 86400.0 AS c, x * 0.1 AS d FROM numbers ORDER BY n",
        "SELECT id, n FROM numbers ORDER BY x DESC, n",
        "SELECT median(n) AS m, avg(x) AS a FROM numbers",
        "WITH numbers AS (SELECT 1 AS n) SELECT n FROM numbers -- of itself",
        "WITH a AS (SELECT n FROM numbers WHERE n < 5), b AS (WITH a AS (SELECT n + 1 AS n FROM a)"
        " SELECT x.n FROM a AS x JOIN a AS y ON x.n = y.n) SELECT n FROM b UNION ALL SELECT n FROM a ORDER BY n",
        *(
            f"SELECT date_diff('{unit}', TIMESTAMP '2026-02-28 22:59:59.9', TIMESTAMP '2027-01-01 00:00:00.1') AS d,"
            f" date_diff('{unit}', TIMESTAMP '2026-03-01 00:00:01', TIMESTAMP '2026-02-28 00:00:02') AS e"
            for unit in ("microsecond", "second", "minute", "hour", "day", "month", "quarter", "year")
        ),
    ],
)
def test_sql_means_the_same(values: Engines, sql: str) -> None:
    given = {
        "start": datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "day": date(2026, 1, 31), "ids": "a", "n": 3, "x": 1.5,
        "yes": True, "none": None,
    }  # fmt: skip
    sparks, duck = (facts.query(sql, given) for facts in values)
    assert sparks == duck


def test_what_is_named_more_than_once_is_computed_once_wherever_it_stands() -> None:
    pytest.importorskip("sqlglot")
    from carethread.adapters.analytics.dialect import translate

    twice = "SELECT x.n FROM b AS x JOIN b AS y ON x.n = y.n"
    asked = translate(f"WITH a AS (WITH b AS (SELECT 1 AS n) {twice}), c AS (SELECT 2 AS n) SELECT * FROM a, c", {})
    (step,) = asked.steps
    assert step[0].startswith("b ")
    assert asked.sql.count(step[0]) == 1
    assert "1 AS n" not in asked.sql


@pytest.mark.parametrize(
    "sql",
    ["SELECT now()", "SELECT current_date", "SELECT random()", "SELECT * FROM numbers USING SAMPLE 3",
     "SELECT * FROM sqlite_master", "SELECT * FROM (SHOW TABLES)", "SELECT current_setting('x')", "SELECT 1; SELECT 2"],
)  # fmt: skip
def test_sql_of_ones_own_is_refused_in_the_words_of_the_other_engine(sql: str) -> None:
    pytest.importorskip("sqlglot")
    from carethread.adapters.analytics import dialect, reading

    said = []
    for check in (reading.check, dialect.check):
        with pytest.raises(Invalid) as raised:
            check(sql)
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_kept_rows_are_computed_once_and_no_plan_grows_with_them(values: Engines) -> None:
    sparks, duck = values
    sql = "SELECT n, id FROM numbers WHERE id = $id"
    names = [facts.kept(sql, {"id": "b"}) for facts in (sparks, sparks, duck)]
    assert names[0] == names[1]
    assert sparks.kept(sql, {"id": "a"}) != names[0]
    rows = [
        facts.query(f"SELECT id, n FROM {name}").rows for facts, name in zip((sparks, duck), names[1:], strict=True)
    ]
    assert rows[0] == rows[1] == [("b", 8)]
    plan = sparks._session.table(names[0])._jdf.queryExecution().analyzed().toString()  # type: ignore[attr-defined]
    assert "parquet" not in plan.lower()


def test_a_glimpse_tells_its_marks_and_views(values: Engines) -> None:
    sparks, duck = values
    assert sparks.marks == duck.marks
    assert sparks.views == duck.views


@pytest.mark.parametrize(
    ("sql", "error", "told"),
    [
        ("SELECT nope FROM numbers", Invalid, "`nope`"),
        ("SELECT * FROM nowhere", Invalid, "`nowhere`"),
        ("SELEC 1", Invalid, "cannot be read: .*line 1$"),
        ("SELECT n FROM", Invalid, "Expected table name, line 1$"),
        ("SELECT 1; SELECT 2", Invalid, "one SELECT"),
        ("DROP VIEW numbers", Invalid, "one SELECT"),
        ("SELECT * FROM read_parquet('/etc/hosts')", Invalid, "nothing else"),
        ('SELECT * FROM parquet."/etc/hosts"', Invalid, "nothing else"),
        ('SELECT * FROM "files of numbers"', Invalid, "nothing else"),
        ("SELECT reflect('java.lang.System', 'getProperty', 'user.dir')", Invalid, "outside of it: reflect"),
        ("SELECT $one, $other", Invalid, "no value here: one, other"),
        ("SELECT date_diff('week', day, day) FROM numbers", Invalid, "microsecond"),
        ('SELECT CAST("select" AS INTEGER) FROM numbers', Invalid, "CAST_INVALID_INPUT"),
        ("SELECT * FROM visits", Busy, "being gathered: visits"),
        ("SELECT * FROM lost", Busy, "not there any more"),
    ],
)
def test_what_cannot_be_run_is_refused_without_a_word_of_the_data(
    values: Engines, sql: str, error: type[Exception], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error, match=told) as raised:
        values[0].query(sql)
    said = capfd.readouterr()
    assert SECRET not in f"{raised.value}{said}"
    assert "from" not in said.err.split()


def test_files_that_go_while_spark_counts_are_busy(tmp_path: Path, both: object) -> None:
    """A look of Spark's may take longer than files stay."""
    shelf = ParquetShelf(tmp_path, memory=64)
    files = shelf.write(LINKS, ["a,b\r\n"]), shelf.write(LINKS, ["c,d\r\n"])
    shelf.put(Manifest(tables={"patient_links": Published(LINKS.view, LINKS.columns, files)}))
    with spark.analytics(tmp_path).look(leisure=True) as facts:
        kept = facts.kept("SELECT id FROM patient_links")
        (tmp_path / files[0].path).unlink()
        assert facts.query(f"SELECT count(*) FROM {kept} AS k").rows == [(2,)], "computed before"
        for asked in (facts.query, facts.kept):
            with pytest.raises(Busy, match=r"not there any more.*copy of the folder"):
                asked("SELECT survivor_id FROM patient_links")


def test_no_facts_are_no_state(tmp_path: Path, both: object) -> None:
    with pytest.raises(Busy, match="No facts"), spark.analytics(tmp_path).look(leisure=True):
        pass


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `export` of the demo practice, in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo") / "export"
    folder.mkdir()
    lines = [json.render(each) + b"\n" for each in generate(1, date(2026, 9, 1))]
    (folder / "All-00001.ndjson").write_bytes(b"".join(lines))
    output = [{"type": "Patient", "file": "All-00001.ndjson", "count": len(lines)}]
    told = {"transactionTime": "2026-09-15T08:00:00Z", "request": f"{BASE}/$export", "output": output}
    (folder / "manifest.json").write_bytes(json.render(told))
    return folder


def _groups(said: bytes) -> Any:
    """What a report counts, in which something is counted."""
    groups = json.parse_object(said)["group"]
    assert groups[0]["population"][0]["count"] > 0
    return groups


def test_the_page_does_what_it_says_and_leaves_nothing(export: Path, both: object) -> None:
    """Each command of the page, in the folder that the export lies in, of the twelve months that it holds."""
    lines = [line for block in BLOCKS.findall(PAGE.read_text()) for line in block.splitlines()]
    months = {"first": "2025-09", "last": "2026-08"}
    commands = [shlex.split(Template(line).substitute(months)) for line in lines if line.startswith("carethread ")]
    assert len(commands) > 2
    here = export.parent
    (temporary := here / "temporary").mkdir()
    surroundings = os.environ | {"TMPDIR": str(temporary), "CARETHREAD_DATA": str(here / "nothing")}
    said = {}
    for _, *words in commands:
        on_spark = "spark" in words
        few = [f"--conf={name}={value}" for name, value in spark.FEW_ROWS.items()] if on_spark else []
        command = [sys.executable, "-m", "carethread", *words, *few]
        done = subprocess.run(command, cwd=here, env=surroundings, capture_output=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr.decode()
        assert b" WARN " not in done.stderr, "Spark of itself"
        said[words[2], on_spark] = done.stdout
    assert _groups(said["no-show-rate", True]) == _groups(said["no-show-rate", False])
    assert {each.name for each in here.iterdir()} == {"export", "facts", "temporary"}
    assert not list(temporary.iterdir())


def test_the_command_prints_the_same_report(folders: tuple[Path, Path], export: Path, both: object) -> None:
    """Of Parquet and of NDJSON, in the Spark that runs; each call ends that one, so this is the last test."""
    sources = {"2029": ["--facts", str(folders[1])], "2026": ["--ndjson", str(export)]}
    for year, source in sources.items():
        said = ["metrics", "evaluate", "no-show-rate", "--period-start", year, "--period-end", year, *source]
        duck = CliRunner().invoke(cli, said)
        sparks = CliRunner().invoke(cli, [*said, "--engine", "spark", "--master", "local[2]"])
        assert (duck.exit_code, sparks.exit_code) == (0, 0), duck.output + sparks.output
        assert _groups(sparks.stdout.encode()) == _groups(duck.stdout.encode())

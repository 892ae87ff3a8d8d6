"""SQL of others between brackets of ours, and its own lines."""

from __future__ import annotations

import duckdb
import pytest

from carethread.core.errors import Invalid
from carethread.core.facts.statement import below, inner


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a;b' AS x;",
        "SELECT 'a;b' AS x ; -- done; indeed",
        "SELECT 'a;b' AS x; /* done;\n */\n",
        "SELECT -- first; then\n 'a;b' AS x /* ; */ ;\n-- done",
        "SELECT E'a\\x3bb' AS x, E'it\\'s;' AS y; -- it's",
        "SELECT $t$a;b$t$ AS x, 'it''s;' AS \"y;\";;",
        "SELECT 'a;b' AS x -- no semicolon",
        "SELECT 'a;b' AS x WHERE 'a' NOT LIKE'%\\' AND 'c' <> 'c;d';",
    ],
)
def test_what_ends_a_statement_is_left_out(sql: str) -> None:
    within = inner(sql)
    assert duckdb.execute(f"SELECT x FROM (\n{within}\n)").fetchall() == [("a;b",)]
    assert inner(within) == within


@pytest.mark.parametrize("more", ["SELECT 2", "/* a */ SELECT 2 /* b */", "-- a\nSELECT 2", ";; SELECT 2; -- b"])
def test_a_second_statement_is_not_left_out(more: str) -> None:
    """Else it would be told neither of nor counted."""
    within = inner(f"SELECT 'a;b' AS x; {more}")
    assert "SELECT 2" in within
    with pytest.raises(duckdb.ParserException):
        duckdb.execute(f"SELECT x FROM (\n{within}\n)")


def test_a_fault_is_told_by_the_lines_of_who_wrote_it() -> None:
    said = "Catalog Error: no such table\nLINE 12: FROM  fairies\n               ^"
    told = below(Invalid(said, expression="here"), 10).issues[0]
    assert told.diagnostics == "Catalog Error: no such table\nLINE 2: FROM  fairies\n              ^"
    assert told.expression == "here"
    ours = below(Invalid(said), 20).issues[0]
    assert ours.diagnostics == "Catalog Error: no such table\nFROM  fairies\n      ^"

"""What SQL is taken: exactly one SELECT that changes nothing, read by DuckDB's own parser; and what is told of a fault.

DuckDB takes a WITH of statements that write (`COPY`, `DELETE`, `INSERT`, `UPDATE`), and calls the whole a SELECT all
the same; and tables may come of functions that read anything or run other SQL. So the tree is looked at: which kinds
of nodes and which such functions it has. https://duckdb.org/docs/stable/data/json/sql_to_and_from_json

An answer comes of the facts and of nothing else, so that who asks again has the same: what takes a sample, reads the
clock or tells of the engine is refused too, by the catalog of functions that the engine has of itself, and so is what
goes by the order of rows (`ordering`).
https://duckdb.org/docs/stable/sql/meta/duckdb_table_functions
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import duckdb
import orjson

from carethread.adapters.analytics.bounds import Full
from carethread.adapters.analytics.ordering import unordered
from carethread.core.errors import Invalid

_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Of what a query consists that writes nothing."""

_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})
"""Those whose rows come of their arguments alone."""

_OTHER_EACH_TIME = frozenset({"ago", "current_localtime", "current_localtimestamp"})
"""Functions that read the clock, of which the catalog does not say so; of `age` the one with a single moment does."""

_OF_THE_ENGINE = frozenset({
    "current_catalog", "current_role", "current_user", "get_block_size", "session_user", "user", "version",
})  # fmt: skip
"""Functions that tell of the engine, of which the catalog does not say so."""

_WITHOUT_BRACKETS = frozenset({
    "current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
    "current_user", "localtime", "localtimestamp", "session_user", "user",
})  # fmt: skip
"""Functions that are called as a column is named."""

_SAME_EACH_TIME = frozenset({"error", "pg_typeof"})
"""Functions that the catalog calls volatile, lest they be computed beforehand, or has among those of the engine."""

_SCHEMAS = ("", "main")
"""Where tables of facts are."""

_LOOK_CLOSER = re.compile(
    r"\b(?:copy|delete|insert|update|merge|query|query_table|json_execute_serialized_sql|\w*_scan|read_\w+"
    r"|parquet_\w+|duckdb_\w+|pragma_\w+|python_\w+|\w*external_resource\w*|\w*checkpoint\w*|enable_\w+|disable_\w+)\b",
    re.IGNORECASE,
)
"""Without such a word no text writes, or reads what is no table; a tree costs as much again as reading the text."""

_TEXT = duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException
"""What the engine finds wrong before it has looked at any data: what it says is of the text."""

_KINDS: tuple[tuple[type[duckdb.Error], str], ...] = (
    (duckdb.ConversionException, "A value cannot be converted; try_cast makes it NULL."),
    (duckdb.OutOfRangeException, "A number is out of the range of its type; cast to a wider one, or to DOUBLE."),
    (duckdb.PermissionException, "It reaches for what is no table of facts."),
    (duckdb.ConstraintException, "A value breaks a constraint."),
    (duckdb.InvalidInputException, "A function is given a value that it does not take, or calls error()."),
)
"""What is told of a fault that was found in data, where the engine's words may hold some."""

_OTHERWISE = "It fails on some of the data."

_MOST_CHARACTERS = 2000
"""Of what the engine says of a fault: the reason, and the place in the SQL."""

_ONE_SELECT = "The SQL is one SELECT, which may begin with WITH; nothing else is run."


def parameters_of(sql: str) -> frozenset[str]:
    """The names of the parameters of the one SELECT that the SQL is, which writes nothing. Raises Invalid."""
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.OutOfMemoryException:
        raise Full from None
    except duckdb.Error as error:
        raise Invalid(f"The SQL cannot be read: {said(error)}") from None
    if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
        raise Invalid(_ONE_SELECT)
    if _LOOK_CLOSER.search(sql):
        check(sql)
    return frozenset(statements[0].named_parameters)


def check(sql: str) -> None:
    """Raise Invalid unless the SQL by itself is one SELECT that writes nothing, and tells of tables only."""
    if wrong := _wrong(sql):
        raise Invalid(wrong)


@lru_cache(256)
def _wrong(sql: str) -> str:
    """What is wrong with it; empty: nothing is."""
    try:
        statements = duckdb.extract_statements(sql)
        if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
            return _ONE_SELECT
        with closing(_reader().cursor()) as connection:
            told = connection.execute("SELECT json_serialize_sql(CAST(? AS VARCHAR))", [sql]).fetchone()
        tree = orjson.loads(told[0]) if told else {"error": True}
    except duckdb.FatalException:  # of the reader, and not of the text: its process is to end
        raise
    except duckdb.OutOfMemoryException:
        raise Full from None
    except duckdb.Error as error:
        return f"The SQL cannot be read: {said(error)}"
    except ValueError:  # a tree that is nested deeper than JSON is read
        return "The SQL is nested too deeply."
    if tree["error"]:
        return _ONE_SELECT
    return next(filter(None, map(_wrong_there, _nodes(tree))), "")


def _wrong_there(node: Mapping[str, Any]) -> str:
    """What is wrong with a node of a tree, by itself."""
    kind = node.get("type")
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _NODES:
        return f"{_ONE_SELECT} It has {kind.removesuffix('_NODE').removesuffix('_QUERY')} inside."
    if kind == "TABLE_FUNCTION" and (name := node["function"]["function_name"].lower()) not in _FUNCTIONS:
        return _reads_from(f"{name}()")
    if kind == "BASE_TABLE" and (
        node["schema_name"].lower() not in _SCHEMAS
        or node["catalog_name"]
        or node["table_name"].lower() in _catalog().tables
    ):
        return _reads_from(".".join(node["qualified_name"]["path"]))
    if kind == "SHOW_REF":
        return _reads_from("what SHOW, DESCRIBE or SUMMARIZE tells")
    if node.get("sample"):
        return "The SQL takes a sample, which is another each time; let it count all rows."
    if name := _called(node):
        return f"The SQL calls {name}, which tells what is not in the facts; the moment of these is $now."
    return unordered(node)


def _reads_from(what: str) -> str:
    return f"The SQL reads from {what}; it reads tables of facts, and of functions {', '.join(sorted(_FUNCTIONS))}."


def _called(node: Mapping[str, Any]) -> str:
    """The function that a node calls and that is not to be called."""
    if node.get("class") == "COLUMN_REF":
        (name, *others) = node["column_names"]
        return name.lower() if not others and name.lower() in _WITHOUT_BRACKETS else ""
    name = str(node.get("function_name", "")).lower()
    is_of_now = name == "age" and len(node["arguments"]) == 1
    return f"{name}()" if is_of_now or name in _catalog().functions else ""


@dataclass(frozen=True, slots=True)
class _Catalog:
    """Names of what tells of the clock, of chance or of the engine."""

    functions: frozenset[str]
    tables: frozenset[str]


@lru_cache(1)
def _catalog() -> _Catalog:
    with closing(_reader().cursor()) as connection:
        functions = connection.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions()"
            " WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') OR schema_name = 'pg_catalog'"
        ).fetchall()
        tables = connection.execute(
            "SELECT lower(view_name) FROM duckdb_views() WHERE internal AND schema_name IN ('main', 'pg_catalog')"
        ).fetchall()
    by_name = frozenset(name for (name,) in functions) | _OTHER_EACH_TIME | _OF_THE_ENGINE
    return _Catalog(by_name - _SAME_EACH_TIME, frozenset(name for (name,) in tables))


@lru_cache(1)
def _reader() -> duckdb.DuckDBPyConnection:
    """A database without tables, which only reads text: to begin one takes longer than to read a measure with it."""
    return duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"})


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    left = [tree]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            yield each
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)


def is_of_data(error: duckdb.Error) -> bool:
    """Whether a fault was found in data, and not in the text or in what there is room for."""
    return not isinstance(error, (*_TEXT, duckdb.OutOfMemoryException))


def failed(error: duckdb.Error, connection: duckdb.DuckDBPyConnection, sql: str, values: object) -> Exception:
    """What is told of SQL that could not be run: the engine's own words only if it says the same of it unrun."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return Full()
    if isinstance(error, _TEXT):
        try:
            connection.execute(f"EXPLAIN {sql}", values or None)
        except _TEXT as again:
            return Invalid(f"The SQL cannot be run: {said(again).replace('LINE 1: EXPLAIN ', 'LINE 1: ')}")
        except duckdb.Error:
            pass
    kind = next((told for kind, told in _KINDS if isinstance(error, kind)), _OTHERWISE)
    return Invalid(f"The SQL cannot be run: {kind}")


def said(error: duckdb.Error) -> str:
    """What the engine says first, and the place in the SQL that it points to."""
    first, *others = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    place = next((number for number, line in enumerate(others) if line.startswith("LINE ")), len(others))
    return "\n".join([first, *others[place:]])[:_MOST_CHARACTERS]

"""A measure's SQL, written for DuckDB, as Spark takes it.

sqlglot reads the one and writes the other (https://sqlglot.com/sqlglot.html). What it leaves alike though it means
something else there is told apart here: a number with a point is exact in Spark, and a division by it rounds;
`date_diff` counts the begins of units that lie between, where Spark counts whole units; `epoch` has parts of seconds;
`AT TIME ZONE` goes from a zone's clocks to UTC as well, where Spark has a function for each way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ClassVar, cast
from uuid import uuid4

import sqlglot
from sqlglot import exp
from sqlglot.dialects import Spark
from sqlglot.errors import ParseError, SqlglotError

from carethread.adapters.analytics import reading
from carethread.core.errors import Invalid

_OUTSIDE = frozenset({"java_method", "reflect", "try_reflect"})
"""Functions of Spark that call any other of the machine."""

_UNITS = frozenset({"MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "QUARTER", "YEAR"})
"""Those of `date_diff` whose begins both count; a week is seven days from any day on for one of them."""

_WHOLE = "MICROSECOND"
"""The unit that has no parts."""

_MILLION = exp.cast(exp.Literal.number("1e6"), "double")


class _Nesting(Spark):  # type: ignore[misc]  # sqlglot loads its dialects late
    """Spark, which takes a WITH inside of another: its names are nobody else's."""

    class Generator(Spark.Generator):  # type: ignore[misc]
        EXPRESSIONS_WITHOUT_NESTED_CTES: ClassVar[set[type[exp.Expr]]] = set()


@dataclass(frozen=True, slots=True)
class Translated:
    """SQL for Spark, in which `:name` is a parameter; the parameters' values; and the tables that it names.

    `steps` are names, and the SQL of what is to be found under them before, each once: the relations of a WITH that are
    named more than once, which Spark would compute each time.
    """

    steps: tuple[tuple[str, str], ...]
    sql: str
    values: Mapping[str, object]
    tables: frozenset[str]


def translate(sql: str, parameters: Mapping[str, object]) -> Translated:
    """One SELECT. Raises Invalid for anything else, naming what is wrong."""
    tree = _select(sql)
    names = {each.name for each in tree.find_all(exp.Placeholder)}
    if missing := sorted(names - parameters.keys()):
        raise Invalid(f"The SQL names parameters that have no value here: {', '.join(missing)}.")
    tables = Counter(_table(each) for each in tree.find_all(exp.Table))
    if outside := sorted({each.name.lower() for each in tree.find_all(exp.Anonymous)} & _OUTSIDE):
        raise Invalid(f"The SQL calls what lies outside of it: {', '.join(outside)}.")
    types = {name: _type(parameters[name]) for name in names}
    tree = cast("exp.Query", tree.transform(lambda node: _spelled(node, types)))
    steps = tuple(_steps(tree, {name for name, count in tables.items() if count > 1}))
    values = {name: _value(parameters[name]) for name in names}
    return Translated(steps, _written(tree), values, frozenset(tables))


def _steps(tree: exp.Query, several: Set[str], around: Sequence[exp.Select] = ()) -> Iterator[tuple[str, str]]:
    """Put relations of a WITH, by their names, under names of their own, and read them there instead: those of a WITH
    inside of another first. `around` has what each WITH around this one says before."""
    before = exp.Select()
    for each in tree.ctes:
        yield from _steps(each.this, several, (*around, before))
        if each.alias.lower() in several:
            name = f"{each.alias} {uuid4().hex}"
            asked = before.with_(each.alias, as_=each.this.copy()).select("*").from_(exp.to_identifier(each.alias))
            for outer in reversed(around):
                asked = outer.select("*").from_(asked.subquery("found"))
            yield name, _written(asked)
            each.set("this", exp.select("*").from_(exp.Table(this=exp.to_identifier(name, quoted=True))))
        before = before.with_(each.alias, as_=each.this.copy())


def check(sql: str) -> None:
    """Raise Invalid for what DuckDB refuses, in its words, and for what is not one SELECT as it is read here."""
    reading.check(sql)
    _select(sql)


def plain(sql: str) -> str:
    """SQL of ours for Spark."""
    return _written(sqlglot.parse_one(sql, read="duckdb"))


def _written(tree: exp.Expr) -> str:
    try:
        return tree.sql(dialect=_Nesting, unsupported_level=sqlglot.ErrorLevel.RAISE, comments=False)
    except SqlglotError as error:
        raise Invalid(f"The SQL cannot be said in Spark's: {error}") from None


def _select(sql: str) -> exp.Query:
    try:
        found = [each for each in sqlglot.parse(sql, read="duckdb") if each is not None]
    except SqlglotError as error:
        raise Invalid(f"The SQL cannot be read: {_told(error)}") from None
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise Invalid("The SQL is one SELECT, which may begin with WITH; nothing else is run.")
    if found[0].find(exp.DML, exp.Command):
        raise Invalid("The SQL is one SELECT, which may begin with WITH; it writes nothing.")
    return found[0]


def _told(error: SqlglotError) -> str:
    """The place and the reason; never the text around it."""
    known = error.errors if isinstance(error, ParseError) else []
    reasons = [f"{each['description'].partition(' but got')[0]}, line {each['line']}" for each in known]
    return "; ".join(reasons) or type(error).__name__


def _table(table: exp.Table) -> str:
    if not isinstance(table.this, exp.Identifier) or table.db or not re.fullmatch(r"\w+", table.name):
        raise Invalid("The SQL reads tables of facts and nothing else.")
    return table.name.lower()


def _spelled(node: exp.Expr, types: Mapping[str, str]) -> exp.Expr:
    match node:
        case exp.Placeholder() if types.get(node.name):
            return exp.cast(node, types[node.name], dialect="spark")
        case exp.Literal() if not node.is_string and not node.name.isdecimal():
            return exp.cast(node, "double")
        case exp.DateDiff():
            return _difference(node)
        case exp.CTE():
            node.set("materialized", None)  # what is named more than once is a step
        case exp.AtTimeZone(this=exp.AtTimeZone() as local) if _is_utc(node) and not _is_utc(local):
            return exp.func("to_utc_timestamp", local.this, local.args["zone"])
        case exp.TimeToUnix():
            micros = exp.func("unix_micros", exp.cast(node.this, "timestampltz"))
            return exp.Div(this=micros, expression=_MILLION.copy())
    return node


def _is_utc(node: exp.AtTimeZone) -> bool:
    return bool(node.args["zone"].is_string and node.args["zone"].name == "UTC")


def _difference(node: exp.DateDiff) -> exp.Expr:
    unit = node.unit.name.upper() if node.unit else ""
    if unit == _WHOLE:
        return node
    if unit not in _UNITS:
        raise Invalid(f"date_diff counts in Spark by {', '.join(sorted(map(str.lower, {*_UNITS, _WHOLE})))}.")
    first, last = (exp.TimestampTrunc(this=each, unit=node.unit) for each in (node.expression, node.this))
    return exp.DateDiff(this=last, expression=first, unit=node.unit)


def _type(value: object) -> str:
    """As what Spark is to take a value that is given as text; empty: as it comes."""
    if isinstance(value, datetime):
        return "TIMESTAMP_NTZ"
    return "DATE" if isinstance(value, date) else ""


def _value(value: object) -> object:
    """Moments and days as text, moments naive and in UTC: what Spark makes of Python's depends on the zone here."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat(" ")
    return value.isoformat() if isinstance(value, date) else value

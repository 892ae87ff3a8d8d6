"""A statement spelled out as text, with its values beside it.

A search is a different statement for almost every query, and making one from SQLAlchemy's parts, and looking up what it
has compiled by all of these, cost more than all else that a search does (1.2 ms of CPU against 0.05 ms). In the text
stand only names of ours: tables, columns, resource types and search parameters. What a client said is a value, for
which the text has a place. So two searches that differ in values only are the same text, which PostgreSQL plans once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.searching.planning import Plan

_TYPES = {int: "bigint", float: "float8", str: "text"}
"""What PostgreSQL is told of a number, and of an array; a single text takes its type from what it is compared with."""


class Spelling:
    """The values of one statement in the order of their places, and names for the tables that it reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.sqlite = is_sqlite(connection)
        self._names = 0
        self.values: list[Any] = []
        self.joined = ""
        """Index tables that are read beside the resources."""
        self.plan = Plan.LEFT

    def another(self) -> Spelling:
        """One for a statement that goes before."""
        return Spelling(self._connection)

    def place(self, value: str | int | float) -> str:
        """Where the value stands."""
        self.values.append(value)
        if self.sqlite:
            return f"?{len(self.values)}"
        return f"${len(self.values)}" if isinstance(value, str) else f"${len(self.values)}::{_TYPES[type(value)]}"

    def among(self, column: str, values: Sequence[str] | Sequence[int]) -> str:
        """That a column has one of the values, of which there is at least one."""
        if len(values) == 1:
            return f"{column} = {self.place(values[0])}"
        if self.sqlite:
            return f"{column} IN ({', '.join(map(self.place, values))})"
        self.values.append(list(values))
        return f"{column} = ANY(${len(self.values)}::{_TYPES[type(values[0])]}[])"

    def afterwards(self, condition: str) -> str:
        """A condition that no index is read for, where there is something better to begin with: PostgreSQL takes for
        rare what was rare when it counted last, and would go through all of a type that has grown since."""
        return f"({condition}) IS TRUE" if self.plan is Plan.ONCE and not self.sqlite else condition

    def name(self) -> str:
        """A name that no other table of the statement has."""
        self._names += 1
        return f"t{self._names}"

    def fetch(self, statement: str) -> Sequence[Sequence[Any]]:
        """What the statement gives for the values."""
        if self.sqlite:
            return self._connection.exec_driver_sql(statement, tuple(self.values)).all()
        return run(
            self._connection,
            statement,
            self.values,
            binary=True,
            prepare=False if self.plan is Plan.FOR_VALUES else None,
            once_for_all=self.plan is Plan.ONCE,
        )


def quoted(name: str) -> str:
    """A name of ours as a text in SQL."""
    return "'" + name.replace("'", "''") + "'"


def of(column: str, names: Sequence[str]) -> str:
    """That a column has one of some names of ours; nothing has one of none."""
    if len(names) == 1:
        return f"{column} = {quoted(names[0])}"
    return f"{column} IN ({', '.join(map(quoted, names))})" if names else "false"


def both(parts: Iterable[str]) -> str:
    """All of the conditions, which begin and end where they are told to."""
    return " AND ".join(parts) or "true"


def either(parts: Iterable[str]) -> str:
    """One of the conditions, in brackets where there are several."""
    told = list(parts)
    return told[0] if len(told) == 1 else f"({' OR '.join(told)})" if told else "false"

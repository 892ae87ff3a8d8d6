"""What is wrong with the SQL of a Library before anything is counted by it: when it is written, and by its columns."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from carethread.core.context import Context
from carethread.core.errors import Busy, Invalid, Issue
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Analytics
from carethread.core.service import Runtime
from carethread.metrics.measures.definition import LANGUAGE, Definition
from carethread.metrics.measures.remembering import Remembered
from carethread.metrics.measures.shipped import LIBRARIES, libraries, standard
from carethread.metrics.measures.words import words_of

SQL = "Library.content[0].data"
"""Where a Library has it."""

_TEXT, _MOMENT, _NOTHING = ("VARCHAR", "STRING"), ("TIMESTAMP", "TIMESTAMP_NTZ"), ('"NULL"', "VOID")
_UNIT = {
    "resource": _TEXT,
    "subject": (*_TEXT, *_NOTHING),
    "at": _MOMENT,
    "department": (*_TEXT, *_NOTHING),
}
"""The columns that the units of each Measure have, with the names that engines have for their types, ours first."""

_OF_A_UNIT = re.compile(r'\bunit\.(?:"(\w+)"|(\w+))')
_OF_A_STRATUM = re.compile(r"stratum_[0-9]+")
_AGAIN = re.compile(r"(.+)_[0-9]+")
_NUMBER = re.compile(r"(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE|DECIMAL.*)", re.ASCII)


_CHECKED: Remembered[str, tuple[Issue, ...]] = Remembered(500)
"""What is wrong with SQL by itself."""


def look_at(runtime: Runtime, library: Resource) -> None:
    """Have the engine look at the SQL of a Library, which is known from then on. Raises Busy."""
    list(_wrong(runtime, library, _asked))


def refuse_wrong(runtime: Runtime, library: Resource) -> None:
    """Refuse a Library whose SQL is not one SELECT, without asking the engine. Raises Invalid, and Busy for SQL that it
    has not looked at."""
    if issues := list(_wrong(runtime, library, _known)):
        raise Invalid(issues=issues)


def is_shipped(library: Resource) -> bool:
    """Whether it is one that comes along, with the SQL that comes along: a release may change that."""
    sql = (each.get("data") for each in library.get("content", ()) if each.get("contentType") == LANGUAGE)
    return library.get("url", "").startswith(LIBRARIES) and next(sql, None) in _shipped()


def library_judged(runtime: Runtime, library: Resource, context: Context) -> Sequence[Issue]:
    """What `$validate` says of a Library's SQL."""
    try:
        return list(_wrong(runtime, library, _asked))
    except Busy as error:
        said = f"The SQL was not looked at: {error}"
        return [Issue("incomplete", said, "Library.content", severity="warning")]


_Judge = Callable[[Analytics, str], Iterable[Issue]]


def _wrong(runtime: Runtime, library: Resource, judge: _Judge) -> Iterable[Issue]:
    for place, content in enumerate(library.get("content", ())):
        data = content.get("data")
        if content.get("contentType") != LANGUAGE or not data or data in _shipped() or runtime.analytics is None:
            continue
        where = f"Library.content[{place}].data"
        try:
            sql = b64decode(data).decode()
        except (Error, UnicodeDecodeError):
            yield Issue("value", "The content of the Library is base64 of UTF-8.", where)
            continue
        yield from (Issue(each.code, each.diagnostics, where) for each in judge(runtime.analytics, sql))


def _asked(analytics: Analytics, sql: str) -> Iterable[Issue]:
    said = _CHECKED.get(sql)
    if said is None:
        try:
            analytics.check(sql)
            said = ()
        except Invalid as error:
            said = tuple(error.issues)
        _CHECKED.put(sql, said)
    return said


def _known(analytics: Analytics, sql: str) -> Iterable[Issue]:
    said = _CHECKED.get(sql)
    if said is None:
        raise Busy("The SQL cannot be looked at now; try again.")
    return said


@lru_cache(1)
def _shipped() -> frozenset[str]:
    """What tests have judged, so that no engine is begun to install it."""
    return frozenset(library["content"][0]["data"] for library in libraries())


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of SQL, with their types, and those by which a Measure is counted: `needed` are all of them, `flags`
    those of populations, `numbers` those that are observed."""

    sql: str
    there: Mapping[str, str]
    needed: Sequence[str]
    flags: Sequence[str]
    numbers: Sequence[str]

    def are_not(self, names: Iterable[str], fits: Callable[[str], object]) -> Iterator[tuple[str, str]]:
        """Those of these columns that are there with a type that does not fit, and the type."""
        named = dict.fromkeys(names)
        return ((name, self.there[name]) for name in named if name in self.there and not fits(self.there[name]))


def _lacking(columns: _Columns) -> Iterator[str]:
    if lacking := [name for name in columns.needed if name not in columns.there]:
        column = "columns" if len(lacking) > 1 else "column"
        yield f"The SELECT has no {column} {', '.join(lacking)}; it has {', '.join(columns.there)}."


def _twice(columns: _Columns) -> Iterator[str]:
    """Engines give the second of a name another one, which the SQL does not have."""
    words = words_of(columns.sql)
    again = (_AGAIN.fullmatch(name) for name in columns.there if name not in words)
    for name in dict.fromkeys(found[1] for found in again if found and found[1] in columns.there):
        yield f"The SELECT has the column {name} more than once; call one of them otherwise, or leave it out."


def _taken(columns: _Columns) -> Iterator[str]:
    """Names of what is put beside the columns of SQL (`counting.relations`)."""
    for name in filter(_OF_A_STRATUM.fullmatch, columns.there):
        yield f"The column {name} has a name that is given to strata here; call it otherwise."


def _other_units(columns: _Columns) -> Iterator[str]:
    for needed, kinds in _UNIT.items():
        for name, kind in columns.are_not([needed], kinds.__contains__):
            yield f"The column {name} is {kind}; it is a {kinds[0]}, which CAST(... AS {kinds[0]}) makes."


def _no_flags(columns: _Columns) -> Iterator[str]:
    for name, kind in columns.are_not(columns.flags, "BOOLEAN".__eq__):
        yield f"The column {name} is {kind}; a population is BOOLEAN, such as {name} = 1."


def _no_numbers(columns: _Columns) -> Iterator[str]:
    for name, kind in columns.are_not(columns.numbers, _NUMBER.fullmatch):
        yield f"The column {name} is {kind}; an observation is a number."


_RULES = (_lacking, _twice, _taken, _other_units, _no_flags, _no_numbers)
"""What may be wrong with columns, each in words."""


def refuse_columns(definition: Definition, columns: Mapping[str, str], conditions: Iterable[str]) -> None:
    """Raise Invalid for columns that the SQL lacks, by which a Measure is counted, that it has twice, or that are of
    another type than it takes, and for those that are put beside its own. `conditions` are those on `unit`."""
    own = [each.column for group in definition.groups for each in group.stratifiers if each.column not in standard()]
    named = (quoted or plain for each in conditions for quoted, plain in _OF_A_UNIT.findall(each))
    flags = [each.column for group in definition.groups for each in group.populations]
    numbers = [group.value for group in definition.groups if group.value]
    judged = _Columns(
        sql=definition.sql,
        there={name.lower(): kind.upper() for name, kind in columns.items()},
        needed=list(dict.fromkeys([*_UNIT, *named, *flags, *numbers, *own])),
        flags=flags,
        numbers=numbers,
    )
    if said := [each for rule in _RULES for each in rule(judged)]:
        raise Invalid(issues=[Issue("invalid", each, SQL) for each in said])


def at_the_sql(error: Invalid) -> Invalid:
    """The same, where the Library has what is wrong."""
    return Invalid(issues=[Issue(each.code, each.diagnostics, each.expression or SQL) for each in error.issues])

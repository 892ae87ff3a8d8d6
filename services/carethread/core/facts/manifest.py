"""What is published of the facts: which files make up each table, and up to where events are in it.

A file never changes once a manifest lists it, and a manifest is replaced as a whole, so whoever has read one reads one
state. A table is its base, without the resources that a delta tells of, and of each resource in the deltas the rows
that the last one has; where it has none any more, a row says so (`_gone`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import orjson

from carethread.core.errors import Busy
from carethread.core.facts.relation import KEY, Relation, quoted

FORMAT = 1

_DAMAGED = AttributeError, KeyError, TypeError, ValueError
"""What reading raises of text that nobody has written so."""

NUMBER, GONE = "_number", "_gone"
"""The columns that a delta has beside those of its relation."""


@dataclass(frozen=True, slots=True)
class File:
    """A file below the folder of the facts, and how many rows it has."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class Published:
    """A table as it is published."""

    view: str
    columns: tuple[tuple[str, str], ...]
    base: tuple[File, ...] = ()
    deltas: tuple[File, ...] = ()

    @property
    def files(self) -> tuple[File, ...]:
        return self.base + self.deltas


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where the facts of a type are published: the change, and the generation that counts changes."""

    changed: int
    generation: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One state of the facts.

    `time` is the moment (microseconds) up to which they are whole; `sources` tells by service and type the greatest
    `ce_sequence` that is in; `number` grows with each publication; `awaited` are tables not filled yet for the first
    time.
    """

    time: int = 0
    number: int = 0
    sources: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    types: Mapping[str, Mark] = field(default_factory=dict)
    tables: Mapping[str, Published] = field(default_factory=dict)
    awaited: tuple[str, ...] = ()

    def files(self) -> set[str]:
        """The paths of all files that are listed."""
        return {each.path for table in self.tables.values() for each in table.files}

    def to_json(self) -> bytes:
        return orjson.dumps({"format": FORMAT, **asdict(self)}, option=orjson.OPT_INDENT_2)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Tables that were made beforehand of all facts, as of a mark, and wait to be listed."""

    mark: Mark
    tables: Mapping[str, Published]

    def to_json(self) -> bytes:
        return orjson.dumps({"format": FORMAT, **asdict(self)})


class Damaged(Busy):
    """A manifest that cannot be read, though it is none of another format."""


def prepared_from_json(text: bytes) -> Prepared | None:
    """Read what was prepared; None where it cannot be, for it can be made again."""
    try:
        raw = orjson.loads(text)
        tables = {name: _published(table) for name, table in raw["tables"].items()}
        return Prepared(_mark(raw["mark"]), tables) if raw["format"] == FORMAT else None
    except _DAMAGED:
        return None


def from_json(text: bytes) -> Manifest:
    """Read a manifest. Raises Busy for one of another format: who writes it has not been here yet; Damaged for what is
    no manifest."""
    try:
        raw = orjson.loads(text)
        if raw["format"] != FORMAT:
            raise Busy(f"The manifest of the facts has format {raw['format']}, and {FORMAT} is known here.")
        return Manifest(
            time=_number(raw["time"]),
            number=_number(raw["number"]),
            sources={
                service: {name: _number(each) for name, each in types.items()}
                for service, types in raw["sources"].items()
            },
            types={name: _mark(mark) for name, mark in raw["types"].items()},
            tables={name: _published(table) for name, table in raw["tables"].items()},
            awaited=tuple(raw["awaited"]),
        )
    except _DAMAGED as error:
        raise Damaged(f"The manifest of the facts cannot be read: {type(error).__name__}.") from None


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _mark(raw: Mapping[str, object]) -> Mark:
    return Mark(_number(raw["changed"]), _number(raw["generation"]))


def _file(raw: Mapping[str, object]) -> File:
    return File(str(raw["path"]), _number(raw["rows"]))


def _published(raw: Mapping[str, list[dict[str, object]]]) -> Published:
    return Published(
        view=str(raw["view"]),
        columns=tuple((str(name), str(kind)) for name, kind in raw["columns"]),
        base=tuple(map(_file, raw["base"])),
        deltas=tuple(map(_file, raw["deltas"])),
    )


def empty(relation: Relation) -> Published:
    return Published(relation.view, relation.columns)


Scan = Callable[[Sequence[str]], str]
"""How an engine spells a table of Parquet files at paths: `read_parquet(['…'])`."""


def select(table: Published, scan: Scan) -> str:
    """A table as SQL that DuckDB and Spark take alike."""
    columns = ", ".join(quoted(name) for name, _ in table.columns)
    base, deltas = (scan([each.path for each in files]) if files else "" for files in (table.base, table.deltas))
    if not base and not deltas:
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in table.columns)
        return f"SELECT {nothing} WHERE 1 = 0"
    if not deltas:
        return f"SELECT {columns} FROM {base}"
    told = f"NOT EXISTS (SELECT 1 FROM {deltas} AS d WHERE d.{KEY} = b.{KEY})"
    kept = [f"SELECT {columns} FROM {base} AS b WHERE {told}"] if base else []
    return " UNION ALL ".join([*kept, f"SELECT {columns} FROM ({latest(deltas)}) AS d WHERE NOT {GONE}"])


def latest(deltas: str) -> str:
    """Of each resource that deltas tell of, what the last one tells."""
    last = f"SELECT {KEY} AS last_id, max({NUMBER}) AS last_number FROM {deltas} AS a GROUP BY {KEY}"
    return f"SELECT e.* FROM {deltas} AS e JOIN ({last}) AS l ON e.{KEY} = l.last_id AND e.{NUMBER} = l.last_number"

"""What two processes say to each other of queries: messages on a pipe, each with its length before it.

They are pickles (https://docs.python.org/3/library/pickle.html), of which nothing is made but plain values and our own
errors, so that who reads SQL's answers need not trust who ran it.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from carethread.adapters.analytics.bounds import Bounds
from carethread.core.facts.manifest import Manifest

LENGTH = struct.Struct(">Q")

_MADE = {
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "uuid": {"UUID", "SafeUUID"},
    "carethread.adapters.analytics.bounds": {"Full"},
    "carethread.core.errors": {"Busy", "Invalid", "TooCostly", "Issue"},
}
"""What an answer may be made of beside what pickle knows by itself, by module."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A relation that a query needs in memory."""

    name: str
    sql: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Opening:
    """One state of the facts; others have other numbers."""

    number: int
    folder: Path
    manifest: Manifest
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: the rows (`rows`), the columns (`columns`), or whether it is one SELECT (`check`). `seconds` are
    left for it."""

    kind: str
    sql: str
    parameters: Mapping[str, object]
    seconds: float
    kept: tuple[Kept, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)


def packed(message: object) -> bytes:
    """With its length before it."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def trusted(body: bytes) -> Any:
    """What a parent said to its child."""
    return pickle.loads(body)


def unpacked(body: bytes) -> Any:
    """What a child said. Raises UnpicklingError for anything but values and errors."""
    return _Careful(io.BytesIO(body)).load()


class _Careful(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name not in _MADE.get(module, ()):
            raise pickle.UnpicklingError("An answer is made of values.")
        return cast("Any", super().find_class(module, name))

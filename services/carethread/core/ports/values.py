"""What the ports speak of: resources as they are stored and sent, and the bounds of a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from carethread.core.events import Event

if TYPE_CHECKING:
    from carethread.core.fhir.search.rows import IndexRows


T = TypeVar("T")

Key = tuple[str, str]
"""A resource's identity: (type, id)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource as it lies in the store. `updated` is in microseconds; a deletion has an empty body."""

    type: str
    id: str
    version: int
    updated: int
    deleted: bool
    body: bytes
    method: str = "PUT"
    key: str = ""
    department: str = ""
    row: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of what lives of a type, in the order that its owner goes through it.

    Every event up to `sequence` had happened when the first chunk was asked for. `through` is the place behind which
    the next chunk begins: a number that only the owner understands.
    """

    sequence: int
    through: int
    versions: Sequence[Stored]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a mirror is with its owner's snapshot.

    `began` is when it was begun (microseconds), `sequence` the owner's number that its first chunk was complete to, and
    `place` the place behind which the snapshot goes on; None: the mirror is whole.
    """

    began: int
    sequence: int
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One version to be stored, with its index rows and, unless it is a copy of another service's, its event."""

    stored: Stored
    index: IndexRows | None
    event: Event | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of matches in order; `next` is the opaque cursor of the following page, empty at the end."""

    matches: Sequence[Stored]
    next: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of history: the versions of types, or with `id` of the one resource, stamped `since` to `until`.

    Times are microseconds, both ends are included. `at` keeps what was current at some moment from its first to
    before its second. `after` is where a page goes on, behind the version with this time, row and number.
    """

    types: tuple[str, ...]
    id: str = ""
    since: int = 0
    until: int = 2**62
    at: tuple[int, int] | None = None
    after: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """What an export holds of a type: its resources as they were at `horizon`, changed after `since`.

    Both are microseconds, and nothing may be able to commit any more at or before the horizon. `params` are reference
    parameters (`Type.code`) of which one must lead to a patient; none: all resources. `deleted`: those that were
    deleted then, instead of those that lived.
    """

    type: str
    horizon: int
    since: int = -1
    params: tuple[str, ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Belongings:
    """What of a service's resources belongs to a patient: those that refer to it by one of `params` (`Type.code`),
    and, if `itself`, the Patient. Whoever was merged with the patient is the patient.

    `since`: only what was changed after it. `dates` are parameters too: what has one of them must touch
    [`begin`, `before`). All times are microseconds.
    """

    patient: str
    params: tuple[str, ...]
    itself: bool = False
    since: int = -1
    dates: tuple[str, ...] = ()
    begin: int = 0
    before: int = 0


Resource = dict[str, Any]
"""A FHIR resource as parsed JSON."""

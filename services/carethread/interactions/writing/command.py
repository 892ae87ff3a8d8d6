"""What is to be written, and what became of it. The one vocabulary of all writes, by themselves or in a Bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from carethread.core.fhir.search.query import SearchQuery
from carethread.core.ports import Key, Resource, Stored

Outcome = Literal["created", "updated", "unchanged", "deleted"]

Verb = Literal["POST", "PUT", "PATCH", "DELETE"]

ANY_VERSION = frozenset({0})
"""If-Match: *, which any version meets; a version is 1 or more."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Criteria that name a resource. Those that may mean the same resource, however they are written, share a key."""

    type: str
    query: SearchQuery
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Command:
    """One write to be done, `verb` being its HTTP method.

    `resource` is what to store, None for a delete; a patch has `change` instead: what is there to what is to be there,
    raising Invalid where it does not fit. `if_match` are the versions of which one must be current, `only_create` is
    If-None-Match: *. A `condition` says which resource is meant; `id` is then the id of a new one, empty where none may
    be made. `fresh`: the id was made here, so nothing can stand there yet. `own`: the service itself decided on it, so
    that its type's rule trusts what only the service says.
    """

    type: str
    id: str
    resource: Resource | None
    if_match: frozenset[int] | None = None
    only_create: bool = False
    fresh: bool = False
    verb: Verb = "PUT"
    change: Callable[[Resource], Resource] | None = None
    condition: Condition | None = None
    own: bool = False

    @property
    def key(self) -> Key:
        return self.type, self.id


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command. `stored` is None for the delete of what was never there."""

    outcome: Outcome
    stored: Stored | None

"""What a service wants of the owners of other types: written down with its cause, sent when that is committed.

Each request is a whole resource under an id that was given before, so that it may be sent again: at least once, in
order for each key. It is gone when the owner has it; one that the owner refuses is kept for a person.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from carethread.core.fhir import json

RequestState = Literal["waiting", "refused"]

URGENT = "!"
"""With what the key of a request begins that is sent before all others, for somebody is called by it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource `type`/`id` as it should be: `body` is all of it.

    `new`: it is made, and left as it is where it is there already (If-None-Match: *). With a `condition`, search
    parameters such as `status=requested`, `body` is a JSON Patch, and is left undone where it does not hold any more.
    What has the same `key` is sent in order, such as all that is about a patient. `backfill` and `traceparent` are
    those of the cause.

    A Bundle that is a transaction is not stored but done, whole or not at all. It is `new` where one of its entries may
    only be made (ifNoneMatch: *), so that it is done once.
    """

    type: str
    id: str
    body: bytes
    key: str
    new: bool = False
    backfill: bool = False
    traceparent: str = ""
    condition: str = ""

    @property
    def path(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def together(self) -> bool:
        """Whether it is a transaction."""
        return bool(_types(self))

    @property
    def writes(self) -> frozenset[str]:
        """The types that it writes."""
        return _types(self) or frozenset((self.type,))


@lru_cache(maxsize=64)
def _types(wanted: Wanted) -> frozenset[str]:
    """The types that a transaction writes; none of what is none."""
    bundle = json.restore(wanted.body) if wanted.type == "Bundle" and not wanted.condition else {}
    entries = bundle.get("entry", ()) if bundle.get("type") == "transaction" else ()
    return frozenset(entry["resource"]["resourceType"] for entry in entries)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under its number: since when it waits (microseconds), how often it was sent, and the OperationOutcome
    of the last answer where that was no success."""

    number: int
    wanted: Wanted
    since: int
    attempts: int
    state: RequestState
    outcome: bytes


class Requests(Protocol):
    """The requests of a service, in the transaction of a session. Leases and pauses go by the database's clock."""

    def put(self, *wanted: Wanted) -> None:
        """Have the owners asked once this transaction is committed; what has the same key in this order."""
        ...

    def claim(self, limit: int, seconds: float, without: Collection[str] = ()) -> list[Asked]:
        """Of each key the first request, where its turn has come and nobody else has it: for so long it is ours. Those
        that are urgent come before all others.

        `without` are types that are left alone now.
        """
        ...

    def done(self, *asked: Asked) -> None:
        """The owners have them; and with each, what was wanted of the same resource before."""
        ...

    def put_off(self, asked: Asked, seconds: float, outcome: bytes = b"") -> None:
        """Give a claimed request back, to be sent again not before some time. Without an outcome it was not tried."""
        ...

    def refuse(self, asked: Asked, outcome: bytes) -> None:
        """Keep a claimed request for a person; those behind it go on."""
        ...

    def soonest(self, without: Collection[str] = ()) -> float | None:
        """Seconds until there is something to claim; None when nothing waits."""
        ...

    def all(self, number: int = 0, *, state: RequestState | None = None, limit: int = 1000) -> list[Asked]:
        """The requests in order, without bodies but for one of a number."""
        ...

    def retry(self, number: int) -> bool:
        """Have a request sent again, now; False when there is none."""
        ...

    def discard(self, number: int) -> bool:
        """Forget a request for ever; False when there is none."""
        ...

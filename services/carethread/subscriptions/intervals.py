"""When a Subscription was `off`, so that nothing was noted for it, or in `error`, so that nothing was sent: by its
versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from carethread.core.fhir import json
from carethread.core.ports import Session, Span, Stored
from carethread.core.ports.deliveries import NEVER

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """`status` from `begin` to before `before` (NEVER: it lasts), in microseconds; the first `reason` that was given.

    A Subscription that was deleted and came again was `off` meanwhile.
    """

    status: str
    begin: int
    before: int
    reason: str = ""

    @property
    def lasts(self) -> bool:
        return self.before == NEVER


def intervals(session: Session, id_: str) -> tuple[int, list[Interval]]:
    """When a Subscription first was there (NEVER: it never was), and its intervals of `off` and `error`, in order."""
    begun, found, before = NEVER, list[Interval](), NEVER
    for stored in _newest_first(session, id_):
        resource = {} if stored.deleted else json.parse_object(stored.body)
        status, reason = resource.get("status", "off"), resource.get("error", "")
        if found and found[-1].begin == before and found[-1].status == status:
            reason, last = reason or found[-1].reason, found.pop()
            found.append(Interval(status, stored.updated, last.before, reason))
        elif status in ("off", "error"):
            found.append(Interval(status, stored.updated, before, reason))
        begun = before = stored.updated
    return begun, found[::-1]


def _newest_first(session: Session, id_: str) -> Iterator[Stored]:
    after: tuple[int, int, int] | None = None
    while page := session.history(Span(("Subscription",), id_, after=after), _PAGE):
        yield from page
        after = (page[-1].updated, page[-1].row, page[-1].version)

"""What a wait leaves on its Appointment, which stays when it is over: since when somebody waited, when they first had
an offer, and how it ended, with a visit that was booked or without one.

From these times anybody can tell how long people wait (fhir_profiles/StructureDefinition/waited.json). Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from carethread.core.clock import instant
from carethread.core.fhir.elements import extension, with_extensions
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

WAITED = PROFILES + "waited"
"""Extension of an entry: `since` when its person waits, when the first slot was `offered` to them, and when it was
`booked`, or they `left` without a visit."""

_WAITS = ("waitlist", "pending")
_ENDS = ("booked", "left")
_LEFT = ("cancelled", "proposed")


def first_offered(entry: Resource, since: int, now: int) -> Resource:
    """The extension of an entry to which a slot is offered at `now`; moments are microseconds."""
    known = extension(entry, WAITED).get("extension", [{"url": "since", "valueInstant": instant(since)}])
    offered = [] if any(each["url"] == "offered" for each in known) else [_part("offered", now)]
    return {"url": WAITED, "extension": [*known, *offered]}


def followed(before: Resource | None, after: Resource, since: Callable[[], int], now: int) -> Resource:
    """The Appointment with what its change at `now` says of a wait; `since` is asked where that is not known yet."""
    waited = extension(before or {}, WAITED)
    waits = before is not None and before["status"] in _WAITS and (before["status"] == "waitlist" or bool(waited))
    if not waits or after["status"] in ("waitlist", "entered-in-error"):
        return after
    known = extension(after, WAITED).get("extension") or waited.get("extension") or [_part("since", since())]
    kept = [each for each in known if each["url"] not in _ENDS]
    end = [] if after["status"] in _WAITS else [_part("left" if after["status"] in _LEFT else "booked", now)]
    said = {"extension": [*kept, *end]}
    stands = said["extension"] == extension(after, WAITED).get("extension")
    return after if stands else with_extensions(after, {WAITED: said})


def _part(name: str, at: int) -> Resource:
    return {"url": name, "valueInstant": instant(at)}

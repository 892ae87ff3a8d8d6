"""What went before a resource, so that a threshold which it meets is told when it is crossed, not while it is met.

It is asked of the owner when an event is matched, as it stood when the event happened, so that whoever asks later gets
the same answer. What the owner cannot say (no date, no code, more than a few corrections since) counts as not there:
rather told once too often. The questions are few for an event, however many subscribe.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence

from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.fhir.search import extract
from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range
from carethread.core.fhir.search.meets import Found, Row, by_parameter, meets
from carethread.core.ports import Request, Resource
from carethread.core.service import Runtime
from carethread.core.settings import GATEWAY
from carethread.subscriptions.focus import version_of
from carethread.subscriptions.life import SERVER
from carethread.subscriptions.matching import Happening
from carethread.subscriptions.topics import Crossing, Trigger

log = logging.getLogger(__name__)

MOST = 10
"""How many are looked at for the one before."""

VERSIONS = 5
"""How many of one resource's newer versions are passed over."""

_SPECIAL = re.compile(r"[\\,$|]")


def before(runtime: Runtime, happening: Happening, trigger: Trigger) -> list[Found]:
    """The index rows of the version before, and of the resource before; see `topics.Crossing`. Raises Busy."""
    crossing = trigger.crossing
    if crossing is None:
        return []
    found: list[Found] = []
    event = happening.event
    if happening.interaction == "update":
        body = _version(runtime, happening, event.resource_id, event.version - 1)
        rows = _rows(runtime, json.parse_object(body)) if body else {}
        if _counts(rows, trigger) and _same(rows, happening.found, crossing):
            found.append(rows)
    for resource in _earlier(runtime, happening, crossing):
        rows = _rows(runtime, resource)
        if _counts(rows, trigger) and _same(rows, happening.found, crossing):
            return [*found, rows]
    return found


def _earlier(runtime: Runtime, happening: Happening, crossing: Crossing) -> Iterator[Resource]:
    """The latest others with the same values, not after this one, each as it stood then."""
    query = _query(happening.found, crossing)
    if query is None:
        return
    event = happening.event
    owner = event.service if runtime.peer.knows(event.service) else GATEWAY
    response = runtime.peer.call(owner, Request("GET", event.resource_type, query, _headers(happening)))
    if response.status >= 500 or response.status == 429:
        raise Busy(f"The service {event.service} answers {response.status}.")
    if response.status != 200:
        log.error("crossing_not_asked", extra={"type": event.resource_type, "status": response.status})
        return
    for entry in json.parse_object(response.body).get("entry", ()):
        resource = entry.get("resource", {})
        if resource.get("resourceType") == event.resource_type and resource["id"] != event.resource_id:
            stood = _as_of(runtime, happening, resource)
            if stood is not None:
                yield stood


def _query(found: Found, crossing: Crossing) -> list[tuple[str, str]] | None:
    """The search for those with the same values; None where the resource has no such values."""
    query = []
    for param in crossing.same:
        values = [value for row in found.get(param, ()) if (value := _value(row))]
        if not values:
            return None
        query.append((param, ",".join(values)))
    at = _at(found, crossing)
    if at is None:
        return None
    return [*query, (crossing.order, f"le{instant(at)}"), ("_sort", f"-{crossing.order}"), ("_count", str(MOST))]


def _value(row: Row) -> str:
    """A row as the value of a search; empty for one that is not asked for in this way."""
    if len(row) == 4:
        return f"{_escaped(row[1])}|{_escaped(row[2])}" if row[2] else ""
    return f"{row[1]}/{row[2]}" if row[2] else _escaped(row[3])


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _at(found: Found, crossing: Crossing) -> int | None:
    starts = [low for _, low, _ in found.get(crossing.order, ()) if EARLIEST < low < LATEST]
    return max(starts, default=None)


def _as_of(runtime: Runtime, happening: Happening, resource: Resource) -> Resource | None:
    """The version that stood when the event happened; None where there was none yet, or too many came since."""
    for _ in range(VERSIONS):
        meta = resource["meta"]
        updated = date_range(meta["lastUpdated"])
        if updated and updated[0] <= happening.event.time:
            return resource
        version = int(meta["versionId"]) - 1
        body = _version(runtime, happening, resource["id"], version) if version else None
        if body is None:
            return None
        resource = json.parse_object(body)
    return None


def _version(runtime: Runtime, happening: Happening, id_: str, version: int) -> bytes | None:
    event = happening.event
    return version_of(runtime, event.service, (event.resource_type, id_), version, Context(principal=SERVER))


def _headers(happening: Happening) -> dict[str, str]:
    return {"traceparent": happening.event.traceparent, "accept": "application/fhir+json", "prefer": "handling=strict"}


def _rows(runtime: Runtime, resource: Resource) -> Found:
    return by_parameter(extract(resource, base=runtime.base_url))


def _counts(rows: Found, trigger: Trigger) -> bool:
    return bool(rows) and all(meets(each, rows) for each in trigger.current or ())


def _same(one: Found, other: Found, crossing: Crossing) -> bool:
    """Whether two have a value in common for each parameter."""
    return all(_values(one.get(param, ())) & _values(other.get(param, ())) for param in crossing.same)


def _values(rows: Sequence[Row]) -> set[str]:
    return {value for row in rows if (value := _value(row))}

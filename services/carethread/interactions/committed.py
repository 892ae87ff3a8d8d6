"""What a service committed of some types in a period, published or not: asked by who has to prove that nothing is
missing.

No part of FHIR, and not routed by the gateway: `GET $committed?types=A,B&begin=…&before=…&after=…&most=…`, times in
microseconds, `after` being the place of the last event that the answer before this one gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime

PATH = "$committed"
MOST = 1000

Place = tuple[int, int, int]
"""Where an event lies in this order: its time, its row, its version."""

BEGINNING: Place = (0, 0, 0)


def query(types: Sequence[str], begin: int, before: int, after: Place, most: int) -> list[tuple[str, str]]:
    """The question, as `committed` reads it."""
    place = ",".join(map(str, after))
    bounds = (("begin", str(begin)), ("before", str(before)), ("after", place), ("most", str(most)))
    return [("types", ",".join(types)), *bounds]


def committed(runtime: Runtime, request: Request, context: Context) -> Response:
    """Answer with a JSON array, one object for each event. Raises Malformed."""
    asked = dict(request.query)
    types = [name for name in asked.get("types", "").split(",") if runtime.service.owns(name)]
    for name in types:
        authorize("history-type", name, context)
    begin, before, most = (_whole(asked, name) for name in ("begin", "before", "most"))
    time, row, version = [*(_whole({"after": part}, "after") for part in asked.get("after", "").split(",")), 0, 0, 0][
        :3
    ]
    found = (
        runtime.store.snapshot(
            lambda session: session.committed(types, begin, before, (time, row, version), min(most, MOST))
        )
        if types
        else []
    )
    return Response(200, {"Content-Type": "application/json"}, json.render([_told(*each) for each in found]))


def _whole(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Malformed(f"{name} is a whole number.", code="value", expression=name)
    return int(text)


def _told(place: Place, event: Event) -> dict[str, Any]:
    return {
        "place": list(place),
        "id": event.id,
        "sequence": event.sequence,
        "verb": event.verb,
        "key": event.key,
        "type": event.resource_type,
        "resourceId": event.resource_id,
        "version": event.version,
        "time": event.time,
        "department": event.department,
        "backfill": event.backfill,
        "changed": list(event.changed),
        "previousStatus": event.previous_status,
        "body": event.data.decode(),
    }


def events_of(service: str, body: bytes) -> list[tuple[Place, Event]]:
    """The events of an answer, each with its place."""
    answer: list[dict[str, Any]] = json.parse(body)
    return [
        (
            (each["place"][0], each["place"][1], each["place"][2]),
            Event(
                id=each["id"],
                service=service,
                verb=each["verb"],
                resource_type=each["type"],
                resource_id=each["resourceId"],
                version=each["version"],
                time=each["time"],
                key=each["key"],
                data=each["body"].encode(),
                sequence=each["sequence"],
                department=each["department"],
                backfill=each["backfill"],
                changed=tuple(each["changed"]),
                previous_status=each["previousStatus"],
            ),
        )
        for each in answer
    ]

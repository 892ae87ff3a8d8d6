"""Stored versions and events as protobuf messages and back, and how many go into one message.

A message may hold the largest resource that the REST edge takes with its metadata. A stream's messages are kept near
1 MiB: large enough that the cost per message does not count, small enough that both ends hold little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from carethread.core.events import Event
from carethread.core.ports import Stored
from carethread.core.service import Limits
from carethread.v1 import events_pb2, fhir_pb2

MESSAGE_BYTES = Limits().body_bytes + 64 * 1024
CHUNK_BYTES = 1024 * 1024


def to_message(stored: Stored) -> fhir_pb2.ResourceVersion:
    """The stored version on the wire; what only its own database knows (`row`, `method`) stays there."""
    return fhir_pb2.ResourceVersion(
        type=stored.type,
        id=stored.id,
        version=stored.version,
        updated_micros=stored.updated,
        deleted=stored.deleted,
        key=stored.key,
        department=stored.department,
        json=stored.body,
    )


def from_message(message: fhir_pb2.ResourceVersion) -> Stored:
    """The version as its owner stored it."""
    return Stored(
        type=message.type,
        id=message.id,
        version=message.version,
        updated=message.updated_micros,
        deleted=message.deleted,
        key=message.key,
        department=message.department,
        body=message.json,
    )


def chunks(versions: Iterable[Stored], limit: int = CHUNK_BYTES) -> Iterator[list[fhir_pb2.ResourceVersion]]:
    """The versions in order, parted so that a message stays under `limit` bytes or holds one; at least one part."""
    part: list[fhir_pb2.ResourceVersion] = []
    size = 0
    for stored in versions:
        message = to_message(stored)
        if part and size + message.ByteSize() > limit:
            yield part
            part, size = [], 0
        part.append(message)
        size += message.ByteSize()
    yield part


def event_part(event: Event) -> bytes:
    """A SubscribeResponse of one event in its wire format: several of them joined are one of all their events.

    So an event is made into bytes once, however many streams it goes into
    (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
    """
    message = events_pb2.Event(
        id=event.id,
        service=event.service,
        sequence=event.sequence,
        type=event.type,
        resource_type=event.resource_type,
        resource_id=event.resource_id,
        version=event.version,
        time_micros=event.time,
        key=event.key,
        department=event.department,
        dataschema=event.dataschema,
        deleted=event.deleted,
        backfill=event.backfill,
        changed=event.changed,
        previous_status=event.previous_status,
        traceparent=event.traceparent,
        dataref=event.dataref,
        json=event.data,
    )
    return events_pb2.SubscribeResponse(events=[message]).SerializeToString()

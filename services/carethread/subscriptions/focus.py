"""The resources that notifications are about: the very version that an event names, read from its owner.

What a subscriber may see is decided when it is told, not when the Subscription was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from carethread.core.context import Context, Principal, authorize
from carethread.core.errors import Busy, Forbidden
from carethread.core.ports import Key, Request
from carethread.core.ports.deliveries import Notification, Subscriber
from carethread.core.service import Runtime
from carethread.core.settings import GATEWAY

DELETE = "delete"
"""The interaction of a match that is a deletion."""


def version_of(runtime: Runtime, service: str, key: Key, version: int, context: Context) -> bytes | None:
    """One version from its owner; None for one that never was, or is the deletion. Raises Busy when he is away."""
    owner = service if runtime.peer.knows(service) else GATEWAY
    headers = {"traceparent": context.traceparent, "accept": "application/fhir+json"}
    asked = Request("GET", f"{key[0]}/{key[1]}/_history/{version}", headers=headers)
    response = runtime.peer.call(owner, asked)
    if response.status == 200:
        return response.body
    if response.status in (404, 410):
        return None
    raise Busy(f"The service {service} answers {response.status}.")


MOST_BYTES = 8 * 1024 * 1024
"""Bytes of the resources that one Bundle tells of."""


def fitting(
    runtime: Runtime,
    subscriber: Subscriber,
    notifications: Sequence[Notification],
    context: Context,
    content: str,
    most_bytes: int = MOST_BYTES,
) -> tuple[Sequence[Notification], dict[int, bytes]]:
    """The first notifications that one Bundle can tell of, at least one, and by number what may be told of each focus:
    its body where `content` is full-resource, else nothing but that it may be named.

    A number that is not there may not be named. Raises Busy when an owner is away.
    """
    found: dict[int, bytes] = {}
    context = replace(context, principal=Principal(subscriber.principal))
    size = 0
    for place, (number, body) in enumerate(_bodies(runtime, notifications, context, content)):
        size += len(body or b"")
        if place and size > most_bytes:
            return notifications[:place], found
        if body is not None:
            found[number] = body
    return notifications, found


def _bodies(
    runtime: Runtime, notifications: Sequence[Notification], context: Context, content: str
) -> Iterator[tuple[int, bytes | None]]:
    """Each number with the body to be shown, empty where it is only named, None where it may not be."""
    for notification in notifications:
        match = notification.match
        if not _may_see(match.type, context):
            yield notification.number, None
        elif content != "full-resource" or match.verb == DELETE:
            yield notification.number, b""
        else:
            place = match.type, match.id
            yield notification.number, version_of(runtime, match.service, place, match.version, context) or b""


def _may_see(type_name: str, context: Context) -> bool:
    try:
        authorize("vread", type_name, context)
    except Forbidden:
        return False
    return True

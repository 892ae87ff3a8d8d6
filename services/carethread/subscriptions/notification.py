"""Notifications as R4 has them: a history Bundle that begins with the subscription's status, as Parameters.

Source: http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4 and
.../backport-subscription-status-r4. Numbers are texts there, for R4 has no integer64.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from carethread.core.clock import instant
from carethread.core.errors import Issue
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.ports import Resource
from carethread.core.ports.deliveries import Match, Notification, Subscriber
from carethread.subscriptions.rules import IG, Wanted, read_wanted

STATUS_PROFILE = f"{IG}/StructureDefinition/backport-subscription-status-r4"
NOTIFICATION_PROFILE = f"{IG}/StructureDefinition/backport-subscription-notification-r4"

UNFIT = "cannot be rendered"
"""What the reason begins with of a notification that was quarantined before it was sent."""

_METHODS: Mapping[str, tuple[str, str]] = {
    "create": ("POST", "201"),
    "update": ("PUT", "200"),
    "delete": ("DELETE", "204"),
}
"""Of each interaction, the method of Bundle.entry.request and the status of Bundle.entry.response."""

_NAMES = UUID("6b1d1bb4-7a0f-5d55-9c5e-0a6f3f1f5a10")


def status_bundle(kind: str, subscription: Resource, subscriber: Subscriber, base_url: str, now: int) -> bytes:
    """A notification of no event: a handshake or a heartbeat."""
    status = status_parameters(kind, subscription, subscriber, base_url, now)
    return _bundle(status, subscription["id"], base_url, now, [])


def event_bundle(
    kind: str,
    subscription: Resource,
    subscriber: Subscriber,
    notifications: Sequence[Notification],
    bodies: Mapping[int, bytes],
    base_url: str,
    now: int,
    content: str = "",
    next_url: str = "",
    hint: str = "",
) -> bytes:
    """The notification of events, or the answer to a query for them; `content` is the Subscription's, or another's.

    `next_url` is where the query goes on, `hint` what else its sender should know.

    `bodies` by number: those that may be named, with the resource where it is to be shown. Of what may not be named
    nothing but the number and the time is told, so that the numbers have no gap.
    """
    wanted = read_wanted(subscription)
    content = content or wanted.content
    named = [each for each in notifications if each.number in bodies and content != "empty"]
    shown = Counter(_url(each.match, base_url) for each in named if bodies[each.number])
    focuses = {each.number: _focus(each.match, base_url, alone=shown[_url(each.match, base_url)] < 2) for each in named}
    events = [_event(each, focuses.get(each.number)) for each in notifications]
    last = notifications[-1].number if notifications else 0
    told = _topic(wanted, content)
    status = _status(kind, subscription, max(subscriber.number, last), subscriber, base_url, now, told + events)
    entries = [_entry(e, bodies[e.number], base_url) for e in named]
    return _bundle(status, subscription["id"], base_url, now, entries, next_url, hint)


def status_parameters(kind: str, subscription: Resource, subscriber: Subscriber, base_url: str, now: int) -> Resource:
    """The status of a subscription, as `$status` tells it too."""
    wanted = read_wanted(subscription)
    topic = _topic(wanted, wanted.content)
    return _status(kind, subscription, subscriber.number, subscriber, base_url, now, topic)


def _topic(wanted: Wanted, content: str) -> list[Resource]:
    return [] if content == "empty" else [{"name": "topic", "valueCanonical": wanted.topic}]


def _status(
    kind: str,
    subscription: Resource,
    number: int,
    subscriber: Subscriber,
    base_url: str,
    now: int,
    more: Sequence[Resource],
) -> Resource:
    id_ = subscription["id"]
    error = subscription.get("error") or subscriber.error
    topic = [each for each in more if each["name"] == "topic"]
    return {
        "resourceType": "Parameters",
        "id": str(uuid5(_NAMES, f"{id_}/{kind}/{number}/{now}")),
        "meta": {"profile": [STATUS_PROFILE]},
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": f"{base_url}/Subscription/{id_}"}},
            *topic,
            {"name": "status", "valueCode": subscription["status"]},
            {"name": "type", "valueCode": kind},
            {"name": "events-since-subscription-start", "valueString": str(number)},
            *(each for each in more if each not in topic),
            *([{"name": "error", "valueCodeableConcept": {"text": error}}] if error else []),
        ],
    }


def _focus(match: Match, base_url: str, *, alone: bool) -> str:
    """The focus by its URL; where several versions of it are shown, by that of the version, for its URL would mean all
    of them."""
    url = _url(match, base_url)
    return url if alone else f"{url}/_history/{match.version}"


def _event(notification: Notification, focus: str | None) -> Resource:
    match = notification.match
    part: list[Resource] = [
        {"name": "event-number", "valueString": str(notification.number)},
        {"name": "timestamp", "valueInstant": instant(match.time)},
    ]
    if focus:
        part.append({"name": "focus", "valueReference": {"reference": focus}})
    return {"name": "notification-event", "part": part}


def _url(match: Match, base_url: str) -> str:
    return f"{base_url}/{match.type}/{match.id}"


def _entry(notification: Notification, body: bytes, base_url: str) -> bytes:
    match = notification.match
    method, status = _METHODS[match.verb]
    answered = {"status": status, "etag": f'W/"{match.version}"', "lastModified": instant(match.time)}
    parts = [b'"fullUrl":' + json.render(_url(match, base_url))]
    if body:
        parts.append(b'"resource":' + body)
    asked = {"method": method, "url": match.type if method == "POST" else f"{match.type}/{match.id}"}
    parts += [b'"request":' + json.render(asked), b'"response":' + json.render(answered)]
    return b"{" + b",".join(parts) + b"}"


def _bundle(
    status: Resource, id_: str, base_url: str, now: int, entries: Sequence[bytes], next_url: str = "", hint: str = ""
) -> bytes:
    outcome = operation_outcome([Issue("incomplete", hint, severity="warning")]) if hint else None
    first = {
        "fullUrl": f"urn:uuid:{status['id']}",
        "resource": status,
        "request": {"method": "GET", "url": f"{base_url}/Subscription/{id_}/$status"},
        "response": {"status": "200", **({"outcome": outcome} if outcome else {})},
    }
    head = {
        "resourceType": "Bundle",
        "id": str(uuid5(_NAMES, status["id"])),
        "meta": {"profile": [NOTIFICATION_PROFILE]},
        "type": "history",
        "timestamp": instant(now),
        **({"link": [{"relation": "next", "url": next_url}]} if next_url else {}),
    }
    return json.render(head)[:-1] + b',"entry":[' + b",".join([json.render(first), *entries]) + b"]}"

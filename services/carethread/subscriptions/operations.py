"""What may be asked of a Subscription: $status, $events, $resend, $get-ws-binding-token.

Source: http://hl7.org/fhir/uv/subscriptions-backport, "Operations".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, restrict
from carethread.core.errors import Invalid, Issue, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import asked_range
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource, Response, Session
from carethread.core.ports.deliveries import Notification, Subscriber
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read
from carethread.interactions.rest.bundle import entry, searchset
from carethread.interactions.rest.exchange import CONTENT
from carethread.subscriptions import tokens
from carethread.subscriptions.focus import fitting
from carethread.subscriptions.life import TYPE
from carethread.subscriptions.notification import event_bundle, status_parameters
from carethread.subscriptions.report import delivery_report
from carethread.subscriptions.rules import CONTENTS, IG, read_wanted

MOST_SUBSCRIPTIONS = 1000
MOST_EVENTS = 1000
"""How many one answer holds; who wants more asks on."""

_STATUSES = ("requested", "active", "error", "off")
_FOR_EVER = 2**62


def status(runtime: Runtime, call: Call, context: Context) -> Response:
    """A searchset of the status of one subscription, or of those that `id` and `status` name, or of all."""
    now = to_micros(context.clock())
    entries = [
        entry(f"urn:uuid:{told['id']}", json.render(told), search=b'{"mode":"match"}')
        for told in (
            status_parameters("query-status", subscription, subscriber, runtime.base_url, now)
            for subscription, subscriber in _asked(runtime, call, context)
        )
    ]
    return Response(200, CONTENT, searchset("searchset", len(entries), {}, entries))


def _asked(runtime: Runtime, call: Call, context: Context) -> list[tuple[Resource, Subscriber]]:
    """The subscriptions that a call is about, each with its delivery."""
    if call.id:
        subscription = json.parse_object(read(runtime, (TYPE, call.id), context).body)
        return runtime.store.snapshot(lambda session: _known(session, [subscription]))
    criteria = [("_id", ",".join(_ids(call)))] if "id" in call.params else []
    statuses = call.params.get("status", [])
    if any(each not in _STATUSES for each in statuses):
        raise Malformed(f"status is one of {', '.join(_STATUSES)}.", code="value", expression="status")
    criteria += [("status", ",".join(statuses))] if statuses else []
    query = restrict(parse_query(TYPE, criteria, strict=True, base=runtime.base_url), context)

    def work(session: Session) -> list[tuple[Resource, Subscriber]]:
        page = session.search(query, MOST_SUBSCRIPTIONS)
        if page.next:
            raise Malformed(
                f"These are more than {MOST_SUBSCRIPTIONS} subscriptions; name some by id or status.",
                code="too-costly",
                expression="id",
            )
        return _known(session, [json.parse_object(stored.body) for stored in page.matches])

    return runtime.store.snapshot(work)


def _ids(call: Call) -> Sequence[str]:
    ids = call.params.get("id", [])
    if not ids or not all(map(is_id, ids)):
        raise Malformed("id is the id of a Subscription.", code="value", expression="id")
    return ids


def _known(session: Session, subscriptions: Sequence[Resource]) -> list[tuple[Resource, Subscriber]]:
    known = {each.subscription: each for each in session.deliveries.subscribers([s["id"] for s in subscriptions])}
    return [(each, known[each["id"]]) for each in subscriptions if each["id"] in known]


def events(runtime: Runtime, call: Call, context: Context) -> Response:
    """The notifications by number, whatever became of them, as a Bundle of kind `query-event`.

    It has as many as one answer holds, by number and by bytes, and the link `next` where more follow.
    """
    ((subscription, subscriber),) = _asked(runtime, call, context) or [_unknown(call.id)]
    since, until = _number(call, "eventsSinceNumber", 1), _number(call, "eventsUntilNumber", _FOR_EVER)
    given = call.params.get("content", [])
    content = given[0] if given else read_wanted(subscription).content
    if len(given) > 1 or content not in CONTENTS:
        raise Malformed(f"content is one of {', '.join(CONTENTS)}.", code="value", expression="content")
    most = MOST_EVENTS + 1
    found = runtime.store.snapshot(lambda session: session.deliveries.notifications(call.id, since, until, most))
    told, shown = fitting(runtime, subscriber, found[:MOST_EVENTS], context, content)
    body = event_bundle(
        "query-event",
        subscription,
        subscriber,
        told,
        shown,
        runtime.base_url,
        to_micros(context.clock()),
        content,
        _next(runtime, call, found[len(told)].number) if len(told) < len(found) else "",
        _gone(told, since, min(until, subscriber.number) if len(told) == len(found) else told[-1].number),
    )
    return Response(200, CONTENT, body)


def _next(runtime: Runtime, call: Call, since: int) -> str:
    """Where a query for events goes on."""
    asked = [(name, value) for name, values in call.params.items() for value in values if name != "eventsSinceNumber"]
    query = urlencode([("eventsSinceNumber", str(since)), *asked])
    return f"{runtime.base_url}/{TYPE}/{call.id}/$events?{query}"


def _gone(told: Sequence[Notification], since: int, until: int) -> str:
    """What to say where numbers from `since` through `until` are missing: numbers have no gap of their own."""
    first = max(since, 1)
    missing = max(0, until - first + 1) - len(told)
    if missing <= 0:
        return ""
    return (
        f"{missing} of the events {first} to {until} are no longer kept: they were acknowledged longer ago than events "
        "are kept here."
    )


def _unknown(id_: str) -> tuple[Resource, Subscriber]:
    raise Invalid(f"Subscription/{id_} is not known to the delivery yet; try again.", code="transient")


def _number(call: Call, name: str, otherwise: int) -> int:
    given = call.params.get(name, [])
    if not given:
        return otherwise
    if len(given) > 1 or not (given[0].isascii() and given[0].isdigit() and len(given[0]) < 18):
        raise Malformed(f"{name} is one whole number.", code="value", expression=name)
    return int(given[0])


def resend(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Have notifications delivered once more, before those that wait; by number, or by when their events happened."""
    ((_, subscriber),) = _asked(runtime, call, context) or [_unknown(call.id)]
    since, until = _number(call, "eventsSinceNumber", 1), _number(call, "eventsUntilNumber", _FOR_EVER)
    begin, before = _instant(call, "eventsSinceInstant", 0, 0), _instant(call, "eventsUntilInstant", _FOR_EVER, 1)
    if not any(name.startswith("events") for name in call.params):
        raise Malformed(
            "Say which events: eventsSinceNumber, eventsUntilNumber, eventsSinceInstant or eventsUntilInstant.",
            code="required",
            expression="eventsSinceNumber",
        )
    now = to_micros(context.clock())

    def work(session: Session) -> int:
        opened, after = 0, since - 1
        while found := session.deliveries.between(call.id, begin, before, after, MOST_EVENTS):
            numbers = [each.number for each in found if each.number <= until]
            opened += session.deliveries.reopen(call.id, numbers, now) if numbers else 0
            after = found[-1].number
            if after >= until:
                break
        return opened

    opened = runtime.store.transact(work)
    waits = "" if subscriber.status == "active" else f" They wait, for the subscription is {subscriber.status}."
    said = f"{opened} notifications will be sent again; those that wait are sent anyway.{waits}"
    return operation_outcome([Issue("informational", said, severity="information")])


def _instant(call: Call, name: str, otherwise: int, end: int) -> int:
    given = call.params.get(name, [])
    if not given:
        return otherwise
    span = asked_range(given[0]) if len(given) == 1 and "T" in given[0] else None
    if span is None:
        raise Malformed(f"{name} is one instant, such as 2026-01-31T08:00:00Z.", code="value", expression=name)
    return span[end]


def get_ws_binding_token(runtime: Runtime, call: Call, context: Context) -> Resource:
    """A token by which a websocket is bound to subscriptions of that channel. Raises Invalid for others."""
    if not call.id and "id" not in call.params:
        raise Malformed("id names the Subscriptions to be bound.", code="required", expression="id")
    ids = [call.id] if call.id else sorted(set(_ids(call)))
    found = {subscription["id"]: subscriber for subscription, subscriber in _asked(runtime, call, context)}
    for id_ in ids:
        if id_ not in found or found[id_].channel != "websocket" or found[id_].status == "off":
            raise Invalid(
                f"Subscription/{id_} is none with the channel websocket that is not off.",
                code="business-rule",
                expression="id",
            )
    token, expires = tokens.issue(runtime, ids, context)
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "token", "valueString": token},
            {"name": "expiration", "valueDateTime": instant(expires)},
            *({"name": "subscription", "valueString": id_} for id_ in ids),
            {"name": "websocket-url", "valueUrl": runtime.websocket_url},
        ],
    }


def _strict(operation: Operation) -> Operation:
    """The operation, refusing a parameter that it does not have: a misspelt bound would ask for everything."""

    def handler(runtime: Runtime, call: Call, context: Context) -> Resource | Response:
        refuse_unknown(call, f"${operation.name}", operation.parameters)
        return operation.handler(runtime, call, context)

    return replace(operation, handler=handler)


_OPERATIONS = (
    Operation(
        name="status",
        type=TYPE,
        levels=("type", "instance"),
        definition=f"{IG}/OperationDefinition/backport-subscription-status",
        handler=status,
        parameters=("id", "status"),
    ),
    Operation(
        name="events",
        type=TYPE,
        levels=("instance",),
        definition=f"{IG}/OperationDefinition/backport-subscription-events",
        handler=events,
        parameters=("eventsSinceNumber", "eventsUntilNumber", "content"),
    ),
    Operation(
        name="resend",
        type=TYPE,
        levels=("instance",),
        definition=f"{IG}/OperationDefinition/backport-subscription-resend",
        handler=resend,
        affects_state=True,
        parameters=("eventsSinceNumber", "eventsUntilNumber", "eventsSinceInstant", "eventsUntilInstant"),
    ),
    Operation(
        name="get-ws-binding-token",
        type=TYPE,
        levels=("type", "instance"),
        definition=f"{IG}/OperationDefinition/backport-subscription-get-ws-binding-token",
        handler=get_ws_binding_token,
        parameters=("id",),
    ),
    Operation(
        name="delivery-report",
        type=TYPE,
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/delivery-report",
        handler=delivery_report,
        parameters=("from", "to"),
    ),
)

OPERATIONS = tuple(map(_strict, _OPERATIONS))

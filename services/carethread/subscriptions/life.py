"""The life of a Subscription: each write enlists it with the ledger, in the same transaction.

requested → active after the handshake → error when it cannot be delivered, off at its end or when the client says so;
a client asks for another try by `requested`. The server owns `status` and `error`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from carethread.core.clock import to_micros
from carethread.core.context import ANONYMOUS, Context, Principal
from carethread.core.endpoints import endpoint
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session
from carethread.core.ports.deliveries import Status, Subscriber
from carethread.core.service import Ruling, Runtime, Unit
from carethread.interactions.writing.apply import apply
from carethread.interactions.writing.command import Command
from carethread.subscriptions.rules import Surroundings, Wanted, judge, next_status, read_wanted

SERVER = Principal("subscriptions")
"""Who writes what the server owns."""

TYPE = "Subscription"


def subscription_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse what can never match or be delivered; give it its status; enlist it. Raises Invalid."""
    now = to_micros(unit.context.clock())
    deliveries = unit.session.deliveries
    stands = deliveries.subscriber(id_)
    if after is None:
        if stands is not None:
            deliveries.enlist(replace(stands, status="off"), (), now)
        return Ruling()
    if unit.context.principal == SERVER:
        enlist(unit.session, after, id_, stands.principal if stands else SERVER.name, now)
        return Ruling()
    changed = before is None or _asked(before) != _asked(after)
    status = next_status(after["status"], before["status"] if before else None, changed=changed)
    if status == "off":
        read_wanted(after)
    else:
        judge(after, surroundings(unit.runtime, now))
    resource = {name: value for name, value in after.items() if name != "error"} | {"status": status}
    if before is not None and status == before["status"] and "error" in before:
        resource["error"] = before["error"]
    enlist(unit.session, resource, id_, unit.context.principal.name, now)
    return Ruling(resource=resource)


def _asked(subscription: Resource) -> Resource:
    """What the client asks for, without what the server owns and without what changes nothing."""
    kept = ("criteria", "_criteria", "channel", "end")
    return {name: value for name, value in subscription.items() if name in kept}


def surroundings(runtime: Runtime, now: int) -> Surroundings:
    return Surroundings(runtime.base_url, now, runtime.websocket_url, runtime.webhook_http, runtime.webhook_networks)


def enlist(session: Session, subscription: Resource, id_: str, principal: str, now: int) -> None:
    """Let the ledger know what a Subscription asks for."""
    wanted = read_wanted(subscription)
    session.deliveries.enlist(subscriber_of(subscription, wanted, id_, principal), wanted.filters, now)


def subscriber_of(subscription: Resource, wanted: Wanted, id_: str, principal: str) -> Subscriber:
    """A Subscription as the ledger knows it."""
    return Subscriber(
        subscription=id_,
        topic=wanted.topic.partition("|")[0],
        channel=wanted.channel,
        status=subscription["status"],
        principal=principal,
        origin=endpoint(wanted.endpoint, http=True).origin if wanted.channel == "rest-hook" else "",
        ends=wanted.ends,
        heartbeat=wanted.heartbeat,
        error=subscription.get("error", ""),
    )


def set_status(runtime: Runtime, id_: str, status: Status, error: str, context: Context) -> None:
    """Write what the server has found out of a Subscription, as a version with its event; nothing where it says so
    already, or is deleted, or the client has turned it off. Not inside a transaction. Raises Busy.
    """
    own = Context(SERVER, context.clock, context.new_id, context.traceparent)

    def change(stands: Resource) -> Resource:
        if stands["status"] == "off":
            raise _AsItIs
        found = {name: value for name, value in stands.items() if name != "error"} | {"status": status}
        if error:
            found["error"] = error
        if found == stands:
            raise _AsItIs
        return found

    stored = runtime.store.glance(lambda session: session.current([(TYPE, id_)])).get((TYPE, id_))
    if stored is None or stored.deleted:
        return
    try:
        apply(runtime, [Command(TYPE, id_, None, verb="PATCH", change=change)], own)
    except _AsItIs:
        return


class _AsItIs(Invalid):
    """There is nothing to write."""


def refresh(session: Session, ids: Iterable[str], now: int) -> None:
    """Enlist Subscriptions as they are stored: a transaction across services stores them without their rule."""
    stored = session.current([(TYPE, id_) for id_ in ids], lock=True)
    for (_, id_), version in sorted(stored.items()):
        known = session.deliveries.subscriber(id_)
        if not version.deleted:
            enlist(session, json.parse_object(version.body), id_, known.principal if known else ANONYMOUS.name, now)
        elif known is not None and known.status != "off":
            session.deliveries.enlist(replace(known, status="off"), (), now)

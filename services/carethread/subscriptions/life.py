"""The life of a Subscription: each version that is stored is enlisted with the ledger, in the same transaction.

requested → active after the handshake → error when it cannot be delivered, off at its end or when the client says so;
a client asks for another try by `requested`. The server owns `status` and `error`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from carethread.core.clock import to_micros
from carethread.core.context import ANONYMOUS, Context, Principal
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session
from carethread.core.ports.deliveries import Status, Subscriber
from carethread.core.service import Ruling, Runtime, Unit
from carethread.core.webhooks.endpoints import endpoint
from carethread.interactions.writing.apply import apply
from carethread.interactions.writing.command import Command
from carethread.subscriptions.rules import Surroundings, Wanted, judge, next_status, read_wanted

SERVER = Principal("subscriptions")
"""Who writes what the server owns."""

TYPE = "Subscription"


def subscription_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse what can never match or be delivered; give it its status. Raises Invalid."""
    if after is None or unit.context.principal == SERVER:
        return Ruling()
    changed = before is None or _asked(before) != _asked(after)
    status = next_status(after["status"], before["status"] if before else None, changed=changed)
    if status == "off" and not changed:  # it may be ended though it could not be begun any more
        read_wanted(after)
    else:
        judge(after, surroundings(unit.runtime, to_micros(unit.context.clock())))
    resource = {name: value for name, value in after.items() if name != "error"} | {"status": status}
    if before is not None and status == before["status"] and "error" in before:
        resource["error"] = before["error"]
    return Ruling(resource=resource)


def subscription_stored(runtime: Runtime, session: Session, ids: Iterable[str], context: Context) -> None:
    """Let the ledger know what was stored, as its writer wants it: who writes `requested` once more has another try."""
    now = to_micros(context.clock())
    for id_, subscription, known in _stored(session, ids):
        if subscription is None:
            _leave(session, known, now)
        else:
            whose = known.principal if known and context.principal == SERVER else context.principal.name
            enlist(session, subscription, id_, whose, now)


def _stored(session: Session, ids: Iterable[str]) -> Iterator[tuple[str, Resource | None, Subscriber | None]]:
    """Subscriptions as they are stored, None where one is not, or no longer, each with what the ledger says."""
    ids = sorted(set(ids))
    stored = session.current([(TYPE, id_) for id_ in ids], lock=True)
    for id_ in ids:
        version = stored.get((TYPE, id_))
        subscription = json.parse_object(version.body) if version and not version.deleted else None
        yield id_, subscription, session.deliveries.subscriber(id_)


def _leave(session: Session, known: Subscriber | None, now: int) -> None:
    """What is not there any more is told of nothing."""
    if known is not None and known.status != "off":
        session.deliveries.enlist(replace(known, status="off"), (), now)


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
    already, or is deleted, or the client has turned it off: then the ledger is made to say the same. Not inside a
    transaction. Raises Busy.
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
    try:
        if stored is None or stored.deleted:
            raise _AsItIs
        apply(runtime, [Command(TYPE, id_, None, verb="PATCH", change=change)], own)
    except _AsItIs:
        runtime.store.transact(lambda session: refresh(session, [id_], to_micros(own.clock())))


class _AsItIs(Invalid):
    """There is nothing to write."""


def refresh(session: Session, ids: Iterable[str], now: int) -> None:
    """Make the ledger say what is stored, where it says something else."""
    for id_, subscription, known in _stored(session, ids):
        if subscription is None:
            _leave(session, known, now)
        elif known is None or not _agrees(session, subscription, known):
            enlist(session, subscription, id_, known.principal if known else ANONYMOUS.name, now)


def _agrees(session: Session, subscription: Resource, known: Subscriber) -> bool:
    wanted, interest = read_wanted(subscription), session.deliveries.interest(known.subscription)
    asked = subscriber_of(subscription, wanted, known.subscription, known.principal)
    names = ("topic", "channel", "status", "origin", "ends", "heartbeat")
    same = all(getattr(asked, name) == getattr(known, name) for name in names)
    return same and interest is not None and interest.filters == wanted.filters

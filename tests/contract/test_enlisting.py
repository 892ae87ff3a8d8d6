"""The ledger says what the stored Subscription says, however it was written: alone, or by a transaction across services
that was committed, dropped, or of which only the event arrives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.tables import subscribers
from carethread.core.context import Context, Principal
from carethread.core.ports.deliveries import Interest, Subscriber
from carethread.interactions.rest.handling import handle
from carethread.interactions.transaction.message import Part, part_for
from carethread.interactions.transaction.part import commit, drop, prepare
from carethread.interactions.transaction.plan import Step
from carethread.subscriptions.life import refresh, set_status
from support.subscribers import Desk, subscription

OLD, NEW = "http://127.0.0.1:9/old", "http://127.0.0.1:8/new"
SENDER = Principal("ward")

Said = tuple[Subscriber | None, Interest | None]


@pytest.fixture
def desk(store) -> Desk:
    desk = Desk(store)
    desk.put(subscription("s1", OLD))
    desk.deliver()
    return desk


def said(desk: Desk, id_: str) -> Said:
    return desk.store.glance(lambda session: (session.deliveries.subscriber(id_), session.deliveries.interest(id_)))


def part(method: str, id_: str, resource: dict[str, Any] | None, *, reads: bool) -> Part:
    steps = [Step(0, method, f"Subscription/{id_}", id_, resource, {})]
    steps += [Step(1, "GET", f"Subscription/{id_}", "", None, {})] if reads else []
    return part_for(steps, "", Context(SENDER))


def changes(desk: Desk) -> dict[str, tuple[str, str, dict[str, Any] | None]]:
    stands = desk.get("s1")
    moved = {**stands, "channel": {**stands["channel"], "endpoint": NEW}}
    return {
        "created": ("PUT", "s2", subscription("s2", NEW)),
        "changed": ("PUT", "s1", moved),
        "off": ("PUT", "s1", {**stands, "status": "off"}),
        "deleted": ("DELETE", "s1", None),
    }


WHAT = pytest.mark.parametrize("what", ["created", "changed", "off", "deleted"])
READS = pytest.mark.parametrize("reads", [False, True], ids=["alone", "read"])


@WHAT
@READS
def test_what_is_dropped_leaves_no_trace(desk: Desk, what: str, *, reads: bool) -> None:
    method, id_, resource = changes(desk)[what]
    before = said(desk, id_)
    if method == "PUT" or not reads:
        prepare(desk.runtime, "t1", part(method, id_, resource, reads=reads), desk.context, handle)
        assert said(desk, id_) == before, "it is not decided yet"
        drop(desk.runtime, "t1")
    assert said(desk, id_) == before


@WHAT
def test_what_is_committed_is_enlisted_as_its_sender_wanted(desk: Desk, what: str) -> None:
    method, id_, resource = changes(desk)[what]
    prepare(desk.runtime, "t1", part(method, id_, resource, reads=method == "PUT"), desk.context, handle)
    commit(desk.runtime, "t1", Context(Principal("gateway"), desk.clock), handle)
    subscriber, interest = said(desk, id_)
    assert subscriber and interest
    wanted = {
        "created": ("requested", "http://127.0.0.1:8", "ward"),
        "changed": ("requested", "http://127.0.0.1:8", "ward"),
        "off": ("off", "http://127.0.0.1:9", "ward"),
        "deleted": ("off", "http://127.0.0.1:9", "department"),
    }
    assert (subscriber.status, subscriber.origin, subscriber.principal) == wanted[what]
    assert interest.status == subscriber.status
    desk.store.transact(lambda session: refresh(session, [id_], desk.now))
    assert said(desk, id_) == (subscriber, interest), "its event brings nothing new"
    commit(desk.runtime, "t1", desk.context, handle)
    assert said(desk, id_) == (subscriber, interest), "told twice"


@WHAT
def test_a_ledger_that_knows_nothing_learns_it_from_the_event(desk: Desk, what: str) -> None:
    _, id_, resource = changes(desk)[what]
    desk.put(resource) if resource else desk.delete(id_)
    right = said(desk, id_)
    with writing(desk.store.engine) as connection:
        connection.execute(delete(subscribers).where(subscribers.c.subscription == id_))
    desk.store.transact(lambda session: refresh(session, [id_], desk.now))
    subscriber, _ = said(desk, id_)
    assert (subscriber and subscriber.status) == (None if what == "deleted" else right[0] and right[0].status)


@pytest.mark.parametrize("status", ["active", "requested", "off"])
def test_telling_the_status_repairs_the_ledger(desk: Desk, status: Any) -> None:
    stands = said(desk, "s1")[0]
    assert stands and stands.status == "active"
    wrong = replace(stands, origin="https://other.example", status=status, heartbeat=60)
    desk.store.transact(lambda session: session.deliveries.enlist(wrong, ["Appointment?status=booked"], desk.now))
    set_status(desk.runtime, "s1", "active", "", desk.context)
    subscriber, interest = said(desk, "s1")
    assert subscriber and interest
    assert (subscriber.status, subscriber.origin, subscriber.heartbeat) == ("active", "http://127.0.0.1:9", 0)
    assert interest.filters == () and desk.versions("s1") == 2, "nothing was written but the ledger"


def test_a_subscription_that_is_not_there_is_told_of_nothing(desk: Desk) -> None:
    ghost = Subscriber("ghost", subscription("ghost", OLD)["criteria"], "rest-hook", "active")
    desk.store.transact(lambda session: session.deliveries.enlist(ghost, (), desk.now))
    set_status(desk.runtime, "ghost", "error", "Nobody answers.", desk.context)
    assert desk.subscriber("ghost").status == "off"

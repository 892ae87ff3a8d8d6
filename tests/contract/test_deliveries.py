"""The ledger of notifications on both databases: numbers without gaps, once for each event, and leases."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.ports import Deliveries
from carethread.core.ports.deliveries import NEVER, Match, Notification, Subscriber

TOPIC = "https://carethread.dev/fhir/SubscriptionTopic/appointment-booked"
HOUR = 3_600_000_000


def subscriber(name: str = "front-desk", **more: Any) -> Subscriber:
    return replace(Subscriber(name, TOPIC, "rest-hook", "active", origin="https://desk.example"), **more)


def match(number: int, subscription: str = "front-desk", *, service: str = "scheduling") -> Match:
    return Match(
        subscription=subscription,
        ce_id=f"event-{number}",
        service=service,
        sequence=number,
        type="Appointment",
        id=f"a{number}",
        version=1,
        verb="create",
        key="Patient/p1",
        time=number * 1000,
    )


Do = Callable[[Callable[[Deliveries], Any]], Any]
"""Does something with the ledger, in a transaction of its own."""


@pytest.fixture
def do(store: SqlStore) -> Do:
    return lambda work: store.transact(lambda session: work(session.deliveries))


def enlisted(do: Do, *subscribers: Subscriber, filters: Sequence[str] = ()) -> None:
    def work(d: Deliveries) -> None:
        for each in subscribers:
            d.enlist(each, filters, 10)

    do(work)


def told_to(do: Do, subscription: str) -> list[Notification]:
    found: list[Notification] = do(lambda d: d.notifications(subscription, 1, NEVER, 1000))
    return found


def test_matches_get_numbers_without_a_gap_and_each_event_once(do: Do) -> None:
    enlisted(do, subscriber(), subscriber("ward"))
    assert do(lambda d: d.append([match(1), match(1, "ward"), match(2), match(1)], 100)) == 3
    assert do(lambda d: d.append([match(2), match(3), match(3, "ward")], 200)) == 2
    told = do(lambda d: [(n.number, n.match.ce_id, n.matched) for n in d.notifications("front-desk", 1, NEVER, 10)])
    assert told == [(1, "event-1", 100), (2, "event-2", 100), (3, "event-3", 200)]
    assert do(lambda d: [n.number for n in d.notifications("ward", 2, 2, 10)]) == [2]
    assert do(lambda d: d.append([], 300)) == 0
    known = do(lambda d: d.subscribers(["ward", "front-desk", "nobody"]))
    assert [(each.subscription, each.number) for each in known] == [("front-desk", 3), ("ward", 2)]


def test_an_undone_transaction_leaves_no_gap(do: Do, store: SqlStore) -> None:
    enlisted(do, subscriber())

    def fails(d: Deliveries) -> None:
        d.append([match(1)], 100)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        do(fails)
    do(lambda d: d.append([match(2)], 100))
    assert do(lambda d: [(n.number, n.match.ce_id) for n in d.pending("front-desk", 10)]) == [(1, "event-2")]


def test_a_subscriber_begins_behind_what_was_seen(do: Do) -> None:
    assert do(lambda d: d.reach({"scheduling": 7, "records": 3})) == 0
    assert do(lambda d: d.reach({"scheduling": 5})) == 0, "a number that was seen is never taken back"
    enlisted(do, subscriber(), filters=["Appointment?patient=p1"])
    assert do(lambda d: d.reach({"scheduling": 9})) == 1
    (interest,) = do(lambda d: d.interests(0))
    assert interest.starts == {"scheduling": 7, "records": 3}
    assert (interest.filters, interest.status, interest.ends) == (("Appointment?patient=p1",), "active", NEVER)
    assert do(lambda d: d.interests(1)) == []
    enlisted(do, subscriber(ends=HOUR))
    (interest,) = do(lambda d: d.interests(1))
    assert (interest.starts, interest.ends) == ({"scheduling": 7, "records": 3}, HOUR), "a change leaves no gap"
    enlisted(do, subscriber(status="off"), subscriber(status="requested"))
    (interest,) = do(lambda d: d.interests(2))
    assert interest.starts == {"scheduling": 9, "records": 3}, "what happened while it was off is not told"
    assert interest == do(lambda d: d.interest("front-desk"))
    assert do(lambda d: d.reached()) == {"scheduling": 9, "records": 3}
    assert do(lambda d: d.interest("nobody")) is None


def test_whoever_matches_keeps_others_from_beginning(do: Do, store: SqlStore) -> None:
    """Consumers and new subscribers at once: each event behind the start is told, none before it, and no number is
    given twice."""
    together = Barrier(3)

    def consume(service: str) -> None:
        together.wait()
        for number in range(1, 30):

            def work(d: Deliveries, number: int = number) -> None:
                d.reach({service: number})
                told = [i for i in d.interests(0) if i.starts.get(service, 0) < number and i.status != "off"]
                d.append(
                    [
                        replace(match(number, i.subscription, service=service), ce_id=f"{service}-{number}")
                        for i in told
                    ],
                    1,
                )

            do(work)

    def begin() -> None:
        together.wait()
        for number in range(10):
            enlisted(do, subscriber(f"s{number}"))

    with ThreadPoolExecutor(3) as pool:
        for each in [pool.submit(consume, "scheduling"), pool.submit(consume, "records"), pool.submit(begin)]:
            each.result()
    for interest in do(lambda d: d.interests(0)):
        told = told_to(do, interest.subscription)
        assert [n.number for n in told] == list(range(1, len(told) + 1))
        for service in ("scheduling", "records"):
            seen = [n.match.sequence for n in told if n.match.service == service]
            assert seen == list(range(interest.starts.get(service, 0) + 1, 30))


def test_a_lease_is_one_holders_until_it_ends(do: Do) -> None:
    enlisted(do, subscriber(), subscriber("ward", origin="https://ward.example"))

    def claim(d: Deliveries, holder: str, only: Sequence[str] = (), reader: int = 0) -> list[str]:
        readers = dict.fromkeys(only, reader)
        return [s.subscription for s in d.claim(["rest-hook"], holder, 60, 100, 10, readers)]

    assert do(lambda d: claim(d, "a", only=["ward"])) == ["ward"]
    assert do(lambda d: claim(d, "b")) == ["front-desk"]
    assert do(lambda d: claim(d, "a")) == []
    assert do(lambda d: claim(d, "a", only=["ward", "front-desk"])) == ["ward"], "its own it keeps"
    assert do(lambda d: d.renew("ward", "a", 60)) and not do(lambda d: d.renew("ward", "b", 60))
    do(lambda d: d.renew("ward", "a", -1))
    assert do(lambda d: claim(d, "b")) == ["ward"], "a lease that is over is free"
    assert not do(lambda d: d.sent("ward", "a", 1)) and not do(lambda d: d.acknowledge("ward", "a", [1], 1))
    assert not do(lambda d: d.put_off("ward", "a", "", 1, 1)) and not do(lambda d: d.quarantine("ward", "a", 1, "", 1))
    assert do(lambda d: d.bind(["ward", "unknown", "ward"])) == {"ward": 1}
    assert not do(lambda d: d.sent("ward", "b", 1)), "a new reader takes the lease from whoever has it"
    assert do(lambda d: claim(d, "b", only=["ward"])) == [], "who is not the newest reader has no turn"
    assert do(lambda d: claim(d, "c", only=["ward", "front-desk"], reader=1)) == ["ward"]
    (ward,) = do(lambda d: d.subscribers(["ward"]))
    assert ward.reader == 1


def test_who_is_due(do: Do) -> None:
    enlisted(
        do,
        subscriber("off", status="off"),
        subscriber("failed", status="error"),
        subscriber("beats", status="error", heartbeat=3),
        subscriber("ending", status="error", ends=500),
        subscriber("socket", channel="websocket", origin=""),
        subscriber("new", status="requested"),
    )

    def due(now: int, **more: Any) -> list[str]:
        claimed: list[Subscriber] = do(lambda d: d.claim(["rest-hook"], "x", 0, now, 10, **more))
        return [each.subscription for each in claimed]

    assert due(10) == ["new"]
    assert due(500) == ["new", "ending"]
    assert due(3_000_010) == ["new", "ending", "beats"]
    assert due(3_000_010, each=1) == ["new"]
    assert due(3_000_010, without=["https://desk.example"]) == []
    assert due(3_000_010, within=["https://desk.example"], failing=False) == ["new", "ending", "beats"]
    assert due(3_000_010, failing=True) == []
    assert do(lambda d: d.ended(499, 5)) == [] and do(lambda d: d.ended(500, 5)) == ["ending"]


def test_what_is_taken_is_settled_and_what_fails_waits_for_its_time(do: Do) -> None:
    enlisted(do, subscriber())
    do(lambda d: d.append([match(n) for n in range(1, 5)], 20))
    (mine,) = do(lambda d: d.claim(["rest-hook"], "x", 60, 20, 10))
    assert (mine.number, mine.attempts) == (4, 0)
    assert do(lambda d: [n.number for n in d.pending("front-desk", 3)]) == [1, 2, 3]
    assert do(lambda d: d.acknowledge("front-desk", "x", [1, 2], 30))
    assert do(lambda d: d.quarantine("front-desk", "x", 3, "status 422", 31))
    assert do(lambda d: d.put_off("front-desk", "x", "timeout", 40, 1000))
    stands = do(lambda d: d.subscriber("front-desk"))
    assert (stands.attempts, stands.failing_since, stands.due, stands.error) == (1, 40, 1000, "timeout")
    assert (stands.last_sent, stands.last_acknowledged) == (30, 30)
    do(lambda d: d.append([match(5)], 50))
    assert do(lambda d: d.claim(["rest-hook"], "y", 60, 999, 10)) == [], "what comes behind a failure waits too"
    assert do(lambda d: [s.subscription for s in d.claim(["rest-hook"], "y", 60, 1000, 10)]) == ["front-desk"]
    states = do(lambda d: [(n.number, n.state, n.settled, n.reason) for n in d.notifications("front-desk", 1, 9, 9)])
    assert states[:3] == [
        (1, "acknowledged", 30, ""),
        (2, "acknowledged", 30, ""),
        (3, "quarantined", 31, "status 422"),
    ]
    assert states[3:] == [(4, "pending", 0, ""), (5, "pending", 0, "")]
    enlisted(do, subscriber(status="requested"))
    stands = do(lambda d: d.subscriber("front-desk"))
    assert (stands.attempts, stands.failing_since, stands.due, stands.number) == (0, 0, 10, 5)


def test_what_comes_during_a_lease_is_due_when_it_is_given_back(do: Do) -> None:
    enlisted(do, subscriber(ends=9 * HOUR))
    do(lambda d: d.claim(["rest-hook"], "x", 60, 20, 10))
    do(lambda d: d.release("front-desk", "x", NEVER, 25))
    assert do(lambda d: d.subscriber("front-desk")).due == 9 * HOUR, "at its end at the latest"
    do(lambda d: d.append([match(1)], 30))
    assert do(lambda d: d.subscriber("front-desk")).due == 30
    do(lambda d: d.claim(["rest-hook"], "x", 60, 30, 10))
    do(lambda d: d.release("front-desk", "x", NEVER, 35))
    assert do(lambda d: d.subscriber("front-desk")).due == 35
    do(lambda d: d.release("front-desk", "y", NEVER, 99))
    assert do(lambda d: d.subscriber("front-desk")).due == 35, "only its holder gives a lease back"


def test_settled_notifications_may_be_sent_again_and_are_found_by_time(do: Do) -> None:
    enlisted(do, subscriber())
    do(lambda d: d.append([match(n) for n in range(1, 5)], 20))
    do(lambda d: d.claim(["rest-hook"], "x", 60, 20, 10))
    do(lambda d: d.acknowledge("front-desk", "x", [1, 2, 3], 30))
    do(lambda d: d.release("front-desk", "x", NEVER, 30))
    found = do(lambda d: [n.number for n in d.between("front-desk", 2000, 4000, 0, 10)])
    assert found == [2, 3] and do(lambda d: [n.number for n in d.between("front-desk", 0, 9999, 3, 10)]) == [4]
    assert do(lambda d: d.reopen("front-desk", [2, 4], 40)) == 1, "what waits is sent anyway"
    assert do(lambda d: [n.number for n in d.pending("front-desk", 9)]) == [2, 4]


def test_a_token_is_used_once_and_ends(do: Do) -> None:
    do(lambda d: d.keep_token("digest-1", ["front-desk", "ward"], 100, 10))
    do(lambda d: d.keep_token("digest-2", ["ward"], 100, 10))
    assert do(lambda d: d.redeem_token("digest-1", 99)) == ["front-desk", "ward"]
    assert do(lambda d: d.redeem_token("digest-1", 99)) == []
    assert do(lambda d: d.redeem_token("digest-2", 100)) == []
    assert do(lambda d: d.redeem_token("unknown", 1)) == []


def test_many_subscribers_are_asked_for_at_once(do: Do) -> None:
    """More than a database takes in one statement."""
    enlisted(do, subscriber("first"), subscriber("last"))
    asked = ["last", *(f"nobody-{number}" for number in range(70_000)), "first"]
    assert [each.subscription for each in do(lambda d: d.subscribers(asked))] == ["first", "last"]


def test_what_is_committed_while_a_lease_is_given_back_is_due(do: Do) -> None:
    """The one that gives it back waits for the row; what it then finds pending is what there is after the wait."""
    enlisted(do, subscriber())
    assert [each.subscription for each in do(lambda d: d.claim(["rest-hook"], "x", 60, 100, 1))] == ["front-desk"]
    appended, begun = Event(), Event()

    def append(d: Deliveries) -> None:
        d.append([match(1)], 200)
        appended.set()
        begun.wait(10)
        time.sleep(0.3)  # until the other waits for the row; where it does not wait there is nothing to see

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(do, append)
        assert appended.wait(10)
        begun.set()
        do(lambda d: d.release("front-desk", "x", NEVER, 300))
        coming.result(10)
    assert [each.subscription for each in do(lambda d: d.claim(["rest-hook"], "y", 60, 300, 1))] == ["front-desk"]

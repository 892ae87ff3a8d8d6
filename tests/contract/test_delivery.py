"""The delivery of notifications, on both databases, with receivers that a script plays and a clock that the test
moves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from carethread.adapters.sql.tables import subscribers
from carethread.adapters.webhooks import Webhooks
from carethread.core.clock import instant
from carethread.core.errors import Busy, Forbidden
from carethread.core.ports import Request
from carethread.core.ports.channels import Answer
from carethread.core.service import Call
from carethread.core.webhooks.signature import SIGNATURE, TIMESTAMP, key, signed
from carethread.subscriptions import delivery, focus, notification, operations
from carethread.subscriptions.engine import Engine
from support.looping import looping
from support.receiver import receiver
from support.servers import until
from support.stores import open_store
from support.subscribers import DAY, HOUR, LOCAL, SECOND, Desk, subscription, told

URL = "http://127.0.0.1:9/in"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """What is decided is the same on both databases; a file is quicker."""
    store = open_store(f"sqlite:///{tmp_path}/subscriptions.db", "subscriptions")
    yield Desk(store)
    store.close()


@pytest.fixture
def either(store) -> Desk:
    return Desk(store)


def rejecting(*numbers: int, status: int = 422) -> Callable[[bytes], Answer]:
    """A receiver that does not take some events."""
    return lambda body: Answer(status) if set(told(body)[1]) & set(numbers) else Answer(200)


def test_handshake_then_events_in_order(either) -> None:
    desk = either
    desk.put(subscription("s1", URL, headers=["Authorization: Bearer made-up"]))
    desk.happen("s1", times=3)
    desk.deliver()
    assert desk.script.kinds(URL) == ["handshake", "event-notification"] and desk.script.taken(URL) == [1, 2, 3]
    assert desk.get("s1")["status"] == "active"
    assert desk.states("s1") == {1: "acknowledged", 2: "acknowledged", 3: "acknowledged"}
    _, headers, body = desk.script.sent[-1]
    assert headers["Authorization"] == "Bearer made-up" and headers["Content-Type"] == "application/fhir+json"
    assert json.loads(body)["type"] == "history" and SIGNATURE not in headers
    desk.deliver()
    assert len(desk.script.sent) == 2, "nothing is due"
    assert desk.versions("s1") == 2, "no version for a delivery"


def test_signed(desk) -> None:
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.happen("s1")
    Engine(desk.delivery(secrets=["new", "old"])).step()
    _, headers, body = desk.script.sent[-1]
    stamp = int(headers[TIMESTAMP])
    assert stamp == desk.now // SECOND
    assert headers[SIGNATURE] == signed([key("new", "s1"), key("old", "s1")], stamp, body)[SIGNATURE]


def test_full_resource_and_an_owner_that_is_away(desk) -> None:
    desk.put(subscription("s1", URL, content="full-resource"))
    desk.deliver()
    desk.happen("s1")
    desk.owner.versions["Appointment/a1/_history/1"] = b'{"resourceType":"Appointment","id":"a1"}'
    desk.owner.away = True
    desk.deliver()
    assert desk.script.taken(URL) == [] and desk.subscriber("s1").attempts == 0, "ours, not the receiver's failure"
    desk.owner.away = False
    expire(desk.store)
    desk.deliver()
    assert desk.script.taken(URL) == [1]
    assert json.loads(desk.script.sent[-1][2])["entry"][1]["resource"]["id"] == "a1"


def test_batches_up_to_max_count(desk) -> None:
    desk.put(subscription("s1", URL, max_count=3))
    desk.deliver()
    desk.happen("s1", times=7)
    desk.deliver()
    assert [told(body)[1] for _, _, body in desk.script.sent[1:]] == [[1, 2, 3], [4, 5, 6], [7]]


def test_a_handshake_that_fails(desk) -> None:
    """Any error in the handshake makes the status `error` (Backport, "Channels"); the client asks for another try."""
    desk.script.answers[URL] = Answer(problem="no connection")
    desk.put(subscription("s1", URL))
    desk.happen("s1")
    desk.deliver()
    found = desk.get("s1")
    assert (found["status"], found["error"]) == ("error", "The handshake failed: no connection.")
    desk.now += DAY
    desk.deliver()
    assert desk.script.kinds(URL) == ["handshake"]
    desk.script.answers.clear()
    desk.put({**found, "status": "requested"})
    desk.deliver()
    assert desk.get("s1")["status"] == "active" and "error" not in desk.get("s1")
    assert desk.script.taken(URL) == [1], "what matched meanwhile was kept"


def test_pauses_grow_and_nothing_is_sent_before_its_time(desk) -> None:
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.script.answers[URL] = Answer(500)
    desk.happen("s1", times=3)
    pauses = []
    for _ in range(16):
        before = desk.now
        desk.deliver()
        subscriber = desk.subscriber("s1")
        pauses.append((subscriber.due - before) / SECOND)
        desk.happen("s1")
        desk.now = subscriber.due - 1
        sent = len(desk.script.sent)
        desk.deliver()
        assert len(desk.script.sent) == sent
        desk.now = subscriber.due
    assert pauses == [min(2.0**attempt, 3600.0) for attempt in range(16)]
    assert desk.get("s1")["status"] == "active" and desk.versions("s1") == 2
    desk.script.answers.clear()
    desk.deliver()
    assert set(desk.states("s1").values()) == {"acknowledged"} and desk.subscriber("s1").attempts == 0
    assert list(dict.fromkeys(desk.script.taken(URL))) == list(range(1, 20))


def test_the_receivers_own_pause(desk) -> None:
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.script.answers[URL] = Answer(429, retry_after=120)
    desk.happen("s1")
    desk.deliver()
    assert desk.subscriber("s1").due == desk.now + 120 * SECOND


def test_an_endpoint_that_speaks_no_http(desk) -> None:
    """It fails as any other does: the handshake at once, what is active later and later."""
    hooks = Webhooks(LOCAL, http=True)
    with receiver() as department:
        department.behave[""] = "banner"
        desk.put(subscription("s1", f"{department.url}/in"))
        desk.deliver(hooks)
        assert desk.get("s1")["error"] == "The handshake failed: no HTTP answer."
        department.behave.clear()
        desk.put({**desk.get("s1"), "status": "requested"})
        desk.deliver(hooks)
        assert desk.get("s1")["status"] == "active"
        department.behave[""] = "banner"
        desk.happen("s1")
        desk.deliver(hooks)
        assert desk.subscriber("s1").due > desk.now and len(department.got) == 3
        desk.deliver(hooks)
        assert len(department.got) == 3, "not before it is due"
    hooks.close()


def test_parked_after_three_and_a_half_days_and_resumed(desk) -> None:
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.script.answers[URL] = Answer(problem="timeout")
    desk.happen("s1", times=2)
    began = desk.now
    while True:
        desk.deliver()
        if desk.get("s1")["status"] != "active":
            break
        desk.now = max(desk.now + SECOND, min(desk.subscriber("s1").due, desk.now + DAY))
    assert 3.5 * DAY <= desk.now - began < 3.6 * DAY
    attempts = len(desk.script.sent)
    assert 80 < attempts < 120
    assert desk.get("s1")["error"] == "Given up after repeated failures; the last: timeout."
    desk.happen("s1")
    desk.now += DAY
    desk.deliver()
    assert len(desk.script.sent) == attempts, "parked"
    assert desk.states("s1") == {1: "pending", 2: "pending", 3: "pending"}
    desk.script.answers.clear()
    desk.put({**desk.get("s1"), "status": "requested"})
    desk.deliver()
    assert desk.script.kinds(URL)[-2:] == ["handshake", "event-notification"]
    assert told(desk.script.sent[-1][2]) == ("event-notification", [1, 2, 3], "active")


def test_a_subscriber_that_was_away_for_a_day_asks_for_what_it_missed(desk) -> None:
    """While it is away it can ask by `$events`; when it is back it is told, and may have both: the numbers tell."""
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.script.answers[URL] = Answer(problem="no connection")
    for _ in range(24):
        desk.happen("s1", times=2)
        desk.deliver()
        desk.now += HOUR
    asked = {"eventsSinceNumber": ["1"], "eventsUntilNumber": ["48"]}
    call = Call("Subscription", "s1", asked, None, Request("GET", "Subscription/s1/$events"))
    answer = operations.events(desk.runtime, call, desk.context)
    assert told(answer.body) == ("query-event", list(range(1, 49)), "active")
    desk.script.answers.clear()
    desk.script.sent.clear()
    desk.now += HOUR
    desk.deliver()
    assert desk.script.taken(URL) == list(range(1, 49)) and set(desk.states("s1").values()) == {"acknowledged"}


def test_heartbeats(either) -> None:
    desk = either
    desk.put(subscription("s1", URL, heartbeat=60))
    desk.deliver()
    for _ in range(3):
        desk.now += 59 * SECOND
        desk.deliver()
        desk.now += 1 * SECOND
        desk.deliver()
    assert desk.script.kinds(URL) == ["handshake"] + ["heartbeat"] * 3
    desk.now += 30 * SECOND
    desk.happen("s1")
    desk.deliver()
    desk.now += 30 * SECOND
    desk.deliver()
    assert desk.script.kinds(URL)[-1] == "event-notification", "a notification is a sign of life too"
    desk.now += 30 * SECOND
    desk.deliver()
    assert desk.script.kinds(URL)[-1] == "heartbeat"


def test_heartbeats_go_on_in_error(desk) -> None:
    desk.put(subscription("s1", URL, heartbeat=3600))
    desk.deliver()
    desk.script.answers[URL] = rejecting(1, status=500)
    desk.happen("s1")
    for _ in range(100):
        desk.deliver()
        desk.now += HOUR
    assert desk.get("s1")["status"] == "error"
    desk.deliver()
    assert told(desk.script.sent[-1][2]) == ("heartbeat", [], "error")
    assert desk.states("s1") == {1: "pending"}


def test_the_end(either) -> None:
    desk = either
    end = desk.now + HOUR
    desk.put(subscription("s1", URL, end=instant(end)))
    desk.deliver()
    desk.now = end + SECOND
    desk.deliver()
    assert desk.get("s1")["status"] == "off"
    desk.happen("s1")
    desk.deliver()
    assert desk.script.taken(URL) == []


def test_the_end_of_one_that_nobody_binds(desk) -> None:
    end = desk.now + HOUR
    desk.put(subscription("s1", "", channel="websocket", end=instant(end)))
    desk.engine().sweep()
    assert desk.get("s1")["status"] == "requested"
    desk.now = end + SECOND
    desk.engine().sweep()
    assert (desk.get("s1")["status"], desk.get("s1")["error"]) == ("off", "The end date has come.")
    desk.engine().sweep()
    assert desk.versions("s1") == 2


def test_a_deleted_subscription_is_told_nothing(desk) -> None:
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.happen("s1")
    desk.delete("s1")
    desk.deliver()
    assert desk.script.taken(URL) == []


def test_deleted_between_two_notifications(desk) -> None:
    desk.put(subscription("s1", URL, max_count=1))
    desk.deliver()

    def delete(body: bytes) -> Answer:
        desk.delete("s1")
        return Answer(200)

    desk.script.answers[URL] = delete
    desk.happen("s1", times=3)
    desk.deliver()
    assert desk.script.taken(URL) == [1]


def test_turned_off_by_the_client(desk) -> None:
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.happen("s1")
    desk.put({**desk.get("s1"), "status": "off"})
    desk.deliver()
    assert desk.script.taken(URL) == [] and desk.get("s1")["status"] == "off"


def test_one_that_fails_for_itself_is_quarantined_and_named(either) -> None:
    """The others of its batch are not late for it, and it is tried three times."""
    desk = either
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.script.answers[URL] = rejecting(3)
    desk.happen("s1", times=5)
    for _ in range(5):
        desk.deliver()
        desk.now += 10 * SECOND
    assert desk.states("s1") == {
        1: "acknowledged", 2: "acknowledged", 3: "quarantined", 4: "acknowledged", 5: "acknowledged"
    }  # fmt: skip
    assert [each.reason for each in desk.ledger("s1") if each.state == "quarantined"] == ["status 422"]
    assert desk.script.taken(URL).count(1) <= 2 and desk.script.taken(URL)[-2:] == [4, 5]
    assert desk.get("s1")["status"] == "active"


def test_a_receiver_that_rejects_everything_is_at_fault_itself(desk) -> None:
    """Three are quarantined; then it is the receiver, and the rest is parked as for any other failure."""
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.script.answers[URL] = rejecting(*range(1, 100), status=400)
    desk.happen("s1", times=10)
    for _ in range(200):
        desk.deliver()
        desk.now += HOUR
    states = list(desk.states("s1").values())
    assert states == ["quarantined"] * 3 + ["pending"] * 7
    assert desk.get("s1")["status"] == "error"


def test_rejections_that_speak_of_all_are_no_ones_own(desk) -> None:
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.script.answers[URL] = rejecting(1, status=403)
    desk.happen("s1")
    for _ in range(20):
        desk.deliver()
        desk.now += HOUR
    assert desk.states("s1") == {1: "pending"}


def test_one_that_cannot_be_rendered(desk, monkeypatch) -> None:
    render = notification.event_bundle

    def breaking(kind, resource, subscriber, notifications, *rest):
        if any(each.number == 2 for each in notifications):
            raise KeyError("name of a person")
        return render(kind, resource, subscriber, notifications, *rest)

    monkeypatch.setattr(delivery, "event_bundle", breaking)
    desk.put(subscription("s1", URL))
    desk.happen("s1", times=3)
    desk.deliver()
    assert desk.states("s1") == {1: "acknowledged", 2: "quarantined", 3: "acknowledged"}
    assert desk.ledger("s1")[1].reason == "cannot be rendered: KeyError"


def test_authorization_at_each_delivery(desk, monkeypatch) -> None:
    """What may not be seen any more is told by its number only, so that the numbers have no gap."""
    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.happen("s1")
    desk.deliver()
    asked = []

    def denied(interaction, type_name, context) -> None:
        asked.append(context.principal.name)
        raise Forbidden("Not any more.")

    monkeypatch.setattr(focus, "authorize", denied)
    desk.happen("s1")
    desk.deliver()
    first, second = (body.decode() for _, _, body in desk.script.sent[1:])
    assert "Appointment/a1" in first and "Appointment" not in second and told(second)[1] == [2]
    assert set(asked) == {"department"}


def test_a_lease_that_is_lost_settles_nothing(either) -> None:
    """The worker slept through its lease; another has it, and sends again what nobody has acknowledged."""
    desk = either
    desk.put(subscription("s1", URL))
    desk.deliver()

    def stolen(body: bytes) -> Answer:
        expire(desk.store)
        desk.script.answers.clear()
        Engine(desk.delivery(holder="h2")).step()
        return Answer(200)

    desk.script.answers[URL] = stolen
    desk.happen("s1", times=2)
    desk.deliver()
    assert desk.script.taken(URL) == [1, 2, 1, 2]
    assert set(desk.states("s1").values()) == {"acknowledged"}


def expire(store) -> None:
    """As if the time of every lease had passed."""
    with store.engine.begin() as connection:
        connection.execute(update(subscribers).values(expires=0))


def test_many_subscribers_of_one_event(either) -> None:
    desk = either
    for number in range(30):
        desk.put(subscription(f"s{number}", f"{URL}/{number}"))
    desk.happen(*(f"s{number}" for number in range(30)), times=3)
    desk.deliver()
    assert all(desk.script.taken(f"{URL}/{number}") == [1, 2, 3] for number in range(30))


def test_a_notification_is_bounded_by_bytes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds at least one event, and nothing is left out."""
    for number in range(1, 8):
        resource = {"resourceType": "Appointment", "description": "x" * (3000 if number == 4 else 1000)}
        desk.owner.versions[f"Appointment/a{number}/_history/1"] = json.dumps(resource).encode()
    monkeypatch.setattr(focus.fitting, "__defaults__", (2200,))
    desk.put(subscription("s1", URL, content="full-resource"))
    desk.deliver()
    desk.happen("s1", times=7)
    desk.deliver()
    sent = [told(body)[1] for to, _, body in desk.script.sent if to == URL and told(body)[1]]
    assert sent == [[1, 2], [3], [4], [5, 6], [7]]
    assert set(desk.states("s1").values()) == {"acknowledged"}


def test_who_waits_for_a_place_has_it_when_a_turn_is_over(either: Desk) -> None:
    """No database tells that a turn is over: with two at a time, each would wait for the next look."""
    names = [f"s{number}" for number in range(40)]
    for number, name in enumerate(names):
        either.put(subscription(name, URL if number % 2 else f"http://127.0.0.1:{1000 + number}/in"))
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        time.sleep(seconds)

    with looping(lambda stop: either.engine(quick=2, slow=2, each=1).run(stop, wait)):
        until(lambda: all(either.get(name)["status"] == "active" for name in names), seconds=30, what="active")
        assert sum(waited) < 5, "half a second for every one or two of them"


def test_while_there_is_no_secret_nothing_is_sent_unsigned(desk) -> None:
    """It is ours that is away: no failure of the receiver, and no attempt."""

    def away() -> list[str]:
        raise Busy("The file says nothing.")

    desk.put(subscription("s1", URL))
    desk.deliver()
    desk.happen("s1")
    sent = len(desk.script.sent)
    Engine(replace(desk.delivery(), secrets=away)).step()
    assert len(desk.script.sent) == sent and desk.subscriber("s1").attempts == 0
    assert desk.states("s1") == {1: "pending"}

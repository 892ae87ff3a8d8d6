"""The notifications of a Subscription as a gRPC stream, on both databases, with a real server and client."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc
import pytest

from carethread.adapters.rpc.health import Health
from carethread.adapters.rpc.notifications import Notifications
from carethread.adapters.rpc.server import RpcServer, Serving
from carethread.composition.rpc import alone
from carethread.core.errors import Forbidden
from carethread.subscriptions import focus
from carethread.subscriptions.delivery import GRPC
from carethread.subscriptions.rules import GRPC_CODE, GRPC_SYSTEM, IG
from carethread.subscriptions.sockets import SocketEngine, readable
from carethread.v1 import events_pb2, events_pb2_grpc
from support.rpc import outcome_of
from support.servers import free_port, until
from support.stores import open_store
from support.subscribers import SECOND, Desk, subscription, told

Told = tuple[str, list[int]]


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    store = open_store(database_url, "subscriptions")
    yield Desk(store)
    store.close()


@pytest.fixture
def target(desk: Desk) -> Iterator[str]:
    with served(desk) as address:
        yield address


@contextmanager
def served(desk: Desk, *, holder: str = "h1", message_bytes: int = 1_000_000, most: int = 10) -> Iterator[str]:
    """A server of the streams with the engine that feeds them."""
    streams = Notifications(partial(readable, desk.runtime, GRPC), most=most, message_bytes=message_bytes)
    engine = SocketEngine(desk.delivery(streams, holder=holder), streams, channel=GRPC)
    target, how, stop = f"127.0.0.1:{free_port()}", Serving(message_bytes=message_bytes), threading.Event()
    health = Health(["subscriptions"])
    server = RpcServer([desk.runtime], partial(alone, desk.runtime), {}, target, how, health, streams)
    thread = threading.Thread(target=engine.run, args=(stop, desk.store.wait))
    server.start()
    thread.start()
    try:
        yield target
    finally:
        server.end_streams()
        stop.set()
        thread.join()
        server.stop(0.5)


def stream(id_: str, **more: Any) -> dict[str, Any]:
    """A Subscription with the channel of a gRPC stream."""
    made = subscription(id_, "", **more)
    coding = {"system": GRPC_SYSTEM, "code": GRPC_CODE}
    extension = {"url": f"{IG}/StructureDefinition/backport-channel-type", "valueCoding": coding}
    made["channel"]["_type"] = {"extension": [extension]}
    return made


class Client:
    """A reader who acknowledges when told to."""

    def __init__(self, target: str, id_: str) -> None:
        self._said: queue.Queue[events_pb2.NotificationsRequest | None] = queue.Queue()
        self._channel = grpc.insecure_channel(target)
        self.say(subscription=id_)
        call = events_pb2_grpc.EventServiceStub(self._channel).Notifications
        self.call: Any = call(iter(self._said.get, None), timeout=60)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._said.put(None)
        self.call.cancel()
        self._channel.close()

    def say(self, **said: Any) -> None:
        self._said.put(events_pb2.NotificationsRequest(**said))

    def finish(self) -> None:
        self._said.put(None)

    def read(self) -> tuple[int, Told]:
        message = next(self.call)
        kind, numbers, _ = told(message.json)
        return message.number, (kind, numbers)

    def take(self) -> Told:
        """Read one and acknowledge it."""
        number, got = self.read()
        self.say(acknowledge=number)
        return got

    def failure(self) -> Any:
        with pytest.raises(grpc.RpcError) as caught:
            while True:
                next(self.call)
        return caught.value


def settled(desk: Desk, id_: str, *numbers: int) -> None:
    def acknowledged() -> bool:
        return all(desk.states(id_)[number] == "acknowledged" for number in numbers)

    until(acknowledged, seconds=10, what=f"{numbers} acknowledged", details=lambda: str(desk.states(id_)))


def test_handshake_then_what_waits_then_what_happens(desk, target) -> None:
    desk.put(stream("s1", max_count=2))
    desk.happen("s1", times=3)
    with Client(target, "s1") as client:
        number, got = client.read()
        assert (number, got) == (1, ("handshake", [])) and desk.get("s1")["status"] == "requested"
        client.say(acknowledge=number)
        assert client.take() == ("event-notification", [1, 2])
        assert desk.get("s1")["status"] == "active"
        assert client.take() == ("event-notification", [3])
        desk.happen("s1")
        assert client.take() == ("event-notification", [4])
        settled(desk, "s1", 1, 2, 3, 4)


def test_a_message_that_cannot_be_read_ends_the_stream(desk, target) -> None:
    """The first as well as a later one."""
    desk.put(stream("s1"))
    named = events_pb2.NotificationsRequest(subscription="s1").SerializeToString()
    with grpc.insecure_channel(target) as channel:
        talk = channel.stream_stream("/carethread.v1.EventService/Notifications")
        for said in ([b"\xff\xff"], [named, b"\xff\xff"]):
            with pytest.raises(grpc.RpcError) as caught:
                list(talk(iter(said), timeout=10))
            assert caught.value.code().name == "INVALID_ARGUMENT"
            assert outcome_of(caught.value)["issue"][0]["code"] == "structure"


def test_what_is_not_acknowledged_comes_again(desk, target) -> None:
    """To be away is no failure, and costs no attempt."""
    desk.put(stream("s1", max_count=1))
    desk.happen("s1", times=2)
    with Client(target, "s1") as client:
        assert [client.take(), client.take()] == [("handshake", []), ("event-notification", [1])]
        assert client.read() == (3, ("event-notification", [2]))
    desk.happen("s1")
    with Client(target, "s1") as client:
        kinds = ["handshake", "event-notification", "event-notification"]
        assert [client.take() for _ in range(3)] == list(zip(kinds, [[], [2], [3]], strict=True))
        settled(desk, "s1", 1, 2, 3)
    assert desk.subscriber("s1").attempts == 0 and desk.get("s1")["status"] == "active"


def test_heartbeats(desk, target) -> None:
    desk.put(stream("s1", heartbeat=60))
    with Client(target, "s1") as client:
        assert client.take() == ("handshake", [])
        until(lambda: desk.subscriber("s1").due > desk.now, seconds=10, what="settled")
        desk.now += 61 * SECOND
        assert client.take() == ("heartbeat", [])


def test_full_resources_as_the_subscriber_may_see_them(desk, target, monkeypatch) -> None:
    """Authorization is asked at each delivery."""
    body = b'{"resourceType":"Appointment","id":"a1"}'
    desk.owner.versions |= {f"Appointment/a{number}/_history/1": body for number in (1, 2)}
    desk.put(stream("s1", content="full-resource"))
    desk.happen("s1")
    with Client(target, "s1") as client:
        client.take()
        first = next(client.call)
        assert body in first.json

        def refuse(interaction: str, type_name: str, context: object) -> None:
            if type_name == "Appointment":
                raise Forbidden("Not for this department.")

        monkeypatch.setattr(focus, "authorize", refuse)
        client.say(acknowledge=first.number)
        settled(desk, "s1", 1)
        desk.happen("s1")
        second = next(client.call)
        assert told(second.json)[1] == [2] and b"Appointment" not in second.json


def test_a_newer_stream_takes_over(desk, target) -> None:
    desk.put(stream("s1"))
    with Client(target, "s1") as older:
        assert older.take() == ("handshake", [])
        until(lambda: desk.get("s1")["status"] == "active", seconds=10, what="active")
        with Client(target, "s1") as newer:
            error = older.failure()
            assert error.code() is grpc.StatusCode.ABORTED and "newer" in error.details()
            assert newer.take() == ("handshake", [])
            desk.happen("s1")
            assert newer.take() == ("event-notification", [1])
            settled(desk, "s1", 1)


def test_who_does_not_acknowledge_in_time_is_cut_off_and_delays_nobody(desk, target) -> None:
    desk.put(stream("slow", timeout=3))
    desk.put(stream("quick"))
    with Client(target, "slow") as slow, Client(target, "quick") as quick:
        assert slow.take() == quick.take() == ("handshake", [])
        until(lambda: desk.get("quick")["status"] == "active", seconds=10, what="active")
        desk.happen("slow", "quick")
        assert slow.read() == (2, ("event-notification", [1]))
        assert quick.take() == ("event-notification", [1])
        settled(desk, "quick", 1)
        assert slow.call.is_active()
        assert slow.failure().code() is grpc.StatusCode.UNAVAILABLE
    assert desk.states("slow") == {1: "pending"}
    with Client(target, "slow") as again:
        assert [again.take(), again.take()] == [("handshake", []), ("event-notification", [1])]


def test_another_process_goes_on_without_a_gap(desk) -> None:
    desk.put(stream("s1", max_count=1))
    desk.happen("s1", times=3)
    with served(desk, holder="h1") as target, Client(target, "s1") as client:
        assert [client.take(), client.take()] == [("handshake", []), ("event-notification", [1])]
        assert client.read()[1] == ("event-notification", [2])
        ended = threading.Thread(target=client.failure)
        ended.start()
    ended.join(10)
    desk.happen("s1")
    with served(desk, holder="h2") as target, Client(target, "s1") as client:
        assert [client.take()[1] for _ in range(4)] == [[], [2], [3], [4]]
        settled(desk, "s1", 1, 2, 3, 4)


def test_a_newer_stream_of_another_process_takes_over(desk) -> None:
    """At once, though the older reader has a turn and acknowledges nothing; what he was sent comes again."""
    desk.put(stream("s1", max_count=1, timeout=30))
    desk.happen("s1", times=2)
    with served(desk, holder="h1") as here, served(desk, holder="h2") as there, Client(here, "s1") as older:
        assert older.take() == ("handshake", [])
        assert older.read() == (2, ("event-notification", [1]))
        with Client(there, "s1") as newer:
            assert newer.take() == ("handshake", [])
            error = older.failure()
            assert error.code() is grpc.StatusCode.ABORTED and "newer" in error.details()
            assert [newer.take()[1] for _ in range(2)] == [[1], [2]]
            settled(desk, "s1", 1, 2)
            desk.happen("s1")
            with Client(here, "s1") as back:
                assert [back.take()[1] for _ in range(2)] == [[], [3]]
                assert newer.failure().code() is grpc.StatusCode.ABORTED
                settled(desk, "s1", 3)


def test_a_notification_that_is_too_large_is_quarantined(desk) -> None:
    """One alone that no message can hold; those behind it go on, and the stream stays."""
    large = b'{"resourceType":"Appointment","id":"a1","comment":"' + b"x" * 50_000 + b'"}'
    desk.owner.versions |= {"Appointment/a1/_history/1": large}
    desk.put(stream("s1", content="full-resource"))
    desk.happen("s1", times=2)
    with served(desk, message_bytes=20_000) as target, Client(target, "s1") as client:
        assert client.take() == ("handshake", [])
        for attempts in (1, 2):
            until(partial(put_off, desk, attempts), seconds=10, what="put off")
            desk.now = desk.subscriber("s1").due
        assert client.take() == ("heartbeat", []), "whether the reader takes anything"
        assert client.take() == ("event-notification", [2])
        settled(desk, "s1", 2)
    assert desk.states("s1") == {1: "quarantined", 2: "acknowledged"}
    assert desk.ledger("s1")[0].reason == "status 413"


def put_off(desk: Desk, attempts: int) -> bool:
    return desk.subscriber("s1").attempts == attempts


def test_who_cannot_read(desk, target) -> None:
    desk.put(subscription("hook", "http://127.0.0.1:9/in"))
    desk.put(stream("off", status="off"))
    desk.put(stream("gone"))
    desk.delete("gone")
    for id_, code, expression in (
        ("unknown", "NOT_FOUND", "subscription"),
        ("gone", "NOT_FOUND", "subscription"),
        ("hook", "FAILED_PRECONDITION", "Subscription.channel.type"),
        ("off", "FAILED_PRECONDITION", "Subscription.status"),
        ("", "INVALID_ARGUMENT", "subscription"),
    ):
        with Client(target, id_) as client:
            error = client.failure()
            assert (error.code().name, outcome_of(error)["issue"][0]["expression"]) == (code, [expression]), id_


@pytest.mark.parametrize("said", [{"acknowledge": 7}, {"acknowledge": -1}, {"subscription": "s1"}, {}])
def test_what_is_no_acknowledgement_ends_the_stream(desk, target, said) -> None:
    desk.put(stream("s1"))
    with Client(target, "s1") as client:
        client.read()
        client.say(**said)
        assert client.failure().code() is grpc.StatusCode.INVALID_ARGUMENT


def test_too_many_streams(desk) -> None:
    desk.put(stream("s1"))
    with served(desk, most=1) as target, Client(target, "s1") as one:
        assert one.take() == ("handshake", [])
        with Client(target, "s1") as two:
            assert two.failure().code() is grpc.StatusCode.UNAVAILABLE


def test_a_client_that_ends_its_side_ends_the_stream(desk, target) -> None:
    desk.put(stream("s1"))
    with Client(target, "s1") as client:
        desk.happen("s1")
        assert [client.take(), client.take()] == [("handshake", []), ("event-notification", [1])]
        client.finish()
        assert list(client.call) == [] and client.call.code() is grpc.StatusCode.OK
    settled(desk, "s1", 1)

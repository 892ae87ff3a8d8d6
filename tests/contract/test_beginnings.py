"""A bus that was lost and made again: whatever it has is read, and no effect happens twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from carethread.adapters.kafka import KafkaSettings, KafkaSubscription, ensure_topics
from carethread.adapters.kafka.clients import connect as connect_to_kafka
from carethread.adapters.kafka.topics import existing
from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.events.bus import EmbeddedPublisher, EmbeddedSubscription
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.consuming.consumer import Consumer
from carethread.core.context import new_id
from carethread.core.errors import Invalid
from carethread.core.events import Event, to_headers, topic
from carethread.core.metric_names import CONSUMER_BUS_ANEW
from carethread.core.ports import Session, Subscription
from carethread.core.service import Reaction, Runtime, Service
from support.event_workers import event as some_event
from support.servers import until

TOPIC = topic("Appointment")


def event(number: int) -> Event:
    return replace(some_event(number), id=f"e{number}")


class World:
    """A consumer of the embedded bus that starts as often as a test asks it to."""

    def __init__(self, folder: Path, store: SqlStore) -> None:
        self.folder = folder
        self.store = store
        self.happened: list[str] = []
        self.metrics: list[str] = []
        self.poison: set[str] = set()

    def send(self, bus: str, *numbers: int) -> None:
        sender = EmbeddedPublisher(self.folder / bus)
        sender.fence("scheduling", 1)
        sender.send([event(number) for number in numbers])
        sender.close()

    def note(self, runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        if any(each.id in self.poison for each in events):
            raise Invalid("Bad.")
        self.happened += [each.id for each in events]

    def consumer(self, reader: Subscription) -> Consumer:
        service = Service("records", "", ())
        runtime = Runtime(service, self.store, LocalOwners({}), LocalPeer({}), "https://care.example")
        reactions = [Reaction("note", "effect", ("Appointment",), self.note)]
        return Consumer(runtime, reader, reactions, observe=lambda name, value: self.metrics.append(name))

    def work(self, bus: str) -> None:
        reader = EmbeddedSubscription(self.folder / bus, [TOPIC], lambda: self.store.positions("records"))
        consumer = self.consumer(reader)
        for _ in range(3):
            consumer.step(0.05)
        reader.close()


@pytest.fixture
def world(tmp_path: Path, store: SqlStore) -> World:
    return World(tmp_path, store)


def test_it_is_read_from_its_beginning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.send("one.db", *range(1, 9))
    world.work("one.db")
    world.send("two.db", 8, 9, 10)
    world.work("two.db")
    assert world.happened == [f"e{number}" for number in range(1, 11)], "what happened does not happen again"
    assert world.store.positions("records") == {(TOPIC, 0): 4}
    (told,) = [record for record in caplog.records if record.message == "bus_began_anew"]
    assert (told.__dict__["from"], told.__dict__["end"]) == (9, 4)
    world.work("two.db")
    assert world.metrics.count(CONSUMER_BUS_ANEW) == 1


def test_an_empty_one_is_waited_for(world: World) -> None:
    world.send("one.db", *range(1, 9))
    world.work("one.db")
    world.work("two.db")
    assert world.store.positions("records") == {(TOPIC, 0): 0}
    world.send("two.db", *range(11, 14))
    world.work("two.db")
    assert world.happened == [f"e{number}" for number in (*range(1, 9), *range(11, 14))]


def test_dead_letters_of_before_take_no_place_from_what_comes(world: World) -> None:
    world.poison = {"e1", "e11"}
    world.send("one.db", *range(1, 9))
    world.work("one.db")
    world.send("two.db", 11, 12)
    world.work("two.db")
    letters = world.store.glance(lambda session: session.held.letters())
    assert [letter.waiting.about.id for letter in letters] == ["e1", "e11"]
    assert world.store.positions("records") == {(TOPIC, 0): 3}


def test_topics_of_kafka_that_are_made_again(store: SqlStore, tmp_path: Path, kafka_bootstrap: str) -> None:
    settings = KafkaSettings(kafka_bootstrap, f"n{new_id()[-8:]}", partitions=1)
    name = topic("Appointment", settings.topic_prefix)
    world = World(tmp_path, store)

    def work(want: int) -> None:
        reader = KafkaSubscription(settings, f"g{new_id()[-8:]}", [name], lambda: store.positions("records"))
        consumer = world.consumer(reader)
        until(lambda: consumer.step(0.2) >= 0 and len(world.happened) == want, seconds=40, what="the effects")
        reader.close()

    def send(*numbers: int) -> None:
        producer = connect_to_kafka(KafkaProducer, settings).kafka  # without a transaction, as others send
        for number in numbers:
            producer.send(name, value=b"{}", key=b"k", headers=to_headers(event(number)))
        producer.close()

    ensure_topics(settings, [name])
    send(1, 2, 3)
    work(3)
    work(3)
    assert CONSUMER_BUS_ANEW not in world.metrics, "a position at the very end is none beyond it"
    admin = connect_to_kafka(KafkaAdminClient, settings).kafka
    admin.delete_topics([name])
    admin.close()
    until(lambda: name not in existing(settings), seconds=30, what="the topic to go")
    ensure_topics(settings, [name])
    send(11)
    work(4)
    assert world.happened == ["e1", "e2", "e3", "e11"]
    assert world.metrics.count(CONSUMER_BUS_ANEW) == 1

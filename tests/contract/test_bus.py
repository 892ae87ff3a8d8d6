"""The bus, embedded and Apache Kafka: what a relay may rely on when it sends, and a consumer when it reads."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from carethread.adapters.kafka import KafkaPublisher, KafkaSettings, KafkaSubscription, ensure_topics
from carethread.adapters.kafka.clients import connect as connect_to_kafka
from carethread.adapters.sql.events.bus import connect, prune
from carethread.adapters.sql.events.headers import pack, unpack
from carethread.core.context import new_id
from carethread.core.errors import Busy
from carethread.core.events import DEAD_LETTER, INBOUND, INBOUND_OUTCOME, Event, from_headers, to_headers, topic
from carethread.core.ports import Fenced, Place, Publisher, Record, Subscription
from support.event_workers import event, publisher, subscription


@dataclass
class Bus:
    """One bus under test, and what was opened on it."""

    address: str
    prefix: str = field(default_factory=lambda: f"t{new_id()[-8:]}")
    opened: list[Publisher | Subscription] = field(default_factory=list)

    def sender(self, epoch: int, service: str = "scheduling") -> Publisher:
        made = publisher(self.address, self.prefix)
        self.opened.append(made)
        made.fence(service, epoch)
        return made

    def reader(self, group: str = "metrics", positions: dict[Place, int] | None = None) -> Subscription:
        made = subscription(
            self.address, self.prefix, group, ["Appointment", "Slot"], {} if positions is None else positions
        )
        self.opened.append(made)
        return made


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.servers)])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    kafka = request.param == "kafka"
    made = Bus(request.getfixturevalue("kafka_bootstrap") if kafka else str(tmp_path / "bus.db"))
    yield made
    for each in made.opened:
        each.close()


def numbered(first: int, count: int) -> list[Event]:
    return [replace(event(n), sequence=n) for n in range(first, first + count)]


def read(reader: Subscription, enough: Callable[[list[Record]], bool], seconds: float = 60.0) -> list[Record]:
    """What arrives until it is enough."""
    got: list[Record] = []
    end = time.monotonic() + seconds
    while not enough(got) and time.monotonic() < end:
        for records in reader.poll(0.2).values():
            got += records
    assert enough(got), f"{len(got)} records in {seconds:g} s"
    return got


def at_least(count: int) -> Callable[[list[Record]], bool]:
    return lambda got: len(got) >= count


def events_of(records: list[Record]) -> list[Event]:
    return [from_headers(r.headers, r.key, r.value) for r in records]


def sequences(records: list[Record]) -> list[int]:
    return [e.sequence for e in events_of(records)]


def test_the_envelope_arrives_as_it_was_sent(bus: Bus) -> None:
    sent = Event(
        id=new_id(),
        service="scheduling",
        verb="booked",
        resource_type="Appointment",
        resource_id="a1",
        version=4,
        time=1_700_000_000_123_000,
        key="Patient/é1",
        data='{"resourceType":"Appointment","description":"née"}'.encode(),
        sequence=17,
        dataschema="https://carethread.dev/fhir/StructureDefinition/appointment",
        department="d1",
        backfill=True,
        changed=("status", "slot"),
        previous_status="proposed",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        dataref="https://care.example/fhir/Appointment/a1/_history/4",
    )
    bus.sender(1).send([sent])
    (record,) = read(bus.reader(), at_least(1))
    assert record.topic == topic("Appointment", bus.prefix)
    assert record.key == sent.key
    assert list(record.headers) == to_headers(sent)
    assert record.value == sent.data
    assert record.time == sent.time
    assert events_of([record]) == [sent]


def test_order_is_kept_per_key(bus: Bus) -> None:
    sender = bus.sender(1)
    for start in range(1, 200, 33):
        sender.send(numbered(start, 33))
    got: dict[str, list[int]] = defaultdict(list)
    for e in events_of(read(bus.reader(), at_least(231))):
        got[e.key].append(e.sequence)
    assert len(got) == 5
    assert all(numbers == sorted(numbers) for numbers in got.values())
    assert sorted(n for numbers in got.values() for n in numbers) == list(range(1, 232))


def test_one_key_has_one_place(bus: Bus) -> None:
    sender = bus.sender(1)
    for start in range(1, 100, 10):
        sender.send(numbered(start, 10))
    places: dict[str, set[Place]] = defaultdict(set)
    for record in read(bus.reader(), at_least(100)):
        places[record.key].add(record.place)
    assert all(len(found) == 1 for found in places.values())


def test_a_resend_keeps_ids_and_numbers(bus: Bus) -> None:
    batch = numbered(1, 5)
    bus.sender(1).send(batch)
    bus.sender(2).send([*batch, *numbered(6, 1)])
    got = events_of(read(bus.reader(), lambda records: 6 in sequences(records)))
    assert {(e.id, e.sequence) for e in got if e.sequence < 6} == {(e.id, e.sequence) for e in batch}
    if "/" in bus.address:
        assert len(got) == 6, "the embedded log holds a record once"


def test_a_new_leader_fences_the_old(bus: Bus) -> None:
    old = bus.sender(1)
    old.send(numbered(1, 2))
    new = bus.sender(2)
    with pytest.raises(Fenced):
        old.send(numbered(3, 2))
    new.send(numbered(5, 2))
    with pytest.raises((Fenced, Busy)):
        old.send(numbered(7, 2))
    other = bus.sender(1, "records")
    other.send(numbered(9, 1))
    new.send(numbered(11, 1))
    got = sequences(read(bus.reader(), lambda records: {9, 11} <= set(sequences(records))))
    assert sorted(got) == [1, 2, 5, 6, 9, 11]


def test_topics_made_a_moment_ago_are_read_however_short_the_polls(bus: Bus) -> None:
    bus.sender(1).send(numbered(1, 3))
    for group in range(8):
        reader = bus.reader(f"group-{group}")
        got: list[Record] = []
        end = time.monotonic() + 30
        while len(got) < 3 and time.monotonic() < end:
            got += [record for records in reader.poll(0.02).values() for record in records]
        assert len(got) == 3
        reader.close()


def test_reading_goes_on_from_stored_positions(bus: Bus) -> None:
    sender = bus.sender(1)
    sender.send(numbered(1, 30))
    positions: dict[Place, int] = {}
    first = bus.reader("one", positions)
    seen = sequences(read(first, at_least(30)))
    first.close()
    first = bus.reader("one", positions)
    records = read(first, at_least(30))
    assert sorted(sequences(records)) == sorted(seen), "what has no stored position is read from the beginning"
    for record in records[:20]:
        positions[record.place] = record.position + 1
    first.close()
    again = bus.reader("one", positions)
    assert sorted(sequences(read(again, at_least(10)))) == sorted(sequences(records[20:]))
    assert again.poll(0.3) == {}


def test_rewinding_one_place_pauses_only_that_place(bus: Bus) -> None:
    sender = bus.sender(1)
    slots = [replace(e, resource_type="Slot") for e in numbered(100, 3)]
    sender.send([replace(e, key="Patient/1") for e in numbered(1, 3)] + slots)
    positions: dict[Place, int] = {}
    reader = bus.reader("one", positions)
    got = read(reader, at_least(6))
    place = next(record.place for record in got if "appointment" in record.topic)
    second = [record for record in got if record.place == place][1]
    positions[place] = second.position
    reader.rewind(place, 1.0)
    began = time.monotonic()
    sender.send([replace(e, resource_type="Slot") for e in numbered(200, 1)])
    assert sequences(read(reader, at_least(1), 0.9)) == [200]
    assert sequences(read(reader, at_least(2))) == [2, 3]
    assert time.monotonic() - began >= 1.0


def test_a_waiting_reader_hears_soon(bus: Bus) -> None:
    sender = bus.sender(1)
    reader = bus.reader()
    sender.send(numbered(1, 1))
    read(reader, at_least(1))
    waits = []
    for n in range(2, 22):
        began = time.monotonic()
        sender.send(numbered(n, 1))
        read(reader, at_least(1))
        waits.append(time.monotonic() - began)
    assert sorted(waits)[10] < 1.0, "a reader that only looks every second would be far off the mark"


@pytest.mark.servers
def test_topics_are_made_as_the_settings_say(kafka_bootstrap: str) -> None:
    settings = KafkaSettings(kafka_bootstrap, f"t{new_id()[-8:]}", partitions=5, days=3)
    early = [topic(name, settings.topic_prefix) for name in (DEAD_LETTER, INBOUND_OUTCOME)]
    sender = KafkaPublisher(settings, early)
    sender.fence("inbound", 1)
    reader = KafkaSubscription(settings, "inbound", [topic(INBOUND, settings.topic_prefix)], dict)
    reader.poll(0.1)
    sender.send(numbered(1, 1))
    admin = connect_to_kafka(KafkaAdminClient, settings).kafka
    wanted = {*early, topic(INBOUND, settings.topic_prefix), topic("Appointment", settings.topic_prefix)}
    found = {name: each for each in admin.describe_topics(sorted(wanted)) if (name := each["name"])}
    assert {name: len(each["partitions"]) for name, each in found.items()} == dict.fromkeys(wanted, 5)
    configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted])["topic"]
    assert {name: each["retention.ms"]["value"] for name, each in configs.items()} == dict.fromkeys(wanted, "259200000")
    for each in (sender, reader, admin):
        each.close()


@pytest.mark.servers
def test_a_transaction_that_is_not_committed_is_not_read(kafka_bootstrap: str) -> None:
    settings = KafkaSettings(kafka_bootstrap, f"t{new_id()[-8:]}", partitions=1)
    topic_name = topic("Appointment", settings.topic_prefix)
    ensure_topics(settings, [topic_name])
    half = KafkaPublisher(settings)
    half.fence("scheduling", 1)
    half._producer.begin_transaction()
    half._producer.send(topic_name, b"{}", b"Patient/1", to_headers(event(1)))
    half._producer.flush(timeout=5)
    reader = KafkaSubscription(settings, "metrics", [topic_name], dict)
    assert reader.poll(2.0) == {}
    whole = KafkaPublisher(settings)
    whole.fence("scheduling", 2)
    whole.send(numbered(5, 1))
    assert sequences(read(reader, at_least(1))) == [5]
    for each in (half, whole, reader):
        each.close()


@pytest.mark.servers
def test_two_consumers_share_the_partitions_and_one_takes_over(kafka_bootstrap: str) -> None:
    bus = Bus(kafka_bootstrap)
    sender = bus.sender(1)
    sender.send(numbered(1, 50))
    positions: dict[Place, int] = {}
    one = bus.reader("shared", positions)
    for record in read(one, at_least(50)):
        positions[record.place] = record.position + 1
    two = bus.reader("shared", positions)
    got: dict[str, set[Place]] = {"one": set(), "two": set()}
    seen: set[int] = set()
    start, end = 51, time.monotonic() + 30
    while time.monotonic() < end and not (got["two"] and len(seen) == start - 51):
        if start < 500:
            sender.send(numbered(start, 15))
            start += 15
        for name, reader in (("one", one), ("two", two)):
            for place, records in reader.poll(0.2).items():
                got[name].add(place)
                seen.update(sequences(records))
                positions[place] = records[-1].position + 1
    assert got["two"], "the second consumer was given partitions"
    assert seen == set(range(51, start))
    one.close()
    sender.send(numbered(1000, 15))
    read(two, lambda records: set(range(1000, 1015)) <= set(sequences(records)))
    for each in bus.opened:
        each.close()


@pytest.mark.servers
def test_an_absent_broker_is_busy_within_the_bound() -> None:
    settings = KafkaSettings("127.0.0.1:1", "t", seconds=0.5)
    began = time.monotonic()
    with pytest.raises(Busy):
        KafkaPublisher(settings).fence("scheduling", 1)
    with pytest.raises(Busy):
        KafkaSubscription(settings, "g", ["t"], dict).poll(0.1)
    with pytest.raises(Busy):
        KafkaPublisher(settings).send(numbered(1, 1))
    assert time.monotonic() - began < 5


def test_the_embedded_log_forgets_the_oldest_in_small_steps(tmp_path: Path) -> None:
    bus = Bus(str(tmp_path / "bus.db"))
    sender = bus.sender(1)
    old = [replace(e, time=1000) for e in numbered(1, 700)]
    sender.send(old + numbered(701, 300))
    connection = connect(tmp_path / "bus.db")
    assert [prune(connection, 2000) for _ in range(3)] == [500, 200, 0]
    assert sequences(read(bus.reader(), at_least(300))) == list(range(701, 1001))
    assert prune(connection, time.time_ns()) == 300
    sender.send(numbered(1001, 1))
    positions = {(topic("Appointment", bus.prefix), 0): 1001}
    assert sequences(read(bus.reader("later", positions), at_least(1))) == [1001], "a position is never given again"
    connection.close()
    for each in bus.opened:
        each.close()


def test_headers_of_any_bytes_are_kept() -> None:
    headers = [("ce_id", b"1"), ("x", bytes(range(256))), ("ce_id", "é".encode())]
    assert unpack(pack(headers)) == headers

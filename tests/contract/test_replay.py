"""Replay on both buses: projections are made anew while events go on, effects are not repeated, and what is not kept
any more is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from sqlalchemy import text, update

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.events.bus import connect, prune
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import versions
from carethread.core.clock import system_clock
from carethread.core.consuming.consumer import Consumer
from carethread.core.context import new_id
from carethread.core.events import Event, topic
from carethread.core.metric_names import CONSUMER_LAG
from carethread.core.ports import Kept, Replay, Session, Subscription
from carethread.core.service import Mirror, Reaction, ResourceType, Runtime, Service
from carethread.interactions.mirror import reaction, start
from support.consumer_worker import APPOINTMENTS, FrontDesk
from support.event_workers import BASE_URL, drained, event, publisher, relaying, store_at, subscription
from support.looping import looping
from support.servers import until

KEYS = [("Appointment", f"a{n}") for n in range(APPOINTMENTS)]


@dataclass
class World:
    """An owner, a bus, and a service with a mirror of the owner's Appointments and an effect of each event."""

    bus: str
    owner: SqlStore
    copy: SqlStore
    prefix: str = field(default_factory=lambda: f"r{new_id()[-8:]}")
    effects: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        mirror = Mirror("Appointment", "scheduling")
        owning = Service("scheduling", "", (ResourceType("Appointment"),))
        owner = Runtime(owning, self.owner, LocalOwners({}), LocalPeer({}), BASE_URL)
        service = Service("careteams", "", (ResourceType("Task"),), mirrors=(mirror,))
        self.runtime = Runtime(service, self.copy, LocalOwners({"scheduling": owner}), LocalPeer({}), BASE_URL)
        self.mirror = mirror
        self.reactions = [reaction(mirror), Reaction("note", "effect", ("Appointment",), self.note)]

    def note(self, runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        self.effects += [e.id for e in events]

    @contextmanager
    def consuming(self, member: str) -> Iterator[None]:
        def run(stop: threading.Event) -> None:
            reader = subscription(self.bus, self.prefix, "careteams", ["Appointment"], self.copy, member)
            Consumer(self.runtime, reader, self.reactions, look=0.1).run(stop)

        with looping(run):
            yield

    def ask(self, since: int = 0, *, reset: bool = False, partial: bool = False) -> None:
        now = time.time_ns() // 1000
        self.copy.transact(lambda s: s.replays.ask("careteams", since, now, reset=reset, partial=partial))

    def replay(self) -> Replay:
        found = self.copy.glance(lambda s: s.replays.find("careteams"))
        assert found
        return found

    def ends(self, state: str) -> str:
        until(lambda: self.replay().state in ("done", "refused"), seconds=60, what="the replay's end")
        assert self.replay().state == state, self.replay().message
        return self.replay().message

    def equal(self) -> bool:
        def state(session: Session) -> dict[tuple[str, str], tuple[int, bytes]]:
            return {key: (s.version, s.body) for key, s in session.current(KEYS).items()}

        return self.copy.snapshot(state) == self.owner.snapshot(state)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.servers)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kafka = request.param == "kafka"
    bus = request.getfixturevalue("kafka_bootstrap") if kafka else str(tmp_path / "bus.db")
    url = request.getfixturevalue("postgres_database") if kafka else f"sqlite:///{tmp_path}/careteams.db"
    made = World(bus, store_at(f"sqlite:///{tmp_path}/scheduling.db", "scheduling"), store_at(url, "careteams"))
    yield made
    made.copy.close()
    made.owner.close()


@pytest.mark.timeout(180)
def test_a_projection_is_made_anew_while_events_go_on(world: World) -> None:
    with relaying(world.owner, world.bus, world.prefix), FrontDesk(world.owner, poison=0) as desk:
        until(lambda: sum(desk.written.values()) > 30, seconds=30, what="some events")
        start(world.runtime, world.mirror)
        with world.consuming("c1"), world.consuming("c2"):
            until(lambda: len(world.effects) > 100, seconds=60, what="some effects")
            with world.copy.engine.connect() as connection:
                connection.execute(update(versions).values(body=b"{}"))  # something has gone wrong with the copy
            world.ask(reset=True)
            world.ends("done")
            moment = time.time_ns() // 1000 - 500_000
            world.ask(moment)
            world.ends("done")
            desk.stop()
            until(lambda: drained(world.owner), seconds=30, what="the outbox empty")
            until(world.equal, seconds=30, what="a copy equal to its owner")
            until(lambda: len(set(world.effects)) == sum(desk.written.values()), seconds=30, what="all effects")


def soon() -> int:
    """Some minutes from now: Kafka gives the ends of transactions the present time."""
    return time.time_ns() // 1000 + 300_000_000


def committed(store: SqlStore) -> set[str]:
    with store.engine.connect() as connection:
        return set(connection.execute(text("SELECT ce_id FROM inbox WHERE reaction = 'note'")).scalars())


@pytest.mark.timeout(120)
def test_what_happened_is_not_repeated_and_what_is_not_kept_is_told(world: World) -> None:
    sender = publisher(world.bus, world.prefix)
    sender.fence("scheduling", 1)
    moment = soon()
    sent = [replace(event(n), sequence=n, time=moment + n * 1_000_000) for n in range(1, 41)]
    for first in range(0, 40, 10):
        sender.send(sent[first : first + 10])
    with world.consuming("c1"):
        until(lambda: len(world.effects) == 40, seconds=60, what="the effects")
        world.ask(sent[20].time)
        assert "again" in world.ends("done")
        world.ask(reset=False)
        world.ends("done")
        assert sorted(world.effects) == sorted(e.id for e in sent)
        forget(world, 10)
        world.ask()
        refused = world.ends("refused")
        assert f"{topic('Appointment', world.prefix)} is kept since 20" in refused
        world.ask(sent[30].time)
        world.ends("done")
        world.ask(partial=True)
        world.ends("done")
    sender.close()
    assert sorted(world.effects) == sorted(e.id for e in sent), "an effect happened twice"
    assert committed(world.copy) == {e.id for e in sent}


@pytest.mark.timeout(120)
def test_who_is_behind_the_moment_of_a_replay_misses_nothing(world: World) -> None:
    sender = publisher(world.bus, world.prefix)
    sender.fence("scheduling", 1)
    moment = soon()
    sent = [replace(event(n), sequence=n, time=moment + n * 1_000_000) for n in range(1, 21)]
    sender.send(sent)
    sender.close()
    world.ask(sent[15].time)
    with world.consuming("c1"):
        world.ends("done")
        until(lambda: len(world.effects) == 20, seconds=60, what="the effects")
    assert committed(world.copy) == {e.id for e in sent}


@pytest.mark.timeout(120)
def test_who_reads_again_is_not_late(world: World) -> None:
    ahead: list[timedelta] = [timedelta()]
    beats: list[float | None] = []
    observed: list[str] = []
    reader = subscription(world.bus, world.prefix, "careteams", ["Appointment"], world.copy, "c1")
    consumer = Consumer(
        world.runtime, reader, world.reactions, look=0.0, clock=lambda: system_clock() + ahead[0],
        observe=lambda name, _: observed.append(name), beat=lambda _, late: beats.append(late),
    )  # fmt: skip
    sender = publisher(world.bus, world.prefix)
    sender.fence("scheduling", 1)
    now = time.time_ns() // 1000
    sender.send([replace(event(n), sequence=n, time=now) for n in range(1, 21)])

    def steps_until(done: Callable[[], bool], what: str) -> None:
        until(lambda: consumer.step(0.1) >= 0 and done(), seconds=60, what=what)

    try:
        steps_until(lambda: len(world.effects) == 20, "the effects")
        ahead[0] = timedelta(hours=1)
        beats.clear()
        observed.clear()
        world.ask()
        steps_until(lambda: world.replay().state == "done", "the replay's end")
        assert set(beats) == {0.0} and CONSUMER_LAG not in observed
        sender.send([replace(event(21), sequence=21, time=now)])
        steps_until(lambda: len(world.effects) == 21, "the last effect")
        assert beats[-1] is not None and beats[-1] > 3000, "what is new and old is late"
    finally:
        reader.close()
        sender.close()


def forget(world: World, count: int) -> None:
    """Let the bus forget some of its oldest records."""
    if "/" in world.bus:
        connection = connect(Path(world.bus))
        (moment,) = connection.execute(
            "SELECT time FROM records ORDER BY position LIMIT 1 OFFSET ?", (count,)
        ).fetchone()
        assert prune(connection, moment) == count
        connection.close()
        return
    reader = subscription(world.bus, world.prefix, f"reader-{new_id()}", ["Appointment"], {})
    ends = {TopicPartition(*place): min(3, k.end) for place, k in reader.kept(0).items()}
    reader.close()
    admin = KafkaAdminClient(bootstrap_servers=world.bus)
    admin.delete_records({partition: end for partition, end in ends.items() if end})
    admin.close()


@pytest.mark.timeout(60)
def test_what_is_kept_from_a_moment_on(world: World) -> None:
    sender = publisher(world.bus, world.prefix)
    sender.fence("scheduling", 1)
    moment = soon()
    sent = [replace(event(n, patients=1), sequence=n, time=moment + n * 1_000_000) for n in range(1, 6)]
    for each in sent:
        sender.send([each])
    reader = subscription(world.bus, world.prefix, f"reader-{new_id()}", ["Appointment"], {})
    try:
        ask = partial(kept, reader)
        (everything,) = ask(0)
        assert (everything.start, everything.since) == (1 if "/" in world.bus else 0, 0)
        (later,) = ask(sent[2].time)
        assert everything.start < later.start < later.end == everything.end
        (none,) = ask(sent[4].time + 1_000_000)
        assert none.start == none.end == everything.end
        assert reader.kept(0).keys() >= {(topic("Appointment", world.prefix), 0)}
    finally:
        reader.close()
        sender.close()


def kept(reader: Subscription, since: int) -> list[Kept]:
    """Of the place that has anything."""
    places = {place for place, k in reader.kept(0).items() if k.end > k.start}
    return [k for place, k in reader.kept(since).items() if place in places]

"""What befalls consumers, on both buses and both databases: each event has its effect once, in order, or is named.

CARETHREAD_TEST_KILLS says how often one is killed at each step; 100 are a campaign of some minutes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka.cluster import ClusterMetadata
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.structs import MemberState

from carethread.adapters.kafka import KafkaSettings, KafkaSubscription
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import new_id
from carethread.core.events import topic
from carethread.core.ports import Record
from support.consumer_worker import STEPS, FrontDesk, back_office, consumers_die, happened, send_again, worker
from support.deaths import kills, possible
from support.event_workers import drained, freeze, relaying, store_at, subscription, unnumbered
from support.servers import Process, until

KILLS = kills(1)


@dataclass
class World:
    """A front desk, a bus, and a back office that hears of what the front desk does."""

    bus: str
    prefix: str
    front: SqlStore
    url: str
    back: SqlStore

    def worker(self, member: str, *more: str) -> Process:
        return worker(self.url, self.bus, self.prefix, member, *more)

    def seen(self) -> int:
        return sum(map(len, happened(self.back).values()))

    def settled(self, desk: FrontDesk) -> bool:
        """Whether each version has happened, or was put aside."""
        held = 0
        for letter in self.back.glance(lambda session: session.held.letters("careteams")):
            held += 1 + letter.holds
        return self.seen() + held == sum(desk.written.values())

    def check(self, desk: FrontDesk) -> None:
        """All has happened, once, in order."""
        assert happened(self.back) == {id_: list(range(1, last + 1)) for id_, last in desk.written.items()}
        assert self.back.glance(lambda session: session.held.letters()) == []
        assert unnumbered(self.back) == self.seen(), "each effect's own event waits in the outbox beside it"


KAFKA = pytest.param("kafka", marks=pytest.mark.servers)
KAFKA_TO_SQLITE = pytest.param("kafka to sqlite", marks=pytest.mark.servers)


@pytest.fixture(params=["embedded", KAFKA])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """The embedded bus with SQLite, Kafka with PostgreSQL, or Kafka with SQLite."""
    bus = str(tmp_path / "bus.db") if request.param == "embedded" else request.getfixturevalue("kafka_bootstrap")
    sqlite = f"sqlite:///{tmp_path}/careteams.db"
    url = request.getfixturevalue("postgres_database") if request.param == "kafka" else sqlite
    front = store_at(f"sqlite:///{tmp_path}/scheduling.db", "scheduling")
    return World(bus, f"f{new_id()[-8:]}", front, url, back_office(url))


def wait(condition: Callable[[], bool], what: str, process: Process | None = None) -> None:
    """For a minute, and longer after a campaign."""
    until(condition, seconds=60 + 3 * KILLS, what=what, details=process.output if process else str)


def mend(world: World, desk: FrontDesk) -> None:
    """What was poison is none any more, and somebody asks for all of it to be tried again."""
    mended = world.worker("m", "--mended")
    mended.start()
    try:
        asked: set[int] = set()

        def over() -> bool:
            for letter in world.back.glance(lambda session: session.held.letters()):
                if letter.state == "dead":
                    asked.add(letter.number)
                    world.back.transact(lambda session, n=letter.number: session.held.ask(n, "retry"))  # type: ignore[misc]
            return world.seen() >= sum(desk.written.values())

        wait(over, "all tried again", mended)
        wait(lambda: not world.back.glance(lambda session: session.held.letters()), "letters gone", mended)
        assert asked, "there was no poison: the test has proved nothing"
    finally:
        mended.stop()


@pytest.mark.timeout(300)
def test_a_rebalance_a_stopped_consumer_repetition_and_poison(world: World) -> None:
    first, second = world.worker("c1", "--dawdle", "0.02"), world.worker("c2", "--dawdle", "0.02")
    try:
        with relaying(world.front, world.bus, world.prefix):
            with FrontDesk(world.front) as desk:
                first.start()
                wait(lambda: world.seen() > 20, "effects of the first", first)
                second.start()  # a rebalance, on Kafka
                before = world.seen()
                wait(lambda: world.seen() > before + 100, "effects of both", second)
                _stop_and_continue(world, first, second)
                desk.change(0, poison=True)
                _repeat(world)
                desk.change(0)
            wait(lambda: drained(world.front), "the outbox empty")
            wait(lambda: world.settled(desk), "all happened or put aside", second)
        _check_held(world)
    finally:
        first.stop()
        second.stop()
    mend(world, desk)
    world.check(desk)


def _stop_and_continue(world: World, first: Process, second: Process) -> None:
    """SIGSTOP one; the other takes over, on Kafka after the session's 10 s; then the first wakes up and goes on."""
    freeze(first, world.back)
    stopped = world.back.positions("careteams")

    def taken_over() -> bool:
        now = world.back.positions("careteams")
        return all(now[place] > position for place, position in stopped.items())

    wait(taken_over, "another took over", second)
    first.unpause()
    before = world.seen()
    wait(lambda: world.seen() > before + 100, "effects after it woke up", first)


def _repeat(world: World) -> None:
    """Much of what is on the bus comes again, in no order at all."""
    reader = subscription(world.bus, world.prefix, f"reader-{new_id()}", ["Appointment"], {})
    got: list[Record] = []
    end = time.monotonic() + 20
    while len(got) < 200 and time.monotonic() < end:
        for records in reader.poll(0.5).values():
            got += records
    reader.close()
    again = random.choices(got, k=100)
    send_again(world.bus, world.prefix, again)


def _check_held(world: World) -> None:
    """Every dead letter is poison, and only later versions of its own Appointment wait behind it."""
    letters = world.back.glance(lambda session: session.held.letters())
    assert letters
    for listed in letters:
        (letter,) = world.back.glance(lambda session, n=listed.number: session.held.letters(number=n))  # type: ignore[misc]
        assert b"poison" in letter.waiting.record.value
        assert b"Appointment.comment" in letter.outcome
        for waiting in world.back.glance(lambda session, n=letter.number: session.held.behind(n, 10_000)):  # type: ignore[misc]
            assert waiting.about.keys == letter.waiting.about.keys
            assert waiting.number > letter.number


@pytest.mark.parametrize("world", ["embedded", KAFKA, KAFKA_TO_SQLITE], indirect=True)
@pytest.mark.timeout(120 + 60 * KILLS)
def test_killed_at_each_step(world: World) -> None:
    with relaying(world.front, world.bus, world.prefix):
        # About as much as those that die can do, so that all partitions have their turn.
        with FrontDesk(world.front, poison=0.1, pause=0.15, renewed=50) as desk:
            consumers_die(world.url, world.bus, world.prefix, possible(STEPS, world.url), KILLS)
            desk.change(0, poison=True)
            desk.change(0)
        wait(lambda: drained(world.front), "the outbox empty")
    survivor = world.worker("c1")
    survivor.start()
    try:
        wait(lambda: world.settled(desk), "all happened or put aside", survivor)
    finally:
        survivor.stop()
    _check_held(world)
    mend(world, desk)
    world.check(desk)


def kafka_of(one: KafkaSubscription) -> Any:
    """The library's consumer, once it is made."""
    assert one._client
    return one._client.kafka


def test_killed_before_it_had_what_it_is_to_read(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back within the session it is given what it had, which was nothing; it sees that, and has it assigned anew."""
    settings = KafkaSettings(kafka_bootstrap, f"e{new_id()[-8:]}", partitions=3)
    topics = [topic("Appointment", settings.topic_prefix)]
    places = {(topics[0], number) for number in range(3)}

    def member() -> KafkaSubscription:
        return KafkaSubscription(settings, "careteams", topics, dict, member="c1")

    def joined(one: KafkaSubscription) -> bool:
        one.poll(0.1)
        return bool(kafka_of(one)._coordinator.state is MemberState.STABLE)

    def assigned(one: KafkaSubscription) -> bool:
        one.poll(0.1)
        return {(each.topic, each.partition) for each in kafka_of(one).assignment()} == places

    assign = ConsumerCoordinator._perform_assignment

    def nothing(*given: object) -> object:
        with monkeypatch.context() as inner:
            inner.setattr(ClusterMetadata, "partitions_for_topic", lambda *_: None)
            return assign(*given)

    with monkeypatch.context() as patched:
        patched.setattr(ConsumerCoordinator, "_perform_assignment", nothing)
        doomed = member()
        until(lambda: joined(doomed), seconds=20, what="joined")
        assert not kafka_of(doomed).assignment()
    again = member()
    try:
        until(lambda: assigned(again), seconds=8, what="all of it assigned, within the session of the first")
    finally:
        again.close()
        doomed.close()

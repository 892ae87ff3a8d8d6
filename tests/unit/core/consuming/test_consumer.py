"""The consumer against a store and a bus in memory: crashes, repetition, rivals, and events that never succeed."""

from __future__ import annotations

import copy
import json
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from carethread.core.consuming.consumer import UNFORESEEN_AT_MOST, Consumer
from carethread.core.errors import Busy, Invalid
from carethread.core.events import Event, to_headers
from carethread.core.metric_names import CONSUMER_BUS_ANEW, CONSUMER_STALLED
from carethread.core.ports import About, Chunk, Kept, Key, Place, Record, Replay, Session, Stored
from carethread.core.service import Reaction, Runtime, Service
from support.consuming import Queue

T = TypeVar("T")
PLACE = ("carethread.task.v1", 0)
ALL = {f"e{number}" for number in range(1, 31)}


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Database:
    """What a transaction changes; effects are counted per event, as those of a mail server would be."""

    positions: dict[Place, int] = field(default_factory=dict)
    inbox: set[tuple[str, str]] = field(default_factory=set)
    buried: dict[int, bytes] = field(default_factory=dict)
    posted: list[Event] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    view: dict[str, int] = field(default_factory=dict)


@dataclass
class MemoryHeld:
    """Dead letters by position; nothing waits behind them, which the tests on real databases are for."""

    database: Database

    def bury(self, consumer: str, record: Record, about: About, outcome: bytes, since: int) -> int:
        self.database.buried[record.position] = outcome
        return record.position

    def known(self, consumer: str, ids: Collection[str]) -> set[str]:
        return set()

    def blocking(self, consumer: str, keys: Collection[str]) -> Mapping[str, Sequence[tuple[int, int]]]:
        return {}

    def due(self, consumer: str, before: int) -> bool:
        return False

    def displace(self, consumer: str, topic: str, partition: int) -> None:
        """Positions are not kept from what comes again."""


class NoReplays:
    def find(self, consumer: str) -> Replay | None:
        return None


@dataclass
class MemorySession:
    database: Database
    replays: NoReplays = field(default_factory=NoReplays)

    @property
    def held(self) -> MemoryHeld:
        return MemoryHeld(self.database)

    def lock(self, names: Iterable[str]) -> None:
        """There is one transaction at a time."""

    def post(self, event: Event) -> None:
        self.database.posted.append(event)

    def happened(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        return {id_ for id_ in event_ids if (reaction, id_) in self.database.inbox}

    def first_time(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        fresh = {id_ for id_ in event_ids if (reaction, id_) not in self.database.inbox}
        self.database.inbox |= {(reaction, id_) for id_ in fresh}
        return fresh

    def advance(self, consumer: str, topic: str, partition: int, expected: int, position: int) -> bool | None:
        if self.database.positions.get((topic, partition), 0) != expected:
            return None
        self.database.positions[topic, partition] = position
        return bool(self.database.buried)


@dataclass
class MemoryStore:
    """All of a transaction or nothing; `trap` says how the next one ends."""

    database: Database = field(default_factory=Database)
    trap: str = ""
    transactions: int = 0

    def transact(self, work: Callable[[Any], T]) -> T:
        trap, self.trap = self.trap, ""
        if trap == "away":
            raise Busy("away")
        self.transactions += 1
        draft = copy.deepcopy(self.database)
        result = work(MemorySession(draft))
        if trap == "killed before commit":
            raise Killed
        self.database = draft
        if trap == "killed after commit":
            raise Killed
        return result

    def glance(self, work: Callable[[Any], T]) -> T:
        return work(MemorySession(self.database))

    def written(self) -> bool:
        return True

    def positions(self, consumer: str) -> dict[Place, int]:
        return dict(self.database.positions)


@dataclass
class Owner:
    """The owners of large resources."""

    versions: dict[int, Stored] = field(default_factory=dict)
    away: bool = False

    def read(self, service: str, key: Key, version: int = 0) -> Stored | None:
        if self.away:
            raise Busy("away")
        return self.versions.get(version or max(self.versions, default=0))

    def search(self, service: str, type_name: str, params: Sequence[tuple[str, str]]) -> list[Stored]:
        return []

    def snapshot(self, service: str, type_name: str, after: int = 0) -> Iterator[Chunk]:
        return iter(())


def event(number: int, version: int = 1, **more: Any) -> Event:
    return Event(
        f"e{number}", "careteams", "created", "Task", f"t{number}", version, 0, "k", b"{}", sequence=number, **more
    )


def record(position: int, of: Event | None = None, place: Place = PLACE, **more: Any) -> Record:
    of = of or event(position)
    return replace(Record(*place, position, of.key, to_headers(of), of.data), **more)


def count(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
    """An effect: not to be repeated."""
    session.database.effects.update(e.id for e in events)  # type: ignore[attr-defined]  # it is the one above


def view(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
    """A projection: the newest version of each resource."""
    seen = session.database.view  # type: ignore[attr-defined]  # as above
    for e in events:
        seen[e.resource_id] = max(seen.get(e.resource_id, 0), e.version)


EFFECT = Reaction("count", "effect", ("Task",), count)
VIEW = Reaction("view", "projection", ("Task",), view)


@dataclass
class World:
    records: list[Record]
    reactions: Sequence[Reaction] = (EFFECT, VIEW)
    store: MemoryStore = field(default_factory=MemoryStore)
    owner: Owner = field(default_factory=Owner)

    metrics: Counter[str] = field(default_factory=Counter)

    def consumer(self, size: int = 100, **more: Any) -> Consumer:
        self.queue = Queue(self.records, lambda: self.store.positions(""), size)
        runtime = Runtime(Service("metrics", "", ()), self.store, self.owner, None, "")  # type: ignore[arg-type]
        return Consumer(runtime, self.queue, self.reactions, observe=self.observe, **more)

    def observe(self, name: str, value: float) -> None:
        self.metrics[name] += 1

    @property
    def database(self) -> Database:
        return self.store.database


def raising(error: Exception, where: set[str]) -> Reaction:
    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        count(runtime, session, events)
        if any(e.id in where for e in events):
            raise error

    return Reaction("count", "effect", ("Task",), handle)


def test_a_batch_is_one_transaction() -> None:
    world = World([record(n) for n in range(1, 6)])
    assert world.consumer().step() == 5
    assert world.store.transactions == 1
    assert world.database.positions == {PLACE: 6}
    assert world.database.effects == Counter(f"e{n}" for n in range(1, 6))


SLOTS = ("carethread.slot.v1", 0)


def slot(number: int) -> Record:
    return record(number, replace(event(number), resource_type="Slot"), SLOTS)


def reading_both(handle: Callable[[Runtime, Session, Sequence[Event]], None]) -> tuple[World, Consumer]:
    """A consumer that has read a first record at each of two places, and finds more at both."""
    world = World([record(1), slot(2)], (Reaction("count", "effect", ("Task", "Slot"), handle),))
    consumer = world.consumer()
    assert consumer.step() == 2
    world.records += [record(3), record(4), slot(5)]
    world.store.transactions = 0
    return world, consumer


def test_what_came_together_of_several_places_is_one_transaction() -> None:
    world, consumer = reading_both(count)
    assert consumer.step() == 3
    assert world.store.transactions == 1
    assert world.database.positions == {PLACE: 5, SLOTS: 6}
    assert world.database.effects == Counter({"e1": 1, "e2": 1, "e3": 1, "e4": 1, "e5": 1})


def test_what_fails_among_several_places_is_put_aside_or_waits_alone() -> None:
    failing: dict[str, Exception] = {}

    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        count(runtime, session, events)
        for each in events:
            if each.id in failing:
                raise failing[each.id]

    world, consumer = reading_both(handle)
    failing |= {"e3": Invalid("Too late."), "e5": Busy("away")}
    assert consumer.step() == 2
    assert set(world.database.buried) == {3}
    assert world.database.effects == Counter({"e1": 1, "e2": 1, "e4": 1})
    assert world.database.positions == {PLACE: 5, SLOTS: 3}
    assert [place for place, _ in world.queue.rewound] == [SLOTS]
    failing.clear()
    assert consumer.step() == 1
    assert world.database.effects["e5"] == 1


@pytest.mark.parametrize("place", [PLACE, SLOTS])
def test_a_place_that_another_has_moved_keeps_nothing_of_it_twice(place: Place) -> None:
    world, consumer = reading_both(count)
    rival = world.store.database
    rival.positions[place] = {PLACE: 5, SLOTS: 6}[place]
    while consumer.step():
        pass
    assert world.database.positions == {PLACE: 5, SLOTS: 6}
    theirs = {PLACE: {"e3", "e4"}, SLOTS: {"e5"}}[place]
    assert world.database.effects == Counter({"e1", "e2", "e3", "e4", "e5"} - theirs)


def test_reactions_get_the_types_they_ask_for() -> None:
    other = replace(event(2), resource_type="Goal")
    world = World([record(1), record(2, other)])
    assert world.consumer().step() == 2
    assert set(world.database.effects) == {"e1"}
    assert world.database.positions == {PLACE: 3}


def test_an_effect_happens_once_and_a_projection_sees_all() -> None:
    seen: list[str] = []
    every = Reaction("all", "projection", ("Task",), lambda runtime, session, events: seen.extend(e.id for e in events))
    world = World([record(1, event(1)), record(2, event(1)), record(3, event(2)), record(4, event(1))], (EFFECT, every))
    world.consumer(size=3).step()
    consumer = world.consumer()
    assert consumer.step() == 1
    assert world.database.effects == Counter({"e1": 1, "e2": 1})
    assert seen == ["e1", "e1", "e2", "e1"]


def test_what_is_away_pauses_only_its_place() -> None:
    slots = ("carethread.slot.v1", 0)
    other = replace(event(7), resource_type="Slot")
    world = World([record(1), record(2), record(7, other, slots)], (raising(Busy("away"), {"e1"}),))
    consumer = world.consumer()
    pauses = []
    for _ in range(9):
        consumer.step()
        pauses.append(world.queue.rewound[-1][1])
    assert world.database.positions == {slots: 8}
    assert world.database.effects == Counter()
    assert pauses[:3] == [0.05, 0.1, 0.2]
    assert pauses[-1] == 5.0
    assert {place for place, _ in world.queue.rewound} == {PLACE}
    world.reactions = (EFFECT,)
    assert world.consumer().step() == 2


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (Invalid("Too late.", expression="Task.status"), "invalid", "Too late."),
        (KeyError("Mrs Somebody"), "exception", "Handling the event failed with KeyError."),
    ],
)
def test_what_never_succeeds_is_put_aside_alone(
    error: Exception, code: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World([record(n) for n in range(1, 6)], (raising(error, {"e3"}),))
    assert world.consumer().step() == 5
    assert world.database.effects == Counter({"e1": 1, "e2": 1, "e4": 1, "e5": 1})
    assert world.database.positions == {PLACE: 6}
    (issue,) = json.loads(world.database.buried[3])["issue"]
    assert (issue["code"], issue["diagnostics"]) == (code, says)
    (posted,) = world.database.posted
    extra = dict(posted.extra)
    assert (posted.resource_type, posted.data, posted.key) == ("dead-letter", world.records[2].value, "k")
    assert json.loads(extra["dead-outcome"]) == json.loads(world.database.buried[3])
    assert (extra["dead-topic"], extra["dead-partition"], extra["dead-offset"]) == (PLACE[0].encode(), b"0", b"3")
    assert {n.removeprefix("original-"): v for n, v in posted.extra if n.startswith("original-")} == dict(
        world.records[2].headers
    )
    (logged,) = [r for r in caplog.records if r.message == "event_buried"]
    assert logged.__dict__["subject"] == "Task/t3/_history/1"
    assert "Somebody" not in str(logged.__dict__)


def test_an_error_that_does_not_come_again_buries_nothing() -> None:
    failures = [ValueError(), None]

    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        count(runtime, session, events)
        if failure := failures.pop(0) if failures else None:
            raise failure

    world = World([record(1)], (Reaction("count", "effect", ("Task",), handle),))
    assert world.consumer().step() == 1
    assert world.database.effects == Counter({"e1": 1})
    assert world.database.buried == {}


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ([], "ce_subject"),
        ([(n, v) for n, v in to_headers(event(2)) if n != "ce_id"], "ce_id"),
        ([(n, b"x" if n == "ce_sequence" else v) for n, v in to_headers(event(2))], "ce_subject"),
        ([(n, b"\xff" if n == "ce_id" else v) for n, v in to_headers(event(2))], None),
    ],
)
def test_an_envelope_that_cannot_be_read_is_put_aside(headers: list[tuple[str, bytes]], place: str | None) -> None:
    world = World([record(1), record(2, headers=headers), record(3)])
    assert world.consumer().step() == 3
    assert set(world.database.effects) == {"e1", "e3"}
    (issue,) = json.loads(world.database.buried[2])["issue"]
    assert issue.get("expression", [None]) == [place]


def test_a_body_too_large_is_asked_of_its_owner() -> None:
    got: list[Event] = []
    keep = Reaction("keep", "projection", ("Task",), lambda runtime, session, events: got.extend(events))
    large = event(1, 3, dataref="https://care.example/fhir/Task/t1/_history/3")
    world = World([record(1, large)], (keep,))
    world.owner.away = True
    consumer = world.consumer()
    assert consumer.step() == 0, "away is no reason to go on without it"
    world.owner.away = False
    booked, cancelled = (Stored("Task", "t1", n, 0, False, b'{"id":"t1","n":%d}' % n) for n in (3, 4))
    world.owner.versions = {3: booked, 4: cancelled}
    assert consumer.step() == 1
    assert (got[0].data, got[0].version) == (booked.body, 3), "the version that the event tells of, not a newer one"
    world.owner.versions = {4: cancelled}
    world.records.append(record(2, large))
    consumer.step()
    assert (got[1].data, got[1].version) == (cancelled.body, 4), "where its version is gone, the newest"
    world.owner.versions = {}
    world.records.append(record(3, large))
    consumer.step()
    assert got[2].data == large.data, "of what is gone the stub tells enough"


def test_a_place_where_everything_fails_for_no_foreseen_reason_waits(caplog: pytest.LogCaptureFixture) -> None:
    slots = ("carethread.slot.v1", 0)
    others = [record(1, replace(event(90), resource_type="Slot"), slots)]
    world = World([record(n) for n in range(1, 31)] + others, (raising(KeyError("Mrs Somebody"), ALL),))
    consumer = world.consumer(size=30)
    for _ in range(3):
        consumer.step()
    assert len(world.database.buried) == UNFORESEEN_AT_MOST == 20
    assert world.database.positions == {PLACE: 21, slots: 2}, "the others go on"
    assert [pause for place, pause in world.queue.rewound if place == PLACE] == [0.05, 0.1, 0.2]
    stalls = [r for r in caplog.records if r.message == "consumer_stalls"]
    assert [(r.__dict__["position"], r.__dict__["error"]) for r in stalls] == [(21, "KeyError")] * 3
    assert world.metrics[CONSUMER_STALLED] == 3
    world.reactions = (raising(KeyError(), {"e22"}),)
    consumer = world.consumer()
    assert consumer.step() == 10
    assert set(world.database.buried) == {*range(1, 21), 22}, "after one that succeeds it is the event again"


def test_what_is_refused_for_a_reason_never_stalls_a_place() -> None:
    world = World([record(n) for n in range(1, 31)], (raising(Invalid("Too late."), ALL),))
    assert world.consumer().step() == 30
    world = World([record(n, headers=[("ce_id", b"\xff")]) for n in range(1, 31)])
    assert world.consumer().step() == 30, "and no sender stalls it with garbage"


def test_one_that_succeeds_begins_the_count_anew() -> None:
    poison = {f"e{n}" for n in range(1, 61) if n % 20}
    world = World([record(n) for n in range(1, 61)], (raising(KeyError(), poison),))
    assert world.consumer().step() == 60
    assert len(world.database.buried) == 57


def test_where_work_is_expensive_a_poison_record_undoes_no_other() -> None:
    seen: list[str] = []

    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        seen.extend(e.id for e in events)
        if any(e.id == "e3" for e in events):
            raise Invalid("Too late.")

    world = World([record(n) for n in range(1, 6)], (Reaction("count", "effect", ("Task",), handle),))
    assert world.consumer(most=1).step() == 5
    assert seen == ["e1", "e2", "e3", "e3", "e4", "e5"]
    assert world.database.positions == {PLACE: 6}
    assert set(world.database.buried) == {3}


@pytest.mark.parametrize("where", ["about", "bury"])
def test_whatever_a_record_concerns_it_is_put_aside(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def about(runtime: Runtime, of: Event) -> About:
        if where == "about" and of.id == "e1":
            raise RecursionError
        return About(of.id, ("key",))

    def bury(self: MemoryHeld, consumer: str, of: Record, concerns: About, outcome: bytes, since: int) -> int:
        if concerns.keys:
            raise ValueError("The index does not take the key.")
        self.database.buried[of.position] = outcome
        return of.position

    monkeypatch.setattr(MemoryHeld, "bury", bury)
    world = World([record(1), record(2)], (raising(Invalid("Bad."), {"e1"}),))
    assert world.consumer(about=about).step() == 2
    assert set(world.database.buried) == {1}


def test_what_cannot_be_put_aside_at_all_pauses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def bury(*_: object) -> int:
        raise ValueError

    monkeypatch.setattr(MemoryHeld, "bury", bury)
    world = World([record(1), record(2)], (raising(Invalid("Bad."), {"e1"}),))
    assert world.consumer().step() == 0
    assert world.queue.rewound == [(PLACE, 0.05)]


def test_a_bus_that_began_anew_is_read_from_its_beginning(caplog: pytest.LogCaptureFixture) -> None:
    world = World([record(n) for n in range(1, 9)])
    world.consumer().step()
    world.records[:] = [record(n, event(n + 10)) for n in range(1, 4)]
    assert world.consumer().step() == 3
    assert world.database.positions == {PLACE: 4}
    assert set(world.database.effects) == {f"e{n}" for n in (*range(1, 9), 11, 12, 13)}
    assert world.metrics[CONSUMER_BUS_ANEW] == 1
    (told,) = [r for r in caplog.records if r.message == "bus_began_anew"]
    assert (told.__dict__["from"], told.__dict__["end"]) == (9, 4)
    assert world.consumer().step() == 0
    assert world.metrics[CONSUMER_BUS_ANEW] == 1


def test_a_bus_that_does_not_tell_its_ends_is_read_all_the_same() -> None:
    world = World([record(1)])
    world.consumer().step()
    world.records.append(record(2))
    consumer = world.consumer()

    def kept(since: int) -> dict[Place, Kept]:
        raise Busy("away")

    world.queue.kept = kept  # type: ignore[method-assign]  # the bus does not answer
    assert consumer.step() == 1


def test_one_that_lost_its_place_writes_nothing() -> None:
    world = World([record(n) for n in range(1, 9)])
    stale = world.consumer(size=4)
    assert stale.step() == 4
    assert World.consumer(world).step() == 4
    world.queue.next[PLACE] = 5
    stale._subscription = world.queue
    assert stale.step() == 0
    assert world.database.positions == {PLACE: 9}
    assert world.queue.rewound == [(PLACE, 0.0)]
    assert world.database.effects == Counter(f"e{n}" for n in range(1, 9))
    world.records.append(record(9))
    assert stale.step() == 1


def test_a_position_set_back_replays() -> None:
    world = World([record(n) for n in range(1, 5)])
    consumer = world.consumer()
    consumer.step()
    world.database.positions[PLACE] = 0
    world.database.view.clear()
    world.records.append(record(5))
    consumer.step()
    assert consumer.step() == 5
    assert len(world.database.view) == 5
    assert world.database.effects == Counter(f"e{n}" for n in range(1, 6))


def test_run_survives_a_bus_that_is_away() -> None:
    world, stop = World([record(1)]), threading.Event()
    consumer = world.consumer()
    polls: list[int] = []

    def poll(seconds: float) -> dict[Place, list[Record]]:
        polls.append(1)
        if len(polls) < 3:
            raise Busy("away")
        stop.set()
        return {PLACE: [record(1)]}

    world.queue.poll = poll  # type: ignore[method-assign]  # the bus is away
    consumer.run(stop)
    assert world.database.positions == {PLACE: 2}


class Consumers(RuleBasedStateMachine):
    """Two consumers on one log that repeats and reorders; they are killed, cut off, and lose places without knowing."""

    @initialize(size=st.integers(1, 5))
    def begin(self, size: int) -> None:
        self.size = size
        self.world = World([], (EFFECT, VIEW))
        self.consumers = [self.fresh(), self.fresh()]
        self.published: list[Event] = []
        self.highest: dict[Place, int] = {}

    def fresh(self) -> tuple[Consumer, Queue]:
        consumer = self.world.consumer(self.size)
        return consumer, self.world.queue

    @rule(place=st.integers(0, 1), versions=st.lists(st.integers(1, 5), min_size=1, max_size=4))
    def publish(self, place: int, versions: list[int]) -> None:
        for version in versions:
            number = len(self.world.records) + 1
            self.published.append(event(number, version))
            self._append(place, self.published[-1])

    @rule(place=st.integers(0, 1), pick=st.integers(0, 1000))
    def publish_again(self, place: int, pick: int) -> None:
        if self.published:
            self._append(place, self.published[pick % len(self.published)])

    def _append(self, place: int, of: Event) -> None:
        self.world.records.append(record(len(self.world.records) + 1, of, (PLACE[0], place)))

    @rule(n=st.integers(0, 1), trap=st.sampled_from(["", "", "away", "killed before commit", "killed after commit"]))
    def step(self, n: int, trap: str) -> None:
        self.world.store.trap = trap
        try:
            self.consumers[n][0].step()
        except Killed:
            self.consumers[n] = self.fresh()
        self.world.store.trap = ""

    @rule(n=st.integers(0, 1), place=st.integers(0, 1), back=st.integers(0, 30))
    def sees_old_records_again(self, n: int, place: int, back: int) -> None:
        """A consumer whose partition went to another and came back fetches from where it once was."""
        queue = self.consumers[n][1]
        if queue.next.get((PLACE[0], place), 0) > back:
            queue.next[PLACE[0], place] = back

    @invariant()
    def effects_once(self) -> None:
        if hasattr(self, "world"):
            assert all(times == 1 for times in self.world.database.effects.values())

    @invariant()
    def positions_never_go_back(self) -> None:
        if hasattr(self, "world"):
            for place, position in self.world.database.positions.items():
                assert position >= self.highest.get(place, 0)
                self.highest[place] = position

    @invariant()
    def nothing_skipped(self) -> None:
        if hasattr(self, "world"):
            for r in self.world.records:
                if r.position < self.world.database.positions.get(r.place, 0):
                    assert dict(r.headers)["ce_id"].decode() in self.world.database.effects

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for _ in range(len(self.world.records) + 5):
            self.consumers[0][0].step()
        assert self.world.database.effects == Counter(e.id for e in self.published)
        assert self.world.database.view == {e.resource_id: e.version for e in self.published}


TestConsumers = Consumers.TestCase

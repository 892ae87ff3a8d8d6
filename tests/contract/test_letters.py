"""What becomes of dead letters and of what waits behind them, on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.events.postbox import SqlPostbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.consuming.aside import bury, sift
from carethread.core.consuming.letters import attend
from carethread.core.consuming.reacting import Reader
from carethread.core.consuming.reading import about_resource, resource_event
from carethread.core.errors import Busy, Invalid
from carethread.core.events import Event, to_headers
from carethread.core.fhir.json import render
from carethread.core.metric_names import CONSUMER_BURIED, CONSUMER_ESCALATED
from carethread.core.ports import Record, Session, Store
from carethread.core.service import Reaction, Runtime, Service

T = TypeVar("T")
BEGAN = datetime(2026, 11, 22, 8, tzinfo=UTC)


class World:
    """A consumer's parts, with a clock and errors that a test sets."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.now = BEGAN
        self.fails: dict[str, Exception] = {}
        self.happened: list[str] = []
        self.metrics: list[str] = []
        runtime = Runtime(Service("careteams", "", ()), store, LocalOwners({}), LocalPeer({}), "https://care.example")
        self.reader = Reader(
            runtime,
            "careteams",
            [Reaction("note", "effect", ("Task",), self.note)],
            resource_event,
            about_resource,
            lambda: self.now,
            lambda name, value: self.metrics.append(name),
        )

    def note(self, runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        for event in events:
            if event.id in self.fails:
                raise self.fails[event.id]
        self.happened += [event.id for event in events]

    def record(self, number: int, id_: str, needs: str = "") -> Record:
        body = {"resourceType": "Task", "id": id_, **({"basedOn": [{"reference": needs}]} if needs else {})}
        event = Event(f"e{number}", "records", "updated", "Task", id_, number, 0, "k", render(body), sequence=number)
        return Record("t", 0, number, "k", to_headers(event), event.data)

    def dead(self, record: Record) -> int:
        about = self.reader.about(record)
        return self.store.transact(lambda session: bury(session, self.reader, record, about, Invalid("Bad.")))

    def held(self, *records: Record) -> None:
        arrivals = [(record, self.reader.read(record)) for record in records]
        sifted = self.store.transact(lambda session: sift(session, self.reader, arrivals))
        assert not sifted.free

    def ask(self, number: int, *, discard: bool = False) -> None:
        assert self.store.transact(lambda session: session.held.ask(number, "discard" if discard else "retry"))

    def attend(self) -> None:
        attend(self.reader, 3600)

    def letters(self) -> dict[str, int]:
        found = self.store.glance(lambda session: session.held.letters())
        return {letter.waiting.about.id: letter.holds for letter in found}


@pytest.fixture
def world(store: SqlStore) -> World:
    return World(store)


def test_what_waits_follows_in_order_however_much_it_is(world: World) -> None:
    number = world.dead(world.record(1, "a"))
    world.held(*(world.record(n, "a" if n % 2 else "b", "" if n % 2 else "Task/a") for n in range(2, 252)))
    world.fails = {"e100": Invalid("It has no patient.")}
    world.ask(number)
    world.attend()
    odd_and_before = [f"e{n}" for n in range(1, 252) if n % 2 or n < 100]
    assert world.happened == odd_and_before
    assert world.letters() == {"e100": 75}, "what is about b waits behind it now"
    assert len(SqlPostbox(world.store.engine, "careteams").waiting(10)) == 2
    assert world.metrics.count(CONSUMER_BURIED) == 1
    world.fails = {}
    world.happened.clear()
    (letter,) = world.store.glance(lambda session: session.held.letters())
    world.ask(letter.number, discard=True)
    world.attend()
    assert world.happened == [f"e{n}" for n in range(102, 252, 2)]
    assert world.letters() == {}


def test_one_that_waits_for_what_is_away_keeps_no_other(world: World) -> None:
    first, second = world.dead(world.record(1, "a")), world.dead(world.record(2, "b"))
    world.ask(first)
    world.ask(second)
    world.fails = {"e1": Busy("away")}
    world.attend()
    assert world.happened == ["e2"]
    assert world.letters() == {"e1": 0}
    world.fails = {}
    world.attend()
    assert world.happened == ["e2", "e1"], "it is tried again without being asked for again"


def test_one_that_fails_again_has_the_newer_reason(world: World) -> None:
    number = world.dead(world.record(1, "a"))
    world.ask(number)
    world.fails = {"e1": KeyError("Mrs Somebody")}
    world.attend()
    (letter,) = world.store.glance(lambda session: session.held.letters())
    assert (letter.state, letter.attempts) == ("dead", 2)
    assert b"KeyError" in letter.outcome
    assert b"Somebody" not in letter.outcome
    assert len(SqlPostbox(world.store.engine, "careteams").waiting(10)) == 1, "it is published once"


def test_somebody_is_told_after_a_while(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.dead(world.record(1, "a"))
    world.held(world.record(2, "a"))
    world.attend()
    assert CONSUMER_ESCALATED not in world.metrics
    world.now += timedelta(seconds=3601)
    world.attend()
    world.attend()
    assert world.metrics.count(CONSUMER_ESCALATED) == 1
    (told,) = [record for record in caplog.records if record.message == "letter_escalated"]
    assert (told.__dict__["letter"], told.__dict__["holds"]) == (1, 1)
    (letter,) = world.store.glance(lambda session: session.held.letters())
    assert letter.escalated


def test_what_waits_for_two_waits_for_both(world: World) -> None:
    one, two = world.dead(world.record(1, "a")), world.dead(world.record(2, "b"))
    world.held(world.record(3, "a", "Task/b"), world.record(4, "c", "Task/a"))
    world.ask(two)
    world.attend()
    assert world.happened == ["e2"]
    assert world.letters() == {"e1": 2}
    world.ask(one)
    world.attend()
    assert world.happened == ["e2", "e1", "e3", "e4"]


class TwoProcesses(World):
    """What one process does between the other one's look at a letter and its turn to see to it."""

    def __init__(self, store: SqlStore) -> None:
        super().__init__(store)
        self.meanwhile: list[Callable[[], None]] = []
        store_of_the_late = cast(Store, Looking(self))
        self.late = replace(self.reader, runtime=replace(self.reader.runtime, store=store_of_the_late))

    def attend_late(self) -> None:
        attend(self.late, 3600)


class Looking:
    """A store that lets one thing happen before each transaction."""

    def __init__(self, world: TwoProcesses) -> None:
        self._world = world

    def glance(self, work: Callable[[Session], T]) -> T:
        return self._world.store.glance(work)

    def transact(self, work: Callable[[Session], T]) -> T:
        if self._world.meanwhile:
            self._world.meanwhile.pop(0)()
        return self._world.store.transact(work)


def state(world: World, number: int) -> list[tuple[str, int]]:
    return [(each.state, each.attempts) for each in world.store.glance(lambda s: s.held.letters(number=number))]


@pytest.mark.parametrize("holds", [False, True])
def test_a_letter_that_another_process_could_not_retry_stays(store: SqlStore, holds: bool) -> None:
    world = TwoProcesses(store)
    number = world.dead(world.record(1, "a"))
    if holds:
        world.held(world.record(2, "a"))
    world.ask(number)
    world.fails = {"e1": Invalid("Still bad.")}
    world.meanwhile = [lambda: None, world.attend]  # the first is the look for what is overdue
    world.attend_late()
    assert state(world, number) == [("dead", 2)]
    assert world.letters() == {"e1": int(holds)}
    assert world.happened == []


@pytest.mark.parametrize("discard", [False, True])
def test_a_letter_that_another_process_has_seen_to_is_seen_to_once(
    store: SqlStore, discard: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world = TwoProcesses(store)
    number = world.dead(world.record(1, "a"))
    world.held(world.record(2, "a"))
    world.ask(number, discard=discard)
    world.meanwhile = [lambda: None, world.attend]
    world.attend_late()
    assert world.happened == (["e2"] if discard else ["e1", "e2"])
    assert world.letters() == {}
    assert [record.message for record in caplog.records].count("letter_discarded" if discard else "letter_retried") == 1


def test_one_that_fails_while_another_process_gives_it_up_is_given_up(store: SqlStore) -> None:
    world = TwoProcesses(store)
    number = world.dead(world.record(1, "a"))
    world.held(world.record(2, "a"))
    world.ask(number)
    world.fails = {"e1": Invalid("Still bad.")}

    def give_up() -> None:
        world.ask(number, discard=True)
        world.attend()

    world.meanwhile = [lambda: None]

    def failing(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        world.meanwhile = [give_up]  # before the late process tells that it has failed
        raise Invalid("Still bad.")

    world.late = replace(world.late, reactions=[Reaction("note", "effect", ("Task",), failing)])
    world.attend_late()
    assert state(world, number) == []
    assert world.happened == ["e2"]
    assert CONSUMER_BURIED not in world.metrics


def test_what_fails_as_it_is_let_go_is_the_one_that_failed(store: SqlStore) -> None:
    """Another process has let the first ones go by the time that the late one tells which has failed."""
    world = TwoProcesses(store)
    number = world.dead(world.record(1, "a"))
    world.held(*(world.record(n, "a") for n in range(2, 5)))
    world.ask(number)
    tries: list[str] = []

    def failing_once(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        tries.append(events[0].id)
        if events[0].id == "e2":
            world.meanwhile = [world.attend] if tries.count("e2") == 2 else []
            raise Invalid("Not here.")
        world.note(runtime, session, events)

    world.late = replace(world.late, reactions=[Reaction("note", "effect", ("Task",), failing_once)])
    world.attend_late()
    assert world.happened == ["e1", "e2", "e3", "e4"]
    assert world.letters() == {}
    assert CONSUMER_BURIED not in world.metrics


def test_one_whose_id_no_inbox_holds_can_be_given_up(world: World) -> None:
    record = world.record(1, "a")
    headers = [(name, b"e\x00" + b"1" * 9000 if name == "ce_id" else value) for name, value in record.headers]
    number = world.dead(replace(record, headers=headers))
    world.held(world.record(2, "a"))
    world.ask(number, discard=True)
    world.attend()
    assert world.happened == ["e2"]
    assert world.letters() == {}

"""What is put aside, against an obvious model: poison, what depends on it, retries, discards, repetition, restarts.

The model is a list of what came and has not happened. An event waits when something before it in that list is about
what it is about, or about what it needs; one that is first in line and fails stays where it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import text

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import metadata
from carethread.core.consuming.consumer import Consumer
from carethread.core.errors import Busy, Invalid
from carethread.core.events import Event, to_headers
from carethread.core.fhir.json import render
from carethread.core.ports import DeadLetter, Record, Session, Waiting
from carethread.core.service import Reaction, ResourceType, Runtime, Service
from support.consuming import Queue

T = TypeVar("T")
TYPES = ("Task", "Goal")
RESOURCES = [f"{type_name}/r{number}" for type_name in TYPES for number in range(3)]
keys = st.sampled_from(RESOURCES)


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Came:
    """An event as the model has it."""

    id: str
    key: str
    needs: frozenset[str]


class Model:
    """What came and has not happened, in order, what has, and what nobody wants any more."""

    def __init__(self) -> None:
        self.waiting: list[Came] = []
        self.dead: set[str] = set()
        self.happened: list[str] = []
        self.broken: set[str] = set()

    def arrive(self, came: Came) -> None:
        if came.id not in {each.id for each in self.waiting} and came.id not in self.happened:
            self.waiting.append(came)
            self.settle()

    def settle(self) -> None:
        """Let happen what waits for nothing that came before it and does not fail."""
        before: set[str] = set()
        for each in list(self.waiting):
            if each.id in self.dead or before & {each.key, *each.needs}:
                before.add(each.key)
            elif each.id in self.broken:
                self.dead.add(each.id)
                before.add(each.key)
            else:
                self.waiting.remove(each)
                self.happened.append(each.id)

    def retry(self, id_: str) -> None:
        if id_ not in self.broken:
            self.dead.discard(id_)
            self._gone(id_)
            self.happened.append(id_)
            self.settle()

    def discard(self, id_: str) -> None:
        self.dead.discard(id_)
        self._gone(id_)
        self.settle()

    def _gone(self, id_: str) -> None:
        self.waiting = [each for each in self.waiting if each.id != id_]


class TrapStore(SqlStore):
    """A store whose next transactions may be the last thing that a process does."""

    trap = ""

    def transact(self, work: Callable[[Session], T]) -> T:
        trap, self.trap = self.trap, ""

        def doomed(session: Session) -> T:
            result = work(session)
            if trap == "killed before commit":
                raise Killed
            return result

        result = super().transact(doomed)
        if trap == "killed after commit":
            raise Killed
        return result


def _behind(number: int, session: Session) -> list[Waiting]:
    return session.held.behind(number, 1000)


class PutAside(RuleBasedStateMachine):
    """Arrivals on two topics, some of them broken, and whatever people and machines do about it."""

    @initialize(size=st.integers(1, 4))
    def begin(self, size: int) -> None:
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.store = TrapStore(make_engine(f"sqlite:///{self.folder.name}/s.db"), "metrics")
        metadata.create_all(self.store.engine)
        with self.store.engine.connect() as connection:
            connection.execute(text("CREATE TABLE happened (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT)"))
        self.size = size
        self.records: list[Record] = []
        self.came: list[Event] = []
        self.model = Model()
        self.away: set[str] = set()
        self.restart()

    def restart(self) -> None:
        service = Service("metrics", "", (ResourceType("Measure"),))
        runtime = Runtime(service, self.store, LocalOwners({}), LocalPeer({}), "https://care.example/fhir")
        queue = Queue(self.records, lambda: self.store.positions("metrics"), self.size)
        reaction = Reaction("happen", "effect", TYPES, self.happen)
        self.consumer = Consumer(runtime, queue, [reaction], look=0)

    def happen(self, runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        for event in events:
            if event.id in self.away:
                raise Busy("away")
            connection = session._connection  # type: ignore[attr-defined]  # there is no table of ours behind the port
            connection.execute(text("INSERT INTO happened (id) VALUES (:id)"), {"id": event.id})
            if event.id in self.model.broken:
                raise Invalid("Broken.")

    def step(self, trap: str = "") -> None:
        self.store.trap = trap
        try:
            self.consumer.step()
        except Killed:
            self.restart()
        self.store.trap = ""

    def work_off(self) -> None:
        """Until nothing is left to read, and all that was asked for is seen to."""
        for _ in range(len(self.records) + 2):
            self.step()

    @rule(key=keys, needs=st.frozensets(keys, max_size=2), broken=st.booleans(), trap=st.sampled_from(
        ["", "", "killed before commit", "killed after commit"]
    ))  # fmt: skip
    def arrive(self, key: str, needs: frozenset[str], broken: bool, trap: str) -> None:
        type_name, _, id_ = key.partition("/")
        body = {"resourceType": type_name, "id": id_, "basedOn": [{"reference": f"{n}/_history/1"} for n in needs]}
        number = len(self.came) + 1
        event = Event(f"e{number}", "records", "updated", type_name, id_, number, 0, "k", render(body), sequence=number)
        self.came.append(event)
        if broken:
            self.model.broken.add(event.id)
        self._append(event)
        self.model.arrive(Came(event.id, key, needs))
        self.step(trap)
        self.work_off()

    @rule(pick=st.integers(0, 1000))
    def arrive_again(self, pick: int) -> None:
        if self.came:
            event = self.came[pick % len(self.came)]
            self._append(event)
            self.work_off()

    def waiting_ids(self) -> set[str]:
        return {each.id for each in self.model.waiting}

    def _append(self, event: Event) -> None:
        topic = f"carethread.{event.resource_type.lower()}.v1"
        self.records.append(Record(topic, 0, len(self.records) + 1, event.key, to_headers(event), event.data))

    @rule(pick=st.integers(0, 1000), mend=st.booleans(), later_too=st.booleans(), away=st.booleans(),
          trap=st.sampled_from(["", "", "killed before commit", "killed after commit"]))  # fmt: skip
    def retry(self, pick: int, mend: bool, later_too: bool, away: bool, trap: str) -> None:
        letter = self._letter(pick)
        if letter is None:
            return
        id_ = letter.waiting.about.id
        if mend:
            self.model.broken.discard(id_)
        if later_too:
            self.model.broken -= {each.id for each in self.model.waiting}
        self.store.transact(lambda session: session.held.ask(letter.number, "retry"))
        self.away = {id_} if away else set()
        self.step(trap)
        self.away = set()
        self.work_off()
        self.model.retry(id_)

    @rule(pick=st.integers(0, 1000), trap=st.sampled_from(["", "killed before commit", "killed after commit"]))
    def discard(self, pick: int, trap: str) -> None:
        letter = self._letter(pick)
        if letter is None:
            return
        self.store.transact(lambda session: session.held.ask(letter.number, "discard"))
        self.step(trap)
        self.work_off()
        self.model.discard(letter.waiting.about.id)

    def letters(self) -> list[DeadLetter]:
        return self.store.glance(lambda session: session.held.letters("metrics"))

    def _letter(self, pick: int) -> DeadLetter | None:
        letters = self.letters()
        return letters[pick % len(letters)] if letters else None

    @rule()
    def another_process(self) -> None:
        self.restart()

    def happened(self) -> list[str]:
        with self.store.engine.connect() as connection:
            return list(connection.execute(text("SELECT id FROM happened ORDER BY number")).scalars())

    @invariant()
    def as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        happened = self.happened()
        assert len(happened) == len(set(happened)), "applied twice"
        assert set(happened) == set(self.model.happened), "lost, or held without a reason"
        by_key = {event.id: f"{event.resource_type}/{event.resource_id}" for event in self.came}
        for key in RESOURCES:
            mine = [id_ for id_ in happened if by_key[id_] == key]
            assert mine == sorted(mine, key=lambda id_: int(id_[1:])), "out of order"
        letters = self.letters()
        assert {letter.waiting.about.id for letter in letters} == self.model.dead
        held = {
            waiting.about.id for letter in letters for waiting in self.store.glance(partial(_behind, letter.number))
        }
        assert held == self.waiting_ids() - self.model.dead, "each waits behind a letter that is there"

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.store.close()
            self.folder.cleanup()


pytestmark = pytest.mark.timeout(300)

PutAside.TestCase.settings = settings(max_examples=12, stateful_step_count=30, deadline=None)
TestPutAside = PutAside.TestCase

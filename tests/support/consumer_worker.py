"""A consumer as a process of its own, or many that die where they are told; and a front desk, not all of it good.

`python -m support.consumer_worker --help` says with what it runs. Its effect is a Task with an event of its own, and a
row of the table `happened`, in the order in which effects were committed; an Appointment with the comment `poison`
fails unless the worker is `--mended`.
"""

from __future__ import annotations

import itertools
import random
import signal
import sys
import threading
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import text

from carethread.adapters.sql.engine import is_sqlite, make_engine
from carethread.adapters.sql.events.bus import connect
from carethread.adapters.sql.events.headers import pack
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.consuming.consumer import Consumer
from carethread.core.context import new_id
from carethread.core.errors import Invalid
from carethread.core.events import Event, from_headers
from carethread.core.fhir.json import render
from carethread.core.ports import Record, Session, Stored, Write
from carethread.core.service import Reaction, Runtime
from support.deaths import SOMETIME, Doom, all_die, die_committing, die_in_turn, environment, parser
from support.event_workers import publisher, runtime, store_at, subscription, task
from support.servers import Process

T = TypeVar("T")

POISON = "poison"
STEPS = ("positioned", "effected", "committing", "committed", "buried", SOMETIME)
"""Where it may die: the position moved; the effect made; the commit asked for but not answered, which takes PostgreSQL;
all committed; a dead letter written, not committed; anywhere."""

APPOINTMENTS, PATIENTS = 12, 4


Die = Callable[[str], None]
"""Told that a step is reached."""


class Dying(SqlStore):
    """A store that can be told to end the process when it has committed."""

    def __init__(self, store: SqlStore, service: str, die: Die) -> None:
        super().__init__(store.engine, service)
        self._die = die

    def transact(self, work: Callable[[Session], T]) -> T:
        result = super().transact(work)
        self._die("committed")
        return result


def happen(die: Die, dawdle: float, mended: bool) -> Reaction:
    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        die("positioned")
        connection = session._connection  # type: ignore[attr-defined]  # there is no table of ours behind the port
        for event in events:
            if not mended and POISON.encode() in event.data:
                raise Invalid("Too much.", expression="Appointment.comment")
            row = {"id": event.id, "resource": event.resource_id, "version": event.version}
            statement = "INSERT INTO happened (id, resource, version) VALUES (:id, :resource, :version)"
            connection.execute(text(statement), row)
        session.write([task(event) for event in events])
        time.sleep(random.uniform(0, dawdle))
        die("effected")

    return Reaction("happen", "effect", ("Appointment",), handle)


def back_office(url: str) -> SqlStore:
    """The consumer's database, with the table of what happened."""
    store = store_at(url, "careteams")
    number = "INTEGER PRIMARY KEY AUTOINCREMENT" if is_sqlite(store.engine) else "BIGSERIAL PRIMARY KEY"
    with store.engine.connect() as connection:
        connection.execute(
            text(f"CREATE TABLE IF NOT EXISTS happened (number {number}, id TEXT, resource TEXT, version INTEGER)")
        )
    return store


def happened(store: SqlStore) -> dict[str, list[int]]:
    """The versions of each Appointment that had their effect, in the order of the effects."""
    found: dict[str, list[int]] = defaultdict(list)
    with store.engine.connect() as connection:
        for resource, version in connection.execute(text("SELECT resource, version FROM happened ORDER BY number")):
            found[resource].append(version)
    return found


class FrontDesk:
    """Changes a few Appointments on and on, in a thread; now and then with a poison comment. `written` has the last
    version of each. After `renewed` changes it goes on with others, for what is poisoned once is done no more."""

    def __init__(self, store: SqlStore, poison: float = 0.01, pause: float = 0.01, renewed: int = 0) -> None:
        self.written: dict[str, int] = {}
        self._store = store
        self._poison = poison
        self._pause = pause
        self._renewed = renewed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> FrontDesk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for number in itertools.count():
            if self._stop.wait(self._pause):
                return
            first = number // self._renewed * APPOINTMENTS if self._renewed else 0
            self.change(first + random.randrange(APPOINTMENTS), poison=random.random() < self._poison)

    def change(self, number: int, *, poison: bool = False) -> None:
        key = ("Appointment", f"a{number}")
        body = {"resourceType": key[0], "id": key[1], "status": "booked", "comment": POISON if poison else "fine"}
        patient = f"Patient/{number % PATIENTS}"

        def work(session: Session) -> int:
            stands = session.current([key], lock=True).get(key)
            version, row = (stands.version + 1, stands.row) if stands else (1, 0)
            moment = time.time_ns() // 1000
            verb = "updated" if stands else "booked"
            event = Event(new_id(), "scheduling", verb, *key, version, moment, patient, b"")
            stored = Stored(*key, version, moment, False, render(body), key=patient, row=row)
            session.write([Write(stored, None, event)])
            return version

        self.written[key[1]] = self._store.transact(work)


def send_again(bus: str, prefix: str, records: Sequence[Record]) -> None:
    """Put records onto the bus once more, as somebody may who is not fenced."""
    if "/" not in bus:
        sender = publisher(bus, prefix)
        sender.fence(f"echo-{new_id()[-8:]}", 1)
        sender.send([from_headers(r.headers, r.key, r.value) for r in records])
        sender.close()
        return
    from pathlib import Path

    connection = connect(Path(bus))
    rows = [(r.topic, new_id(), r.key, pack(r.headers), r.time, r.value) for r in records]
    insert = "INSERT INTO records (topic, ce_id, key, headers, time, value) VALUES (?, ?, ?, ?, ?, ?)"
    connection.executemany(insert, rows)
    connection.close()


def worker(database: str, bus: str, prefix: str, member: str, *more: str) -> Process:
    """The process, not yet started."""
    where = ("--database", database, "--bus", bus, "--prefix", prefix, "--member", member)
    command = [sys.executable, "-m", "support.consumer_worker", *where, *more]
    return Process(f"consumer-{member}", command, lambda: True, env=environment())


def consumers_die(database: str, bus: str, prefix: str, steps: Sequence[str], count: int) -> None:
    """Let `count` consumers die at each of the steps."""
    all_die(__name__, "--database", database, "--bus", bus, "--prefix", prefix, steps=steps, count=count)


def _consumer(given: Namespace, die: Die) -> Consumer:
    store = Dying(SqlStore(make_engine(given.database), "careteams"), "careteams", die)
    return Consumer(
        runtime(store, "careteams"),
        subscription(given.bus, given.prefix, "careteams", ["Appointment"], store, given.member),
        [happen(die, given.dawdle, given.mended)],
        put_aside=lambda session, record, outcome, behind: None if behind else die("buried"),
        look=0.2,
    )


def _live(given: Namespace, doom: Doom) -> None:
    die_committing(doom)
    _consumer(given, doom.at).run(threading.Event())


def main() -> None:
    arguments = parser()
    arguments.add_argument("--database", required=True, help="URL of the consumer's database, with its tables")
    arguments.add_argument("--bus", required=True, help="host:port of Kafka, or the path of an embedded bus")
    arguments.add_argument("--prefix", required=True)
    arguments.add_argument("--member", default="c1", help="the process's name in its group")
    arguments.add_argument("--dawdle", type=float, default=0.0, help="seconds between effect and commit, at most")
    arguments.add_argument("--mended", action="store_true", help="poison is none any more")
    given = arguments.parse_args()
    if given.steps:
        die_in_turn(given, lambda doom: _live(given, doom), lambda step: 4 if step in STEPS[:2] + STEPS[3:4] else 1)
        return
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _consumer(given, lambda step: None).run(stop)


if __name__ == "__main__":
    main()

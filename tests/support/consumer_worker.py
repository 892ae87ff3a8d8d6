"""A consumer as a process of its own that dies where it is told, and a front desk whose events are not all good.

`python -m support.consumer_worker --help` says with what it runs. Its effect is a row of the table `happened`, in the
order in which effects were committed; an Appointment with the comment `poison` fails unless the worker is `--mended`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from sqlalchemy import text

from carethread.adapters.sql.engine import is_sqlite
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
from support.event_workers import environment, publisher, runtime, store_at, subscription
from support.servers import Process

T = TypeVar("T")

POISON = "poison"
STEPS = ("positioned", "effected", "committed", "buried")
"""Where it may die: the position moved, the effect made, all committed; a dead letter written, not committed."""

APPOINTMENTS, PATIENTS = 12, 4


class Dying(SqlStore):
    """A store that can be told to end the process when it has committed."""

    def __init__(self, store: SqlStore, service: str, die: Callable[[str], None]) -> None:
        super().__init__(store.engine, service)
        self._die = die

    def transact(self, work: Callable[[Session], T]) -> T:
        result = super().transact(work)
        self._die("committed")
        return result


def dying(step: str) -> Callable[[str], None]:
    """Kill this process at a step, not always the first time that it gets there."""
    left = random.randint(1, 4) if step != "buried" else 1

    def die(here: str) -> None:
        nonlocal left
        if here == step:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    return die


def happen(die: Callable[[str], None], dawdle: float, mended: bool) -> Reaction:
    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        die("positioned")
        connection = session._connection  # type: ignore[attr-defined]  # there is no table of ours behind the port
        for event in events:
            if not mended and POISON.encode() in event.data:
                raise Invalid("Too much.", expression="Appointment.comment")
            row = {"id": event.id, "resource": event.resource_id, "version": event.version}
            statement = "INSERT INTO happened (id, resource, version) VALUES (:id, :resource, :version)"
            connection.execute(text(statement), row)
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
    version of each."""

    def __init__(self, store: SqlStore, poison: float = 0.01, pause: float = 0.01) -> None:
        self.written: dict[str, int] = {}
        self._store = store
        self._poison = poison
        self._pause = pause
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
        while not self._stop.wait(self._pause):
            self.change(random.randrange(APPOINTMENTS), poison=random.random() < self._poison)

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


def main() -> NoReturn:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True, help="URL of the consumer's database")
    parser.add_argument("--bus", required=True, help="host:port of Kafka, or the path of an embedded bus")
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--member", required=True, help="the process's name in its group")
    parser.add_argument("--dawdle", type=float, default=0.0, help="seconds between effect and commit, at most")
    parser.add_argument("--mended", action="store_true", help="poison is none any more")
    parser.add_argument("--die", choices=STEPS, default="", help="the step at which it kills itself")
    given = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    die: Any = dying(given.die)
    store = Dying(back_office(given.database), "careteams", die)
    reader = subscription(given.bus, given.prefix, "careteams", ["Appointment"], store, given.member)
    consumer = Consumer(
        runtime(store, "careteams"),
        reader,
        [happen(die, given.dawdle, given.mended)],
        put_aside=lambda session, record, outcome, behind: None if behind else die("buried"),
        look=0.2,
    )
    consumer.run(stop)
    raise SystemExit(0)


if __name__ == "__main__":
    main()

"""Relays that die by SIGKILL at a named step, one after the other: `python -m support.relay_deaths --help`.

Each is a fork of a process that has all imported and nothing opened, so that a hundred deaths take less than a minute.
A step may be reached several times before the relay dies there.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from carethread.adapters.kafka import KafkaPublisher, KafkaSettings
from carethread.adapters.sql import engine as engines
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.events.bus import EmbeddedPublisher
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.events import Event
from carethread.core.ports import Publisher
from carethread.core.relaying.relay import Relay
from support.event_workers import BASE_URL, environment

STEPS = ("led", "fenced", "numbering", "taken", "appended", "ending", "acknowledged", "marking")
"""In order: has the lease; has the fence; before the commit that numbers; after it; the bus has the records but not
their commit; the commit is asked for but not answered; answered, not marked; before the commit that marks."""

_SERVICE = "scheduling"


@dataclass
class Fate:
    """Dies when `step` is reached for the `nth` time."""

    step: str
    nth: int

    def at(self, step: str) -> None:
        if step == self.step:
            self.nth -= 1
            if self.nth <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class MortalOutbox:
    """An outbox whose leader may die on the way to it and back."""

    outbox: SqlOutbox
    fate: Fate
    step: str = ""

    def lead(self, holder: str, seconds: float) -> int | None:
        epoch = self.outbox.lead(holder, seconds)
        if epoch is not None:
            self.fate.at("led")
        return epoch

    def take(self, epoch: int, sent_through: int, limit: int, seconds: float) -> list[Event] | None:
        self.step = "marking" if sent_through else "numbering"
        events = self.outbox.take(epoch, sent_through, limit, seconds)
        self.step = ""
        if events:
            self.fate.at("taken")
        return events

    def resign(self, epoch: int) -> None:
        self.outbox.resign(epoch)

    def committing(self, _connection: Connection) -> None:
        """Called before each commit to the database."""
        self.fate.at(self.step)


class MortalKafka(KafkaPublisher):
    """May die between its records and their commit."""

    def __init__(self, settings: KafkaSettings, fate: Fate) -> None:
        super().__init__(settings)
        self._fate = fate

    def _commit(self) -> None:
        self._fate.at("appended")
        if self._fate.step == "ending" and self._producer is not None:
            self._producer._transaction_manager.begin_commit()
            self._producer._sender.wakeup()
            time.sleep(random.uniform(0, 0.01))
            self._fate.at("ending")
        super()._commit()


class MortalEmbedded(EmbeddedPublisher):
    """May die between its records and their commit."""

    def __init__(self, path: Path, prefix: str, fate: Fate) -> None:
        super().__init__(path, prefix)
        self._fate = fate
        self._sending = False
        self._connection.set_trace_callback(self._watch)

    def send(self, events: Sequence[Event]) -> None:
        self._sending = True
        super().send(events)
        self._sending = False

    def _watch(self, statement: str) -> None:
        if self._sending and statement == "COMMIT":
            self._fate.at("appended")


@dataclass
class Mortal:
    """A publisher whose sender may die after the fence, and after the bus has acknowledged."""

    publisher: Publisher
    fate: Fate

    def fence(self, service: str, epoch: int) -> None:
        self.publisher.fence(service, epoch)
        self.fate.at("fenced")

    def send(self, events: Sequence[Event]) -> None:
        self.publisher.send(events)
        self.fate.at("acknowledged")

    def close(self) -> None:
        self.publisher.close()


def _publisher(bus: str, prefix: str, fate: Fate) -> Publisher:
    if "/" in bus:
        return Mortal(MortalEmbedded(Path(bus), prefix, fate), fate)
    return Mortal(MortalKafka(KafkaSettings(bus, prefix, partitions=3), fate), fate)


def _watch_commits(committing: Callable[[Connection], None]) -> None:
    """Call it before each commit of a writer, whichever way that is told to the database."""
    commit = engines._commit

    def watched(connection: Connection) -> None:
        committing(connection)
        commit(connection)

    engines._commit = watched


def _live(url: str, bus: str, prefix: str, fate: Fate, batch: int) -> None:
    """Relay until the fate has come."""
    engine = make_engine(url)
    store = SqlStore(engine, _SERVICE)
    outbox = MortalOutbox(SqlOutbox(engine, _SERVICE, BASE_URL), fate)
    _watch_commits(outbox.committing)
    relay = Relay(outbox, _publisher(bus, prefix, fate), _SERVICE, "mortal", batch=batch)
    relay.run(threading.Event(), store.wait)


def _die(live: Callable[[], None], seconds: float = 60) -> None:
    """Fork one that lives until it dies by SIGKILL."""
    child = os.fork()
    if not child:
        try:
            live()
        finally:
            os._exit(1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
                raise SystemExit("a relay ended by itself")
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise SystemExit("a relay never came to the step")


def relays_die(url: str, bus: str, prefix: str, steps: Sequence[str], kills: int, batch: int) -> None:
    """Let `kills` relays of the outbox at a database URL die at each of the steps, in a process of their own."""
    where = ("--database", url, "--bus", bus, "--prefix", prefix, "--steps", *steps)
    command = [sys.executable, "-m", __name__, *where, "--kills", str(kills), "--batch", str(batch)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--bus", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--steps", required=True, choices=STEPS, nargs="+")
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--batch", type=int, default=10)
    given = parser.parse_args()
    for step in given.steps * given.kills:
        fate = Fate(step, 1 if step in ("led", "fenced", "numbering", "ending") else random.randint(1, 3))
        _die(lambda: _live(given.database, given.bus, given.prefix, fate, given.batch))  # noqa: B023


if __name__ == "__main__":
    main()

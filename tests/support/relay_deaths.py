"""Relays that die by SIGKILL at a named step, one after the other: `python -m support.relay_deaths --help`.

A step may be reached several times before the relay dies there.
"""

from __future__ import annotations

import random
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
from support.deaths import SOMETIME, Doom, all_die, die_in_turn, parser
from support.event_workers import BASE_URL

STEPS = ("led", "fenced", "numbering", "taken", "appended", "ending", "acknowledged", "marking", SOMETIME)
"""In order: has the lease; has the fence; before the commit that numbers; after it; the bus has the records but not
their commit; the commit is asked for but not answered; answered, not marked; before the commit that marks; anywhere."""

_SERVICE = "scheduling"


@dataclass
class MortalOutbox:
    """An outbox whose leader may die on the way to it and back."""

    outbox: SqlOutbox
    doom: Doom
    step: str = ""

    def lead(self, holder: str, seconds: float) -> int | None:
        epoch = self.outbox.lead(holder, seconds)
        if epoch is not None:
            self.doom.at("led")
        return epoch

    def take(self, epoch: int, sent_through: int, limit: int, seconds: float) -> list[Event] | None:
        self.step = "marking" if sent_through else "numbering"
        events = self.outbox.take(epoch, sent_through, limit, seconds)
        self.step = ""
        if events:
            self.doom.at("taken")
        return events

    def resign(self, epoch: int) -> None:
        self.outbox.resign(epoch)

    def committing(self, _connection: Connection) -> None:
        """Called before each commit to the database."""
        self.doom.at(self.step)


class MortalKafka(KafkaPublisher):
    """May die between its records and their commit."""

    def __init__(self, settings: KafkaSettings, doom: Doom) -> None:
        super().__init__(settings)
        self._doom = doom

    def _commit(self) -> None:
        self._doom.at("appended")
        if self._doom.step == "ending" and self._producer is not None:
            self._producer._transaction_manager.begin_commit()
            self._producer._sender.wakeup()
            time.sleep(random.uniform(0, 0.01))
            self._doom.at("ending")
        super()._commit()


class MortalEmbedded(EmbeddedPublisher):
    """May die between its records and their commit."""

    def __init__(self, path: Path, prefix: str, doom: Doom) -> None:
        super().__init__(path, prefix)
        self._doom = doom
        self._sending = False
        self._connection.set_trace_callback(self._watch)

    def send(self, events: Sequence[Event]) -> None:
        self._sending = True
        super().send(events)
        self._sending = False

    def _watch(self, statement: str) -> None:
        if self._sending and statement == "COMMIT":
            self._doom.at("appended")


@dataclass
class Mortal:
    """A publisher whose sender may die after the fence, and after the bus has acknowledged."""

    publisher: Publisher
    doom: Doom

    def fence(self, service: str, epoch: int) -> None:
        self.publisher.fence(service, epoch)
        self.doom.at("fenced")

    def send(self, events: Sequence[Event]) -> None:
        self.publisher.send(events)
        self.doom.at("acknowledged")

    def close(self) -> None:
        self.publisher.close()


def _publisher(bus: str, prefix: str, doom: Doom) -> Publisher:
    if "/" in bus:
        return Mortal(MortalEmbedded(Path(bus), prefix, doom), doom)
    return Mortal(MortalKafka(KafkaSettings(bus, prefix, partitions=3), doom), doom)


def _watch_commits(committing: Callable[[Connection], None]) -> None:
    """Call it before each commit of a writer, whichever way that is told to the database."""
    commit = engines._commit

    def watched(connection: Connection) -> None:
        committing(connection)
        commit(connection)

    engines._commit = watched


def _live(url: str, bus: str, prefix: str, doom: Doom, batch: int) -> None:
    """Relay until the doom has come."""
    engine = make_engine(url)
    store = SqlStore(engine, _SERVICE)
    outbox = MortalOutbox(SqlOutbox(engine, _SERVICE, BASE_URL), doom)
    _watch_commits(outbox.committing)
    relay = Relay(outbox, _publisher(bus, prefix, doom), _SERVICE, "mortal", batch=batch)
    relay.run(threading.Event(), store.wait)


def relays_die(url: str, bus: str, prefix: str, steps: Sequence[str], count: int, batch: int) -> None:
    """Let `count` relays of the outbox at a database URL die at each of the steps."""
    where = ("--database", url, "--bus", bus, "--prefix", prefix, "--batch", str(batch))
    all_die(__name__, *where, steps=steps, count=count)


def _most(step: str) -> int:
    return 1 if step in ("led", "fenced", "numbering", "ending") else 3


def main() -> None:
    arguments = parser()
    arguments.add_argument("--database", required=True)
    arguments.add_argument("--bus", required=True)
    arguments.add_argument("--prefix", required=True)
    arguments.add_argument("--batch", type=int, default=10)
    given = arguments.parse_args()
    die_in_turn(given, lambda doom: _live(given.database, given.bus, given.prefix, doom, given.batch), _most)


if __name__ == "__main__":
    main()

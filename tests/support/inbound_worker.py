"""What takes messages in, with the owners that it asks, as processes that die where they are told; Kafka carries.

`python -m support.inbound_worker --database …`, without `--steps` as one that lives. `--database` is a PostgreSQL URL,
or a folder for SQLite's files.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from carethread.adapters.kafka import KafkaPublisher, KafkaSettings, KafkaSubscription
from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.events.postbox import SqlPostbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.transactions.journal import SqlJournal
from carethread.core.consuming.consumer import Consumer
from carethread.core.context import Context, new_id
from carethread.core.errors import Busy
from carethread.core.events import INBOUND, INBOUND_OUTCOME, Event, topic
from carethread.core.ports import Publisher, Session
from carethread.core.relaying.relay import Relay
from carethread.core.service import Limits, Reaction, Runtime, Service
from carethread.gateway.coordinator import Coordinator
from carethread.gateway.inbound.doing import forget_answered, running
from carethread.gateway.inbound.reaction import SERVICE, about, put_aside, reaction, received
from support.deaths import SOMETIME, Doom, all_die, die_committing, die_in_turn, environment, parser
from support.owners import SERVICES
from support.servers import Process
from support.stores import BASE
from support.transaction_workers import settling, sweeping

T = TypeVar("T")

STEPS = (
    "received", "begun", "decided", "done", "answered", "committing", "committed", "posted", SOMETIME,
)  # fmt: skip
"""Where one may die: the position moved; the message's transaction prepared, not decided; decided, not committed by its
owners; committed; the answer kept, not committed with the position; that commit asked for but not answered, which takes
PostgreSQL; committed, not published; published, not marked as such; anywhere."""

_LEASE_SECONDS = 0.5


class MortalStore(SqlStore):
    """May die when it has committed."""

    doom: Doom

    def transact(self, work: Callable[[Session], T]) -> T:
        result = super().transact(work)
        self.doom.at("committed")
        return result


class MortalJournal(SqlJournal):
    """May die before it decides, and after."""

    doom: Doom

    def decide(self, transaction: str) -> bool:
        self.doom.at("begun")
        decided = super().decide(transaction)
        self.doom.at("decided")
        return decided


@dataclass
class MortalPublisher:
    """May die when the bus has acknowledged."""

    publisher: Publisher
    doom: Doom

    def fence(self, service: str, epoch: int) -> None:
        self.publisher.fence(service, epoch)

    def send(self, events: Sequence[Event]) -> None:
        self.publisher.send(events)
        self.doom.at("posted")

    def close(self) -> None:
        self.publisher.close()


def _mortal(taking: Reaction, doom: Doom) -> Reaction:
    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        doom.at("received")
        taking.handle(runtime, session, events)
        doom.at("answered")

    return replace(taking, handle=handle)


def store(database: str, service: str) -> SqlStore:
    """A service's database, which is migrated already."""
    if "://" in database:
        return SqlStore(make_engine(database, service), service)
    return SqlStore(make_engine(f"sqlite:///{database}/{service}.db"), service)


def _live(given: Namespace, doom: Doom) -> None:
    """Take in until the fate has come."""
    here: dict[str, Runtime] = {}
    peer = LocalPeer(here)
    for name, service in SERVICES.items():
        here[name] = Runtime(service, store(given.database, name), LocalOwners(here), peer, BASE)
    journal = MortalJournal(store(given.database, "gateway").engine)
    journal.doom = doom
    coordinator = Coordinator(journal, peer, "here")
    coordinator.sweep(Context(), mine=True)
    mine = MortalStore(store(given.database, SERVICE).engine, SERVICE)
    mine.doom = doom
    if doom.step == "committing":
        _die_committing_the_answer(mine, doom)
    settings = KafkaSettings(given.bus, given.prefix, partitions=3)
    publisher = MortalPublisher(KafkaPublisher(settings, [topic(INBOUND_OUTCOME, given.prefix)]), doom)
    outbox, postbox = SqlOutbox(mine.engine, SERVICE, BASE), SqlPostbox(mine.engine, SERVICE)
    relay = Relay(outbox, publisher, SERVICE, new_id(), lease=_LEASE_SECONDS, postbox=postbox)
    never = threading.Event()
    for loop in (
        lambda: settling(here, coordinator.decision),
        lambda: sweeping(coordinator),
        lambda: relay.run(never, mine.wait),
        lambda: _forgetting(coordinator, mine),
    ):
        threading.Thread(target=loop, daemon=True).start()

    def run(name: str, bundle: Any, context: Context) -> Any:
        answers = running(_owners(), peer, coordinator, Limits())(name, bundle, context)
        doom.at("done")
        return answers

    runtime = Runtime(Service(SERVICE, "", types=()), mine, LocalOwners(here), peer, BASE)
    topics = [topic(INBOUND, given.prefix)]
    subscription = KafkaSubscription(
        settings, SERVICE, topics, lambda: mine.positions(SERVICE), member="in", max_records=20
    )
    reactions = [_mortal(reaction(run), doom)]
    Consumer(
        runtime, subscription, reactions, read=received, about=about, put_aside=put_aside, most=1
    ).run(never)  # fmt: skip


def _owners() -> dict[str, str]:
    return {kind.name: name for name, service in SERVICES.items() for kind in service.types}


def _die_committing_the_answer(mine: SqlStore, doom: Doom) -> None:
    """From when an answer is kept on, the next commit is its own: what its transaction did is committed by then."""
    transact = mine.transact

    def answered(work: Callable[[Session], T]) -> T:
        def last(session: Session) -> T:
            result = work(session)
            die_committing(doom)
            return result

        return transact(last)

    mine.transact = answered  # type: ignore[method-assign]  # this one dies at it


def _forgetting(coordinator: Coordinator, mine: SqlStore) -> None:
    while True:
        time.sleep(random.uniform(0, 0.5))
        with suppress(Busy):
            forget_answered(coordinator, mine)


def worker(database: str, bus: str, prefix: str) -> Process:
    """One that lives, not yet started."""
    command = [sys.executable, "-m", __name__, "--database", database, "--bus", bus, "--prefix", prefix]
    return Process("inbound-worker", command, lambda: True, env=environment())


def intakes_die(database: str, bus: str, prefix: str, steps: Sequence[str], count: int) -> None:
    """Let `count` of them die at each of the steps."""
    all_die(__name__, "--database", database, "--bus", bus, "--prefix", prefix, steps=steps, count=count)


def main() -> None:
    arguments = parser()
    arguments.add_argument("--database", required=True)
    arguments.add_argument("--bus", required=True, help="host:port of Kafka")
    arguments.add_argument("--prefix", required=True)
    given = arguments.parse_args()
    if given.steps:
        die_in_turn(given, lambda doom: _live(given, doom), lambda step: 1 if step in ("committing", "posted") else 3)
    else:
        _live(given, Doom(""))


if __name__ == "__main__":
    main()

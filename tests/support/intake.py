"""What takes messages in, over real stores in one process: a topic of one partition, and who works it off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from carethread.adapters.sql.events.postbox import SqlPostbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.consuming.consumer import Consumer
from carethread.core.events import INBOUND_OUTCOME, Event
from carethread.core.fhir import json
from carethread.core.ports import Place, Record
from carethread.core.ports.bus import Kept
from carethread.core.service import Runtime, Service
from carethread.gateway.inbound.reaction import Run, about, put_aside, reaction, received
from support.owners import Practice
from support.stores import BASE

SENDER = "https://ward.example/engine"


@dataclass
class Feed:
    """One partition of the inbound topic, read from where the consumer is."""

    records: list[Record] = field(default_factory=list)
    at: int = 0

    def send(self, body: Any, id_: str = "", *, key: str = "", sender: str = SENDER, **headers: str) -> None:
        envelope = {"ce_source": sender, "ce_id": id_ or f"m-{len(self.records)}"} | headers
        value = body if isinstance(body, bytes) else json.render(body)
        sent = [(name, said.encode()) for name, said in envelope.items() if said]
        self.records.append(Record("carethread.inbound.v1", 0, len(self.records), key, sent, value))

    def poll(self, seconds: float) -> dict[Place, list[Record]]:
        found, self.at = self.records[self.at :], len(self.records)
        return {("carethread.inbound.v1", 0): found} if found else {}

    def rewind(self, place: Place, pause: float = 0.0) -> None:
        self.at = 0

    def kept(self, since: int) -> dict[Place, Kept]:
        return {("carethread.inbound.v1", 0): Kept(0, len(self.records))}

    def close(self) -> None:
        pass


@dataclass
class Intake:
    """A practice with what takes messages in; `run` is what does a transaction."""

    practice: Practice
    store: SqlStore
    run: Run
    feed: Feed = field(default_factory=Feed)

    @property
    def runtime(self) -> Runtime:
        some = next(iter(self.practice.runtimes.values()))
        return Runtime(Service("inbound", "", types=()), self.store, some.owners, self.practice.peer, BASE)

    def work(self) -> None:
        """A new consumer works until nothing is left to do."""
        self.feed.at = 0
        consumer = Consumer(
            self.runtime,
            self.feed,
            [reaction(self.run)],
            read=received,
            about=about,
            put_aside=put_aside,
            look=0.0,
            most=1,
        )
        for _ in range(4):
            consumer.step(0)

    def posts(self, type_name: str = INBOUND_OUTCOME) -> list[Event]:
        waiting = SqlPostbox(self.store.engine, "inbound").waiting(100)
        return [post.event for post in waiting if post.event.resource_type == type_name]

    def answers(self) -> list[tuple[str, str]]:
        """What the senders were told, by correlation."""
        return [(dict(post.extra)["ce_correlationid"].decode(), post.verb) for post in self.posts()]

    def version(self, path: str) -> str:
        return str(self.practice.read(path).get("meta", {}).get("versionId", "none"))

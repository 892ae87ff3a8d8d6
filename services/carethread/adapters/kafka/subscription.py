"""A consumer whose position lies in its service's database: Kafka's group only says who reads which partition."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import MemberState

from carethread.adapters.kafka.clients import Client, KafkaSettings, away_is_busy, connect, millis
from carethread.adapters.kafka.kept import kept
from carethread.adapters.kafka.topics import ensure_topics
from carethread.core.errors import Busy
from carethread.core.metric_names import CONSUMER_GAPS, Observe, unobserved
from carethread.core.ports import Kept, Place, Record

log = logging.getLogger(__name__)


class KafkaSubscription:
    """A member of a consumer group that reads from positions of ours; see `core.ports.Subscription`. For one thread."""

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        topics: Sequence[str],
        positions: Callable[[], Mapping[Place, int]],
        *,
        member: str = "",
        max_records: int = 1000,
        observe: Observe = unobserved,
    ) -> None:
        """`member` names this process within the group: after a crash it gets its partitions back at once (KIP-345)."""
        self._settings = settings
        self._group = group
        self._member = member
        self._topics = list(topics)
        self._positions = positions
        self._max_records = max_records
        self._observe = observe
        self._client: Client | None = None
        self._metadata: object = None
        """What the topics were known to have when we last looked whether it is all assigned."""
        self._due: dict[TopicPartition, float] = {}
        """When a paused partition is due to go on from its stored position."""
        self._lock = Lock()  # the listener runs in the thread of kafka-python

    def poll(self, seconds: float) -> dict[Place, list[Record]]:
        end = time.monotonic() + seconds
        client = self._client or self._join()
        consumer = client.kafka
        if consumer._coordinator.rejoining:
            # A rejoin for new partitions that outlasts one poll is forgotten by the library: it would never take what
            # it was assigned, nor send another heartbeat.
            consumer._coordinator.request_rejoin()
        self._ask_for_the_rest(consumer)
        while True:
            self._resume(consumer)
            wait = max(0.0, min(end, self._next_due()) - time.monotonic())
            try:
                with away_is_busy():
                    found = consumer.poll(timeout_ms=millis(wait))
                    client.check()
            except Busy:
                self.close()  # what poll() does not retry by itself, only a new member gets over
                raise
            if found or time.monotonic() >= end:
                return {(p.topic, p.partition): [_record(r) for r in records] for p, records in found.items()}

    def rewind(self, place: Place, pause: float = 0.0) -> None:
        self._stop([TopicPartition(*place)], time.monotonic() + pause)

    def kept(self, since: int) -> dict[Place, Kept]:
        client = self._client or self._join()
        with away_is_busy():
            return kept(client.kafka, self._topics, since)

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        client, self._client = self._client, None
        self._metadata = None
        self._due.clear()
        if client is not None:
            with suppress(KafkaError):
                client.kafka.close(autocommit=False, timeout_ms=millis(self._settings.seconds))

    def _join(self) -> Client:
        ensure_topics(self._settings, self._topics)
        client = connect(
            KafkaConsumer,
            self._settings,
            client_id=f"carethread-{self._group}",
            group_id=f"{self._settings.topic_prefix}-{self._group}",
            group_instance_id=self._member or None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_min_bytes=1,
            fetch_max_wait_ms=500,
            fetch_max_bytes=16 * 1024 * 1024,
            max_poll_records=self._max_records,
            session_timeout_ms=10_000,
            allow_auto_create_topics=False,
            metadata_max_age_ms=60_000,
            retry_backoff_ms=20,
            metrics_enabled=False,
        )
        client.kafka.subscribe(self._topics, listener=_Listener(self))
        self._client = client
        try:
            self._know_topics(client.kafka)
        except Busy:
            self.close()
            raise
        return client

    def _know_topics(self, consumer: Any) -> None:
        """Be told what the topics have: who leads its group before that assigns nothing, and then all once more. Raises
        Busy."""
        end = time.monotonic() + self._settings.seconds
        cluster = consumer._cluster
        while unknown := [topic for topic in self._topics if cluster.partitions_for_topic(topic) is None]:
            if time.monotonic() > end:
                raise Busy(f"Kafka has not told yet which partitions {unknown[0]} has.")
            with away_is_busy():
                consumer._net.run(consumer._manager.wait_for, cluster.request_update(), millis(self._settings.seconds))

    def _ask_for_the_rest(self, consumer: Any) -> None:
        """Join again, once for all that is known of the topics, where not all of it is ours.

        A named member that was killed gets back what it had, and no more: that it led the group, and has to assign what
        nobody has, only the broker knows. It begins a rebalance for the leader; other members lose nothing.
        """
        coordinator = consumer._coordinator
        known = coordinator._metadata_snapshot
        if known is self._metadata or coordinator.state is not MemberState.STABLE:
            return
        self._metadata = known
        there = {TopicPartition(topic, number) for topic, numbers in known.items() for number in numbers}
        if there - consumer.assignment():
            coordinator.request_rejoin()

    def _stop(self, partitions: Iterable[TopicPartition], due: float) -> None:
        client = self._client
        if client is None:
            return
        with self._lock:
            for partition in client.kafka.assignment().intersection(partitions):
                client.kafka.pause(partition)
                self._due[partition] = due

    def _resume(self, consumer: Any) -> None:
        """Let partitions whose time has come go on from their stored positions."""
        now = time.monotonic()
        if not any(due <= now for due in list(self._due.values())):
            return
        stored = self._positions()
        self._name_gone(consumer, stored)
        with self._lock:
            assigned = consumer.assignment()
            for partition in [p for p, due in self._due.items() if due <= now]:
                del self._due[partition]
                if partition in assigned:
                    position = stored.get((partition.topic, partition.partition))
                    if position is None:
                        consumer.seek_to_beginning(partition)
                    else:
                        consumer.seek(partition, position)
                    consumer.resume(partition)

    def _name_gone(self, consumer: Any, stored: Mapping[Place, int]) -> None:
        """Log what a consumer has not read and Kafka has not kept: it goes on behind that, by `auto_offset_reset`."""
        asked = {p: stored[p.topic, p.partition] for p in list(self._due) if (p.topic, p.partition) in stored}
        if not asked:
            return
        with away_is_busy():
            first = consumer.beginning_offsets(list(asked), timeout_ms=millis(self._settings.seconds))
        for partition, position in asked.items():
            if position < first[partition]:
                where = {"topic": partition.topic, "partition": partition.partition}
                self._observe(CONSUMER_GAPS, 1)
                log.error("events_gone", extra={**where, "from": position, "through": first[partition] - 1})

    def _next_due(self) -> float:
        with self._lock:
            return min(self._due.values(), default=float("inf"))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no annotations
    """Holds what is newly assigned until `poll` has asked for its position: this thread must not touch a database."""

    def __init__(self, subscription: KafkaSubscription) -> None:
        self._subscription = subscription

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._subscription._stop(assigned, 0.0)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to give up: a position moves only with its effect, by compare-and-set."""


def _record(record: Any) -> Record:
    return Record(
        record.topic,
        record.partition,
        record.offset,
        (record.key or b"").decode("utf-8", "replace"),
        record.headers,
        record.value or b"",
        record.timestamp * 1000,
    )

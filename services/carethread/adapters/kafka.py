"""Apache Kafka: a fenced transactional producer for the relay, and consumers whose position is not kept in Kafka.

Kafka's own objects start threads, so they are made on first use, in the thread and process that use them. The broker
may be away at any time: whatever is asked of it ends within a bound, as Busy, and the producer is then thrown away,
since only a new one that has fenced the old can tell that no transaction is open. What else kafka-python does and does
not do: docs/decisions/kafka-python.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    InvalidProducerEpochError,
    KafkaError,
    KafkaTimeoutError,
    ProducerFencedError,
    TopicAlreadyExistsError,
)
from kafka.net.compat import KafkaNetClient

from carethread.core.errors import Busy
from carethread.core.events import Event, to_headers
from carethread.core.events import topic as topic_of
from carethread.core.ports import Fenced, Place, Record

_FENCED = (ProducerFencedError, InvalidProducerEpochError)


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is, and how topics are made that are missing."""

    bootstrap: str
    topic_prefix: str = "carethread"
    partitions: int = 6
    replication: int = 1
    seconds: float = 5.0
    """The longest that a call waits for the broker."""


def ensure_topics(settings: KafkaSettings, topics: Iterable[str]) -> None:
    """Create the topics that are missing. Raises Busy."""
    with _away_is_busy():
        admin = _made(KafkaAdminClient, settings, request_timeout_ms=_millis(settings.seconds))
        try:
            missing = sorted(set(topics) - set(admin.list_topics()))
            if missing:
                _create(admin, settings, missing)
        finally:
            admin.close()


def _create(admin: Any, settings: KafkaSettings, topics: Sequence[str]) -> None:
    wanted = {
        "num_partitions": settings.partitions,
        "replication_factor": settings.replication,
        "configs": {"cleanup.policy": "delete"},
    }
    try:
        admin.create_topics(dict.fromkeys(topics, wanted), wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return  # another process was faster


class KafkaPublisher:
    """Sends one service's events in transactions; see `core.ports.Publisher`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._topics: set[str] = set()

    def fence(self, service: str, epoch: int) -> None:
        """Make a producer that ends every earlier one's transactions; Kafka counts epochs of its own."""
        self.close()
        wait = _millis(self._settings.seconds)
        with self._disposing():
            self._producer = _made(
                KafkaProducer,
                self._settings,
                client_id=f"carethread-{service}-relay",
                transactional_id=f"{self._settings.topic_prefix}-{service}",
                acks="all",
                linger_ms=0,
                batch_size=256 * 1024,
                max_block_ms=wait,
                delivery_timeout_ms=wait,
                request_timeout_ms=wait,
                transaction_timeout_ms=2 * wait,
                allow_auto_create_topics=False,
                retry_backoff_ms=5,  # also waited after CONCURRENT_TRANSACTIONS, while a commit's markers are written
                metrics_enabled=False,
            )
            self._producer.init_transactions()

    def send(self, events: Sequence[Event]) -> None:
        """One transaction. Raises Busy also when the producer is gone: only `fence` makes one."""
        if self._producer is None:
            raise Busy("There is no producer that has fenced the others.")
        with self._disposing():
            topics = [topic_of(event.resource_type, self._settings.topic_prefix) for event in events]
            if new := set(topics) - self._topics:
                ensure_topics(self._settings, new)
                self._topics |= new
            self._producer.begin_transaction()
            sent = [
                self._producer.send(
                    topic, event.data, event.key.encode(), to_headers(event), timestamp_ms=event.time // 1000
                )
                for topic, event in zip(topics, events, strict=True)
            ]
            self._commit()
            for future in sent:
                future.get(timeout=0)  # done by now; raises what went wrong

    def close(self) -> None:
        """Let the producer go without ending its transaction: whoever fences next does that."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer._sender.force_close()  # close() alone would first wait for what it still wants to send
            with suppress(KafkaTimeoutError):
                producer.close(timeout=1)

    def _commit(self) -> None:
        """Flush and commit within the bound; the public commit_transaction() waits for the broker for ever."""
        manager, sender = self._producer._transaction_manager, self._producer._sender
        result = manager.begin_commit()
        sender.wakeup()
        if not result.wait(timeout_ms=_millis(self._settings.seconds)):
            raise Busy("Kafka has not answered the commit in time.")

    @contextmanager
    def _disposing(self) -> Iterator[None]:
        try:
            with _away_is_busy():
                yield
        except Busy as error:
            self.close()
            if _is_fence(error.__cause__):
                raise Fenced("Another producer sends for this service.") from error
            raise


def _is_fence(error: BaseException | None) -> bool:
    """A later call on a fenced producer raises a plain KafkaError, which has the cause in its arguments or its text."""
    parts = (error, *error.args) if error else ()
    return any(isinstance(part, _FENCED) or "ProducerFencedError" in str(part) for part in parts)


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
    ) -> None:
        """`member` names this process within the group: after a crash it gets its partitions back at once (KIP-345)."""
        self._settings = settings
        self._group = group
        self._member = member
        self._topics = list(topics)
        self._positions = positions
        self._max_records = max_records
        self._consumer: Any = None
        self._due: dict[TopicPartition, float] = {}
        """When a paused partition is due to go on from its stored position."""
        self._lock = Lock()  # the listener runs in the thread of kafka-python

    def poll(self, seconds: float) -> dict[Place, list[Record]]:
        end = time.monotonic() + seconds
        consumer = self._consumer or self._join()
        if consumer._coordinator.rejoining:
            # A rejoin for new partitions that outlasts one poll is forgotten by the library: it would never take what
            # it was assigned, nor send another heartbeat.
            consumer._coordinator.request_rejoin()
        while True:
            self._resume(consumer)
            wait = max(0.0, min(end, self._next_due()) - time.monotonic())
            try:
                with _away_is_busy():
                    found = consumer.poll(timeout_ms=_millis(wait))
            except Busy:
                self.close()  # what poll() does not retry by itself, only a new member gets over
                raise
            if found or time.monotonic() >= end:
                return {(p.topic, p.partition): [_record(r) for r in records] for p, records in found.items()}

    def rewind(self, place: Place, pause: float = 0.0) -> None:
        self._stop([TopicPartition(*place)], time.monotonic() + pause)

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        consumer, self._consumer = self._consumer, None
        self._due.clear()
        if consumer is not None:
            with suppress(KafkaError):
                consumer.close(autocommit=False, timeout_ms=_millis(self._settings.seconds))

    def _join(self) -> Any:
        ensure_topics(self._settings, self._topics)
        with _away_is_busy():
            consumer = _made(
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
        consumer.subscribe(self._topics, listener=_Listener(self))
        self._consumer = consumer
        return consumer

    def _stop(self, partitions: Iterable[TopicPartition], due: float) -> None:
        with self._lock:
            assigned = self._consumer.assignment()
            for partition in assigned.intersection(partitions):
                self._consumer.pause(partition)
                self._due[partition] = due

    def _resume(self, consumer: Any) -> None:
        """Let partitions whose time has come go on from their stored positions."""
        now = time.monotonic()
        if not any(due <= now for due in list(self._due.values())):
            return
        stored = self._positions()
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


def _made(kind: Callable[..., Any], settings: KafkaSettings, **config: Any) -> Any:
    """A client of Kafka. One that cannot reach the broker leaves its thread and sockets behind: close them."""
    clients: list[Any] = []

    def network(**net: Any) -> Any:
        clients.append(KafkaNetClient(**net))
        return clients[-1]

    try:
        return kind(
            bootstrap_servers=settings.bootstrap,
            bootstrap_timeout_ms=_millis(settings.seconds),
            reconnect_backoff_ms=50,
            reconnect_backoff_max_ms=1000,  # the default doubles to 30 s: too long to notice that the broker is back
            kafka_client=network,
            **config,
        )
    except KafkaError:
        for client in clients:
            client.close()
        raise


@contextmanager
def _away_is_busy() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise Busy(f"Kafka is away: {type(error).__name__}.") from error


def _millis(seconds: float) -> int:
    return max(0, round(seconds * 1000))

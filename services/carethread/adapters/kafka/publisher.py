"""The relay's producer: one transaction for each batch, and a fence against every relay before this one.

A producer that failed is thrown away, since only a new one that has fenced the old can tell that no transaction is
open.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from kafka import KafkaProducer
from kafka.errors import InvalidProducerEpochError, KafkaTimeoutError, ProducerFencedError

from carethread.adapters.kafka.clients import KafkaSettings, away_is_busy, connect, millis
from carethread.adapters.kafka.topics import ensure_topics
from carethread.core.errors import Busy
from carethread.core.events import Event, to_headers
from carethread.core.events import topic as topic_of
from carethread.core.ports import Fenced

log = logging.getLogger(__name__)

_FENCED = (ProducerFencedError, InvalidProducerEpochError)


class KafkaPublisher:
    """Sends one service's events in transactions; see `core.ports.Publisher`."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str] = ()) -> None:
        """`topics` are made at the first fence, for those who read them before anything is sent; others when needed."""
        self._settings = settings
        self._early = set(topics)
        self._producer: Any = None
        self._topics: set[str] = set()

    def fence(self, service: str, epoch: int) -> None:
        """Make a producer that ends every earlier one's transactions; Kafka counts epochs of its own."""
        self.close()
        self._make_early()
        wait = millis(self._settings.seconds)
        with self._disposing():
            self._producer = connect(
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
            ).kafka
            self._producer.init_transactions()

    def _make_early(self) -> None:
        """Make topics ahead of need. Where that is forbidden, only what is for them has to wait."""
        new, self._early = self._early, set()
        try:
            if new:
                ensure_topics(self._settings, new)
                self._topics |= new
        except Busy as error:
            log.warning("topics_not_made", extra={"reason": str(error)})

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
        if not result.wait(timeout_ms=millis(self._settings.seconds)):
            raise Busy("Kafka has not answered the commit in time.")

    @contextmanager
    def _disposing(self) -> Iterator[None]:
        try:
            with away_is_busy():
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

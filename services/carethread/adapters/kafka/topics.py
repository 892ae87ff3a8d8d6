"""Topics are made here where they are missing, with our number of partitions; no broker makes one by chance."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaTimeoutError,
    NoError,
    RequestTimedOutError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from carethread.adapters.kafka.clients import KafkaSettings, away_is_busy, connect, millis
from carethread.core.errors import Busy

log = logging.getLogger(__name__)

_FORBIDDEN = (ClusterAuthorizationFailedError, TopicAuthorizationFailedError)
_DONE = (NoError, TopicAlreadyExistsError)  # in the latter case another process was faster
_UNDER_WAY = (KafkaTimeoutError, RequestTimedOutError)
_PATIENCE = 3
"""How many times longer than for an answer we wait for topics: a fresh broker makes dozens of them at once."""


def ensure_topics(settings: KafkaSettings, topics: Iterable[str]) -> None:
    """Create the topics that are missing. Raises Busy, which names them where this user may not create them."""
    admin = connect(KafkaAdminClient, settings, request_timeout_ms=millis(settings.seconds)).kafka
    try:
        with away_is_busy():
            missing = sorted(set(topics) - set(admin.list_topics()))
            if missing:
                log.info("topics_being_made", extra={"topics": ", ".join(missing)})
                make(admin, settings, missing)
    finally:
        admin.close()


def existing(settings: KafkaSettings) -> list[str]:
    """The topics with our prefix. Raises Busy."""
    admin = connect(KafkaAdminClient, settings, request_timeout_ms=millis(settings.seconds)).kafka
    try:
        with away_is_busy():
            return sorted(name for name in admin.list_topics() if name.startswith(f"{settings.topic_prefix}."))
    finally:
        admin.close()


def make(admin: Any, settings: KafkaSettings, topics: Sequence[str]) -> None:
    """Create topics, and wait until they can be used. Raises Busy, also where the broker is not done in time."""
    try:
        _create(admin, settings, topics)
        admin.wait_for_topics(list(topics), timeout_ms=_PATIENCE * millis(settings.seconds))
    except _UNDER_WAY as error:
        raise Busy(f"Kafka is still making the topics {', '.join(topics)}.") from error


def _create(admin: Any, settings: KafkaSettings, topics: Sequence[str]) -> None:
    wanted = {
        "num_partitions": settings.partitions,
        "replication_factor": settings.replication,
        "configs": {"cleanup.policy": "delete", "retention.ms": str(settings.days * 24 * 3600 * 1000)},
    }
    answer = admin.create_topics(dict.fromkeys(topics, wanted), raise_errors=False)
    for topic in answer["topics"]:
        kind = for_code(topic["error_code"])
        if kind in _FORBIDDEN:
            raise Busy(
                f"Kafka does not let this user create {', '.join(topics)}. Create them with {settings.partitions} "
                "partitions and cleanup.policy=delete, or let this user create topics."
            )
        if kind not in _DONE:
            raise kind(topic["error_message"])

"""The bus that the settings name: Apache Kafka, or the embedded one."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from carethread.core.events import topic
from carethread.core.ports import Publisher, Subscription
from carethread.core.service import Reaction, Runtime
from carethread.core.settings import Settings


def publisher(settings: Settings) -> Publisher:
    if settings.kafka_bootstrap_servers:
        from carethread.adapters.kafka import KafkaPublisher

        return KafkaPublisher(_kafka(settings))
    from carethread.adapters.sql.events.bus import EmbeddedPublisher

    return EmbeddedPublisher(_bus(settings), settings.kafka_topic_prefix)


def subscription(settings: Settings, runtime: Runtime, reactions: Sequence[Reaction]) -> Subscription:
    name = runtime.service.name
    types = sorted({type_name for reaction in reactions for type_name in reaction.types})
    topics = [topic(type_name, settings.kafka_topic_prefix) for type_name in types]
    positions = partial(runtime.store.positions, name)
    if settings.kafka_bootstrap_servers:
        from carethread.adapters.kafka import KafkaSubscription

        member = settings.kafka_member or socket.gethostname()
        return KafkaSubscription(_kafka(settings), name, topics, positions, member=f"{member}-{name}")
    from carethread.adapters.sql.events.bus import EmbeddedSubscription

    return EmbeddedSubscription(_bus(settings), topics, positions)


def _kafka(settings: Settings) -> Any:
    from carethread.adapters.kafka import KafkaSettings

    return KafkaSettings(
        settings.kafka_bootstrap_servers,
        settings.kafka_topic_prefix,
        settings.kafka_partitions,
        settings.kafka_replication,
    )


def _bus(settings: Settings) -> Path:
    return settings.data / "bus.db"


def make_bus(settings: Settings) -> None:
    """Make the embedded bus's file, once, before several threads and processes open it."""
    if not settings.kafka_bootstrap_servers:
        from carethread.adapters.sql.events.bus import connect

        connect(_bus(settings)).close()

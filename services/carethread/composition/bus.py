"""The bus that the settings name: Apache Kafka, or the embedded one."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carethread.core.context import new_id
from carethread.core.errors import Busy
from carethread.core.events import DEAD_LETTER, INBOUND, INBOUND_OUTCOME, topic
from carethread.core.metric_names import Observe
from carethread.core.ports import Publisher, Subscription
from carethread.core.service import Reaction, Runtime
from carethread.core.settings import Settings

if TYPE_CHECKING:
    from carethread.interactions.description.asyncapi import Bus


def publisher(settings: Settings, service: str) -> Publisher:
    """What the relay of a service sends with."""
    if settings.kafka_bootstrap_servers:
        from carethread.adapters.kafka import KafkaPublisher

        early = (DEAD_LETTER, INBOUND_OUTCOME) if service == INBOUND else (DEAD_LETTER,)
        return KafkaPublisher(_kafka(settings), [topic(name, settings.kafka_topic_prefix) for name in early])
    from carethread.adapters.sql.events.bus import EmbeddedPublisher

    return EmbeddedPublisher(_bus(settings), settings.kafka_topic_prefix)


def subscription(settings: Settings, runtime: Runtime, reactions: Sequence[Reaction], observe: Observe) -> Subscription:
    name = runtime.service.name
    types = sorted({type_name for reaction in reactions for type_name in reaction.types})
    topics = [topic(type_name, settings.kafka_topic_prefix) for type_name in types]
    positions = partial(runtime.store.positions, name)
    if settings.kafka_bootstrap_servers:
        from carethread.adapters.kafka import KafkaSubscription

        member = settings.kafka_member or socket.gethostname()
        return KafkaSubscription(_kafka(settings), name, topics, positions, member=f"{member}-{name}", observe=observe)
    from carethread.adapters.sql.events.bus import EmbeddedSubscription

    return EmbeddedSubscription(_bus(settings), topics, positions, observe=observe)


def log_of(settings: Settings, service: str, types: Sequence[str]) -> Subscription:
    """The events of some types from the beginning, for a service that reads them beside its consumer."""
    topics = [topic(type_name, settings.kafka_topic_prefix) for type_name in types]
    if settings.kafka_bootstrap_servers:
        from carethread.adapters.kafka import KafkaSubscription

        return KafkaSubscription(_kafka(settings), f"{service}-rebuild-{new_id()}", topics, dict)
    from carethread.adapters.sql.events.bus import EmbeddedSubscription

    return EmbeddedSubscription(_bus(settings), topics, dict)


def described_bus(settings: Settings) -> Bus:
    """The bus as the AsyncAPI document tells of it."""
    from carethread.interactions.description.asyncapi import Bus

    servers = tuple(filter(None, (server.strip() for server in settings.kafka_bootstrap_servers.split(","))))
    return Bus(
        servers,
        settings.kafka_topic_prefix,
        settings.kafka_partitions,
        settings.kafka_replication,
        settings.event_retention,
        settings.kafka_security,
    )


def _kafka(settings: Settings) -> Any:
    from carethread.adapters.kafka import KafkaSettings

    return KafkaSettings(
        settings.kafka_bootstrap_servers,
        settings.kafka_topic_prefix,
        settings.kafka_partitions,
        settings.kafka_replication,
        days=settings.event_retention,
        security=settings.kafka_security,
    )


def bus_file(settings: Settings) -> Path | None:
    """The embedded bus; None where Kafka carries the events."""
    return None if settings.kafka_bootstrap_servers else _bus(settings)


def _bus(settings: Settings) -> Path:
    return settings.data / "bus.db"


def make_bus(settings: Settings) -> None:
    """Make the embedded bus's file, once, before several threads and processes open it."""
    if not settings.kafka_bootstrap_servers:
        from carethread.adapters.sql.events.bus import connect

        connect(_bus(settings)).close()


def reach(settings: Settings) -> str:
    """Which bus it is, once it has answered. Raises Busy."""
    if settings.kafka_bootstrap_servers:
        from carethread.adapters.kafka.topics import existing

        count = len(existing(_kafka(settings)))
        return f"Apache Kafka at {settings.kafka_bootstrap_servers}, {count} topics with our prefix"
    from carethread.adapters.sql.events.bus import connect

    path = _bus(settings)
    if not path.is_file():
        raise Busy(f"There is no embedded bus at {path} yet; `carethread up` makes it.")
    connect(path).close()
    return f"embedded, {path}"

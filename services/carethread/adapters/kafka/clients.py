"""Clients of Kafka that say why they fail, and that leave nothing behind when they do.

kafka-python tells who waits for a connection only that it took too long; here the last reason is kept, so that a wrong
password or certificate is named. It also tries a connection whose sign-in was refused again at once and for ever; here
such attempts have growing pauses like all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidReplicationFactorError,
    KafkaError,
    KafkaTimeoutError,
    RequestTimedOutError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from carethread.adapters.kafka.security import client_options
from carethread.core.errors import Busy
from carethread.core.kafka_security import KafkaSecurity


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is, how to get in, and how topics are made that are missing."""

    bootstrap: str
    topic_prefix: str = "carethread"
    partitions: int = 6
    replication: int = 1
    days: int = 90
    """How long topics that are made here keep their records."""
    seconds: float = 5.0
    """The longest that a call waits for the broker."""
    security: KafkaSecurity = field(default_factory=KafkaSecurity)


_TOO_LATE = (KafkaTimeoutError, RequestTimedOutError)
_REFUSED = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)

_MEANINGS: Mapping[type[KafkaError], str] = {
    SaslAuthenticationFailedError: "it refused the sign-in",
    UnsupportedSaslMechanismError: "it does not offer this SASL mechanism",
    TopicAuthorizationFailedError: "this user may not do that with these topics",
    ClusterAuthorizationFailedError: "this user may not do that in this cluster",
    GroupAuthorizationFailedError: "this user may not use this consumer group",
    TransactionalIdAuthorizationFailedError: "this user may not use this transactional id",
    InvalidReplicationFactorError: "it has fewer brokers than CARETHREAD_KAFKA_REPLICATION asks for",
}


class Manager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python has no annotations
    """Connections that remember the last failure."""

    failure: BaseException | None = None
    """Why the last attempt to connect failed; None when it did not."""

    @property
    def refused(self) -> bool:
        """Whether the broker is there but does not let us in."""
        return isinstance(self.failure, _REFUSED)

    async def _connect(self, node: Any, conn: Any, **options: Any) -> None:
        before = self._backoff.get(node.node_id)
        await super()._connect(node, conn, **options)
        if not conn.init_future.failed():
            self.failure = None
            return
        if self.failure is None or not isinstance(conn.init_future.exception, _TOO_LATE):
            self.failure = conn.init_future.exception
        if node.node_id not in self._backoff:  # reset, as if it had succeeded
            if before:
                self._backoff[node.node_id] = before
            self.update_backoff(node.node_id)

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        """One that hands over what came before the end of the connection: the broker's reason for ending it."""
        transport = await super()._build_transport(node, timeout_at)
        receive = transport._sock_recv

        def data_first() -> tuple[bytes, KafkaError | None]:
            data, error = receive()
            return data, None if data else error  # the next call finds the error again

        transport._sock_recv = data_first
        return transport


class Network(KafkaNetClient):  # type: ignore[misc]  # kafka-python has no annotations
    """kafka-python's network client over such connections."""

    def __init__(self, **options: Any) -> None:
        net = NetworkSelector(**options)
        self.manager = Manager(net, **options)
        super().__init__(net, self.manager, **options)


@dataclass(slots=True)
class Client:
    """A producer, consumer or admin client, with the network under it."""

    kafka: Any
    network: Network

    def check(self) -> None:
        """Raise Busy when the broker has refused us since; kafka-python would go on trying in silence."""
        if self.network.manager.refused:
            raise Busy(f"Kafka is away: {_reason(self.network.manager.failure)}.")


def connect(kind: Callable[..., Any], settings: KafkaSettings, **config: Any) -> Client:
    """A client that has reached the broker. Raises Busy; nothing of a client that has not is left behind."""
    networks: list[Network] = []

    def network(**options: Any) -> Network:
        networks.append(Network(**options))
        return networks[-1]

    try:
        made = kind(
            bootstrap_servers=settings.bootstrap,
            bootstrap_timeout_ms=millis(settings.seconds),
            reconnect_backoff_ms=50,
            reconnect_backoff_max_ms=1000,  # the default doubles to 30 s: too long to notice that the broker is back
            kafka_client=network,
            **client_options(settings.security, settings.seconds),
            **config,
        )
    except KafkaError as error:
        for each in networks:
            each.close()
        failure = next((each.manager.failure for each in networks if each.manager.failure), error)
        raise Busy(f"Kafka is away: {_reason(failure)}.") from error
    return Client(made, networks[-1])


@contextmanager
def away_is_busy() -> Iterator[None]:
    """What Kafka cannot do now is Busy, with the reason."""
    try:
        yield
    except KafkaError as error:
        raise Busy(f"Kafka is away: {_reason(error)}.") from error


def _reason(error: BaseException | None) -> str:
    """Kind and meaning; texts of the broker and of TLS name users, topics and hosts, never a secret."""
    if error is None:
        return "no answer"
    name = type(error).__name__
    meaning = next((text for kind, text in _MEANINGS.items() if isinstance(error, kind)), "")
    said = " ".join(" ".join(map(str, error.args)).split()).rstrip(".")[:300]
    return ": ".join(part for part in (name, meaning, said) if part)


def millis(seconds: float) -> int:
    """Whole milliseconds, none below 0."""
    return max(0, round(seconds * 1000))

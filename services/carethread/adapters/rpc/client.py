"""The `Owners` port over gRPC: what a mirror asks the service that owns a type.

Every call has a deadline. Calls are reads, so gRPC itself repeats them when the owner is UNAVAILABLE, a few times
within the deadline; a stream is repeated only before its first message. Channels are made on first use in each
process: gRPC objects do not survive a fork.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import grpc

from carethread.adapters.rpc.errors import from_status
from carethread.adapters.rpc.health import FHIR_SERVICE
from carethread.adapters.rpc.messages import MESSAGE_BYTES, from_message
from carethread.adapters.rpc.tls import Tls, channel_credentials
from carethread.core.errors import NotFound, NotSupported, TooCostly
from carethread.core.fhir import json
from carethread.core.ports import Chunk, Key, Stored
from carethread.v1 import fhir_pb2, fhir_pb2_grpc

_REPEATABLE = ("Read", "Search", "SearchAll", "Snapshot")
"""What may be asked twice without harm: a write that was answered by nobody may have been done."""

_RETRY = {
    "methodConfig": [
        {
            "name": [{"service": FHIR_SERVICE, "method": name} for name in _REPEATABLE],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

OPTIONS: Sequence[tuple[str, int | str]] = (
    ("grpc.service_config", json.render(_RETRY).decode()),
    ("grpc.enable_retries", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1000),  # the time that one attempt to connect gets
    ("grpc.max_reconnect_backoff_ms", 1000),  # an owner that is back is found within a second
)


class GrpcOwners:
    """Owners at `targets`, service to "host:port". Times are seconds; a search finds at most `max_matches`.

    `message_bytes` bounds a message; it is the owners' bound, or more.
    """

    def __init__(
        self,
        targets: Mapping[str, str],
        *,
        seconds: float = 2.0,
        snapshot_seconds: float = 600.0,
        max_matches: int = 10_000,
        message_bytes: int = MESSAGE_BYTES,
        tls: Tls | None = None,
    ) -> None:
        self._targets = targets
        self._seconds = seconds
        self._snapshot_seconds = snapshot_seconds
        self._max_matches = max_matches
        self._tls = tls or Tls()
        self._options = (
            *OPTIONS,
            ("grpc.max_receive_message_length", message_bytes),
            ("grpc.max_send_message_length", message_bytes),
            *((("grpc.ssl_target_name_override", self._tls.name),) if self._tls.name else ()),
        )
        self._channels: dict[tuple[int, str], tuple[grpc.Channel, Any]] = {}

    def read(self, service: str, key: Key, version: int = 0) -> Stored | None:
        """One version, or the current one; None for what never was or is deleted. Raises Busy when the owner is away or
        slow."""
        request = fhir_pb2.ReadRequest(type=key[0], id=key[1], version=version)
        try:
            with _asking(service):
                answer = self._stub(service).Read(request, timeout=self._seconds)
        except NotFound:
            return None
        return from_message(answer.resource)

    def search(self, service: str, type_name: str, params: Sequence[tuple[str, str]]) -> list[Stored]:
        """All matches in order. Raises TooCostly for more than the bound, Malformed for a bad parameter, Busy."""
        parameters = [fhir_pb2.SearchParameter(name=name, value=value) for name, value in params]
        request = fhir_pb2.SearchAllRequest(type=type_name, parameters=parameters)
        found: list[Stored] = []
        with _asking(service), _reading(self._stub(service).SearchAll(request, timeout=self._seconds)) as answers:
            for answer in answers:
                found.extend(map(from_message, answer.matches))
                if len(found) > self._max_matches:
                    raise TooCostly(f"More than {self._max_matches} {type_name} match at {service}; narrow the search.")
        return found

    def snapshot(self, service: str, type_name: str, after: int = 0) -> Iterator[Chunk]:
        """All that lives of a type, behind a place that an earlier snapshot came to.

        Raises Busy when the owner goes away on the way: ask for what is behind the last chunk.
        """
        request = fhir_pb2.SnapshotRequest(type=type_name, after=after)
        with (
            _asking(service),
            _reading(self._stub(service).Snapshot(request, timeout=self._snapshot_seconds)) as answers,
        ):
            for answer in answers:
                yield Chunk(answer.sequence, answer.through, [from_message(each) for each in answer.resources])

    def close(self) -> None:
        """Close this process's channels."""
        here = os.getpid()
        for key in [key for key in self._channels if key[0] == here]:
            self._channels.pop(key)[0].close()

    def _stub(self, service: str) -> Any:
        if service not in self._targets:
            raise NotSupported(f"No gRPC address is set for the service '{service}'.")
        key = (os.getpid(), service)
        if key not in self._channels:
            credentials = channel_credentials(self._tls)
            channel = (
                grpc.secure_channel(self._targets[service], credentials, self._options)
                if credentials
                else grpc.insecure_channel(self._targets[service], self._options)
            )
            kept, _ = self._channels.setdefault(key, (channel, fhir_pb2_grpc.FhirServiceStub(channel)))
            if kept is not channel:  # another thread was first
                channel.close()
        return self._channels[key][1]


@contextmanager
def _asking(service: str) -> Iterator[None]:
    """Turn a failed call's status into an error of `core.errors`."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_status(service, error) from None


@contextmanager
def _reading(answers: Any) -> Iterator[Any]:
    """A stream of answers that is cancelled when it is left before its end, so that its owner gives up its view."""
    try:
        yield answers
    finally:
        answers.cancel()

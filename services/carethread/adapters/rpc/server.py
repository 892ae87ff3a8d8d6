"""The gRPC server of a process: the calls for the services that it hosts, with health and reflection.

It is an asyncio server on a thread of its own, so that a stream of events costs no thread; work that blocks goes to
worker threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, TypeVar

import grpc
from grpc_reflection.v1alpha import reflection

from carethread.adapters.rpc.calls import Workers
from carethread.adapters.rpc.careteams import TYPE as CARE_TEAM
from carethread.adapters.rpc.careteams import CareTeams
from carethread.adapters.rpc.events import Events
from carethread.adapters.rpc.fhir import FhirServicer, Transact
from carethread.adapters.rpc.health import (
    CARE_TEAM_SERVICE,
    EVENT_SERVICE,
    FHIR_SERVICE,
    HEALTH_SERVICE,
    METRICS_SERVICE,
    QUESTIONNAIRE_SERVICE,
    SCHEDULING_SERVICE,
    Health,
)
from carethread.adapters.rpc.messages import MESSAGE_BYTES
from carethread.adapters.rpc.metrics import TYPE as MEASURE
from carethread.adapters.rpc.metrics import Metrics
from carethread.adapters.rpc.notifications import Notifications
from carethread.adapters.rpc.questionnaires import TYPE as QUESTIONNAIRE
from carethread.adapters.rpc.questionnaires import Questionnaires
from carethread.adapters.rpc.reading import Reading
from carethread.adapters.rpc.scheduling import TYPE, Scheduling
from carethread.adapters.rpc.tls import Tls, server_credentials
from carethread.core.ports.log import EventLog
from carethread.core.service import Runtime
from carethread.v1 import fhir_pb2_grpc

T = TypeVar("T")

STREAM_SECONDS = 600.0

_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_concurrent_streams", 1000),
    ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a partner
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
)


@dataclass(frozen=True, slots=True)
class Serving:
    """How a server is to be. `message_bytes` bounds a message either way; `subscribers` how many streams of events run
    at once; another stream is cut off after `stream_seconds`."""

    workers: int = 8
    message_bytes: int = MESSAGE_BYTES
    subscribers: int = 1000
    stream_seconds: float = STREAM_SECONDS
    tls: Tls = field(default_factory=Tls)


class RpcServer:
    """A server that is bound to its address, and answers from `start` to `stop`."""

    def __init__(
        self,
        runtimes: Sequence[Runtime],
        transact: Transact,
        logs: Mapping[str, EventLog],
        address: str,
        serving: Serving,
        health: Health,
        notifications: Notifications | None = None,
    ) -> None:
        """Without `notifications` none are served. Raises RuntimeError when the address is in use, OSError for a file
        of the TLS settings."""
        self._workers = Workers(serving.workers, serving.stream_seconds)
        self._fhir = FhirServicer(runtimes, transact, self._workers, serving.message_bytes)
        types = {runtime.service.name: [each.name for each in runtime.service.types] for runtime in runtimes}
        self._events = Events(logs, most=serving.subscribers, types=types)
        desk = next((runtime for runtime in runtimes if runtime.service.owns(TYPE)), None)
        self._scheduling = Scheduling(desk, self._workers, self._events) if desk else None
        teams = next((runtime for runtime in runtimes if runtime.service.owns(CARE_TEAM)), None)
        self._care_teams = CareTeams(teams, self._workers) if teams else None
        forms = next((runtime for runtime in runtimes if runtime.service.owns(QUESTIONNAIRE)), None)
        self._questionnaires = Questionnaires(forms, self._workers) if forms else None
        numbers = next((runtime for runtime in runtimes if runtime.service.owns(MEASURE)), None)
        self._metrics = Metrics(numbers, self._workers) if numbers else None
        self._notifications = notifications
        self._health = health
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="rpc-loop", daemon=True)
        self._thread.start()
        try:
            self._server = self._on_loop(self._made(address, serving))
        except BaseException:
            self._end()
            raise

    def start(self) -> None:
        """Answer calls from now on."""
        self._on_loop(self._server.start())

    def end_streams(self) -> None:
        """End the streams of events and notifications, and take no new ones: whoever reads them resumes elsewhere."""
        self._health.stop()
        self._loop.call_soon_threadsafe(self._events.end)
        if self._notifications:
            self._loop.call_soon_threadsafe(self._notifications.end)

    def stop(self, grace: float) -> None:
        """Take no new call, give those that run so many seconds, then end them. Streams of events end at once."""
        self.end_streams()
        self._on_loop(self._server.stop(grace))
        self._workers.close()
        self._events.close()
        if self._notifications:
            self._notifications.close()
        self._end()

    async def _made(self, address: str, serving: Serving) -> grpc.aio.Server:
        limits = (
            ("grpc.max_receive_message_length", serving.message_bytes),
            ("grpc.max_send_message_length", serving.message_bytes),
        )
        server = grpc.aio.server(interceptors=[Reading()], options=(*_OPTIONS, *limits))
        fhir_pb2_grpc.add_FhirServiceServicer_to_server(self._fhir, server)
        self._events.add_to(server)
        if self._scheduling:
            self._scheduling.add_to(server)
        if self._care_teams:
            self._care_teams.add_to(server)
        if self._questionnaires:
            self._questionnaires.add_to(server)
        if self._metrics:
            self._metrics.add_to(server)
        if self._notifications:
            self._notifications.add_to(server)
        await self._health.add_to(server)
        names = [FHIR_SERVICE, EVENT_SERVICE, *([SCHEDULING_SERVICE] if self._scheduling else [])]
        names += [CARE_TEAM_SERVICE] if self._care_teams else []
        names += [QUESTIONNAIRE_SERVICE] if self._questionnaires else []
        names += [METRICS_SERVICE] if self._metrics else []
        reflection.enable_server_reflection((*names, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
        credentials = server_credentials(serving.tls)
        if credentials:
            server.add_secure_port(address, credentials)
        else:
            server.add_insecure_port(address)
        return server

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

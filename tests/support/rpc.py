"""A gRPC server of ours over stores of a test, in this process, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
from google.rpc.status_pb2 import Status

from carethread.adapters.rpc.fhir import Transact
from carethread.adapters.rpc.health import Health
from carethread.adapters.rpc.server import RpcServer, Serving
from carethread.adapters.sql.events.log import SqlEventLog
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.composition.rpc import alone
from carethread.core.fhir import json
from carethread.core.service import Runtime
from carethread.v1 import (
    careteams_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    fhir_pb2,
    fhir_pb2_grpc,
    metrics_pb2_grpc,
    questionnaires_pb2_grpc,
    scheduling_pb2_grpc,
)
from support.servers import free_port
from support.stores import BASE

SECONDS = 20.0
"""A deadline that no call of a test should reach."""


@dataclass
class Rpc:
    """A server's address, stubs for it, and the outboxes of its services."""

    target: str
    outboxes: Mapping[str, SqlOutbox]
    channel: grpc.Channel
    epochs: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)

    @property
    def fhir(self) -> Any:
        return fhir_pb2_grpc.FhirServiceStub(self.channel)

    @property
    def scheduling(self) -> Any:
        return scheduling_pb2_grpc.SchedulingServiceStub(self.channel)

    @property
    def care_teams(self) -> Any:
        return careteams_pb2_grpc.CareTeamServiceStub(self.channel)

    @property
    def questionnaires(self) -> Any:
        return questionnaires_pb2_grpc.QuestionnaireServiceStub(self.channel)

    @property
    def metrics(self) -> Any:
        return metrics_pb2_grpc.MetricsServiceStub(self.channel)

    @property
    def events(self) -> Any:
        return events_pb2_grpc.EventServiceStub(self.channel)

    def create(self, resource: Mapping[str, Any], *, metadata: Any = (), **more: Any) -> fhir_pb2.WriteResult:
        request = fhir_pb2.CreateRequest(**{"type": resource["resourceType"], "json": json.render(resource), **more})
        answer: fhir_pb2.CreateResponse = self.fhir.Create(request, timeout=SECONDS, metadata=metadata)
        return answer.result

    def update(self, resource: Mapping[str, Any], *, metadata: Any = (), **more: Any) -> fhir_pb2.WriteResult:
        target = {"type": resource["resourceType"], "id": resource.get("id", ""), **more}
        request = fhir_pb2.UpdateRequest(json=json.render(resource), **target)
        answer: fhir_pb2.UpdateResponse = self.fhir.Update(request, timeout=SECONDS, metadata=metadata)
        return answer.result

    def delete(self, type_name: str, id_: str = "", *, metadata: Any = (), **more: Any) -> fhir_pb2.WriteResult:
        request = fhir_pb2.DeleteRequest(type=type_name, id=id_, **more)
        answer: fhir_pb2.DeleteResponse = self.fhir.Delete(request, timeout=SECONDS, metadata=metadata)
        return answer.result

    def number(self) -> None:
        """Give all events their numbers, as a relay does."""
        for name, outbox in self.outboxes.items():
            if name not in self.epochs:
                self.epochs[name] = outbox.lead("test", 600.0) or 0
            while events := outbox.take(self.epochs[name], self.sent.get(name, 0), 500, 600.0):
                self.sent[name] = events[-1].sequence

    def subscribe(self, *, seconds: float = SECONDS, **request: Any) -> Any:
        return self.events.Subscribe(events_pb2.SubscribeRequest(**request), timeout=seconds)


@contextmanager
def serving(
    runtimes: Mapping[str, Runtime],
    transact: Transact | None = None,
    how: Serving | None = None,
    options: Any = (),
    credentials: grpc.ChannelCredentials | None = None,
) -> Iterator[Rpc]:
    """A started server, stopped at the end."""
    target = f"127.0.0.1:{free_port()}"
    engines = {name: runtime.store.engine for name, runtime in runtimes.items()}  # type: ignore[attr-defined]
    outboxes = {name: SqlOutbox(engine, name, BASE, runtimes[name].limits) for name, engine in engines.items()}
    logs = {name: SqlEventLog(engine, outboxes[name]) for name, engine in engines.items()}
    work = transact or partial(alone, next(iter(runtimes.values())))
    server = RpcServer(list(runtimes.values()), work, logs, target, how or Serving(), Health(runtimes))
    server.start()
    channel = (
        grpc.secure_channel(target, credentials, options) if credentials else grpc.insecure_channel(target, options)
    )
    try:
        yield Rpc(target, outboxes, channel)
    finally:
        server.stop(0.5)
        channel.close()


def status_of(error: Any) -> Status:
    """The google.rpc.Status of a failed call."""
    return Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


def outcome_of(error: Any) -> dict[str, Any]:
    """The OperationOutcome of a failed call; the one in the details is the same."""
    body = dict(error.trailing_metadata())["operation-outcome-bin"]
    packed = fhir_pb2.OperationOutcome()
    assert status_of(error).details[0].Unpack(packed)
    assert packed.json == body
    return json.parse_object(body)

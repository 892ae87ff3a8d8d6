"""Health over gRPC: `grpc.health.v1.Health` answers for each service of the process, and for all of them together.

The names are the services' (`records`); the server's own name "" and `carethread.v1.FhirService` are SERVING while
every service is. Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from carethread.v1 import fhir_pb2

FHIR_SERVICE: str = fhir_pb2.DESCRIPTOR.services_by_name["FhirService"].full_name
HEALTH_SERVICE: str = health.SERVICE_NAME

_STATUS = {True: health_pb2.HealthCheckResponse.SERVING, False: health_pb2.HealthCheckResponse.NOT_SERVING}


class Health:
    """What the process says of its services; all are SERVING at first. Safe to call from any thread."""

    def __init__(self, services: Iterable[str]) -> None:
        self._servicer = health.HealthServicer()
        self._serving = dict.fromkeys(services, True)
        for service in self._serving:
            self.set(service, True)

    def set(self, service: str, serving: bool) -> None:
        """Say whether a service can answer: not while its store is away."""
        self._serving[service] = serving
        self._servicer.set(service, _STATUS[serving])
        together = _STATUS[all(self._serving.values())]
        for name in ("", FHIR_SERVICE):
            self._servicer.set(name, together)

    def stop(self) -> None:
        """Answer NOT_SERVING from now on, whatever is set: the server is about to stop."""
        self._servicer.enter_graceful_shutdown()

    def add_to(self, server: grpc.Server) -> None:
        """Let the server answer health checks."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

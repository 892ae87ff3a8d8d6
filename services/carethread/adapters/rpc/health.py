"""Health over gRPC: `grpc.health.v1.Health` answers for each service of the process, and for all of them together.

The names are the services' (`records`); the server's own name "" and those of the gRPC services are SERVING while every
service is. Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from carethread.v1 import careteams_pb2, events_pb2, fhir_pb2, metrics_pb2, questionnaires_pb2, scheduling_pb2

FHIR_SERVICE: str = fhir_pb2.DESCRIPTOR.services_by_name["FhirService"].full_name
EVENT_SERVICE: str = events_pb2.DESCRIPTOR.services_by_name["EventService"].full_name
SCHEDULING_SERVICE: str = scheduling_pb2.DESCRIPTOR.services_by_name["SchedulingService"].full_name
CARE_TEAM_SERVICE: str = careteams_pb2.DESCRIPTOR.services_by_name["CareTeamService"].full_name
QUESTIONNAIRE_SERVICE: str = questionnaires_pb2.DESCRIPTOR.services_by_name["QuestionnaireService"].full_name
METRICS_SERVICE: str = metrics_pb2.DESCRIPTOR.services_by_name["MetricsService"].full_name
HEALTH_SERVICE: str = health.SERVICE_NAME

_OWN = {
    "scheduling": SCHEDULING_SERVICE,
    "careteams": CARE_TEAM_SERVICE,
    "questionnaires": QUESTIONNAIRE_SERVICE,
    "metrics": METRICS_SERVICE,
}
"""The gRPC services that one of the services alone has."""

_STATUS = {True: health_pb2.HealthCheckResponse.SERVING, False: health_pb2.HealthCheckResponse.NOT_SERVING}
_SECONDS = 5.0


class Health:
    """What the process says of its services; all are SERVING at first. Its methods are called from other threads than
    the server's."""

    def __init__(self, services: Iterable[str]) -> None:
        self._servicer = health.aio.HealthServicer()
        self._serving = dict.fromkeys(services, True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def set(self, service: str, serving: bool) -> None:
        """Say whether a service can answer: not while its store is away."""
        self._serving[service] = serving
        self._done(self._tell)

    def stop(self) -> None:
        """Answer NOT_SERVING from now on, whatever is set: the server is about to stop."""
        self._done(self._servicer.enter_graceful_shutdown)

    async def add_to(self, server: grpc.aio.Server) -> None:
        """Let the server answer health checks. Called on its loop."""
        self._loop = asyncio.get_running_loop()
        await self._tell()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def _tell(self) -> None:
        for service, serving in self._serving.items():
            await self._servicer.set(service, _STATUS[serving])
        together = _STATUS[all(self._serving.values())]
        own = [name for service, name in _OWN.items() if service in self._serving]
        for name in ("", FHIR_SERVICE, EVENT_SERVICE, *own):
            await self._servicer.set(name, together)

    def _done(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Do it on the server's loop; before there is one there is nobody to tell, and after it neither."""
        if self._loop and self._loop.is_running():
            asyncio.run_coroutine_threadsafe(work(), self._loop).result(_SECONDS)

"""A practice of two services behind the gateway, in this process, on databases of the test's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.ports import Request, Response
from carethread.core.service import Limits, ResourceType, Runtime, Service
from carethread.gateway.routing import gateway
from carethread.interactions.rest.handling import handle
from support.stores import BASE, open_stores

RECORDS = ("Patient", "Practitioner", "Organization", "Observation", "Encounter", "Medication", "AllergyIntolerance")
SCHEDULING = ("Appointment", "Slot", "AppointmentResponse")
START = datetime(2026, 1, 1, tzinfo=UTC)
_NONE: Mapping[str, str] = {}


class Practice:
    """The gateway over two services in this process; each write is a minute after the last.

    The gateway has the machine's clock, the services theirs; `now` is the latter.
    """

    def __init__(self, records: SqlStore, scheduling: SqlStore) -> None:
        services = [
            Service(name, "Made up.", tuple(ResourceType(type_name) for type_name in types))
            for name, types in (("records", RECORDS), ("scheduling", SCHEDULING))
        ]
        self.runtimes: dict[str, Runtime] = {}
        peer = LocalPeer(self.runtimes)
        for service, store in zip(services, (records, scheduling), strict=True):
            self.runtimes[service.name] = Runtime(service, store, LocalOwners({}), peer, BASE)
        unused: Any = None  # there is no transaction to coordinate
        self.gateway = gateway(services, peer, BASE, Limits(), unused)
        self.now = START

    def ask(
        self, path: str, body: Any = None, *, method: str = "", service: str = "", headers: Mapping[str, str] = _NONE
    ) -> Response:
        """The answer of the gateway, or of one service; `method` is GET, or POST with a body, unless it is given."""
        parts = urlsplit(path.removeprefix(f"{BASE}/"))
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/fhir+json", **headers}
        request = Request(method or ("POST" if body else "GET"), parts.path, parse_qsl(parts.query), sent, content)
        if service:
            return handle(self.runtimes[service], request, Context(clock=lambda: self.now))
        return self.gateway(request, Context())

    def put(self, *resources: dict[str, Any]) -> None:
        for each in resources:
            self.now += timedelta(minutes=1)
            where = f"{each['resourceType']}/{each['id']}"
            answer = self.ask(where, each, method="PUT", service=_owner(where))
            assert answer.status in (200, 201), answer.body

    def delete(self, where: str) -> None:
        self.now += timedelta(minutes=1)
        assert self.ask(where, method="DELETE", service=_owner(where)).status == 204

    def close(self) -> None:
        for each in self.runtimes.values():
            each.store.close()


def _owner(where: str) -> str:
    return "records" if where.split("/")[0] in RECORDS else "scheduling"


def practice_at(url: str) -> Practice:
    """The practice on a PostgreSQL database, or in files of a folder: `sqlite:///folder`."""
    folder = Path(url.removeprefix("sqlite:///"))
    return Practice(*open_stores(folder, url, ("records", "scheduling")).values())

"""The service `records` with its rules over a store of the test's own, spoken to by requests; Patients with links."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import select

from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import outbox
from carethread.core.context import Context
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.records import SERVICE
from support.stores import runtime

_NONE: Mapping[str, str] = {}


class Records:
    """The service, spoken to by requests."""

    def __init__(self, store: SqlStore) -> None:
        self.runtime: Runtime = runtime(store, SERVICE)
        self.store = store

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = _NONE) -> Response:
        parts = urlsplit(path)
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/fhir+json", **{n.lower(): v for n, v in headers.items()}}
        request = Request(method, parts.path, parse_qsl(parts.query), sent, content)
        context = Context(backfill=headers.get("X-CareThread-Backfill") == "true")
        return handle(self.runtime, request, context)

    def put(self, resource: dict[str, Any], **more: Any) -> Response:
        answer = self.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **more)
        assert answer.status in (200, 201), answer.body
        return answer

    def found(self, path: str, mode: str = "match") -> set[str]:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        entries = json.loads(answer.body).get("entry", [])
        return {
            f"{each['resource']['resourceType']}/{each['resource']['id']}"
            for each in entries
            if each["search"]["mode"] == mode
        }

    def verbs(self, id_: str) -> list[str]:
        with self.store.engine.connect() as connection:
            rows = connection.execute(select(outbox.c.verb).where(outbox.c.id == id_).order_by(outbox.c.position))
            return list(rows.scalars())

    def keys(self) -> set[str]:
        with self.store.engine.connect() as connection:
            return set(connection.execute(select(outbox.c.key).where(outbox.c.type == "Observation")).scalars())


def link(other: str, kind: str = "replaced-by") -> dict[str, Any]:
    return {"other": {"reference": other if ":" in other else f"Patient/{other}"}, "type": kind}


def patient(id_: str, *links: dict[str, Any], **members: Any) -> dict[str, Any]:
    identifier = [{"system": "urn:mrn", "value": f"mrn-{id_}"}]
    made = {"resourceType": "Patient", "id": id_, "identifier": identifier, **members}
    return made | ({"link": list(links)} if links else {})

"""A service's rules, events and partition keys hold whichever interaction writes: here the booking of a slot."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from carethread.adapters.sql.engine import reading
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import outbox
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.scheduling import SERVICE
from support.stores import runtime

TIME = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T09:30:00Z"}
SLOT = {"resourceType": "Slot", "id": "s", "schedule": {"reference": "Schedule/x"}, "status": "free", **TIME}
CRITERIA = "identifier=urn:visit|1"


def appointment(status: str = "proposed", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "identifier": [{"system": "urn:visit", "value": "1"}],
        "status": status,
        "slot": [{"reference": "Slot/s"}],
        **TIME,
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
        **more,
    }


@pytest.fixture
def scheduling(store: SqlStore) -> Runtime:
    opened = runtime(store, SERVICE)
    assert ask(opened, "PUT", "Slot/s", SLOT).status == 201
    return opened


def ask(scheduling: Runtime, method: str, path: str, body: Any = None, **headers: str) -> Response:
    path, _, query = path.partition("?")
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&")] if query else []
    sent = {"content-type": "application/fhir+json", **{n.lower().replace("_", "-"): v for n, v in headers.items()}}
    content = json.render(body) if body is not None else b""
    return handle(scheduling, Request(method, path, pairs, sent, content), Context())  # type: ignore[arg-type]


def slot_status(scheduling: Runtime) -> str:
    found: str = json.parse(ask(scheduling, "GET", "Slot/s").body)["status"]
    return found


def events(store: SqlStore) -> list[tuple[str, str]]:
    """The verb and the partition key of each event of an Appointment."""
    with reading(store.engine) as connection:
        rows = connection.execute(
            select(outbox.c.verb, outbox.c.key).where(outbox.c.type == "Appointment").order_by(outbox.c.position)
        )
        return [(row.verb, row.key) for row in rows]


def test_each_way_of_writing_books_and_frees(scheduling: Runtime, store: SqlStore) -> None:
    made = ask(scheduling, "POST", "Appointment", appointment(), If_None_Exist=CRITERIA)
    assert (made.status, slot_status(scheduling)) == (201, "free")
    id_ = json.parse(made.body)["id"]
    book = [{"op": "replace", "path": "/status", "value": "booked"}]
    patched = ask(scheduling, "PATCH", f"Appointment/{id_}", book, Content_Type="application/json-patch+json")
    assert (patched.status, slot_status(scheduling)) == (200, "busy")
    assert ask(scheduling, "PUT", f"Appointment?{CRITERIA}", appointment("cancelled")).status == 200
    assert slot_status(scheduling) == "free"
    part = [{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Appointment.status"}]
    whole = [*part, {"name": "value", "valueCode": "booked"}]
    again = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": whole}]}
    assert ask(scheduling, "PATCH", f"Appointment?{CRITERIA}", again).status == 200
    assert slot_status(scheduling) == "busy"
    assert ask(scheduling, "DELETE", f"Appointment?{CRITERIA}").status == 204
    assert slot_status(scheduling) == "free"
    assert events(store) == [(verb, "Patient/p") for verb in ("created", "booked", "cancelled", "booked", "deleted")]


def test_a_patch_that_a_rule_forbids_changes_nothing(scheduling: Runtime) -> None:
    assert ask(scheduling, "POST", "Appointment", appointment("booked")).status == 201
    other = ask(scheduling, "POST", "Appointment", appointment(identifier=[{"system": "urn:visit", "value": "2"}]))
    path = f"Appointment/{json.parse(other.body)['id']}"
    book = [{"op": "replace", "path": "/status", "value": "booked"}]
    refused = ask(scheduling, "PATCH", path, book, Content_Type="application/json-patch+json")
    assert refused.status == 409
    assert json.parse(ask(scheduling, "GET", path).body)["meta"]["versionId"] == "1"

"""What a request is made of: its id, its key, and whether it may be made only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Wanted
from carethread.interactions.requesting import request

P1 = {"reference": "Patient/p1"}
CONTEXT = Context(new_id=lambda: "made-1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")


def wanted(resource: dict[str, Any], context: Context = CONTEXT, **more: Any) -> Wanted:
    put: list[Wanted] = []
    session: Any = SimpleNamespace(requests=SimpleNamespace(put=put.append))
    id_ = request(session, resource, context, **more)
    (found,) = put
    assert (found.id, json.parse_object(found.body)["id"]) == (id_, id_)
    return found


def test_without_an_id_it_gets_one_and_is_made_once() -> None:
    resource = {"resourceType": "Task", "status": "requested", "for": P1}
    found = wanted(resource)
    assert (found.path, found.new, found.key) == ("Task/made-1", True, "Patient/p1")
    assert found.body == b'{"resourceType":"Task","id":"made-1","status":"requested","for":{"reference":"Patient/p1"}}'
    assert "id" not in resource
    assert (found.backfill, found.traceparent) == (False, CONTEXT.traceparent)


def test_with_an_id_it_replaces_unless_it_is_new() -> None:
    resource = {"resourceType": "Task", "id": "t", "for": P1}
    assert not wanted(resource).new
    assert wanted(resource, new=True).new


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        ({"resourceType": "Communication", "subject": P1}, "Patient/p1"),
        ({"resourceType": "Communication"}, "Communication/made-1"),
        ({"resourceType": "AuditEvent", "entity": [{"what": P1}]}, "Patient/p1"),
    ],
)
def test_in_order_with_all_that_is_about_the_patient(resource: dict[str, Any], key: str) -> None:
    assert wanted(resource).key == key
    assert wanted(resource, key="Appointment/1").key == "Appointment/1"


def test_history_stays_history() -> None:
    assert wanted({"resourceType": "Task"}, Context(backfill=True)).backfill

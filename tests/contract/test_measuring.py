"""What the no-show rate counts, on both databases: unresolved visits apart, and corrections as what they came to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Request, Stored
from carethread.core.service import Call, Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.publish import publish
from carethread.metrics import SERVICE
from carethread.metrics.operations import evaluate_measure
from support.stores import put, runtime

NOW = datetime(2031, 3, 5, 12, tzinfo=UTC)
RATE = "no-show-rate"


@pytest.fixture
def metrics(store: SqlStore) -> Runtime:
    services = runtime(store, SERVICE)
    publish(services, Context())
    return services


def told(metrics: Runtime, id_: str, *statuses: str, hour: int = 9) -> None:
    """The versions of an Appointment, as its owner's events bring them."""
    start = {"start": f"2031-03-05T{hour:02}:00:00Z"}
    for version, status in enumerate(statuses, 1):
        person = [{"actor": {"reference": "Patient/p"}, "status": "accepted"}]
        body = {"resourceType": "Appointment", "id": id_, "status": status, "participant": person, **start}
        when = 1_700_000_000_000_000 + version
        copy = Stored("Appointment", id_, version, when, False, json.render(body), key="Patient/p")
        metrics.store.transact(lambda session, copy=copy: keep(metrics, session, [copy]))  # type: ignore[misc]


def evaluated(metrics: Runtime, measure: str = RATE) -> Mapping[str, Any]:
    params = {"periodStart": ["2031-03-01"], "periodEnd": ["2031-03-31"]}
    call = Call("Measure", measure, params, None, Request("GET", "x"))
    group = evaluate_measure(metrics, call, Context(clock=lambda: NOW))["group"][0]
    counts = {each["code"]["coding"][0]["code"]: each["count"] for each in group["population"]}
    return {**counts, "score": group.get("measureScore", {}).get("value")}


def test_unresolved_visits_are_counted_apart_and_are_in_no_proportion(metrics: Runtime) -> None:
    told(metrics, "missed", "noshow")
    told(metrics, "came", "fulfilled")
    told(metrics, "in", "checked-in")
    told(metrics, "nobody-said", "booked")
    told(metrics, "never-confirmed", "pending")
    told(metrics, "to-come", "booked", hour=15)
    told(metrics, "off", "booked", "cancelled")
    found = evaluated(metrics)
    assert [found[name] for name in ("initial-population", "denominator", "numerator", "unresolved")] == [5, 3, 1, 2]
    assert float(found["score"]) == pytest.approx(1 / 3, abs=1e-4)


@pytest.mark.parametrize(
    ("corrected", "denominator"), [("arrived", 2), ("fulfilled", 2), ("cancelled", 1)], ids=lambda value: str(value)
)
def test_a_correction_restates_the_rate(metrics: Runtime, corrected: str, denominator: int) -> None:
    told(metrics, "came", "fulfilled")
    told(metrics, "visit", "booked")
    assert (evaluated(metrics)["unresolved"], evaluated(metrics)["denominator"]) == (1, 1)
    told(metrics, "visit", "booked", "noshow")
    assert (evaluated(metrics)["unresolved"], float(evaluated(metrics)["score"])) == (0, 0.5)
    told(metrics, "visit", "booked", "noshow", corrected)
    found = evaluated(metrics)
    assert (found["numerator"], found["denominator"], float(found["score"])) == (0, denominator, 0)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("Appointment?date=lt{{now(}}", "FHIRPath"),
        ("Appointment?date=lt{{}}", "FHIRPath"),
        ("Appointment?date=lt{{Patient.name}}", "one value"),
        ("Appointment?date=lt{{'banana'}}", "searched by"),
        ("Patient?birthdate=lt{{now()}}", "mirrors"),
    ],
)
def test_a_measure_that_cannot_be_counted(metrics: Runtime, expression: str, said: str) -> None:
    criteria = {"language": "application/x-fhir-query", "expression": expression}
    group = [{"population": [{"criteria": criteria}]}]
    put(metrics.store, [{"resourceType": "Measure", "id": "m", "status": "active", "group": group}])
    with pytest.raises(Invalid, match=said):
        evaluated(metrics, "m")

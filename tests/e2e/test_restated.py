"""A no-show that is corrected: the number, the person's risk and the signal are told anew, and nobody asks for it.

How soon is measured elsewhere: the bounds here are those of a busy machine, on which a look at many measures takes long
and is followed by a rest of nine times that.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest

from carethread.core.fhir import json
from support.fhir import Fhir
from support.measuring import counts, visit
from support.processes import carethread
from support.servers import until

Resource = dict[str, Any]
RULE = "missed-three"
SIGNAL = "https://carethread.dev/fhir/StructureDefinition/metric-signal"
SECONDS = 120


def months(count: int) -> list[date]:
    """The first days of so many months before this one, the earliest first."""
    found = [datetime.now(UTC).date().replace(day=1)]
    for _ in range(count):
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[:0:-1]


def rule() -> Resource:
    """That who has missed three visits in a year is at high risk."""
    shipped = files("carethread.fhir_profiles").joinpath("rules/repeated-no-shows.json").read_bytes()
    found: Resource = json.parse_object(shipped)
    found |= {"id": RULE, "url": f"https://example.org/PlanDefinition/{RULE}"}
    found["action"][0]["code"][0]["coding"][0]["code"] = "high"
    return found


LAST = "v12-0"


def visits() -> list[Resource]:
    """Twelve months with one or two no-shows of ten, then one with five, of which three are Ann's; some others are
    Bob's. Ann's first is the last of all. Of each month who came stand before who did not: what is looked at while they
    arrive is no month of which most were missed."""
    found = []
    for number, first in enumerate(months(13)):
        missed = 5 if number == 12 else 1 + number % 2
        for i in range(10):
            who = "ann" if number == 12 and i < 3 else "bob" if number > 8 and i == 0 else f"p{number}-{i}"
            status = "noshow" if i < missed else "fulfilled"
            day = f"{first + timedelta(days=i)}"
            found.append(visit(f"v{number}-{i}", status, who, day=day, department="north"))
    return sorted(found, key=lambda each: (each["id"] == LAST, each["start"][:7], each["status"]))


def put(fhir: Fhir, *resources: Resource) -> None:
    for each in resources:
        answer = fhir.put(f"{each['resourceType']}/{each['id']}", each)
        assert answer.status in (200, 201), answer


def found(fhir: Fhir, query: str) -> list[Resource]:
    answer = fhir.get(query)
    assert answer.status == 200, answer
    return [each["resource"] for each in answer.json.get("entry", ()) if each["search"]["mode"] == "match"]


def state(fhir: Fhir) -> dict[str, Any]:
    """What is said of the last month, of the person and of the signal."""
    last = months(1)[0]
    rate = fhir.get(f"Measure/no-show-rate/$evaluate-measure?periodStart={last:%Y-%m}&periodEnd={last:%Y-%m}")
    risks = found(fhir, "RiskAssessment?patient=Patient/ann")
    signals = [
        {part["url"]: part.get("valueCode") for part in extension["extension"]}
        for report in found(fhir, "MeasureReport?_count=200")
        for extension in report.get("extension", ())
        if extension["url"] == SIGNAL and "no-show-rate" in str(extension)
    ]
    return {
        "missed": counts(rate.json["group"][0])["numerator"] if rate.status == 200 else None,
        "risk": [
            each["prediction"][0]["qualitativeRisk"]["coding"][0]["code"]
            for each in risks
            if RULE in str(each["method"])
        ],
        "flag": [
            each["status"] for each in found(fhir, "Flag?patient=Patient/ann") if "high-risk" in str(each["code"])
        ],
        "review": [each["status"] for each in found(fhir, "Task?patient=Patient/ann&code=step-down-review")],
        "signal": [each.get("outcome", "stands") for each in signals],
        "task": [each["status"] for each in found(fhir, "Task?code=metric-signal") if "No-show" in each["description"]],
    }


BEFORE = {"missed": 5, "risk": ["high"], "flag": ["active"], "review": [], "signal": ["stands"], "task": ["requested"]}
AFTER = {
    "missed": 4,
    "risk": ["low"],
    "flag": ["active"],  # until a person steps down, who is asked
    "review": ["requested"],
    "signal": ["withdrawn"],
    "task": ["cancelled"],
}


@pytest.mark.timeout(120 + 3 * SECONDS)
def test_a_corrected_no_show_restates_all_that_followed_from_it() -> None:
    with carethread("up") as server:
        fhir, (*facts, last) = server.fhir, visits()
        people = [{"resourceType": "Patient", "id": id_, "active": True} for id_ in ("ann", "bob")]
        put(fhir, rule(), *people, *facts)

        def all_is_known() -> bool:
            """What is there as a service begins to know of it is history, and alerts nobody."""
            return state(fhir)["missed"] == 4 and bool(found(fhir, "RiskAssessment?patient=Patient/bob"))

        until(all_is_known, seconds=SECONDS, what="all is known", details=lambda: str(state(fhir)))
        put(fhir, last)
        until(lambda: state(fhir) == BEFORE, seconds=SECONDS, what="all follows", details=lambda: str(state(fhir)))
        put(fhir, {**last, "status": "fulfilled"})
        until(lambda: state(fhir) == AFTER, seconds=SECONDS, what="all is restated", details=lambda: str(state(fhir)))

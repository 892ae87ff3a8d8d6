"""The least and the greatest of many values are each one person's: they are not told where small numbers are not,
neither in a report nor in what is made of it."""

from __future__ import annotations

from csv import DictReader
from io import StringIO
from typing import Any

import pytest

from support.measuring import MARCH, Metrics, Resource, body, counts, keep, own_measure, visit

SQL = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", department_id AS department,
  NULL AS practitioner, TRUE AS initial_population, status = 'fulfilled' AS measure_population, minutes
FROM appointments WHERE start_at >= $start AND start_at < $end
"""
METHOD = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-aggregateMethod"
DEPARTMENT = {
    "code": {"coding": [{"code": "department"}]},
    "criteria": {"language": "application/sql", "expression": "department"},
}


def measure(method: str) -> list[Resource]:
    """How long visits take: by a method."""
    found, library = own_measure(SQL, ["initial-population", "measure-population"], method)
    observed = {
        "extension": [{"url": METHOD, "valueCode": method}],
        "code": {"coding": [{"code": "measure-observation"}]},
        "criteria": {"language": "application/sql", "expression": "minutes"},
    }
    (group,) = found["group"]
    parted = {"population": [*group["population"], observed], "stratifier": [DEPARTMENT]}
    return [{**found, "scoring": {"coding": [{"code": "continuous-variable"}]}, "group": [parted]}, library]


@pytest.fixture(scope="module")
def opened(opened: Metrics) -> Metrics:
    keep(opened, *(each for method in ("minimum", "maximum", "average") for each in measure(method)))
    for i in range(24):
        days = ("2029-03-05", "2029-04-05")
        some = [
            visit(f"v{i}-{n}", "fulfilled", f"p{i}", day=day, department="north", minutesDuration=10 + i)
            for n, day in enumerate(days)
        ]
        opened.facts.tell(*some)
    return opened


def scores(report: Resource) -> list[Any]:
    """The score of the whole and of the department; `masked` where it is not told."""
    (group,) = report["group"]
    all_ = [group, *(each for s in group.get("stratifier", ()) for each in s["stratum"])]
    assert {counts(each)["measure-population"] for each in all_} == {24}, "how many there are is told"
    told = [each["measureScore"] for each in all_]
    return [each["value"] if "value" in each else each["extension"][0]["valueCode"] for each in told]


@pytest.mark.parametrize(("method", "value"), [("minimum", 10), ("maximum", 33), ("average", 21.5)])
def test_the_value_of_one_person_is_not_told_of_however_many(opened: Metrics, method: str, value: float) -> None:
    exact = [float(str(each)) for each in scores(body(opened.rate(measure=method)))]
    assert exact == [value, value]
    masked = opened.masking()
    expected = [value, value] if method == "average" else ["masked", "masked"]
    assert scores(body(masked.rate(measure=method))) == expected
    assert scores(body(masked.rate("POST", measure=method))) == expected, "nor in what is stored"


def numbers(told: Any) -> set[float]:
    """All that are anywhere in a resource."""
    if isinstance(told, dict | list):
        return set().union(*map(numbers, told.values() if isinstance(told, dict) else told))
    return set() if isinstance(told, bool | str) else {float(str(told))}


def table_scores(made: Metrics, method: str) -> list[tuple[str, str]]:
    """Of each row of a table the score, and why there is none."""
    answer = made.ask(f"Measure/{method}/$table", **MARCH)
    assert answer.status == 200 and isinstance(answer.body, bytes)
    return [(row["score"], row["score_absent"]) for row in DictReader(StringIO(answer.body.decode()))]


@pytest.mark.parametrize(("method", "value"), [("minimum", 10), ("maximum", 33)])
def test_nor_in_a_longer_period_a_series_a_table_or_of_a_department(opened: Metrics, method: str, value: int) -> None:
    masked, period = opened.masking(), {**MARCH, "periodEnd": "2029-04-30"}
    found = body(masked.rate(measure=method, **period))["group"][0]
    assert "value" not in found["measureScore"] and counts(found)["measure-population"] == 48
    series = [each["resource"] for each in body(masked.ask(f"Measure/{method}/$series", **period))["entry"]]
    assert all("value" not in each["group"][0]["measureScore"] for each in series)
    north = body(masked.rate(measure=method, department="Organization/north"))["group"][0]
    assert "value" not in north["measureScore"] and counts(north)["measure-population"] == 24
    exact = body(opened.ask(f"Measure/{method}/$compare", **MARCH))
    assert value in numbers(exact["group"]) and [float(str(each)) for each in scores(exact)] == [value, value]
    compared = body(masked.ask(f"Measure/{method}/$compare", **MARCH))
    assert value not in numbers(compared["group"]) and scores(compared) == ["masked", "masked"]
    assert [float(score) for score, _ in table_scores(opened, method)] == [value, value]
    assert table_scores(masked, method) == [("", "masked"), ("", "masked")]

"""Each point of a series is what evaluating the measure for its bucket gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.evaluating.evaluating import evaluate, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import LANGUAGE, Definition, definition
from carethread.metrics.series.buckets import By
from carethread.metrics.series.counting import Point, at_once, narrowed, series
from support.facts import facts_of

PERIOD = Days(date(2026, 3, 20), date(2026, 4, 5))
SQL = """
SELECT 'Appointment/' || id AS resource, NULL AS subject, start_at AS at, status AS department, NULL AS practitioner,
  TRUE AS initial_population, TRUE AS denominator, status = 'noshow' AS numerator
FROM appointments WHERE start_at >= $start AND start_at < $end
"""


def counted(sql: str = SQL, stratifier: str = "age") -> Definition:
    def coded(code: str) -> dict[str, Any]:
        criteria = {"language": LANGUAGE, "expression": code.replace("-", "_")}
        return {"code": {"coding": [{"code": code}]}, "criteria": criteria}

    populations = [coded(each) for each in ("initial-population", "denominator", "numerator")]
    group = {"population": populations, "stratifier": [coded(stratifier)]}
    measure = {"url": "https://example.org/m", "scoring": {"coding": [{"code": "proportion"}]}, "group": [group]}
    return definition(measure, sql, "")


def department(id_: str, zone: str) -> dict[str, Any]:
    url = "http://hl7.org/fhir/StructureDefinition/timezone"
    return {"resourceType": "Organization", "id": id_, "extension": [{"url": url, "valueCode": zone}]}


def visit(number: int, status: str, at: str) -> dict[str, Any]:
    return {"resourceType": "Appointment", "id": f"a{number}", "status": status, "start": at}


PLACES = [department("noshow", "Europe/Berlin"), department("fulfilled", "America/New_York")]
"""A visit's status stands for its department here, so that one resource makes a unit."""

moments = st.datetimes(
    min_value=datetime.fromisoformat("2026-03-18"), max_value=datetime.fromisoformat("2026-04-07")
).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z")
visits = st.lists(st.tuples(st.sampled_from(["noshow", "fulfilled", "arrived"]), moments), max_size=25)


@settings(max_examples=8, deadline=None)
@given(visits, st.sampled_from(["day", "week", "month"]))
def test_a_point_is_what_evaluating_its_bucket_gives(given_: list[tuple[str, str]], by: By) -> None:
    resources = [*PLACES, *(visit(i, *each) for i, each in enumerate(given_))]
    known = narrowed(counted(), ["department"])
    assert at_once(known)
    with facts_of(resources) as facts:
        for point in series(facts, known, PERIOD, by, ()):
            assert point.counted == evaluate(facts, known, units(facts, point.days, ()), people=True)


def strata(points: Sequence[Point]) -> list[Mapping[str, int]]:
    return [
        {value: cell.counts["numerator"] for value, cell in point.counted[0].strata["department"].items()}
        for point in points
    ]


def test_an_hour_of_a_change_of_clocks_is_of_its_day() -> None:
    berlin = [
        visit(1, "noshow", "2026-03-28T23:30:00+01:00"),
        visit(2, "noshow", "2026-03-29T00:30:00+01:00"),
        visit(3, "noshow", "2026-03-29T23:30:00+02:00"),
        visit(4, "noshow", "2026-03-30T00:30:00+02:00"),
    ]
    with facts_of([*PLACES, *berlin]) as facts:
        found = series(
            facts, narrowed(counted(), ["department"]), Days(date(2026, 3, 28), date(2026, 3, 30)), "day", ()
        )
    assert strata(found) == [{"noshow": 1}, {"noshow": 2}, {"noshow": 1}]


def test_empty_buckets_are_there_and_those_that_are_not_over_are_told() -> None:
    with facts_of([]) as facts:
        found = series(facts, narrowed(counted(), ()), Days(date(2030, 1, 15), date(2030, 4, 15)), "month", ())
    assert [(point.days.first, point.over) for point in found] == [
        (date(2030, 1, 15), True), (date(2030, 2, 1), True), (date(2030, 3, 1), False), (date(2030, 4, 1), False),
    ]  # fmt: skip
    assert all(point.counted[0].whole.counts["denominator"] == 0 for point in found)


def test_what_depends_on_the_period_is_counted_bucket_by_bucket() -> None:
    person = {"resourceType": "Patient", "id": "p", "birthDate": "2008-03-15"}
    sql = SQL.replace("NULL AS subject", "'p' AS subject")
    known = narrowed(counted(sql), ["age"])
    assert not at_once(known)
    assert not at_once(narrowed(counted("SELECT * FROM x JOIN spans ON TRUE"), ()))
    assert at_once(narrowed(counted("SELECT * FROM x -- spans"), ()))
    given_ = [visit(1, "noshow", "2026-03-11T12:00:00Z"), visit(2, "noshow", "2026-04-11T12:00:00Z")]
    with facts_of([person, *given_]) as facts:
        found = series(facts, known, Days(date(2026, 3, 1), date(2026, 4, 30)), "month", ())
        for point in found:
            assert point.counted == evaluate(facts, known, units(facts, point.days, ()), people=True)


def test_only_the_stratifiers_that_are_asked_for_stay() -> None:
    known = counted()
    assert [each.column for each in narrowed(known, ["age"]).groups[0].stratifiers] == ["age"]
    assert narrowed(known, ()).groups == (replace(known.groups[0], stratifiers=()),)
    assert [each.column for each in narrowed(known, ["department"]).groups[0].stratifiers] == ["department"]

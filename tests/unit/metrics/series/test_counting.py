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
from support import measured
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


def seen(number: int, status: str, at: str) -> dict[str, Any]:
    """Somebody's visit of which the status is the department."""
    url = "https://carethread.dev/fhir/StructureDefinition/department"
    return visit(number, status, at) | {
        "extension": [{"url": url, "valueReference": {"reference": f"Organization/{status}"}}],
        "participant": [{"actor": {"reference": f"Patient/p{number}"}, "status": "accepted"}],
    }


PLACES = [department("noshow", "Europe/Berlin"), department("fulfilled", "America/New_York")]
"""A visit's status stands for its department here, so that one resource makes a unit."""

moments = st.datetimes(
    min_value=datetime.fromisoformat("2026-03-18"), max_value=datetime.fromisoformat("2026-04-07")
).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z")
visits = st.lists(st.tuples(st.sampled_from(["noshow", "fulfilled", "arrived"]), moments), max_size=25)


@settings(max_examples=8, deadline=None)
@given(visits, st.sampled_from(["day", "week", "month"]))
def test_a_point_is_what_evaluating_its_bucket_gives(given_: list[tuple[str, str]], by: By) -> None:
    resources = [*PLACES, *(seen(i, *each) for i, each in enumerate(given_))]
    known = narrowed(measured.known("no-show-rate"), ["department"])
    assert at_once(known)
    with facts_of(resources) as facts:
        for point in series(facts, known, PERIOD, by, ()):
            assert point.counted == evaluate(facts, known, units(facts, known, point.days, ()), people=True)


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


def test_a_long_series_is_counted_in_parts() -> None:
    known = narrowed(measured.known("no-show-rate"), ["department"])
    days = ("2026-01-31", "2026-06-30", "2026-07-01", "2026-07-31", "2026-12-31", "2027-02-10")
    visits = [seen(i, "noshow", f"{day}T23:30:00Z") for i, day in enumerate(days)]
    with facts_of([*PLACES, *visits]) as facts:
        found = series(facts, known, Days(date(2026, 1, 15), date(2027, 2, 15)), "month", ())
        for point in found:
            assert point.counted == evaluate(facts, known, units(facts, known, point.days, ()), people=True)
    assert [n for n, point in enumerate(found, start=1) if point.counted[0].whole.people["numerator"]]


def test_what_depends_on_the_period_is_counted_bucket_by_bucket() -> None:
    person = {"resourceType": "Patient", "id": "p", "birthDate": "2008-03-15"}
    sql = SQL.replace("NULL AS subject", "'p' AS subject")
    known = narrowed(counted(sql), ["age"])
    assert not at_once(known)
    given_ = [visit(1, "noshow", "2026-03-11T12:00:00Z"), visit(2, "noshow", "2026-04-11T12:00:00Z")]
    with facts_of([person, *given_]) as facts:
        found = series(facts, known, Days(date(2026, 3, 1), date(2026, 4, 30)), "month", ())
        for point in found:
            assert point.counted == evaluate(facts, known, units(facts, known, point.days, ()), people=True)


def test_shipped_measures_are_counted_at_once() -> None:
    """`support.measures.comparing` asks of each of them that this gives what evaluating each bucket gives."""
    assert all(at_once(narrowed(known, ["department"])) for _, known in measured.shipped())


PEOPLE_SEEN = """
SELECT 'Patient/' || patient_id AS resource, patient_id AS subject, min(start_at) AS at, NULL AS department,
  NULL AS practitioner, TRUE AS initial_population, TRUE AS denominator, count(*) > 1 AS numerator
FROM appointments WHERE start_at >= $start AND start_at < $end GROUP BY patient_id
"""


def test_a_person_of_several_buckets_is_counted_in_each_by_sql_of_ones_own() -> None:
    known = narrowed(counted(PEOPLE_SEEN), ())
    person = {"participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}]}
    days = ("2026-03-20", "2026-03-21", "2026-04-02")
    with facts_of([visit(i, "booked", f"{day}T12:00:00Z") | person for i, day in enumerate(days)]) as facts:
        found = series(facts, known, PERIOD, "month", ())
        asked = [evaluate(facts, known, units(facts, known, each.days, ()), people=True) for each in found]
    assert [each.counted for each in found] == asked
    assert [each.counted[0].whole.counts["denominator"] for each in found] == [1, 1]
    assert [each.counted[0].whole.counts["numerator"] for each in found] == [1, 0]


def test_only_the_stratifiers_that_are_asked_for_stay() -> None:
    known = counted()
    assert [each.column for each in narrowed(known, ["age"]).groups[0].stratifiers] == ["age"]
    assert narrowed(known, ()).groups == (replace(known.groups[0], stratifiers=()),)
    assert [each.column for each in narrowed(known, ["department"]).groups[0].stratifiers] == ["department"]

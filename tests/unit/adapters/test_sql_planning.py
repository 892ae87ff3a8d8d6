"""How a search is planned, and how its statement is spelled, without a database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import Connection

from carethread.adapters.sql.searching.planning import Plan, leads, plan_of, plan_of_referring
from carethread.adapters.sql.searching.search import matches
from carethread.adapters.sql.searching.spelling import Spelling, both, either, of, quoted
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import Compartment, SearchQuery


def asked(url: str) -> SearchQuery:
    type_name, _, query = url.partition("?")
    return parse_query(type_name, parse_qsl(query), strict=True)


@pytest.mark.parametrize(
    ("url", "plan"),
    [
        ("Appointment", Plan.LEFT),
        ("Appointment?_sort=date", Plan.LEFT),
        ("Appointment?_id=1", Plan.LEFT),
        ("Patient?identifier=http://x|1", Plan.LEFT),
        ("Patient?identifier=1,2&gender=male", Plan.LEFT),
        ("Appointment?patient=Patient/1", Plan.ONCE),
        ("Appointment?patient=Patient/1&status=cancelled", Plan.ONCE),
        ("Appointment?status=cancelled&patient=Patient/1,Patient/2&date=ge2026", Plan.ONCE),
        ("Task?focus=Appointment/1", Plan.ONCE),
        ("Appointment?status=cancelled", Plan.FOR_VALUES),
        ("Appointment?status:not=booked", Plan.FOR_VALUES),
        ("Appointment?date=ge2026", Plan.FOR_VALUES),
        ("Patient?name=a", Plan.FOR_VALUES),
        ("Patient?identifier=http://x|", Plan.FOR_VALUES),
        ("Patient?identifier:not=1", Plan.FOR_VALUES),
        ("Appointment?practitioner=Practitioner/1", Plan.FOR_VALUES),
        ("Appointment?actor=Patient/1,Location/1", Plan.FOR_VALUES),
        ("Appointment?patient:missing=true", Plan.FOR_VALUES),
        ("Appointment?patient:identifier=1", Plan.FOR_VALUES),
        ("Appointment?patient.identifier=1", Plan.FOR_VALUES),
        ("Patient?_has:Appointment:patient:status=cancelled", Plan.FOR_VALUES),
    ],
)
def test_how_a_search_is_planned(url: str, plan: Plan) -> None:
    criteria = asked(url).criteria
    assert plan_of(criteria) is plan
    assert any(map(leads, criteria)) is (bool(criteria) and plan is not Plan.FOR_VALUES)


def test_compartments_of_one_person_lead() -> None:
    assert plan_of([Compartment("Patient", ("1",), ("Appointment.patient",))]) is Plan.ONCE
    assert plan_of([Compartment("Practitioner", ("1",), ("Appointment.practitioner",))]) is Plan.FOR_VALUES


def spelling(dialect: str) -> Spelling:
    return Spelling(cast("Connection", SimpleNamespace(dialect=SimpleNamespace(name=dialect))))


def test_values_have_places_in_their_order() -> None:
    postgres, sqlite = spelling("postgresql"), spelling("sqlite")
    assert [postgres.place(value) for value in ("a", 1, 1.5)] == ["$1", "$2::bigint", "$3::float8"]
    assert [sqlite.place(value) for value in ("a", 1, 1.5)] == ["?1", "?2", "?3"]
    assert postgres.values == sqlite.values == ["a", 1, 1.5]


def test_several_values_are_one_array_where_there_are_arrays() -> None:
    postgres, sqlite = spelling("postgresql"), spelling("sqlite")
    assert [sql.among("c", ["a"]) for sql in (postgres, sqlite)] == ["c = $1", "c = ?1"]
    assert postgres.among("c", ["a", "b"]) == "c = ANY($2::text[])"
    assert postgres.among("n", [1, 2]) == "n = ANY($3::bigint[])"
    assert sqlite.among("c", ["a", "b"]) == "c IN (?2, ?3)"
    assert postgres.values == ["a", ["a", "b"], [1, 2]]
    assert sqlite.values == ["a", "a", "b"]


def test_names_differ_and_another_statement_begins_anew() -> None:
    sql = spelling("sqlite")
    sql.place("a")
    assert [sql.name(), sql.name()] == ["t1", "t2"]
    other = sql.another()
    assert (other.name(), other.values, other.joined, other.plan) == ("t1", [], "", Plan.LEFT)


def test_conditions_together() -> None:
    assert both(["a", "b"]) == "a AND b"
    assert both([]) == "true"
    assert either(["a"]) == "a"
    assert either(["a", "b"]) == "(a OR b)"
    assert either([]) == "false"
    assert quoted("it's") == "'it''s'"
    assert of("c", ["a"]) == "c = 'a'"
    assert of("c", ["a", "b"]) == "c IN ('a', 'b')"
    assert of("c", []) == "false"


def test_what_a_client_said_is_never_in_the_text() -> None:
    for url in (
        "Patient?name=zebra",
        "Patient?identifier=zebra|zebra",
        "Appointment?status=zebra",
        "Patient?_id=zebra",
    ):
        sql = spelling("postgresql")
        assert "zebra" not in matches(asked(url), "r", sql) + sql.joined
        assert any("zebra" in value for value in sql.values)


def test_all_else_is_put_to_the_few_that_a_reference_leaves() -> None:
    sql = spelling("postgresql")
    spelled = matches(asked("Appointment?status=booked&patient=Patient/1&date=ge2026"), "r", sql)
    assert spelled.count("OFFSET 0") == 2
    assert spelled.count(" IN (SELECT") == 1
    assert sql.joined == ""


def test_two_bounds_of_one_date_are_one_range() -> None:
    sql = spelling("postgresql")
    spelled = matches(asked("Appointment?date=ge2026-01&date=lt2026-02"), "r", sql)
    assert spelled.count("Appointment.date") == 1
    assert sql.joined == ", index_date t1"


@pytest.mark.parametrize(
    ("types", "params", "plan"),
    [
        (["Patient"], ["CareTeam.patient"], Plan.ONCE),
        (["Patient", "Encounter"], ["Observation.encounter", "Observation.patient"], Plan.ONCE),
        (["Practitioner", "Location"], ["Schedule.actor"], Plan.ONCE),
        (["Organization"], ["Encounter.service-provider"], Plan.FOR_VALUES),
        (["Patient", "Practitioner"], ["Appointment.actor"], Plan.FOR_VALUES),
        (["Practitioner"], ["Schedule.actor", "Appointment.actor"], Plan.FOR_VALUES),
    ],
)
def test_what_few_refer_to_is_planned_once(types: list[str], params: list[str], plan: Plan) -> None:
    assert plan_of_referring(types, params) is plan

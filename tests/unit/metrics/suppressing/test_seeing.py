"""Whom staff are said to treat: the people in whose care teams they are at this moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from carethread.core.context import Principal
from carethread.metrics.evaluating.evaluating import units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.suppressing.seeing import hides, treats
from support.facts import facts_of
from support.measured import known
from support.measuring import visit

NOW_IS_ON = "2030-03-17"
MARCH = Days(date(2029, 3, 1), date(2029, 3, 31))
ROLE = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/x"}}
IN_PERSON, BY_ROLE = {"member": {"reference": "Practitioner/x"}}, {"member": {"reference": "PractitionerRole/r"}}


def is_told(*resources: dict[str, Any], who: str = "x", named: list[str] | None = None) -> bool:
    """Whether they are told the exact number of one missed visit."""
    definition = known("no-show-rate")
    with facts_of([visit("a", "noshow"), *resources]) as facts:
        counted = units(facts, definition, MARCH, ())
        return treats(facts, definition, counted, Principal(f"Practitioner/{who}"), named)


def team(participant: dict[str, Any], **more: Any) -> dict[str, Any]:
    of_them = {"subject": {"reference": "Patient/p"}, "participant": [participant]}
    return {"resourceType": "CareTeam", "id": "t", "status": "active", **of_them, **more}


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        ([team(IN_PERSON)], True),
        ([team(IN_PERSON, status="inactive")], False),
        ([team(IN_PERSON, period={"start": "2031-01-01"})], False),
        ([team(IN_PERSON, period={"end": NOW_IS_ON})], True),
        ([team(IN_PERSON, period={"end": "2030-03-16"})], False),
        ([team({**IN_PERSON, "period": {"start": "2030-03-18"}})], False),
        ([team({**IN_PERSON, "period": {"end": NOW_IS_ON}})], True),
        ([team({**IN_PERSON, "period": {"end": "2030"}})], True),
        ([team({**IN_PERSON, "period": {"end": f"{NOW_IS_ON}T00:00:00Z"}})], False),
        ([team(BY_ROLE), ROLE], True),
        ([team(BY_ROLE), {**ROLE, "active": False}], False),
        ([team(BY_ROLE), {**ROLE, "period": {"end": "2029"}}], False),
        ([team(BY_ROLE)], False),
    ],
)
def test_who_is_in_a_care_team_of_theirs_now(resources, told):
    assert is_told(*resources) is told
    assert is_told(*resources, named=["p"]) is told
    assert is_told(*resources, who="y") is False


def test_of_whom_they_name_they_treat_everybody():
    assert is_told(team(IN_PERSON), named=["p", "q"]) is False
    assert is_told(team(IN_PERSON), named=[]) is False


@pytest.mark.parametrize(
    "sql",
    [
        "{} ",
        "-- Another way to say it.\n{}",
        "SELECT * FROM ({}) AS units",
        "SELECT resource, NULL AS subject FROM replies WHERE lower(form) LIKE '%/STAFF-PULSE'",
        "SELECT resource, r.subject_identifier AS subject FROM reported r",
    ],
)
def test_sql_that_names_what_is_said_without_a_name_is_told_of_few_to_nobody(sql: str) -> None:
    shipped: Any = SimpleNamespace(small_cells="exact")
    nameless, other = known("staff-burnout-share"), known("no-show-rate")
    assert hides(shipped, replace(nameless, nameless=False, sql=sql.format(nameless.sql)))
    assert not hides(shipped, replace(other, sql=f"{other.sql} "))

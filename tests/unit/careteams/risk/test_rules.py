"""Which rules may say something else for a fact."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.careteams.risk.reading import FEEDBACK, rule_of
from carethread.careteams.risk.rules import Rules
from carethread.core.fhir import json
from carethread.core.ports import Resource, Stored
from support.risk import coded, need, person, reads, rule, stay, visit

MISSED = rule("missed", "%missed.exists()", reads("missed", "Appointment", 1, coded("status", "noshow")))
SILENT = rule("silent", "%visits.empty()", reads("visits", "Encounter", 1))
SAID = rule(
    "said",
    "%said.exists()",
    reads("said", "QuestionnaireResponse", 1),
    extension=[{"url": FEEDBACK, "valueBoolean": True}],
)
RULES = Rules([rule_of(each) for each in (MISSED, SILENT, SAID)])


def names(*facts: Stored) -> list[str]:
    return [each.id for each in RULES.reading(facts).all]


def fact(resource: Resource, **members: Any) -> Stored:
    given = {"version": 1, "updated": 0, "deleted": False, "body": json.render(resource), **members}
    return Stored(resource["resourceType"], resource["id"], **given)


MONDAY = "2031-03-03T08:00:00Z"
CONSENT = {"resourceType": "Consent", "id": "c"}


@pytest.mark.parametrize(
    ("resource", "asked"),
    [
        (visit("1", "ann", MONDAY), ["missed"]),
        (visit("1", "ann", MONDAY, "booked"), []),
        (stay("1", "ann", MONDAY), ["silent", "said"]),
        (need("1", "ann"), []),
        (CONSENT, ["said"]),
        (person("ann"), ["missed", "silent", "said"]),
    ],
    ids=lambda each: each["resourceType"] if isinstance(each, dict) else ",".join(each) or "none",
)
def test_only_who_looks_at_it_is_asked(resource: Resource, asked: list[str]) -> None:
    assert names(fact(resource)) == asked


def test_of_what_is_gone_nobody_knows_what_it_was() -> None:
    assert names(fact(visit("1", "ann", MONDAY, "booked"), deleted=True, body=b"")) == ["missed"]


def test_all_that_are_asked_for_several_facts() -> None:
    assert names(fact(visit("1", "ann", MONDAY)), fact(CONSENT)) == ["missed", "said"]


def test_all_are_the_whole() -> None:
    assert RULES.reading([fact(person("ann"))]) is RULES


def test_parts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.careteams.risk.rules._REMEMBERED", 2)
    for _ in range(3):
        assert names(fact(visit("1", "ann", MONDAY))) == ["missed"]
        assert names(fact(CONSENT)) == ["said"]

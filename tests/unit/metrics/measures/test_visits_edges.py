"""The edges that the definitions of visits name, one by one; drawn practices rarely meet them to the second."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from carethread.metrics.evaluating.counting import score
from support.facts import facts_of
from support.measured import counted, known

YEAR = (date(2029, 1, 1), date(2029, 12, 31))
BEGIN = datetime(2029, 2, 1, 9, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
DAY = 24 * HOUR

Resource = dict[str, Any]


def met(number: int, start: datetime, kind: str = "AMB", lasted: timedelta = HOUR, **more: Any) -> Resource:
    period = {"start": start.isoformat(), "end": (start + lasted).isoformat()}
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "status": "finished",
        "class": {"code": kind},
        "subject": {"reference": "Patient/ann"},
        "period": period,
        "reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}],
        "participant": [{"individual": {"reference": f"Practitioner/{more.pop('by', 'p')}"}}],
        **more,
    }


def coded(code: str) -> Resource:
    return {"coding": [{"code": code}]}


def count(name: str, resources: list[Resource]) -> tuple[dict[str, int], float | None]:
    with facts_of([{"resourceType": "Patient", "id": "ann"}, *resources]) as facts:
        (group,) = counted(facts, name, *YEAR)
    told = {name: number for name, number in group.whole.counts.items() if number}
    return told, score(known(name).groups[0], group.whole)


@pytest.mark.parametrize(
    ("name", "after", "retained"),
    [
        ("retention-6-months", 90 * DAY - SECOND, 0),
        ("retention-6-months", 90 * DAY, 1),
        ("retention-6-months", 183 * DAY, 1),
        ("retention-6-months", 183 * DAY + SECOND, 0),
        ("retention-12-months", 183 * DAY + SECOND, 1),
        ("retention-12-months", 365 * DAY, 1),
        ("retention-12-months", 365 * DAY + SECOND, 0),
    ],
)
def test_who_is_retained(name, after, retained):
    assert count(name, [met(1, BEGIN), met(2, BEGIN + after)])[1] == retained


def test_who_was_seen_before_the_period_is_not_new():
    assert count("retention-6-months", [met(1, BEGIN - 60 * DAY), met(2, BEGIN)]) == ({}, None)


@pytest.mark.parametrize(
    ("second", "again"),
    [
        (met(2, BEGIN + HOUR + 72 * HOUR), 1),
        (met(2, BEGIN + HOUR + 72 * HOUR + SECOND), 0),
        (met(2, BEGIN + DAY, reasonCode=[{"coding": [{"system": "http://snomed.info/sct", "code": "22298006"}]}]), 0),
        (met(2, BEGIN + DAY, priority=coded("EL")), 0),
        (met(2, BEGIN + DAY, kind="IMP"), 0),
        (met(2, BEGIN + DAY, partOf={"reference": "Encounter/e1"}), 0),
    ],
)
def test_what_a_repeated_visit_is(second, again):
    assert count("avoidable-repeat-visits", [met(1, BEGIN), second])[0].get("numerator", 0) == again


def stay(number: int, start: datetime, lasted: timedelta = 3 * DAY, discharge: str = "home", **more: Any) -> Resource:
    return met(number, start, "IMP", lasted, hospitalization={"dischargeDisposition": coded(discharge)}, **more)


END = BEGIN + 3 * DAY


@pytest.mark.parametrize(
    ("stays", "numerator", "denominator", "excluded"),
    [
        ([stay(1, BEGIN), stay(2, END + 30 * DAY)], 1, 2, 0),
        ([stay(1, BEGIN), stay(2, END + 30 * DAY + SECOND)], 0, 2, 0),
        ([stay(1, BEGIN), stay(2, END + HOUR)], 1, 2, 0),  # on the same day
        ([stay(1, BEGIN), stay(2, END + DAY, priority=coded("EL"))], 0, 2, 0),
        ([stay(1, BEGIN, discharge="other-hcf"), stay(2, END + HOUR)], 0, 2, 1),
        ([stay(1, BEGIN, discharge="aadvice"), stay(2, END + DAY)], 0, 2, 1),
        ([stay(1, BEGIN, discharge="exp")], 0, 1, 1),
        ([stay(1, BEGIN), stay(2, BEGIN + DAY, lasted=9 * DAY)], 0, 2, 1),  # within another
        ([stay(1, BEGIN), stay(2, END + DAY, priority=coded("EL")), stay(3, END + 9 * DAY)], 1, 3, 0),
    ],
)
def test_what_a_readmission_is(stays, numerator, denominator, excluded):
    told, _ = count("readmission-30-days", stays)
    found = [told.get(name, 0) for name in ("numerator", "denominator", "denominator-exclusion")]
    assert found == [numerator, denominator, excluded]


def test_continuity_is_the_share_of_whom_somebody_sees_most():
    seen = [met(1, BEGIN), met(2, BEGIN + DAY, by="q"), met(3, BEGIN + 2 * DAY)]
    assert count("continuity-upc", seen)[1] == pytest.approx(2 / 3)
    assert count("continuity-upc", [met(0, BEGIN - 400 * DAY, by="q"), *seen])[1] == pytest.approx(2 / 3)


def test_an_encounter_and_its_appointment_are_one_visit_and_a_couple_is_two_people():
    visit = {
        "resourceType": "Appointment", "id": "a", "status": "fulfilled", "start": BEGIN.isoformat(),
        "participant": [
            {"actor": {"reference": reference}, "status": "accepted"}
            for reference in ("Patient/ann", "Patient/ben", "Practitioner/p")
        ],
    }  # fmt: skip
    told, _ = count("continuity-upc", [met(1, BEGIN, appointment=[{"reference": "Appointment/a"}]), visit])
    assert told == {"initial-population": 2, "only-one": 2}

"""The edges that the definitions of visits name, one by one; drawn practices rarely meet them to the second."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from carethread.metrics.evaluating.counting import Counted, score
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


def groups(name: str, resources: list[Resource]) -> list[Counted]:
    of_all = [{"resourceType": "Patient", "id": "ann"}, *resources]
    with facts_of({f"{each['resourceType']}/{each['id']}": each for each in of_all}.values()) as facts:
        return counted(facts, name, *YEAR)


def scores(name: str, resources: list[Resource]) -> list[float | None]:
    found = zip(known(name).groups, groups(name, resources), strict=True)
    return [score(group, told.whole) for group, told in found]


def count(name: str, resources: list[Resource]) -> tuple[dict[str, int], float | None]:
    (group,) = groups(name, resources)
    told = {name: number for name, number in group.whole.counts.items() if number}
    return told, score(known(name).groups[0], group.whole)


@pytest.mark.parametrize(
    ("after", "retained"),
    [
        (90 * DAY - SECOND, [0, 0]),
        (90 * DAY, [1, 1]),
        (183 * DAY, [1, 1]),
        (183 * DAY + SECOND, [0, 1]),
        (365 * DAY, [0, 1]),
        (365 * DAY + SECOND, [0, 0]),
    ],
)
def test_who_is_retained(after, retained):
    assert scores("retention", [met(1, BEGIN), met(2, BEGIN + after)]) == retained


def test_who_comes_again_too_soon_and_then_once_more_is_retained():
    assert scores("retention", [met(1, BEGIN), met(2, BEGIN + DAY), met(3, BEGIN + 200 * DAY)]) == [0, 1]


def test_who_was_seen_before_the_period_is_not_new():
    assert scores("retention", [met(1, BEGIN - 60 * DAY), met(2, BEGIN)]) == [None, None]


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


def by_day(number: int, first: int, last: int) -> Resource:
    """A stay of which the days are known."""
    return {**stay(number, BEGIN), "period": {"start": f"2029-02-{first:02}", "end": f"2029-02-{last:02}"}}


def open_ended(number: int, status: str) -> Resource:
    """A stay of years ago, without an end."""
    return {**stay(number, BEGIN), "status": status, "period": {"start": "2025-03-01T08:00:00Z"}}


def brought(number: int, start: datetime) -> Resource:
    return {**stay(number, start), "hospitalization": {"admitSource": coded("hosp-trans")}}


@pytest.mark.parametrize(
    ("stays", "numerator", "denominator", "excluded"),
    [
        ([stay(1, BEGIN), stay(2, END + 30 * DAY)], 1, 2, 0),
        ([stay(1, BEGIN), stay(2, END + 30 * DAY + SECOND)], 0, 2, 0),
        ([stay(1, BEGIN), stay(2, END + HOUR)], 1, 2, 0),  # on the same day
        ([stay(1, BEGIN), stay(2, END)], 1, 2, 0),  # at the same moment
        ([by_day(1, 1, 4), by_day(2, 4, 8)], 1, 2, 0),
        ([by_day(1, 4, 4), by_day(2, 1, 4), by_day(3, 4, 4)], 2, 3, 0),
        ([stay(1, BEGIN), brought(2, END)], 0, 2, 1),
        ([stay(1, BEGIN), brought(2, END + DAY)], 0, 2, 1),
        ([stay(1, BEGIN), brought(2, END + DAY + SECOND)], 1, 2, 0),
        ([stay(1, BEGIN), stay(2, END + DAY, priority=coded("EL"))], 0, 2, 0),
        ([stay(1, BEGIN, discharge="other-hcf"), stay(2, END + HOUR)], 0, 2, 1),
        ([stay(1, BEGIN, discharge="aadvice"), stay(2, END + DAY)], 0, 2, 1),
        ([stay(1, BEGIN, discharge="exp")], 0, 1, 1),
        ([stay(1, BEGIN), stay(2, BEGIN + DAY, lasted=9 * DAY)], 0, 2, 1),  # within another
        ([stay(1, BEGIN), stay(2, END + DAY, priority=coded("EL")), stay(3, END + 9 * DAY)], 1, 3, 0),
        ([open_ended(0, "finished"), stay(1, BEGIN), stay(2, END + DAY)], 1, 2, 0),  # over, nobody knows since when
        ([open_ended(0, "in-progress"), stay(1, BEGIN), stay(2, END + DAY)], 0, 2, 2),
        ([open_ended(0, "entered-in-error"), stay(1, BEGIN), stay(2, END + DAY)], 1, 2, 0),
        ([open_ended(0, "cancelled"), stay(1, BEGIN), stay(2, END + DAY)], 1, 2, 0),
    ],
)
def test_what_a_readmission_is(stays, numerator, denominator, excluded):
    told, _ = count("readmission-30-days", stays)
    found = [told.get(name, 0) for name in ("numerator", "denominator", "denominator-exclusion")]
    assert found == [numerator, denominator, excluded]


@pytest.mark.parametrize("name", ["readmission-30-days", "avoidable-repeat-visits"])
@pytest.mark.parametrize(
    ("died", "discharge", "excluded"),
    [
        ("2029-02-04", "home", 0),  # they left alive, and died later that day
        ("2029-02-04", "", 1),
        ("2029-02-04", "exp", 1),
        ("2029-02-05", "", 0),
        ("2029-02-03", "home", 0),  # where clocks are far behind it may be the same day
        ("2029-02-02", "home", 1),
        ("2029-02-04T08:59:59Z", "home", 1),
        ("2029-02-04T12:00:00Z", "", 0),
    ],
)
def test_who_has_died_in_it(name, died, discharge, excluded):
    ended = stay(1, BEGIN, discharge=discharge) if discharge else met(1, BEGIN, "IMP", lasted=3 * DAY)
    kind = {"class": {"code": "IMP" if name.startswith("readmission") else "AMB"}}
    dead = {"resourceType": "Patient", "id": "ann", "deceasedDateTime": died}
    told, _ = count(name, [dead, {**ended, **kind}])
    assert (told["denominator"], told.get("denominator-exclusion", 0)) == (1, excluded)


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


def booked(status: str, reason: str = "", start: datetime = BEGIN, **marks: Any) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
    return {
        "resourceType": "Appointment",
        "id": "a",
        "status": status,
        "start": start.isoformat(),
        "participant": [{"actor": {"reference": "Patient/ann"}, "status": "accepted"}],
        "cancelationReason": {"coding": [{"system": "urn:own", "code": "prov"}, {"system": system, "code": reason}]},
        "extension": [
            {"url": f"https://carethread.dev/fhir/StructureDefinition/{name.replace('_', '-')}", **value}
            for name, value in marks.items()
        ],
    }


PATIENT, LATE = {"valueCode": "patient"}, {"valueBoolean": True}


@pytest.mark.parametrize(
    ("visit", "told"),
    [
        (booked("cancelled", "pat-crs"), {"moment-unknown"}),
        (booked("cancelled", "pat", late_cancellation=LATE), {"denominator", "numerator"}),
        (booked("cancelled", "pat", late_cancellation={"valueBoolean": False}), {"denominator"}),
        (booked("cancelled", cancelled_by=PATIENT), {"moment-unknown"}),
        (booked("cancelled", "prov-pers", cancelled_by=PATIENT), {"moment-unknown"}),
        (booked("cancelled", "pat", cancelled_by={"valueCode": "provider"}), {"cancelled-otherwise"}),
        (booked("cancelled", "prov-pers"), {"cancelled-otherwise"}),
        (booked("cancelled", "maint"), {"cancelled-otherwise"}),
        (booked("cancelled", "oth-weath"), {"cancelled-otherwise"}),
    ],
)
def test_who_called_a_visit_off(visit, told):
    assert count("late-cancellation-rate", [visit])[0].keys() == told | {"initial-population"}


@pytest.mark.parametrize("name", ["no-show-rate", "late-cancellation-rate"])
@pytest.mark.parametrize(
    ("died", "status", "told"),
    [
        ({"deceasedDateTime": BEGIN.isoformat()}, "noshow", {"denominator", "denominator-exclusion"}),
        ({"deceasedDateTime": "2029-02-01"}, "noshow", {"denominator", "denominator-exclusion"}),
        ({"deceasedBoolean": True}, "noshow", {"denominator", "denominator-exclusion"}),
        ({"deceasedDateTime": (BEGIN + SECOND).isoformat()}, "noshow", {"denominator", "numerator"}),
        ({"deceasedDateTime": "2029-02-01"}, "fulfilled", {"denominator"}),
        ({"deceasedDateTime": "2029-02-01"}, "booked", set()),
        ({"deceasedBoolean": False}, "booked", {"unresolved"}),
    ],
)
def test_what_was_to_be_after_a_death_is_missed_by_nobody(name, died, status, told):
    found, _ = count(name, [booked(status), {"resourceType": "Patient", "id": "ann", **died}])
    if name == "late-cancellation-rate":
        told = told - {"numerator"}
    assert found.keys() == told | {"initial-population"}

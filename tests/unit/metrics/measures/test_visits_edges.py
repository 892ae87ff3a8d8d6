"""The edges that the definitions of visits name, one by one; drawn practices rarely meet them to the second."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from support.measures.edges import (
    BEGIN,
    DAY,
    ELECTIVE,
    END,
    HOUR,
    LATE,
    PATIENT,
    SECOND,
    ZONES,
    Resource,
    booked,
    brought,
    by_day,
    count,
    met,
    open_ended,
    scores,
    stay,
)


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
        (met(2, BEGIN + DAY, priority=ELECTIVE), 0),
        (met(2, BEGIN + DAY, kind="IMP"), 0),
        (met(2, BEGIN + DAY, partOf={"reference": "Encounter/e1"}), 0),
    ],
)
def test_what_a_repeated_visit_is(second, again):
    assert count("avoidable-repeat-visits", [met(1, BEGIN), second])[0].get("numerator", 0) == again


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
        # at home, back two hours later, and brought on from there
        ([stay(1, BEGIN), stay(2, END + 2 * HOUR, lasted=9 * HOUR), brought(3, END + 12 * HOUR)], 1, 3, 1),
        ([stay(1, BEGIN), stay(2, END + DAY, priority=ELECTIVE)], 0, 2, 0),
        ([stay(1, BEGIN, discharge="other-hcf"), stay(2, END + HOUR)], 0, 2, 1),
        ([stay(1, BEGIN, discharge="aadvice"), stay(2, END + DAY)], 0, 2, 1),
        ([stay(1, BEGIN, discharge="exp")], 0, 1, 1),
        ([stay(1, BEGIN), stay(2, BEGIN + DAY, lasted=9 * DAY)], 0, 2, 1),  # within another
        ([stay(1, BEGIN), stay(2, END + DAY, priority=ELECTIVE), stay(3, END + 9 * DAY)], 1, 3, 0),
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
        ("2029-02-03", "home", 1),
        ("2029-02-02", "home", 1),
        ("2029", "home", 0),  # so it may be in that month or year
        ("2029-02", "home", 0),
        ("2029-02", "", 1),
        ("2029-01", "home", 1),
        ("2029-02-03T00:00:00Z", "home", 1),  # a moment, though it begins a day
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


@pytest.mark.parametrize("name", ["readmission-30-days", "avoidable-repeat-visits"])
@pytest.mark.parametrize(
    ("died", "place", "ended", "discharge", "excluded"),
    [
        ("2029-02-05", "new-york", "2029-02-04T21:00:00-05:00", "", 0),  # the evening before, where it was
        ("2029-02-05", "new-york", "2029-02-05T00:00:00-05:00", "", 1),
        ("2029-02-04", "new-york", "2029-02-04T21:00:00-05:00", "home", 0),
        ("2029-02-04", "new-york", "2029-02-05T00:00:00-05:00", "home", 1),
        ("2029-02-05", "tokyo", "2029-02-05T01:00:00+09:00", "", 1),
        ("2029-02-05", "new-york", "2029-02-05", "", 1),  # ended on that day, whatever clocks say
        ("2029-02-05", "new-york", "2029-02-04", "", 0),
        ("2029-02-05", "tokyo", "2029-02-05", "", 1),
        ("2029-02-05", "new-york", "2029-02-05T00:00:00Z", "", 0),  # a moment, though it begins a day
    ],
)
def test_a_day_of_death_is_that_of_the_clocks_there(name, died, place, ended, discharge, excluded):
    of = {"class": {"code": "IMP" if name.startswith("readmission") else "AMB"}}
    of |= {"serviceProvider": {"reference": f"Organization/{place}"}, "period": {"start": "2029-02-01", "end": ended}}
    left = stay(1, BEGIN, discharge=discharge) if discharge else met(1, BEGIN)
    dead = {"resourceType": "Patient", "id": "ann", "deceasedDateTime": died}
    told, _ = count(name, [dead, *ZONES, {**left, **of}])
    assert (told["denominator"], told.get("denominator-exclusion", 0)) == (1, excluded)


@pytest.mark.parametrize("name", ["no-show-rate", "late-cancellation-rate"])
@pytest.mark.parametrize(
    ("start", "place", "excluded"),
    [
        ("2029-02-01T08:00:00+09:00", "tokyo", 1),
        ("2029-01-31T20:30:00-05:00", "new-york", 0),  # the evening before
        ("2029-02-01T00:00:00-05:00", "new-york", 1),
    ],
)
def test_what_was_to_be_on_the_day_of_a_death_is_missed_by_nobody(name, start, place, excluded):
    where = {"valueReference": {"reference": f"Organization/{place}"}}
    dead = {"resourceType": "Patient", "id": "ann", "deceasedDateTime": "2029-02-01"}
    told, _ = count(name, [dead, *ZONES, booked("noshow", start=datetime.fromisoformat(start), department=where)])
    assert (told["denominator"], told.get("denominator-exclusion", 0)) == (1, excluded)


def test_continuity_is_the_share_of_whom_somebody_sees_most():
    seen = [met(1, BEGIN), met(2, BEGIN + DAY, by="q"), met(3, BEGIN + 2 * DAY)]
    assert count("continuity-upc", seen)[1] == pytest.approx(2 / 3)
    assert count("continuity-upc", [met(0, BEGIN - 400 * DAY, by="q"), *seen])[1] == pytest.approx(2 / 3)


def test_an_encounter_and_its_appointment_are_one_visit_and_a_couple_is_two_people():
    visit: Resource = {
        "resourceType": "Appointment", "id": "a", "status": "fulfilled", "start": BEGIN.isoformat(),
        "participant": [
            {"actor": {"reference": reference}, "status": "accepted"}
            for reference in ("Patient/ann", "Patient/ben", "Practitioner/p")
        ],
    }  # fmt: skip
    told, _ = count("continuity-upc", [met(1, BEGIN, appointment=[{"reference": "Appointment/a"}]), visit])
    assert told == {"initial-population": 2, "only-one": 2}
    for number in (0, 1):
        said = [{**each, "status": "declined"} if i == number else each for i, each in enumerate(visit["participant"])]
        told, _ = count("continuity-upc", [{**visit, "participant": said}])
        assert told == {"initial-population": 1, "only-one": 1}, "who has declined has not come"


@pytest.mark.parametrize(
    ("met_at", "by", "more", "told"),
    [
        (5 * timedelta(minutes=1), "p", {}, {"only-one": 1}),
        (12 * HOUR - SECOND, "p", {}, {"only-one": 1}),
        (SECOND - 12 * HOUR, "p", {}, {"only-one": 1}),
        (12 * HOUR, "p", {}, {"measure-population": 1}),
        (HOUR, "q", {}, {"measure-population": 1}),
        (HOUR, "p", {"appointment": [{"reference": "Appointment/another"}]}, {"measure-population": 1}),
    ],
)
def test_an_encounter_that_names_no_appointment_is_one_with_that_of_the_same_clinician_near_it(met_at, by, more, told):
    with_p = [{"actor": {"reference": each}, "status": "accepted"} for each in ("Patient/ann", "Practitioner/p")]
    visit = {**booked("fulfilled"), "participant": with_p}
    found, _ = count("continuity-upc", [met(1, BEGIN + met_at, by=by, **more), visit])
    assert found == {"initial-population": 1, **told}


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

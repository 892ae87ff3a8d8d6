"""The standard stratifiers beside plain Python: leap days, deaths, several coverages, merged people, changing needs."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.evaluating.evaluating import answer, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.shipped import standard
from support.facts import facts_of
from support.measured import known
from support.measures.plain import GRAVITY, TIMEZONE, Practice
from support.measures.strata import STRATA, years
from support.measures.surrounding import Made, having, maybe, whom
from support.viewing import coded

PEOPLE = ("ann", "bob", "bob-too", "bob-before", "unknown")
_MERGED = {"bob-too": "bob", "bob-before": "bob-too"}
_LASTS = (date(2029, 12, 31), date(2028, 2, 29), date(2029, 2, 28), date(2029, 3, 1))
_FAR_WEST = {
    "resourceType": "Organization",
    "id": "west",
    "extension": [{"url": TIMEZONE, "valueCode": "Pacific/Honolulu"}],
}
_FAR_EAST = _FAR_WEST | {"id": "east", "extension": [{"url": TIMEZONE, "valueCode": "Pacific/Kiritimati"}]}
few = settings(max_examples=60, deadline=None)

around = st.sampled_from(_LASTS).flatmap(
    lambda last: st.sampled_from((-1, 0, 1)).map(lambda days: last + timedelta(days=days))
)
days = around.map(date.isoformat)
moments = st.builds(
    lambda day, at: f"{datetime.combine(day, at, UTC):%Y-%m-%dT%H:%M:%S.000Z}",
    around,
    st.sampled_from((time(), time(5), time(12), time(23, 59, 59))),
)
dates = st.one_of(days, moments, around.map(lambda day: f"{day:%Y-%m}"), around.map(lambda day: f"{day:%Y}"))


def birthdays(day: date) -> Any:
    """Days of birth by which somebody has, or is to have, a birthday that matters about that day."""
    ages = st.sampled_from((0, 1, 17, 18, 39, 40, 64, 65, 79, 80, 101))
    leap = st.sampled_from(("2012-02-29", "1948-02-29", "1964-02-29", "2011-02", "1950"))
    shifts = st.sampled_from((-1, 0, 1, 2))
    turning = st.builds(lambda age, shift: _before(day + timedelta(days=shift), age), ages, shifts)
    return st.one_of(st.none(), leap, turning)


def _before(day: date, years_: int) -> str:
    try:
        return day.replace(year=day.year - years_).isoformat()
    except ValueError:
        return date(day.year - years_, 3, 1).isoformat()


@st.composite
def patients(draw: st.DrawFn, last: date) -> list[Made]:
    found = []
    for id_ in PEOPLE[:-1]:
        died = draw(st.sampled_from((None, None, "deceasedDateTime", "deceasedBoolean")))
        spoken = draw(
            st.lists(
                st.builds(
                    lambda code, preferred: (
                        having(language=coded("urn:l", code) if code else {"text": "German"})
                        | having(preferred=preferred)
                    ),
                    st.sampled_from(("de", "de-CH", "EN-us", "tr", None)),
                    st.sampled_from((None, True, False)),
                ),
                max_size=3,
            )
        )
        found.append(
            having(
                resourceType="Patient",
                id=id_,
                gender=draw(st.sampled_from((None, "female", "male", "other", "unknown"))),
                birthDate=draw(birthdays(last)),
                communication=spoken,
                link=[{"other": whom(_MERGED[id_]), "type": "replaced-by"}] if id_ in _MERGED else None,
                deceasedDateTime=draw(dates) if died == "deceasedDateTime" else None,
                deceasedBoolean=True if died == "deceasedBoolean" else None,
            )
        )
    return found


@st.composite
def coverages(draw: st.DrawFn) -> list[Made]:
    kinds = ({"coding": [{"code": "PUBLICPOL"}]}, {"coding": [{"code": "pay"}]}, {"text": "Private"}, None)
    return [
        having(
            resourceType="Coverage",
            id=f"c{number}",
            status=draw(st.sampled_from(("active", "active", "active", "cancelled", "entered-in-error"))),
            beneficiary=whom(draw(st.sampled_from(PEOPLE))),
            type=draw(st.sampled_from(kinds)),
            order=draw(st.sampled_from((None, 1, 1, 2))),
            period=having(start=draw(maybe(dates)), end=draw(maybe(dates))),
        )
        for number in range(draw(st.integers(0, 5)))
    ]


@st.composite
def conditions(draw: st.DrawFn) -> list[Made]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        verified = draw(st.sampled_from((None, "confirmed", "confirmed", "confirmed", "unconfirmed", "refuted")))
        clinical = draw(st.sampled_from((None, "active", "active", "relapse", "resolved", "inactive")))
        domain = coded(GRAVITY, "food-insecurity") if draw(st.integers(0, 5)) else coded("urn:x", "problem-list-item")
        found.append(
            having(
                resourceType="Condition",
                id=f"n{number}",
                category=[coded("urn:x", "health-concern"), domain],
                verificationStatus=coded("urn:v", verified) if verified else None,
                clinicalStatus=coded("urn:c", clinical) if clinical else None,
                subject=whom(draw(st.sampled_from(PEOPLE))),
                onsetDateTime=draw(maybe(dates)),
                recordedDate=draw(maybe(dates)),
                abatementDateTime=draw(st.one_of(st.none(), dates)),
            )
        )
    return found


def told(resources: list[Made], column: str, last: date) -> dict[str, str]:
    """By person what the SQL of a stratifier says at the end of a month that ends on that day."""
    with facts_of(resources) as facts:
        chosen = units(facts, known("no-show-rate"), Days(last.replace(day=1), last), ())
        rows = answer(facts, f"SELECT subject, value FROM ({standard()[column]}) AS s", chosen).rows
    assert len(rows) == len({subject for subject, _ in rows}), "somebody is in two strata"
    return {str(subject): "" if value is None else str(value) for subject, value in rows}


def agree(resources: list[Made], column: str, last: date, people: tuple[str, ...] = PEOPLE) -> None:
    practice, found = Practice(resources), told(resources, column, last)
    for person in people:
        if practice.survivor(person) == person:
            assert found.get(person, "") == STRATA[column](practice, person, last), person


@few
@given(st.sampled_from(_LASTS), st.sampled_from(([], [_FAR_WEST], [_FAR_EAST], [_FAR_WEST, _FAR_EAST])), st.data())
@pytest.mark.parametrize("column", ["age", "sex", "language"])
def test_what_people_are(column, last, departments, data):
    agree([*departments, *data.draw(patients(last))], column, last)


@few
@given(st.sampled_from(_LASTS), st.sampled_from(([], [_FAR_WEST])), coverages(), st.data())
def test_insurance(last, departments, made, data):
    agree([*departments, *data.draw(patients(last)), *made], "insurance", last)


@few
@given(st.sampled_from(_LASTS), st.sampled_from(([], [_FAR_WEST])), conditions(), st.data())
def test_social_need(last, departments, made, data):
    agree([*departments, *data.draw(patients(last)), *made], "social_need", last)


@pytest.mark.parametrize(
    ("born", "day", "expected"),
    [
        ("2012-02-29", "2030-02-28", 17),
        ("2012-02-29", "2030-03-01", 18),
        ("2012-02-29", "2032-02-29", 20),
        ("2030-03-01", "2030-02-28", -1),
        ("2030-03-01", "2030-03-01", 0),
    ],
)
def test_how_old(born, day, expected):
    assert years(date.fromisoformat(born), date.fromisoformat(day)) == expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [("2029", "public"), ("2029-03", "public"), ("2029-02", ""), ("2029-03-31T00:00:00Z", "")],
)
def test_a_coverage_holds_until_the_end_that_is_meant(end, expected):
    held = {"status": "active", "beneficiary": whom("ann"), "type": {"text": "public"}, "period": {"end": end}}
    made: list[Made] = [{"resourceType": "Patient", "id": "ann"}, {"resourceType": "Coverage", "id": "c", **held}]
    agree(made, "insurance", date(2029, 3, 31), ("ann",))
    assert told(made, "insurance", date(2029, 3, 31)).get("ann", "") == expected


def test_a_coverage_holds_on_its_last_day_and_the_next_one_from_its_first():
    last = date(2029, 12, 31)

    def of(id_: str, kind: str, **period: str) -> Made:
        held = {"status": "active", "beneficiary": whom("ann"), "type": coded("urn:k", kind), "period": period}
        return {"resourceType": "Coverage", "id": id_, **held}

    made = [of("old", "public", end="2029-12-31"), of("new", "private", start="2030-01-01")]
    ann = [{"resourceType": "Patient", "id": "ann"}]
    assert told([*ann, *made], "insurance", last) == {"ann": "public"}
    assert told([_FAR_WEST, *ann, *made], "insurance", last) == {"ann": "public"}
    assert told([*ann, *made], "insurance", date(2030, 1, 31)) == {"ann": "private"}

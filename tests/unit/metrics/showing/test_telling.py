"""What an opened number says in words, and what stands behind it as rows."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from carethread.metrics.evaluating.evaluating import Units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.explaining.behind import Behind
from carethread.metrics.measures.definition import Group
from carethread.metrics.showing import telling
from carethread.metrics.showing.opening import Number, Tab
from carethread.metrics.showing.points import Point

DAY = date(2031, 3, 1)


def number(scoring: str, value: float | None, size: int | None, *, masked: bool = False, **more: Any) -> Number:
    group = Group({}, scoring, more.pop("basis", "Appointment"), (), (), "minutes", more.pop("method", ""), {})
    tabs = [Tab(name, count, "", is_own=False) for name, count in more.items()]
    point = Point(DAY, DAY, value, size, masked, over=True)
    return Number(group, 0, point, "", [], tabs, tabs[0] if tabs else Tab("x", 0, "", is_own=True), [], "")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (number("proportion", 0.25, 1200, numerator=300), "300 of 1\u202f200 Appointments."),
        (number("ratio", 2.0, 15, numerator=30), "30 (numerator) to 15 (denominator)."),
        (number("cohort", 30.0, 30, basis="boolean"), "30 people."),
        (number("continuous-variable", 7.5, 40, method="median"), "The median of 40 Appointments."),
        (number("proportion", None, 0, numerator=0), "Nobody was counted."),
        (number("proportion", None, None, masked=True), telling.WHY_NOT),
    ],
)
def test_a_number_is_a_sentence(made: Number, said: str) -> None:
    assert telling.sentence(made) == said
    assert (telling.score(made) == telling.NOT_TOLD) == made.point.masked


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ((2031, 3, 1), (2031, 3, 31), "March 2031"),
        ((2028, 2, 1), (2028, 2, 29), "February 2028"),
        ((2031, 1, 1), (2031, 3, 31), "January 2031 to March 2031"),
        ((2031, 3, 3), (2031, 3, 9), "3 Mar 2031 to 9 Mar 2031"),
        ((2031, 3, 3), (2031, 3, 3), "3 Mar 2031"),
    ],
)
def test_a_period_is_said_as_people_say_it(first: tuple[int, int, int], last: tuple[int, int, int], said: str) -> None:
    assert telling.period(Days(date(*first), date(*last))) == said


def test_a_unit_is_a_row_of_what_is_told() -> None:
    told = {
        "resource": "Appointment/a", "subject": "p", "practitioner": None, "at": datetime(2031, 3, 5, 9),  # noqa: DTZ001
        "minutes": Decimal("7.50"),
    }  # fmt: skip
    found = Behind(2, [told, {"resource": "a note"}], False, True, Units([], {}, {}), "SELECT 1", [], 0)
    whole, bare = telling.rows(number("continuous-variable", 7.5, 2), found)
    assert (whole.subject, whole.practitioner, whole.when, whole.value) == ("Patient/p", "", "2031-03-05 09:00", "7.50")
    assert (bare.resource, bare.subject, bare.when, bare.value) == ("a note", "", "", "")
    assert [name for name, _ in telling.columns([whole, bare])] == ["when", "subject", "value"]
    assert [telling.is_reference(each) for each in (whole.resource, bare.resource, "")] == [True, False, False]


def test_a_population_says_what_it_is() -> None:
    own = Tab("not-over", 1, "", is_own=True)
    assert (telling.called(own), telling.means(own)) == ("Not over", "Counted beside the number, and in no share.")
    assert telling.means(Tab("denominator", 1, "Who came.", is_own=False)) == "Who came."
    assert telling.means(Tab("denominator", 1, "", is_own=False)).startswith("What the number is a share of")

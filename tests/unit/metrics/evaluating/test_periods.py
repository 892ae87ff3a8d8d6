"""A unit is of a day where its department is, also where clocks change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.evaluating.periods import Days, Zones, moment

ENGINE = duckdb.connect(config={"threads": 1})
PLACES = {"paris": ZoneInfo("Europe/Paris"), "ny": ZoneInfo("America/New_York"), "tonga": ZoneInfo("Pacific/Tongatapu")}
ZONES = Zones({zone: [name] for name, zone in PLACES.items()})
first_days = st.dates(date(2029, 3, 8), date(2029, 4, 2))  # clocks change in both
units = st.lists(st.tuples(st.sampled_from([*PLACES, "unknown", None]), st.integers(-40, 80)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(first_days, st.integers(0, 2), units)
def test_units_are_of_the_days_of_their_department(first, more, made):
    kept_as_plain_python_keeps_them(ZONES, PLACES, first, more, made)


@settings(max_examples=30, deadline=None)
@given(first_days, st.integers(0, 2), units)
def test_without_zones_units_are_of_the_days_of_utc(first, more, made):
    kept_as_plain_python_keeps_them(Zones({}), {}, first, more, made)


def kept_as_plain_python_keeps_them(
    zones: Zones, places: Mapping[str, ZoneInfo], first: date, more: int, made: list[tuple[str | None, int]]
) -> None:
    days = Days(first, first + timedelta(days=more))
    noon = datetime(first.year, first.month, first.day, 12, tzinfo=UTC)
    moments = [(where, noon + timedelta(hours=hours)) for where, hours in made]
    expected = [
        i
        for i, (where, at) in enumerate(moments)
        if days.first <= at.astimezone(places.get(where or "", UTC)).date() <= days.last
    ]
    rows = [f"({i}, {moment(at)}, {repr(where) if where else 'NULL'})" for i, (where, at) in enumerate(moments)] or [
        "(NULL, NULL, NULL)"
    ]
    wanted = " AND ".join(zones.narrowed(days))
    start, end = zones.widest(days)
    made_of = f'(VALUES {", ".join(rows)}) AS unit(i, "at", department)'
    found = ENGINE.execute(f"SELECT i FROM {made_of} WHERE {wanted} ORDER BY i").fetchall()
    assert [row[0] for row in found] == expected
    assert all(start <= moments[i][1].replace(tzinfo=None) < end for i in expected)


def test_days_of_utc_need_no_department_to_be_looked_up():
    wanted = Zones({}).narrowed(Days(date(2029, 3, 1), date(2029, 3, 31)))
    assert len(wanted) == 2
    assert not [each for each in wanted if "department" in each]

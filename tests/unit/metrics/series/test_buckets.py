"""Buckets cover a period once, by the calendar of each department."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.evaluating.periods import Days, Zones
from carethread.metrics.series.buckets import BUCKETS, By, before, bucket, buckets, offsets, start_of

ENGINE = duckdb.connect(config={"threads": 1})
ZONES = {
    "berlin": "Europe/Berlin",
    "apia": "Pacific/Apia",
    "kolkata": "Asia/Kolkata",
    "lord-howe": "Australia/Lord_Howe",
}

days = st.builds(
    lambda first, more: Days(first, first + timedelta(days=more)),
    st.dates(date(2010, 1, 1), date(2035, 1, 1)),
    st.integers(0, 400),
)


@given(days, st.sampled_from(BUCKETS))
def test_buckets_cover_a_period_once(period: Days, by: By) -> None:
    found = list(buckets(period, by))
    assert (found[0].first, found[-1].last) == (period.first, period.last)
    assert all(b.first == a.last + timedelta(days=1) for a, b in pairwise(found))
    assert all(start_of(each.first, by) == start_of(each.last, by) for each in found)
    assert len({start_of(each.first, by) for each in found}) == len(found)


def test_buckets_are_days_weeks_from_monday_and_months() -> None:
    period = Days(date(2028, 2, 28), date(2028, 3, 2))
    assert len(list(buckets(period, "day"))) == 4
    assert list(buckets(period, "week")) == [period]
    assert [each.last for each in buckets(period, "month")] == [date(2028, 2, 29), date(2028, 3, 2)]
    assert start_of(date(2028, 3, 5), "week") == date(2028, 2, 28)
    assert before(date(2028, 3, 31), "month", 13) == Days(date(2027, 2, 1), date(2028, 2, 29))
    assert before(date(2028, 3, 1), "week", 2) == Days(date(2028, 2, 14), date(2028, 2, 27))


@settings(max_examples=25, deadline=None)
@given(days, st.sampled_from(BUCKETS), st.data())
def test_a_unit_is_in_the_bucket_that_its_departments_calendar_shows(period: Days, by: By, data: st.DataObject) -> None:
    zones = Zones({ZoneInfo(name): [department] for department, name in ZONES.items()})
    start, end = zones.widest(period)
    seconds = int((end - start).total_seconds()) - 1
    units = data.draw(
        st.lists(st.tuples(st.sampled_from([*ZONES, "elsewhere", None]), st.integers(0, seconds)), min_size=1)
    )
    rows = ", ".join(
        f"({'NULL' if where is None else repr(where)}, TIMESTAMP '{start + timedelta(seconds=second)}')"
        for where, second in units
    )
    sql = f'SELECT {bucket(zones, period, by)} FROM (VALUES {rows}) AS unit(department, "at")'
    for (where, second), (found,) in zip(units, ENGINE.execute(sql).fetchall(), strict=True):
        zone = ZoneInfo(ZONES[where]) if where in ZONES else UTC
        local = (start + timedelta(seconds=second)).replace(tzinfo=UTC).astimezone(zone)
        assert found == start_of(local.date(), by)


@pytest.mark.parametrize("name", ZONES.values())
def test_offsets_change_when_the_clocks_do(name: str) -> None:
    zone, at = ZoneInfo(name), datetime.fromisoformat("2021-01-01")
    found = offsets(zone, at, datetime.fromisoformat("2022-01-01"))
    for until, ahead in found:
        for moment in (at, until - timedelta(seconds=1)):
            assert moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() == timedelta(seconds=ahead)
        at = until
    assert len(found) == {"Asia/Kolkata": 1, "Pacific/Apia": 2}.get(name, 3)

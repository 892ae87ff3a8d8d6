"""Moments are written as FHIR instants and HTTP dates; what lies outside the calendar as its first or last moment."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from carethread.core.clock import from_micros, http_date, instant, to_micros
from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range
from carethread.core.ports import FOREVER

_HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("micros", "written"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_234_567, "1970-01-01T00:00:01.234Z"),
        (EARLIEST, "0001-01-01T00:00:00.000Z"),
        (EARLIEST - 14 * _HOUR, "0001-01-01T00:00:00.000Z"),
        (LATEST - 1, "9999-12-31T23:59:59.999Z"),
        (LATEST, "9999-12-31T23:59:59.999Z"),
        (LATEST + 14 * _HOUR, "9999-12-31T23:59:59.999Z"),
        (FOREVER, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_always_a_date_of_the_calendar(micros: int, written: str) -> None:
    assert instant(micros) == written
    assert date_range(written) is not None


def test_a_datetime_goes_there_and_back() -> None:
    moment = datetime(987, 6, 5, 4, 3, 2, 1, tzinfo=UTC)
    assert from_micros(to_micros(moment)) == moment


def test_an_http_date_has_a_year_of_four_digits() -> None:
    assert http_date(EARLIEST) == "Mon, 01 Jan 0001 00:00:00 GMT"

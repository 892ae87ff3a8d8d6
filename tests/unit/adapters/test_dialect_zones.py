"""Clocks and UTC in Spark's words: it has a function for each way between them."""

from __future__ import annotations

import pytest

from carethread.adapters.analytics.dialect import translate


@pytest.mark.parametrize(
    ("sql", "spark"),
    [
        ("t AT TIME ZONE z AT TIME ZONE 'UTC'", "TO_UTC_TIMESTAMP(t, z)"),
        ("t AT TIME ZONE 'UTC' AT TIME ZONE z", "FROM_UTC_TIMESTAMP(FROM_UTC_TIMESTAMP(t, 'UTC'), z)"),
    ],
)
def test_a_zone_is_left_and_entered(sql, spark):
    assert spark in translate(f"SELECT {sql} AS at FROM visits", {}).sql

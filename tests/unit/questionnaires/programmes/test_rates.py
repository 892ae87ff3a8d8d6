"""Asks counted by what they have in common."""

from __future__ import annotations

from dataclasses import replace

from carethread.core.ports.asks import Ask
from carethread.questionnaires.programmes.rates import rates

HOUR = 3_600_000_000
ONE = Ask("1", "Patient/1", "p", "a", "f", "Appointment/1", 0, "ward", 0, "en", "asked", 10 * HOUR)


def test_counting() -> None:
    asks = [
        ONE,
        replace(ONE, opened=11 * HOUR, started=12 * HOUR, ended=14 * HOUR, ending="completed"),
        replace(ONE, ended=16 * HOUR, ending="completed"),
        replace(ONE, ending="expired", department="clinic"),
        replace(ONE, outcome="ceiling", language=""),
        replace(ONE, form="g"),
    ]
    found = rates(asks, ("form",), {"programme": "p"})
    assert list(found) == [("f",), ("g",)]
    rate = found["f",]
    assert (rate.asked, rate.opened, rate.started, rate.typical) == (4, 1, 1, 5.0)
    assert rate.ended == {"": 1, "completed": 2, "expired": 1}
    assert rate.why == {"ceiling": 1}
    assert rates(asks, (), {"department": "clinic"})[()].asked == 1
    assert rates(asks, (), {"programme": "q"}) == {}
    assert found["g",].typical is None

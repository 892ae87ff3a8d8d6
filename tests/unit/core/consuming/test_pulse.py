"""How a consumer is: the age of what it works on, and what it has missed."""

from __future__ import annotations

import pytest

from carethread.core.consuming.pulse import MISSED_SECONDS, NEWS_SECONDS, Pulse
from carethread.core.metric_names import CONSUMER_EVENTS, CONSUMER_GAPS
from carethread.interactions.troubles import of_consumer

EVERY_SECONDS = NEWS_SECONDS / 4
"""Between two looks."""

A, B = ("carethread.appointment.v1", 0), ("carethread.appointment.v1", 1)


def test_the_pulse_of_a_consumer() -> None:
    now = [100.0]
    pulse = Pulse(lambda: now[0])
    assert pulse.seconds() == 0
    pulse(A, 400.0)
    pulse(B, 0.1)
    assert pulse.seconds() == 400, "the place that is late, whatever the others are"
    now[0] += 5 * EVERY_SECONDS
    assert pulse.seconds() == 0, "nothing has come since: what was late then is no news"
    pulse(A, None)
    for _ in range(10):
        now[0] += 50
        pulse(A, None)
        pulse(B, 0.1)
    assert pulse.seconds() == 500, "since the first try that failed, however busy the other is"
    pulse(A, 0.2)
    assert pulse.seconds() == 0.2
    pulse(A, None)
    now[0] += 5 * EVERY_SECONDS
    assert pulse.seconds() == 0, "another process has the place, for it is not tried here any more"


def test_a_consumer_that_fails_again_and_again_is_late() -> None:
    now = [100.0]
    pulse = Pulse(lambda: now[0])

    def crash() -> None:
        pulse(A, 0.1)
        raise RuntimeError

    for _ in range(11):
        with pytest.raises(RuntimeError):
            pulse.of(crash)()
        now[0] += EVERY_SECONDS
    assert pulse.seconds() == 11 * EVERY_SECONDS
    now[0] += 4 * EVERY_SECONDS
    assert pulse.seconds() == 0, "it has been well for a while"
    pulse.of(lambda: None)()
    assert pulse.seconds() == 0


def test_what_a_consumer_has_missed_is_told_for_a_day() -> None:
    now = [100.0]
    pulse = Pulse(lambda: now[0])
    seen: list[tuple[str, float]] = []
    observe = pulse.observing(lambda name, value: seen.append((name, value)))
    observe(CONSUMER_EVENTS, 3)
    assert pulse.missed() == 0
    observe(CONSUMER_GAPS, 1)
    assert seen == [(CONSUMER_EVENTS, 3), (CONSUMER_GAPS, 1)], "and it is counted as before"
    now[0] += MISSED_SECONDS - 1
    assert [alarm.name for alarm in of_consumer("metrics", pulse, 60)] == ["events-gone"]
    now[0] += 2
    assert list(of_consumer("metrics", pulse, 60)) == []


def test_one_that_is_late_is_told_of() -> None:
    pulse = Pulse(lambda: 100.0)
    pulse(A, 61.0)
    assert [alarm.name for alarm in of_consumer("metrics", pulse, 60)] == ["consumer-lag"]
    assert list(of_consumer("metrics", pulse, 61)) == []

"""What a service finds wrong with itself, from its database and from its consumer."""

from __future__ import annotations

from carethread.composition.alarming import EVERY_SECONDS, Pulse, gauges, own
from carethread.core.clock import system_clock, to_micros
from carethread.core.metric_names import (
    CONSUMER_LAG,
    CONSUMER_RETRIES,
    DEAD_LETTERS,
    DELIVERY_IN_ERROR,
    DELIVERY_WAITING,
    DELIVERY_WAITING_AGE,
    OUTBOX_AGE,
)
from carethread.core.ports.channels import Answer
from carethread.core.settings import Settings
from support.subscribers import DAY, HOUR, Desk, subscription

URL = "http://127.0.0.1:9/in"


def test_unsent_waiting_and_quiet(store) -> None:
    now = to_micros(system_clock())
    desk = Desk(store, now=now - 2 * DAY)
    for name in ("waits", "quiet", "well", "young"):
        desk.put(subscription(name, f"{URL}/{name}"))
    desk.deliver()
    desk.script.answers[f"{URL}/waits"] = Answer(500)
    desk.now = now - 2 * HOUR
    desk.happen("waits", "well")
    desk.deliver()
    desk.now = now
    desk.put({**desk.get("young"), "status": "requested"})
    found = {alarm.name for alarm in own(Settings(late_seconds=60, quiet_seconds=86400), desk.runtime)}
    assert found == {
        "outbox-age",
        "acknowledged-nothing/Subscription/waits",
        "matched-nothing/Subscription/quiet",
    }
    seen = gauges(desk.runtime, now)
    assert (seen[DELIVERY_WAITING], seen[DELIVERY_IN_ERROR], seen[DEAD_LETTERS]) == (1, 0, 0)
    assert [round(seen[name]) for name in (DELIVERY_WAITING_AGE, OUTBOX_AGE)] == [7200, 2 * 86400]


def test_the_pulse_of_a_consumer() -> None:
    now = [100.0]
    handed_on = []
    pulse = Pulse(lambda name, value: handed_on.append(name), lambda: now[0])
    assert pulse.seconds() == 0
    pulse(CONSUMER_LAG, 400.0)
    assert pulse.seconds() == 400
    now[0] += 3 * EVERY_SECONDS
    assert pulse.seconds() == 0, "nothing has come since: what was late then is no news"
    pulse(CONSUMER_RETRIES, 1)
    now[0] += 50
    pulse(CONSUMER_RETRIES, 1)
    assert pulse.seconds() == 50, "since the first try that failed"
    pulse(CONSUMER_LAG, 0.1)
    assert pulse.seconds() == 0.1 and len(handed_on) == 4

"""What a service finds wrong with itself, from its database and from its consumer."""

from __future__ import annotations

import pytest

from carethread.composition.alarming import EVERY_SECONDS, Pulse, gauges, own
from carethread.composition.inbound import inbound
from carethread.composition.observing import states
from carethread.composition.worker import worker
from carethread.core.clock import system_clock, to_micros
from carethread.core.context import Context
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.metric_names import (
    DEAD_LETTERS,
    DELIVERY_IN_ERROR,
    DELIVERY_WAITING,
    DELIVERY_WAITING_AGE,
    OUTBOX_AGE,
    POSTBOX_AGE,
    POSTBOX_WAITING,
)
from carethread.core.ports.channels import Answer
from carethread.core.settings import Settings
from carethread.subscriptions.life import SERVER
from carethread.subscriptions.watch import EXPECTED, UCUM
from support.stores import open_store
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


A, B = ("carethread.appointment.v1", 0), ("carethread.appointment.v1", 1)


def test_an_interval_that_cannot_be_read_hides_nothing_of_others(store, caplog) -> None:
    """As an earlier version took one."""
    desk = Desk(store, now=to_micros(system_clock()) - 2 * DAY)
    for name in ("broken", "quiet"):
        desk.put(subscription(name, f"{URL}/{name}"))
    duration = {"value": json.parse(b"1e400"), "system": UCUM, "code": "s"}
    broken = {**desk.get("broken"), "extension": [{"url": EXPECTED, "valueDuration": duration}]}
    desk.put(broken, Context(SERVER, desk.clock))
    found = {alarm.name for alarm in own(Settings(late_seconds=10**9, quiet_seconds=86400), desk.runtime)}
    assert found == {"matched-nothing/Subscription/broken", "matched-nothing/Subscription/quiet"}
    assert "interval_not_read" in caplog.text


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


def test_the_postbox_is_watched(store) -> None:
    now = to_micros(system_clock())
    desk = Desk(store, now=now)
    posted = Event("e1", "inbound", "applied", "InboundOutcome", "inbound", 1, now - 600 * 1_000_000, "", b"{}")
    desk.store.transact(lambda session: session.post(posted))
    seen = gauges(desk.runtime, now)
    assert (seen[POSTBOX_WAITING], seen[POSTBOX_AGE]) == (1, 600)
    assert [alarm.name for alarm in own(Settings(late_seconds=601), desk.runtime)] == []
    assert [alarm.name for alarm in own(Settings(late_seconds=300), desk.runtime)] == ["postbox-age"]


def test_what_takes_messages_in_is_seen_and_watched(tmp_path) -> None:
    settings = Settings(data=tmp_path, late_seconds=60)
    open_store(settings.database("inbound"), "inbound").close()
    seen = states(settings, {}, taking_in=True)
    assert seen["inbound"]()[POSTBOX_WAITING] == 0 and "inbound" not in states(settings, {})
    runtime = inbound(settings, {})
    old = Event("e1", "inbound", "applied", "InboundOutcome", "inbound", 1, 1, "", b"{}")
    runtime.store.transact(lambda session: session.post(old))
    assert [alarm.name for alarm in own(settings, runtime)] == ["postbox-age"]
    names = [thread.name for thread in worker(settings, {}, taking_in=True).threads]
    assert {"consumer-inbound", "alarms", "housekeeping"} <= set(names)
    runtime.store.close()

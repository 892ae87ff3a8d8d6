"""What a service finds wrong with itself, from its database and from its consumer."""

from __future__ import annotations

from dataclasses import replace

from carethread.composition.alarming import gauges, own
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
    REQUESTS_AGE,
    REQUESTS_KEPT,
    REQUESTS_WAITING,
    TIMERS_FAILING,
    TIMERS_LATE,
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


def test_timers_and_requests_are_watched(store) -> None:
    from sqlalchemy import update

    from carethread.adapters.sql.tables import requests
    from carethread.core.ports import Asked, Session, Wanted

    now = to_micros(system_clock())
    desk = Desk(store, now=now)

    def work(session: Session) -> list[Asked]:
        session.timers.set("reminder", "Appointment/1", now - 400 * 1_000_000)
        session.timers.set("reminder", "Appointment/2", now + 400 * 1_000_000)
        session.timers.set("reminder", "Appointment/3", now - 400 * 1_000_000)
        (timer,) = (each for each in session.timers.take(now, 2) if each.key == "Appointment/3")
        session.timers.set("reminder", "Appointment/1", now - 400 * 1_000_000)
        session.timers.set(timer.kind, timer.key, timer.due)
        assert session.timers.put_off(timer, now + 1, "It has no end.")
        for id_ in ("a", "b"):
            session.requests.put(Wanted("Task", id_, b"{}", id_))
        return session.requests.claim(1, 60.0)

    (asked,) = store.transact(work)
    store.transact(lambda session: session.requests.refuse(asked, b"{}"))
    with store.engine.begin() as connection:
        connection.execute(update(requests).values(since=now - 350 * 1_000_000))
    seen = gauges(desk.runtime, now)
    assert [seen[name] for name in (TIMERS_FAILING, TIMERS_LATE)] == [1, 400]
    assert [seen[name] for name in (REQUESTS_WAITING, REQUESTS_AGE, REQUESTS_KEPT)] == [1, 350, 1]
    told = {alarm.name: alarm.detail for alarm in own(Settings(late_seconds=300), desk.runtime)}
    assert set(told) == {"timers-late", "timer/reminder/Appointment/3", "requests-age", "requests-refused"}
    assert "It has no end." in told["timer/reminder/Appointment/3"]
    calm = {alarm.name for alarm in own(Settings(late_seconds=600), desk.runtime)}
    assert calm == {"timer/reminder/Appointment/3", "requests-refused"}


def test_every_service_sends_its_requests_and_who_has_timers_calls_them(tmp_path) -> None:
    runtime = inbound(Settings(data=tmp_path), {})
    calling = replace(runtime.service, timers={"reminder": lambda *_: None})
    plain = worker(Settings(data=tmp_path), {"scheduling": runtime})
    assert f"requests-{runtime.service.name}" in [thread.name for thread in plain.threads]
    assert f"timers-{runtime.service.name}" not in [thread.name for thread in plain.threads]
    with_timers = worker(Settings(data=tmp_path), {"scheduling": replace(runtime, service=calling)})
    assert f"timers-{runtime.service.name}" in [thread.name for thread in with_timers.threads]

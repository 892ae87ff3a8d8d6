"""What is forgotten after its time: only what was sent, only from the front, and no effect happens a second time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from carethread.adapters.kafka import KafkaPublisher, KafkaSettings, KafkaSubscription
from carethread.adapters.kafka.clients import connect as connect_to_kafka
from carethread.adapters.sql.deliveries.forgetting import forget_tokens, forget_told
from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.events.bus import EmbeddedPublisher, EmbeddedSubscription, connect, prune
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.events.retention import forget_happened, forget_sent
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import binding_tokens, held, inbox, notifications, outbox
from carethread.composition.housekeeping import forget
from carethread.composition.inbound import inbound as taking_in
from carethread.composition.parts import runtimes
from carethread.core.context import new_id
from carethread.core.events import topic
from carethread.core.metric_names import CONSUMER_GAPS
from carethread.core.ports import Session
from carethread.core.ports.channels import Answer
from carethread.core.settings import Settings
from support.event_workers import BASE_URL, event, put, store_at
from support.subscribers import Desk, subscription

DAY = 24 * 3600 * 1_000_000
NOW = time.time_ns() // 1000


def left(store: SqlStore) -> list[int]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(outbox.c.sequence).order_by(outbox.c.position)).scalars())


def id_of(moment: int) -> str:
    """An event id made at a moment in microseconds."""
    digits = f"{moment // 1000:012x}"
    return f"{digits[:8]}-{digits[8:]}{new_id()[13:]}"


def test_the_outbox_forgets_what_is_sent_and_old_from_the_front(database_url: str) -> None:
    store = store_at(database_url, "scheduling")
    put(store, [event(number) for number in range(6)])
    box = SqlOutbox(store.engine, "scheduling", BASE_URL)
    epoch = box.lead("one", 60)
    assert epoch
    assert len(box.take(epoch, 0, 10, 60) or ()) == 6
    box.take(epoch, 4, 10, 60)
    assert forget_sent(store.engine, "scheduling", NOW - DAY) == 0, "nothing is old"
    with writing(store.engine) as connection:
        connection.execute(update(outbox).where(outbox.c.sequence != 3).values(time=NOW - 2 * DAY))
    assert forget_sent(store.engine, "scheduling", NOW - DAY) == 2, "the third is young: what follows waits for it"
    assert left(store) == [3, 4, 5, 6]
    with writing(store.engine) as connection:
        connection.execute(update(outbox).values(time=NOW - 2 * DAY))
    assert forget_sent(store.engine, "scheduling", NOW - DAY) == 2, "five and six are not sent"
    assert left(store) == [5, 6]
    assert [e.sequence for e in box.take(epoch, 4, 10, 60) or ()] == [5, 6]


def test_the_inbox_forgets_and_still_no_effect_happens_twice(database_url: str) -> None:
    store = store_at(database_url, "careteams")
    old, young, unseen = id_of(NOW - 3 * DAY), id_of(NOW - DAY // 2), id_of(NOW - 2 * DAY)
    assert store.transact(lambda session: session.first_time("remind", [old, young])) == {old, young}
    assert forget_happened(store.engine, NOW - DAY) == 1
    assert forget_happened(store.engine, NOW - DAY) == 0
    with store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(inbox)).scalar() == 1
    fresh = id_of(NOW)
    again = store.transact(lambda session: session.first_time("remind", [old, young, unseen, fresh]))
    assert again == {fresh}, "what is older than the log counts as done"


def test_what_is_put_aside_keeps_the_inbox(database_url: str) -> None:
    store = store_at(database_url, "careteams")
    old, waiting, later = id_of(NOW - 5 * DAY), id_of(NOW - 4 * DAY), id_of(NOW - 3 * DAY)
    store.transact(lambda session: session.first_time("remind", [old, later]))
    row = dict.fromkeys((column.name for column in held.c if column.name != "number"), 0)
    texts = {"consumer": "careteams", "topic": "t", "key": b"", "headers": b"", "value": b"", "needs": b""}
    with writing(store.engine) as connection:
        connection.execute(insert(held).values({**row, **texts, "ce_id": waiting}))
    assert forget_happened(store.engine, NOW - DAY) == 1
    assert store.transact(lambda session: session.first_time("remind", [old, waiting, later])) == {waiting}


def test_housekeeping_forgets_in_every_service_and_on_the_bus(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, event_retention=1)
    for name in ("scheduling", "careteams"):
        store_at(settings.database(name), name).close()
    here = runtimes(settings, ["scheduling", "careteams"])
    sender = EmbeddedPublisher(tmp_path / "bus.db")
    sender.fence("scheduling", 1)
    sender.send([event(1)])
    connection = connect(tmp_path / "bus.db")
    connection.execute("UPDATE records SET time = ?", (NOW - 2 * DAY,))
    here["careteams"].store.transact(lambda session: session.first_time("r", [id_of(NOW - 2 * DAY)]))
    forget(settings, here, threading.Event())
    assert connection.execute("SELECT count(*) FROM records").fetchone() == (0,)
    with here["careteams"].store.engine.connect() as looking:  # type: ignore[attr-defined]
        assert looking.execute(select(func.count()).select_from(inbox)).scalar() == 0
    connection.close()
    sender.close()
    for runtime in here.values():
        runtime.store.close()


def test_the_ledger_forgets_what_was_acknowledged_long_ago(database_url: str) -> None:
    store = store_at(database_url, "subscriptions")
    desk = Desk(store, now=NOW - 3 * DAY)
    for name in ("s1", "s2"):
        desk.put(subscription(name, f"http://127.0.0.1:9/{name}"))
    desk.deliver()
    desk.script.answers["http://127.0.0.1:9/s2"] = Answer(problem="timeout")
    desk.happen("s1", "s2", times=5)
    desk.deliver()
    desk.now = NOW - DAY // 2
    desk.happen("s1")
    desk.deliver()
    with writing(store.engine) as connection:
        mine = (notifications.c.subscription == "s1", notifications.c.number == 2)
        connection.execute(update(notifications).where(*mine).values(state="quarantined"))
        mine = (notifications.c.subscription == "s1", notifications.c.number == 3)
        connection.execute(update(notifications).where(*mine).values(settled=NOW - DAY // 2))
        old, young = ({"digest": str(n), "subscriptions": "[]", "expires": NOW - n * DAY} for n in (2, 0))
        connection.execute(insert(binding_tokens), [old, young])
    look = desk.store.glance
    assert look(lambda session: session.deliveries.kept_since()) == 0
    assert forget_told(store.engine, NOW - DAY) == 3
    assert forget_told(store.engine, NOW - DAY) == 0
    assert desk.states("s1") == {2: "quarantined", 3: "acknowledged", 6: "acknowledged"}, "sent once more, it is young"
    assert set(desk.states("s2").values()) == {"pending"} and len(desk.states("s2")) == 5
    assert look(lambda session: session.deliveries.kept_since()) == NOW - DAY
    assert desk.subscriber("s1").number == 6, "numbers go on"
    assert (forget_tokens(store.engine, NOW - DAY), forget_tokens(store.engine, NOW - DAY)) == (1, 0)
    store.close()


def test_the_inbound_store_forgets_its_answers(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, event_retention=1)
    store_at(settings.database("inbound"), "inbound").close()
    runtime = taking_in(settings, {})

    def answered(session: Session) -> None:
        for name, received in (("old", NOW - 2 * DAY), ("young", NOW)):
            session.inbound.keep_answer(name, received, b"{}")

    runtime.store.transact(answered)
    forget(settings, {"inbound": runtime}, threading.Event())
    assert runtime.store.snapshot(lambda s: [s.inbound.answer(name) for name in ("old", "young")]) == [None, b"{}"]
    runtime.store.close()


def test_the_embedded_bus_names_what_a_consumer_has_missed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sender = EmbeddedPublisher(tmp_path / "bus.db")
    sender.fence("scheduling", 1)
    sender.send([event(number) for number in range(1, 6)])
    connection = connect(tmp_path / "bus.db")
    connection.execute("UPDATE records SET time = ? WHERE position < 4", (NOW - 2 * DAY,))
    assert prune(connection, NOW - DAY) == 3
    name = topic("Appointment")
    for position, missed in ((0, False), (2, True), (4, False)):
        caplog.clear()
        counted: list[str] = []
        reader = EmbeddedSubscription(
            tmp_path / "bus.db",
            [name],
            lambda: {(name, 0): position} if position else {},  # noqa: B023
            observe=lambda metric, value: counted.append(metric),  # noqa: B023
        )
        assert [r.position for r in reader.poll(1.0)[name, 0]] == [4, 5]
        assert ("events_gone" in caplog.text) == missed
        assert counted == [CONSUMER_GAPS] * missed
        reader.close()
    connection.close()
    sender.close()


def test_kafka_names_what_a_consumer_has_missed(kafka_bootstrap: str, caplog: pytest.LogCaptureFixture) -> None:
    from kafka import KafkaAdminClient, TopicPartition

    settings = KafkaSettings(kafka_bootstrap, f"g{new_id()[-8:]}", partitions=1)
    sender = KafkaPublisher(settings)
    sender.fence("scheduling", 1)
    sender.send([event(number) for number in range(1, 6)])
    sender.close()
    name = topic("Appointment", settings.topic_prefix)
    admin = connect_to_kafka(KafkaAdminClient, settings).kafka
    admin.delete_records({TopicPartition(name, 0): 3})
    admin.close()
    counted: list[str] = []
    reader = KafkaSubscription(
        settings, "late", [name], lambda: {(name, 0): 1}, observe=lambda metric, value: counted.append(metric)
    )
    end = time.monotonic() + 30
    found = reader.poll(1.0)
    while not found and time.monotonic() < end:
        found = reader.poll(1.0)
    reader.close()
    assert [r.position for r in found[name, 0]] == [3, 4]
    gone = next(record for record in caplog.records if record.message == "events_gone")
    assert (gone.__dict__["from"], gone.__dict__["through"]) == (1, 2)
    assert counted == [CONSUMER_GAPS]

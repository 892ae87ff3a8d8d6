"""What is published beside resources, from the transaction of its cause to a reader, on both buses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.events.postbox import SqlPostbox
from carethread.core.consuming.consumer import Consumer
from carethread.core.context import new_id
from carethread.core.errors import Invalid
from carethread.core.events import DEAD_LETTER, Event, from_headers, topic
from carethread.core.ports import Record
from carethread.core.relaying.relay import Relay
from carethread.core.service import Reaction, Runtime, Service
from support.event_workers import BASE_URL, event, publisher, store_at, subscription


@pytest.mark.timeout(120)
@pytest.mark.parametrize("bus", ["embedded", pytest.param("kafka", marks=pytest.mark.servers)])
def test_a_dead_letter_is_published_with_all_that_came(
    bus: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    address = request.getfixturevalue("kafka_bootstrap") if bus == "kafka" else str(tmp_path / "bus.db")
    prefix = f"p{new_id()[-8:]}"
    store = store_at(f"sqlite:///{tmp_path}/careteams.db", "careteams")
    sent = event(1)
    sender = publisher(address, prefix)
    sender.fence("scheduling", 1)
    sender.send([sent])

    def refuse(*_: object) -> None:
        raise Invalid("It has no patient.", expression="Appointment.participant")

    runtime = Runtime(Service("careteams", "", ()), store, LocalOwners({}), LocalPeer({}), BASE_URL)
    reader = subscription(address, prefix, "careteams", ["Appointment"], store)
    consumer = Consumer(runtime, reader, [Reaction("refuse", "effect", ("Appointment",), refuse)])
    while not consumer.step():
        pass
    reader.close()
    outbox, postbox = SqlOutbox(store.engine, "careteams", BASE_URL), SqlPostbox(store.engine, "careteams")
    (waiting,) = postbox.waiting(10)
    relay = Relay(outbox, publisher(address, prefix), "careteams", "me", postbox=postbox)
    relay.step()
    assert postbox.waiting(10) == []

    letters = subscription(address, prefix, "reader", [DEAD_LETTER], {})
    found: list[Record] = []
    while not found:
        found = [record for records in letters.poll(0.5).values() for record in records]
    letters.close()
    sender.close()
    store.close()
    (record,) = found
    assert (record.topic, record.key, record.value) == (topic(DEAD_LETTER, prefix), sent.key, sent.data)
    headers = dict(record.headers)
    assert headers["ce_id"].decode() == waiting.event.id
    assert headers["ce_type"] == b"dev.carethread.dead-letter.created"
    assert headers["ce_source"] == b"/carethread/careteams"
    assert headers["content-type"] == b"application/fhir+json"
    assert headers["original-ce_id"].decode() == sent.id
    assert headers["original-ce_subject"].decode() == sent.subject
    assert headers["dead-topic"].decode() == topic("Appointment", prefix)
    (issue,) = json.loads(headers["dead-outcome"])["issue"]
    assert issue["expression"] == ["Appointment.participant"]
    read: Event = from_headers(record.headers, record.key, record.value)
    assert (read.resource_type, read.service) == (DEAD_LETTER, "careteams")

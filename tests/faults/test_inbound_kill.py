"""Everything killed while messages come in: each is done once and answered, in order, and the echo ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from carethread.core.context import new_id
from carethread.core.fhir import json
from support.processes import CareThread
from support.servers import until

MESSAGES, KILLS = 60, 3
SENDER = b"https://ward.example/engine"


@pytest.fixture
def prefix() -> str:
    return f"in{new_id()[-8:]}"


@pytest.fixture
def practice(kafka_bootstrap: str, prefix: str) -> Iterator[CareThread]:
    env = {"CARETHREAD_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "CARETHREAD_KAFKA_TOPIC_PREFIX": prefix}
    server = CareThread("up", env=env)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def answers(bootstrap: str, topic: str, wanted: int) -> list[tuple[str, str, Mapping[str, object]]]:
    """Correlation, verb and OperationOutcome of each answer, once as many messages as wanted are answered."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
    )
    found: dict[str, tuple[str, str, Mapping[str, object]]] = {}
    try:
        until(lambda: bool(consumer.partitions_for_topic(topic)), seconds=60, what="the topic of answers")
        consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()])

        def enough() -> bool:
            for records in consumer.poll(timeout_ms=200).values():
                for record in records:
                    said = {name: value.decode() for name, value in record.headers}
                    verb = said["ce_type"].rpartition(".")[2]
                    found[said["ce_id"]] = (said["ce_correlationid"], verb, json.parse_object(record.value))
            return len({correlation for correlation, _, _ in found.values()}) >= wanted

        until(
            enough,
            seconds=90,
            what=f"{wanted} answers",
            details=lambda: f"got {Counter(v for _, v, _ in found.values())}",
        )
    finally:
        consumer.close()
    return list(found.values())


@pytest.mark.timeout(300)
def test_each_message_is_done_once(practice: CareThread, kafka_bootstrap: str, prefix: str) -> None:
    topic = f"{prefix}.inbound.v1"
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    try:
        for number in range(MESSAGES):
            body = {"resourceType": "Observation", "status": "final", "code": {"text": str(number)}}
            body["subject"] = {"reference": f"Patient/p{number % 5}"}
            headers = [("ce_source", SENDER), ("ce_id", b"m-%d" % number), ("content-type", b"application/fhir+json")]
            producer.send(topic, json.render(body), key=b"Patient/p%d" % (number % 5), headers=headers)
            if number % (MESSAGES // KILLS) == 10:
                producer.flush()
                time.sleep(0.7)  # somewhere among what was sent
                practice.kill9()
                practice.start()
        producer.flush()
    finally:
        producer.close()
    told = answers(kafka_bootstrap, f"{prefix}.inbound-outcome.v1", MESSAGES)
    assert Counter(correlation for correlation, _, _ in told) == {f"m-{n}": 1 for n in range(MESSAGES)}
    assert {verb for _, verb, _ in told} == {"applied"}
    found = practice.fhir.get("Observation?_count=1000&_sort=_lastUpdated").json
    assert Counter(e["resource"]["code"]["text"] for e in found["entry"]) == {str(n): 1 for n in range(MESSAGES)}
    for person in range(5):
        theirs = [
            int(e["resource"]["code"]["text"])
            for e in found["entry"]
            if int(e["resource"]["code"]["text"]) % 5 == person
        ]
        assert theirs == sorted(theirs), "what concerns one patient is done in order"

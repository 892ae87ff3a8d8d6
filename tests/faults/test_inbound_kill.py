"""What takes messages in killed at each step, and everything at once: each is done once and answered, in order."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from sqlalchemy import select

from carethread.adapters.kafka import KafkaSettings, ensure_topics
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import outbox, versions
from carethread.core.context import new_id
from carethread.core.fhir import json
from support.deaths import kills, possible
from support.inbound_worker import STEPS, intakes_die, worker
from support.looping import looping
from support.owners import practice
from support.processes import CareThread
from support.servers import until
from support.stores import open_store

KILLS = kills(1)
MESSAGES_EACH = 20
SENDER = b"https://ward.example/engine"


@pytest.fixture
def prefix() -> str:
    return f"in{new_id()[-8:]}"


@pytest.fixture
def everything(kafka_bootstrap: str, prefix: str, database_url: str) -> Iterator[CareThread]:
    env = {"CARETHREAD_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "CARETHREAD_KAFKA_TOPIC_PREFIX": prefix}
    if not database_url.startswith("sqlite"):
        env["CARETHREAD_DATABASE_URL"] = database_url
        migration = CareThread("migrate", env=env, ready="")
        migration.start()
        until(lambda: not migration.alive, seconds=60, what="migrated", details=migration.output)
        migration.kill9()
    server = CareThread("up", env=env)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def answers(
    bootstrap: str, topic: str, wanted: int, details: Callable[[], str]
) -> list[tuple[str, str, Mapping[str, object]]]:
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
        until(
            lambda: bool(consumer.partitions_for_topic(topic)),
            seconds=60,
            what="the topic of answers",
            details=details,
        )
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
            seconds=90 + wanted / 20,
            what=f"{wanted} answers",
            details=lambda: f"got {Counter(v for _, v, _ in found.values())}\n{details()}",
        )
    finally:
        consumer.close()
    return list(found.values())


@contextmanager
def ward(bootstrap: str, prefix: str) -> Iterator[Callable[[int], None]]:
    """An integration engine: sends an Observation of one of five patients, which has its number as its code."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")

    def send(number: int) -> None:
        patient = f"Patient/p{number % 5}"
        body = {"resourceType": "Observation", "status": "final", "code": {"text": str(number)}}
        body["subject"] = {"reference": patient}
        headers = [("ce_source", SENDER), ("ce_id", b"m-%d" % number), ("content-type", b"application/fhir+json")]
        producer.send(f"{prefix}.inbound.v1", json.render(body), key=patient.encode(), headers=headers)

    try:
        yield send
        producer.flush()
    finally:
        producer.close()


def check(told: Sequence[tuple[str, str, Mapping[str, object]]], stored: Sequence[int]) -> None:
    """Each message has one answer and was done once; what concerns one patient is done in order."""
    assert Counter(correlation for correlation, _, _ in told) == {f"m-{n}": 1 for n in range(len(told))}
    assert {verb for _, verb, _ in told} == {"applied"}
    assert Counter(stored) == dict.fromkeys(range(len(told)), 1)
    for person in range(5):
        theirs = [number for number in stored if number % 5 == person]
        assert theirs == sorted(theirs)


@pytest.mark.timeout(180 + 90 * KILLS)
def test_killed_at_each_step(kafka_bootstrap: str, prefix: str, database_url: str, tmp_path: Path) -> None:
    sqlite = database_url.startswith("sqlite")
    database = str(tmp_path) if sqlite else database_url
    records = _migrated(tmp_path, "" if sqlite else database_url)
    ensure_topics(KafkaSettings(kafka_bootstrap, prefix, partitions=3), [f"{prefix}.inbound.v1"])
    sent = 0

    def sending(stop: Signal) -> None:
        nonlocal sent
        with ward(kafka_bootstrap, prefix) as send:
            while not stop.wait(0.3):  # about as many as those that die can do
                send(sent)
                sent += 1

    with looping(sending):
        intakes_die(database, kafka_bootstrap, prefix, possible(STEPS, database_url), KILLS)
    survivor = worker(database, kafka_bootstrap, prefix)
    survivor.start()
    try:
        told = answers(kafka_bootstrap, f"{prefix}.inbound-outcome.v1", sent, survivor.output)
    finally:
        survivor.stop()
    assert len(told) == sent
    check(told, _stored(records))
    records.close()


def _migrated(folder: Path, postgres: str) -> SqlStore:
    """All databases are made; the one of the records is opened."""
    with practice(folder, postgres=postgres):
        pass
    opened = [open_store(postgres or f"sqlite:///{folder}/{name}.db", name) for name in ("inbound", "records")]
    opened[0].close()
    return opened[1]


def _stored(records: SqlStore) -> list[int]:
    """The numbers of the Observations, in the order of their events."""
    both = outbox.join(versions, (outbox.c.row == versions.c.row) & (outbox.c.version == versions.c.version))
    with records.engine.connect() as connection:
        bodies = connection.execute(select(versions.c.body).select_from(both).order_by(outbox.c.position)).scalars()
        return [int(json.parse_object(bytes(body))["code"]["text"]) for body in bodies]


@pytest.mark.timeout(180 + 20 * KILLS)
def test_everything_killed(everything: CareThread, kafka_bootstrap: str, prefix: str) -> None:
    number = 0
    with ward(kafka_bootstrap, prefix) as send:
        for _ in range(3 * KILLS):
            for _ in range(MESSAGES_EACH):
                send(number)
                number += 1
            time.sleep(0.7)  # somewhere among what was sent
            everything.kill9()
            everything.start()
        for _ in range(MESSAGES_EACH):
            send(number)
            number += 1
    told = answers(kafka_bootstrap, f"{prefix}.inbound-outcome.v1", number, everything.output)
    assert len(told) == number
    found: list[int] = []
    page = "Observation?_count=1000&_sort=_lastUpdated"
    while page:
        bundle = everything.fhir.get(page).json
        found += [int(entry["resource"]["code"]["text"]) for entry in bundle["entry"]]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        page = links.get("next", "").removeprefix(everything.fhir.base + "/")
    check(told, found)

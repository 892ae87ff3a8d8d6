"""The servers that tests run on are real, usable, and come back after each fault."""

import signal
import sys
import uuid
from itertools import islice
from pathlib import Path

import psycopg
import pytest
import urllib3
from kafka import KafkaConsumer, KafkaProducer

from carethread.adapters.sql.engine import make_engine, reading, writing
from carethread.adapters.sql.migrate import HEAD, revision
from support.fhir import Fhir
from support.kafka import Broker
from support.postgres import Postgres, database
from support.run import Unavailable, once
from support.servers import Process, first, free_port, until
from support.stores import open_store, open_stores, put

KEY = ("Patient", "one")


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        consumer_timeout_ms=20_000,
    )
    try:
        return [message.value for message in islice(consumer, count)]
    finally:
        consumer.close()


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    try:
        producer.send(topic, value).get(timeout=30)
    finally:
        producer.close()


def scalar(url: str, query: str) -> object:
    with psycopg.connect(url.replace("+psycopg", ""), connect_timeout=5) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


@pytest.fixture
def topic() -> str:
    return f"support-{uuid.uuid4().hex}"


def test_kafka_carries_a_message(kafka_bootstrap: str, topic: str) -> None:
    produce(kafka_bootstrap, topic, b"one")
    assert consume(kafka_bootstrap, topic, 1) == [b"one"]


def test_kafka_shows_committed_transactions_only(kafka_bootstrap: str, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=topic)
    try:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"aborted")
        producer.flush()
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send(topic, b"committed")
        producer.commit_transaction()
    finally:
        producer.close()
    assert consume(kafka_bootstrap, topic, 1) == [b"committed"]


@pytest.mark.parametrize("fault", ["stop", "kill9", "pause"])
def test_kafka_keeps_its_data_over_a_fault(kafka_broker: Broker, topic: str, fault: str) -> None:
    produce(kafka_broker.bootstrap, topic, b"before")
    getattr(kafka_broker, fault)()
    kafka_broker.restore()
    assert consume(kafka_broker.bootstrap, topic, 1) == [b"before"]


def test_postgres_answers(postgres_url: str) -> None:
    assert scalar(postgres_url, "SELECT 1") == 1
    assert int(str(scalar(postgres_url, "SHOW server_version_num"))) >= 150_000
    assert scalar(postgres_url, "SHOW server_encoding") == "UTF8"


def test_postgres_databases_are_fresh(postgres_url: str, postgres_database: str) -> None:
    with database(postgres_url) as other:
        assert scalar(other, "SELECT current_database()") != scalar(postgres_database, "SELECT current_database()")
    count = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    assert scalar(postgres_database, count) == 0


@pytest.mark.parametrize("fault", ["stop", "kill9", "pause"])
def test_postgres_keeps_its_data_over_a_fault(postgres_server: Postgres, fault: str) -> None:
    with database(postgres_server.url) as url:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        getattr(postgres_server, fault)()
        postgres_server.restore()
        assert scalar(url, "SELECT value FROM kept") == 7


@pytest.mark.parametrize("names", [["records"], ["records", "scheduling"]])
def test_a_store_has_the_newest_schema_and_what_is_stored_stays(tmp_path: Path, database_url: str, names: list[str]):
    for _ in range(2):
        stores = open_stores(tmp_path, database_url, names)
        for store in stores.values():
            assert revision(store.engine) == HEAD
            put(store, [{"resourceType": "Patient", "id": "one"}])
            store.close()
    again = open_stores(tmp_path, database_url, names)
    found = {name: store.glance(lambda session: session.current([KEY]))[KEY].version for name, store in again.items()}
    for store in again.values():
        store.close()
    assert found == dict.fromkeys(names, 2)


def test_stores_that_are_opened_in_turn_have_their_schemas(tmp_path: Path, database_url: str) -> None:
    sqlite = database_url.startswith("sqlite")
    names = ("records", "scheduling", "careteams")
    stores = [open_store(f"sqlite:///{tmp_path}/{name}.db" if sqlite else database_url, name) for name in names]
    for store in stores:
        assert revision(store.engine) == HEAD
        store.close()


@pytest.mark.parametrize("closed", [True, False])
def test_a_database_that_somebody_has_used_is_migrated_where_it_is(database_url: str, closed: bool) -> None:
    engine = make_engine(database_url)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE kept AS SELECT 7 AS value")
    if closed:
        engine.dispose()
    store = open_store(database_url)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT value FROM kept").scalar() == 7
    assert revision(store.engine) == HEAD
    store.close()
    engine.dispose()


def test_ports_are_free_and_never_given_twice() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == 200
    assert all(10_000 <= port < 32_000 for port in ports)


def test_a_process_can_be_stopped_killed_and_paused() -> None:
    port = free_port()
    client = Fhir(f"http://127.0.0.1:{port}", timeout=0.5)
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]

    def answers() -> bool:
        try:
            return client.get("").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    process = Process("http", command, answers, stop_signal=signal.SIGINT)
    process.start()
    process.pause()
    assert not answers()
    process.unpause()
    until(answers, seconds=10, what="an answer after the pause")
    process.kill9()
    assert (answers(), process.alive, process.exit_code) == (False, False, -signal.SIGKILL)
    process.restore()
    process.stop()
    assert (answers(), process.alive, process.exit_code) == (False, False, 0)
    assert "GET / " in process.output()


def test_a_process_that_ends_at_once_is_told_with_its_output() -> None:
    process = Process("ends", [sys.executable, "-c", "raise SystemExit('no such port')"], lambda: False)
    with pytest.raises(RuntimeError, match="no such port"):
        process.start()


def test_the_first_worker_starts_a_server_for_all() -> None:
    name = f"support-{uuid.uuid4().hex}"
    assert [once(name, lambda: "first"), once(name, lambda: "second")] == ["first", "first"]


def test_what_cannot_be_had_is_unavailable_with_every_reason() -> None:
    def refuse(reason: str) -> str:
        raise Unavailable(reason)

    with pytest.raises(Unavailable, match="no engine; no java"):
        first(lambda: refuse("no engine"), lambda: refuse("no java"))
    name = f"support-{uuid.uuid4().hex}"
    for _ in range(2):
        with pytest.raises(Unavailable, match="none here"):
            once(name, lambda: refuse("none here"))

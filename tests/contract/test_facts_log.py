"""Facts rebuilt from the log of either bus: all that it tells, whatever the place of a resource; refused where it has
forgotten its beginning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.sql.events.bus import connect, prune
from carethread.adapters.sql.loading import SqlLoading
from carethread.core.clock import system_clock
from carethread.core.context import new_id
from carethread.core.errors import Invalid
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Subscription
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.reaching import Horizon
from carethread.metrics.facts.rebuilding import Read, rebuild
from carethread.metrics.facts.sources import events
from support.event_workers import publisher, subscription
from support.facts_made import READ, SUBJECTS, person, tables, visit
from support.stores import open_store

TYPES = [subject.type for subject in SUBJECTS]
LAST = [visit(f"v{number}", "noshow" if number % 2 else "booked") for number in range(40)] + [person("p", "q")]
MOMENT = 1_700_000_000_000_000


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.servers)])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    is_kafka = request.param == "kafka"
    return str(request.getfixturevalue("kafka_bootstrap") if is_kafka else tmp_path / "bus.db")


@pytest.fixture
def log(bus: str) -> Iterator[Subscription]:
    """The log of a bus on which visits were booked, some of them missed after that, and one deleted."""
    prefix = f"t{new_id()[-8:]}"
    first = [visit(f"v{number}") for number in range(40)] + [visit("gone"), person("p", "q")]
    later = [each for each in LAST if each.get("status") == "noshow"]
    told = [(each, 1, "created") for each in first] + [(each, 2, "updated") for each in later]
    sender = publisher(bus, prefix)
    sender.fence("scheduling", 1)
    for number, (each, version, verb) in enumerate([*told, (visit("gone"), 2, "deleted")], 1):
        sender.send([
            Event(new_id(), "scheduling", verb, each["resourceType"], each["id"], version, MOMENT + number,
                  f"Patient/{each['id']}", json.render(each), number)
        ])  # fmt: skip
    sender.close()
    opened = subscription(bus, prefix, f"metrics-{new_id()}", TYPES, {})
    yield opened
    opened.close()


@pytest.mark.timeout(120)
def test_all_that_the_log_tells_becomes_facts(log: Subscription, tmp_path: Path) -> None:
    store, shelf, read = (
        open_store(f"sqlite:///{tmp_path}/metrics.db", "metrics"),
        ParquetShelf(tmp_path / "facts"),
        Read(),
    )
    versions = events(log, TYPES, read, None)  # type: ignore[arg-type]  # nothing is too large here
    assert rebuild(versions, read, SUBJECTS, shelf, SqlLoading(store.engine, "metrics"), processes=0) == 42
    horizon = Horizon(log, lambda: store.positions("metrics"), system_clock)
    publisher_ = Publisher(store, shelf, SUBJECTS, system_clock, horizon)
    publisher_.publish()
    with DuckAnalytics(tmp_path / "facts").look() as facts:
        assert {name: sorted(facts.query(sql).rows, key=repr) for name, sql in READ.items()} == tables(LAST)
        assert facts.marks.time == read.moment
    publisher_.publish()
    manifest = shelf.manifest()
    assert manifest is not None
    assert manifest.time == read.moment, "nobody needs to be told of less than ten seconds"
    assert horizon() is None, "the bus is not asked each time"
    store.close()


@pytest.mark.timeout(120)
def test_a_log_that_has_forgotten_is_refused_and_the_way_is_said(log: Subscription, bus: str) -> None:
    _forget(log, bus)
    with pytest.raises(Invalid, match=r"\.v1 since .*carethread export FOLDER.*--export FOLDER"):
        next(events(log, TYPES, Read(), None))  # type: ignore[arg-type]


def _forget(log: Subscription, bus: str) -> None:
    """Part with the first event of each place."""
    if "/" in bus:
        connection = connect(Path(bus))
        prune(connection, MOMENT + 2)
        connection.close()
        return
    admin = KafkaAdminClient(bootstrap_servers=bus)
    admin.delete_records({TopicPartition(*place): 1 for place, kept in log.kept(0).items() if kept.end > 1})
    admin.close()

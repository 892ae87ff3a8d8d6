"""A resource of 2 MB on its way over Kafka: a stub with the URL of the whole, and the whole in the mirrors."""

from __future__ import annotations

import base64
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from carethread.core.events import Event, from_headers
from carethread.core.ports import Subscription
from support.event_workers import subscription
from support.processes import carethread
from support.servers import until


def mirrored(path: Path) -> bytes:
    """The Patient as scheduling's mirror has it; empty before it has."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    row = connection.execute("SELECT body FROM versions WHERE type = 'Patient' AND length(body) > 2000000").fetchone()
    connection.close()
    return row[0] if row else b""


@pytest.mark.timeout(180)
def test_it_travels_by_reference_and_arrives_whole(kafka_bootstrap: str, tmp_path: Path) -> None:
    prefix = f"l{random.randrange(16**8):08x}"
    env = {
        "CARETHREAD_DATA": str(tmp_path),
        "CARETHREAD_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "CARETHREAD_KAFKA_TOPIC_PREFIX": prefix,
        "CARETHREAD_KAFKA_PARTITIONS": "1",
    }
    photo = base64.b64encode(random.Random(1).randbytes(1_600_000)).decode()
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": "large",
        "photo": [{"contentType": "image/png", "data": photo}],
    }
    with carethread("up", env=env) as server:
        assert server.fhir.put("Patient/large", patient).status == 201
        event = _arrived(subscription(kafka_bootstrap, prefix, "outside", ["Patient"], {}))
        assert event.dataref == f"{server.fhir.base}/Patient/large/_history/1"
        stub = json.loads(event.data)
        assert (set(stub), stub["id"]) == ({"resourceType", "id", "meta"}, "large")
        whole = server.fhir.get("Patient/large/_history/1")
        assert whole.status == 200
        assert whole.json["photo"] == patient["photo"]
        until(lambda: bool(mirrored(tmp_path / "scheduling.db")), seconds=60, what="the mirror has the whole")
        assert json.loads(mirrored(tmp_path / "scheduling.db"))["photo"] == patient["photo"]


def _arrived(reader: Subscription) -> Event:
    found: list[Event] = []

    def look() -> bool:
        for records in reader.poll(1.0).values():
            found.extend(from_headers(record.headers, record.key, record.value) for record in records)
        return bool(found)

    try:
        until(look, seconds=60, what="the event")
    finally:
        reader.close()
    return found[0]

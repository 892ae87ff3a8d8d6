"""EventService on real stores: what a subscriber gets, from where, and what a slow one costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from sqlalchemy import delete

from carethread.adapters.rpc.server import Serving
from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.tables import outbox
from carethread.core.context import Context
from carethread.core.errors import Forbidden
from carethread.core.fhir import json
from carethread.interactions import streaming
from carethread.v1 import events_pb2
from support.owners import Practice, practice, slot
from support.rpc import Rpc, outcome_of, serving, status_of
from support.servers import until
from support.stores import put

SERVICES = ("records", "scheduling")


@pytest.fixture
def services(database_url, tmp_path) -> Iterator[Practice]:
    postgres = "" if database_url.startswith("sqlite") else database_url
    with practice(tmp_path, SERVICES, postgres) as made:
        yield made


@pytest.fixture
def rpc(services) -> Iterator[Rpc]:
    with serving(services.runtimes) as started:
        yield started


class Reader:
    """A stream that is read on a thread of its own."""

    def __init__(self, stream: Any) -> None:
        self.events: list[events_pb2.Event] = []
        self.beats: list[events_pb2.Heartbeat] = []
        self.error: Any = None
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        until(lambda: bool(self.beats or self.error), seconds=10, what="the first heartbeat")

    def _read(self) -> None:
        try:
            for message in self._stream:
                self.events.extend(message.events)
                if message.HasField("heartbeat"):
                    self.beats.append(message.heartbeat)
        except grpc.RpcError as error:
            self.error = error

    @property
    def subjects(self) -> list[str]:
        return [f"{event.resource_type}/{event.resource_id}/{event.version}" for event in self.events]

    @property
    def numbers(self) -> list[int]:
        return [event.sequence for event in self.events]

    def wait(self, count: int) -> None:
        until(lambda: len(self.events) >= count, seconds=15, what=f"{count} events", details=lambda: str(self.subjects))

    def reach(self, cursor: Mapping[str, int]) -> None:
        until(lambda: dict(self.beats[-1].cursor) == cursor, seconds=10, what=f"the cursor {cursor}")

    def cancel(self) -> None:
        self._stream.cancel()
        self._thread.join(10)


def patient(rpc: Rpc, id_: str, **more: Any) -> None:
    rpc.update({"resourceType": "Patient", "id": id_, **more})


def observation(rpc: Rpc, id_: str, patient_id: str) -> None:
    subject = {"reference": f"Patient/{patient_id}"}
    rpc.update({"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "c"}, "subject": subject})


def test_what_happens_arrives_in_order_with_its_envelope(rpc):
    patient(rpc, "before")
    rpc.number()
    reader = Reader(rpc.subscribe())
    assert dict(reader.beats[0].cursor) == {"records": 1, "scheduling": 0}
    patient(rpc, "a", active=True)
    observation(rpc, "o", "a")
    rpc.delete("Observation", "o")
    rpc.number()
    reader.wait(3)
    assert reader.subjects == ["Patient/a/1", "Observation/o/1", "Observation/o/2"]
    first, made, gone = reader.events
    assert (first.sequence, first.service, first.type) == (2, "records", "dev.carethread.patient.created")
    assert json.parse(first.json)["active"] is True
    assert (made.key, gone.key) == ("Patient/a", "Patient/a")
    assert (gone.deleted, gone.type) == (True, "dev.carethread.observation.deleted")
    stub = json.parse_object(gone.json)
    assert (stub["resourceType"], stub["id"], stub["meta"]["versionId"]) == ("Observation", "o", "2")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"types": ["Observation"]}, ["Observation/o1/1", "Observation/o2/1"]),
        ({"patients": ["a"]}, ["Patient/a/1", "Observation/o1/1", "Patient/a/2"]),
        ({"verbs": ["updated"]}, ["Patient/a/2"]),
        ({"types": ["Patient", "Slot"], "patients": ["a", "b"]}, ["Patient/a/1", "Patient/b/1", "Patient/a/2"]),
        ({"services": ["scheduling"]}, ["Slot/s/1"]),
        ({"departments": ["d"]}, []),
    ],
    ids=str,
)
def test_filters_all_hold(rpc, asked, expected):
    after = dict.fromkeys(asked.get("services", SERVICES), 0)
    live = Reader(rpc.subscribe(after=after, heartbeat_seconds=1, **asked))
    patient(rpc, "a")
    patient(rpc, "b")
    observation(rpc, "o1", "a")
    observation(rpc, "o2", "b")
    patient(rpc, "a", active=True)
    rpc.update(slot("s"))
    rpc.number()
    ends = {"records": 5, "scheduling": 1}
    paged = Reader(rpc.subscribe(after=after, heartbeat_seconds=1, **asked))
    for reader in (live, paged):
        reader.reach({name: ends[name] for name in after})
        assert sorted(reader.subjects) == sorted(expected)
        assert [s for s in reader.subjects if "Slot" not in s] == [s for s in expected if "Slot" not in s]
        assert dict(reader.beats[-1].high_water) == {name: ends[name] for name in after}


def test_a_stream_is_resumed_without_gap_or_overlap(rpc):
    for number in range(40):
        patient(rpc, f"p{number}")
    rpc.number()
    got: list[int] = []
    cursor = {"records": 0}
    while len(got) < 60:
        stream = rpc.subscribe(services=["records"], after=cursor)
        for message in stream:
            got += [event.sequence for event in message.events]
            if message.events:
                cursor = {"records": message.events[-1].sequence}
                break
        stream.cancel()
        if len(got) == 40:
            for number in range(20):
                patient(rpc, f"q{number}")
            rpc.number()
    assert got == list(range(1, 61))


def test_a_cursor_that_is_not_kept_is_out_of_range_and_told_what_is(rpc, services):
    for number in range(5):
        patient(rpc, f"p{number}")
    rpc.number()
    with writing(services.stores["records"].engine) as connection:
        connection.execute(delete(outbox).where(outbox.c.sequence <= 3))
    for after in (0, 2, 6):
        with pytest.raises(grpc.RpcError) as caught:
            list(rpc.subscribe(after={"records": after}))
        assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
        info = ErrorInfo()
        assert status_of(caught.value).details[1].Unpack(info)
        assert (info.reason, dict(info.metadata)) == ("NOT_KEPT", {"records.first": "4", "records.last": "5"})
        assert "4 to 5" in outcome_of(caught.value)["issue"][0]["diagnostics"]
    reader = Reader(rpc.subscribe(after={"records": 3}))
    reader.wait(2)
    assert reader.numbers == [4, 5]


def test_what_cannot_be_answered_is_refused(rpc):
    for asked, status in (
        ({"services": ["metrics"]}, "UNIMPLEMENTED"),
        ({"after": {"metrics": 1}}, "UNIMPLEMENTED"),
        ({"services": ["records"], "after": {"scheduling": 0}}, "INVALID_ARGUMENT"),
        ({"after": {"records": -1}}, "INVALID_ARGUMENT"),
        ({"types": ["Patients"]}, "INVALID_ARGUMENT"),
        ({"types": ["CarePlan"]}, "INVALID_ARGUMENT"),
        ({"types": ["Patient"], "services": ["scheduling"]}, "INVALID_ARGUMENT"),
        ({"verbs": ["exploded"]}, "INVALID_ARGUMENT"),
        ({"verbs": [""]}, "INVALID_ARGUMENT"),
        ({"patients": ["Patient/a"]}, "INVALID_ARGUMENT"),
        ({"patients": ["a b"]}, "INVALID_ARGUMENT"),
        ({"departments": [""]}, "INVALID_ARGUMENT"),
        ({"heartbeat_seconds": 301}, "INVALID_ARGUMENT"),
        ({"heartbeat_seconds": -1}, "INVALID_ARGUMENT"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            list(rpc.subscribe(**asked))
        assert caught.value.code().name == status, asked
        assert outcome_of(caught.value)["issue"][0]["diagnostics"]


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x0a\x02\xc3\x28"], ids=["bytes", "utf-8"])
def test_a_message_that_cannot_be_read_is_refused(rpc, garbage, caplog):
    """Of any method: one that answers once, streams, and one of a library's."""
    one, many = rpc.channel.unary_unary, rpc.channel.unary_stream
    calls = {
        one: ["/carethread.v1.FhirService/Create", "/grpc.health.v1.Health/Check"],
        many: ["/carethread.v1.FhirService/SearchAll", "/carethread.v1.EventService/Subscribe"],
        rpc.channel.stream_stream: ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"],
    }
    for call, methods in calls.items():
        for method in methods:
            with pytest.raises(grpc.RpcError) as caught:
                sent = iter([garbage]) if call == rpc.channel.stream_stream else garbage
                answer = call(method)(sent, timeout=10)
                list(answer)
            assert caught.value.code().name == "INVALID_ARGUMENT", (method, caught.value)
            assert outcome_of(caught.value)["issue"][0]["code"] == "structure"
    with pytest.raises(grpc.RpcError) as caught:
        one("/carethread.v1.FhirService/Nothing")(garbage, timeout=10)
    assert caught.value.code().name == "UNIMPLEMENTED"
    assert "Traceback" not in caplog.text
    patient(rpc, "after")


def test_heartbeats_come_while_nothing_happens(rpc):
    reader = Reader(rpc.subscribe(heartbeat_seconds=1))
    until(lambda: len(reader.beats) >= 3, seconds=6, what="three heartbeats")
    assert dict(reader.beats[-1].cursor) == {"records": 0, "scheduling": 0}


def test_what_may_be_seen_is_decided_at_each_event(rpc, monkeypatch):
    secret = threading.Event()

    def authorize(interaction: str, type_name: str, context: Context) -> None:
        if secret.is_set() and type_name == "Observation":
            raise Forbidden("Not for you.")

    monkeypatch.setattr(streaming, "authorize", authorize)
    reader = Reader(rpc.subscribe())
    observation(rpc, "o1", "a")
    rpc.number()
    reader.wait(1)
    secret.set()
    observation(rpc, "o2", "a")
    patient(rpc, "a")
    rpc.number()
    reader.wait(2)
    assert reader.subjects == ["Observation/o1/1", "Patient/a/1"]
    secret.clear()
    observation(rpc, "o3", "a")
    rpc.number()
    reader.wait(3)
    assert reader.numbers == [1, 3, 4]


def test_merges_are_told(rpc):
    patient(rpc, "a")
    patient(rpc, "b")
    reader = Reader(rpc.subscribe(verbs=["merged"]))
    rpc.update(
        {
            "resourceType": "Patient",
            "id": "b",
            "active": False,
            "link": [{"other": {"reference": "Patient/a"}, "type": "replaced-by"}],
        }
    )
    rpc.number()
    reader.wait(1)
    assert reader.events[0].type == "dev.carethread.patient.merged"


def test_a_slow_reader_delays_nobody_and_misses_nothing(rpc, services):
    """Slow: it reads nothing until far more has happened than flow control and its queue hold."""
    count = 50
    slow = rpc.subscribe(services=["records"], after={"records": 0}, seconds=60)
    next(slow)
    fast = Reader(rpc.subscribe(services=["records"], after={"records": 0}, seconds=60))
    took: list[float] = []
    for number in range(count):
        put(services.stores["records"], [{"resourceType": "Binary", "id": f"b{number}", "data": "x" * 500_000}])
        began = time.monotonic()
        rpc.number()
        fast.wait(number + 1)
        took.append(time.monotonic() - began)
    assert sorted(took)[count // 2] < 0.5
    numbers: list[int] = []
    for message in slow:
        numbers += [event.sequence for event in message.events]
        if numbers and numbers[-1] == count:
            break
    assert numbers == list(range(1, count + 1)) == fast.numbers


def test_only_so_many_may_subscribe(services):
    with serving(services.runtimes, how=Serving(subscribers=1)) as rpc:
        first = Reader(rpc.subscribe())
        second = Reader(rpc.subscribe())
        assert second.error.code() is grpc.StatusCode.UNAVAILABLE
        first.cancel()

        def there_is_room() -> bool:
            reader = Reader(rpc.subscribe())
            reader.cancel()
            return reader.error.code() is grpc.StatusCode.CANCELLED

        until(there_is_room, seconds=5, what="room for another")


def test_a_stream_ends_with_the_server_and_with_its_deadline(services):
    with serving(services.runtimes) as rpc:
        reader = Reader(rpc.subscribe())
        with pytest.raises(grpc.RpcError) as caught:
            list(rpc.subscribe(seconds=0.5))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: reader.error is not None, seconds=5, what="the stream's end")
    assert reader.error.code() is grpc.StatusCode.UNAVAILABLE

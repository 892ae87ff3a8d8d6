"""The thread over services with processes of their own: PostgreSQL, Apache Kafka, gRPC between them, one gateway."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kafka import KafkaConsumer, TopicPartition

from support import fuzz, kafka, postgres, run
from support.fhir import Fhir
from support.processes import CareThread
from support.run import Unavailable
from support.servers import free_port, until
from support.visits import (
    appointment,
    become,
    create,
    evaluate,
    moment,
    patient,
    reference,
    schedule,
    slot,
    until_counts,
)

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

NAMES = ("records", "scheduling", "metrics")
_SOURCES = Path(__file__).parents[2] / "services"


class Practice:
    """Three services, each as http, rpc and worker, behind a gateway."""

    def __init__(self, database: str, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"test{uuid.uuid4().hex[:8]}"
        http = {name: free_port() for name in NAMES}
        rpc = {name: free_port() for name in NAMES}
        self._env = {
            "CARETHREAD_DATABASE_URL": database,
            "CARETHREAD_DATA": str(run.folder("data")),
            "CARETHREAD_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "CARETHREAD_KAFKA_TOPIC_PREFIX": self.prefix,
            "CARETHREAD_KAFKA_PARTITIONS": "2",
            "CARETHREAD_SMALL_CELLS": "exact",
            **{f"CARETHREAD_{name.upper()}_HTTP_URL": f"http://127.0.0.1:{port}" for name, port in http.items()},
            **{f"CARETHREAD_{name.upper()}_GRPC_TARGET": f"127.0.0.1:{port}" for name, port in rpc.items()},
        }
        gateway = free_port()
        self._env["CARETHREAD_BASE_URL"] = f"http://127.0.0.1:{gateway}/fhir"
        self.processes: dict[str, CareThread] = {}
        for name in NAMES:
            for role, ready in (("rpc", "grpc"), ("worker", ""), ("http", "http")):
                ports = {"CARETHREAD_HTTP_PORT": str(http[name]), "CARETHREAD_GRPC_PORT": str(rpc[name])}
                arguments = ("serve", name, "--role", role)
                self.processes[f"{name}-{role}"] = CareThread(*arguments, env={**self._env, **ports}, ready=ready)
        self.gateway = CareThread("serve", "gateway", env={**self._env, "CARETHREAD_HTTP_PORT": str(gateway)})
        self.fhir = self.gateway.fhir

    def migrate(self) -> str:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARETHREAD_")}
        done = subprocess.run(
            [sys.executable, "-m", "carethread", "migrate", *NAMES, "gateway", "inbound"],
            env={**inherited, "PYTHONPATH": str(_SOURCES), **self._env},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        for process in self.processes.values():
            process.start()
        self.gateway.start()

    def stop(self) -> None:
        with ExitStack() as stack:
            for process in (*self.processes.values(), self.gateway):
                stack.callback(process.stop)

    def topic(self, type_name: str) -> str:
        return f"{self.prefix}.{type_name.lower()}.v1"

    def __getitem__(self, name: str) -> CareThread:
        return self.processes[name]


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    try:
        server, bootstrap = postgres.url(), kafka.bootstrap()
    except Unavailable as error:
        pytest.skip(str(error))
    with postgres.database(server) as database:
        found = Practice(database, bootstrap)
        assert "records, scheduling, metrics" in found.migrate()
        assert found.migrate() == "Nothing to migrate.\n"
        try:
            found.start()
            yield found
        finally:
            found.stop()


@pytest.fixture
def fhir(practice: Practice) -> Fhir:
    return practice.fhir


@pytest.fixture(scope="module")
def calendar(practice: Practice) -> str:
    return schedule(practice.fhir)


def events(practice: Practice, type_name: str, wanted: int, id_: str) -> list[Any]:
    """The records on a type's topic that tell of one resource, once there are as many as wanted."""
    consumer = KafkaConsumer(
        bootstrap_servers=practice.bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
    )
    found: list[Any] = []
    try:
        topic = practice.topic(type_name)
        consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()])

        def enough() -> bool:
            for records in consumer.poll(timeout_ms=200).values():
                found.extend(r for r in records if dict(r.headers)["ce_subject"].split(b"/")[1] == id_.encode())
            return len(found) >= wanted

        until(enough, seconds=60, what=f"{wanted} events of {type_name}", details=lambda: f"got {found}")
    finally:
        consumer.close()
    return found


def stored_bytes(practice: Practice, path: str) -> bytes:
    return urllib3.request("GET", f"{practice.fhir.base}/{path}").data


def test_from_the_front_desk_to_the_numbers(practice, fhir, calendar):
    who = reference(create(fhir, patient("S-1")))
    visits = []
    for hour in (9, 10, 11):
        free = slot(fhir, calendar, moment("2032-03-01", hour))
        visit = create(fhir, appointment(free, who))
        busy = fhir.get(reference(free)).json
        assert (busy["status"], busy["meta"]["lastUpdated"]) == ("busy", visit["meta"]["lastUpdated"])
        refused = fhir.post("Appointment", appointment(free, who))
        assert (refused.status, refused.json["issue"][0]["code"]) == (409, "conflict")
        visits.append(visit)
    become(fhir, visits[0], "fulfilled")
    become(fhir, visits[1], "noshow")
    until_counts(fhir, "2032-03", "2032-03", {"all": 3, "due": 2, "missed": 1})
    until_counts(fhir, "2032-03", "2032-03", {"all": 3, "due": 2, "missed": 1}, who)
    become(fhir, visits[2], "cancelled")
    until_counts(fhir, "2032-03", "2032-03", {"all": 2, "due": 2, "missed": 1})
    assert evaluate(fhir, "2032-03", "2032-03").json["group"][0]["measureScore"]["value"] == 0.5


UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|\+00:00)")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_event_of_a_booking_on_the_topic(practice, fhir):
    """As DESIGN says under Events: CloudEvents 1.0 in binary mode, exactly one event for the version."""
    profile = "https://carethread.dev/fhir/StructureDefinition/visit"
    department = reference(create(fhir, {"resourceType": "Organization", "name": "A department"}))
    service = {"resourceType": "HealthcareService", "providedBy": {"reference": department}}
    free = slot(fhir, schedule(fhir, reference(create(fhir, service))), moment("2032-04-01"))
    who = reference(create(fhir, patient("S-2")))
    body = {**appointment(free, who), "meta": {"profile": [profile]}}
    booked = fhir.post("Appointment", body, traceparent=TRACE)
    assert booked.status == 201
    id_ = booked.json["id"]
    missed = become(fhir, booked.json, "noshow")

    first, second = events(practice, "Appointment", 2, id_)
    told = {name: value.decode() for name, value in first.headers}
    assert len(told) == len(first.headers), "a header stands twice"
    assert UUID7.fullmatch(told.pop("ce_id"))
    assert INSTANT.fullmatch(told["ce_time"])
    assert datetime.fromisoformat(told.pop("ce_time")) == datetime.fromisoformat(booked.json["meta"]["lastUpdated"])
    assert int(told.pop("ce_sequence")) > 0
    assert told == {
        "ce_specversion": "1.0",
        "ce_source": "/carethread/scheduling",
        "ce_type": "dev.carethread.appointment.booked",
        "ce_subject": f"Appointment/{id_}/_history/1",
        "ce_dataschema": profile,
        "ce_department": department.removeprefix("Organization/"),
        "traceparent": TRACE,
        "content-type": "application/fhir+json",
    }
    assert first.key == who.encode()
    assert first.value == stored_bytes(practice, f"Appointment/{id_}/_history/1")

    told = {name: value.decode() for name, value in second.headers}
    assert told["ce_type"] == "dev.carethread.appointment.noshow"
    assert told["ce_subject"] == f"Appointment/{id_}/_history/2"
    assert (told["ce_changed"], told["ce_previousstatus"]) == ("status", "booked")
    assert "ce_backfill" not in told
    assert second.key == who.encode()
    assert second.value == stored_bytes(practice, reference(missed))
    assert second.partition == first.partition
    assert second.offset > first.offset

    (made, busy) = events(practice, "Slot", 2, free["id"])
    assert [dict(r.headers)["ce_type"].decode() for r in (made, busy)] == [
        "dev.carethread.slot.created",
        "dev.carethread.slot.updated",
    ]
    assert made.key == reference(free).encode()


def test_what_is_deleted_and_what_is_history_on_the_topic(practice, fhir):
    gone = create(fhir, patient("S-3"))
    assert fhir.delete(reference(gone)).status == 204
    _, deleted = events(practice, "Patient", 2, gone["id"])
    told = dict(deleted.headers)
    assert told["ce_type"] == b"dev.carethread.patient.deleted"
    assert deleted.key == reference(gone).encode()
    assert deleted.value.startswith(b'{"resourceType":"Patient"')

    kept = fhir.post("Patient", patient("S-4"), X_CareThread_Backfill="true")
    (told,) = events(practice, "Patient", 1, kept.json["id"])
    assert dict(told.headers)["ce_backfill"] == b"true"


def test_the_sequence_of_a_service_has_no_gaps(practice, fhir, calendar):
    create(fhir, appointment(slot(fhir, calendar, moment("2032-05-01")), "Patient/nobody"))
    numbers: set[int] = set()
    consumer = KafkaConsumer(
        bootstrap_servers=practice.bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        group_id=None,
    )
    try:
        names = [practice.topic(name) for name in ("HealthcareService", "Schedule", "Slot", "Appointment")]
        parts = [TopicPartition(name, number) for name in names for number in consumer.partitions_for_topic(name) or ()]
        consumer.assign(parts)
        expected = 0
        for kind in ("HealthcareService", "Schedule", "Slot", "Appointment"):
            for found in _each(fhir, kind):
                expected += int(found["meta"]["versionId"])

        def complete() -> bool:
            for records in consumer.poll(timeout_ms=200).values():
                numbers.update(int(dict(record.headers)["ce_sequence"]) for record in records)
            return len(numbers) >= expected

        until(complete, seconds=60, what="every version's event", details=lambda: f"{len(numbers)} of {expected}")
    finally:
        consumer.close()
    assert sorted(numbers) == list(range(1, expected + 1))


def _each(fhir: Fhir, type_name: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in fhir.get(f"{type_name}?_count=1000").json.get("entry", [])]


def modes(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    return [(e["search"]["mode"], reference(e["resource"])) for e in bundle.get("entry", [])]


def test_scheduling_searches_by_its_mirror(practice, fhir, calendar):
    who = create(fhir, patient("S-5"))
    visit = create(fhir, appointment(slot(fhir, calendar, moment("2032-06-01")), reference(who)))
    query = "Appointment?patient.identifier=S-5&_include=Appointment:patient"
    expected = [("match", reference(visit)), ("include", reference(who))]
    until(lambda: modes(fhir.get(query).json) == expected, seconds=60, what="found by the mirror")
    renamed = {**who, "identifier": [{"value": "S-5b"}]}
    assert fhir.put(reference(who), renamed).status == 200
    until(
        lambda: modes(fhir.get("Appointment?patient.identifier=S-5b").json) == expected[:1],
        seconds=60,
        what="the mirror follows a change",
    )
    assert modes(fhir.get("Appointment?patient.identifier=S-5").json) == []
    assert fhir.delete(reference(who)).status == 204
    until(
        lambda: modes(fhir.get(f"Appointment?_id={visit['id']}&_include=Appointment:patient").json) == expected[:1],
        seconds=60,
        what="the mirror follows a deletion",
    )


def test_on_a_mirror_miss_records_is_asked(practice, fhir, calendar):
    """Without scheduling's worker nothing feeds the mirror; without records' HTTP only gRPC is left to ask."""
    practice["scheduling-worker"].stop()
    who = create(fhir, patient("S-6"))
    visit = create(fhir, appointment(slot(fhir, calendar, moment("2032-06-02")), reference(who)))
    other = create(fhir, patient("S-7"))
    second = create(fhir, appointment(slot(fhir, calendar, moment("2032-06-02", 10)), reference(other)))
    practice["records-http"].stop()
    try:
        found = fhir.get("Appointment?patient.identifier=S-6&_include=Appointment:patient")
        assert modes(found.json) == [("match", reference(visit)), ("include", reference(who))]
        included = fhir.get(f"Appointment?_id={second['id']}&_include=Appointment:patient")
        assert modes(included.json) == [("match", reference(second)), ("include", reference(other))]
        practice["records-rpc"].stop()
        kept = fhir.get("Appointment?patient.identifier=S-6&_include=Appointment:patient")
        assert modes(kept.json) == modes(found.json), "what was asked once is kept"
    finally:
        for name in ("records-rpc", "records-http", "scheduling-worker"):
            practice[name].start()


def test_with_records_away_the_answer_is_503_and_later_right(practice, fhir, calendar):
    practice["scheduling-worker"].stop()
    who = create(fhir, patient("S-8"))
    visit = create(fhir, appointment(slot(fhir, calendar, moment("2032-06-03")), reference(who)))
    for role in ("http", "rpc"):
        practice[f"records-{role}"].stop()
    try:
        for path in (
            "Appointment?patient.identifier=S-8",
            "Patient?_count=1",
            reference(who),
        ):
            away = fhir.get(path)
            assert away.status == 503, (path, away)
            assert int(away.headers["Retry-After"]) >= 1
            assert away.json["issue"][0]["code"] == "transient"
        assert fhir.post("Patient", patient("S-9")).status == 503
        assert fhir.get(f"Appointment?_id={visit['id']}").status == 200, "what needs no other service is answered"
        included = fhir.get(f"Appointment?_id={visit['id']}&_include=Appointment:patient")
        assert modes(included.json) == [("match", reference(visit))], "the match is not withheld for its include"
        create(fhir, appointment(slot(fhir, calendar, moment("2032-06-03", 10)), reference(who)))
        batch = fhir.post(
            "",
            {
                "resourceType": "Bundle",
                "type": "batch",
                "entry": [
                    {"request": {"method": "GET", "url": reference(visit)}},
                    {"request": {"method": "GET", "url": reference(who)}},
                ],
            },
        )
        assert [e["response"]["status"][:3] for e in batch.json["entry"]] == ["200", "503"]
    finally:
        for name in ("records-rpc", "records-http", "scheduling-worker"):
            practice[name].start()
    found = [("match", reference(visit))]
    query = f"Appointment?patient.identifier=S-8&_id={visit['id']}"
    until(lambda: modes(fhir.get(query).json) == found, seconds=60, what="found when records is back")


def test_what_was_written_while_the_workers_were_away_arrives(practice, fhir, calendar):
    for name in ("scheduling-worker", "metrics-worker"):
        practice[name].stop()
    for hour in (9, 10):
        visit = create(fhir, appointment(slot(fhir, calendar, moment("2032-07-01", hour)), "Patient/x"))
        become(fhir, visit, "noshow")
    assert fhir.get("Measure/no-show-rate").status == 200
    for name in ("scheduling-worker", "metrics-worker"):
        practice[name].start()
    until_counts(fhir, "2032-07", "2032-07", {"all": 2, "due": 2, "missed": 2})


def test_a_worker_killed_in_the_middle_loses_nothing(practice, fhir, calendar):
    for hour in range(8, 14):
        visit = create(fhir, appointment(slot(fhir, calendar, moment("2032-08-01", hour)), "Patient/x"))
        become(fhir, visit, "fulfilled")
        if hour in (9, 11):
            for name in ("scheduling-worker", "metrics-worker"):
                os.kill(practice[name].pid, signal.SIGKILL)
                practice[name].kill9()
                practice[name].start()
    until_counts(fhir, "2032-08", "2032-08", {"all": 6, "due": 6, "missed": 0})


def test_many_clients_race_for_one_slot(practice, fhir, calendar):
    import threading
    from concurrent.futures import ThreadPoolExecutor

    for hour in (9, 10, 11):
        free = slot(fhir, calendar, moment("2032-09-01", hour))
        together = threading.Barrier(8)

        def book(number: int, free: dict[str, Any] = free, together: threading.Barrier = together) -> int:
            client = Fhir(fhir.base)
            together.wait(30)
            return client.post("Appointment", appointment(free, f"Patient/racer-{number}")).status

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(book, range(8))) == [201] + [409] * 7
        assert fhir.get(reference(free)).json["meta"]["versionId"] == "2"


def test_a_transaction_over_two_services_is_done_by_both_or_by_none(practice, fhir, calendar):
    """Each is a process with a schema of its own; what is done is published, each version once."""
    free = slot(fhir, calendar, moment("2032-04-01", 9))
    urn = "urn:uuid:9d3b8f0e-0000-4000-8000-000000000001"
    entries = [
        {"request": {"method": "POST", "url": "Appointment"}, "resource": appointment(free, urn)},
        {"request": {"method": "POST", "url": "Patient"}, "resource": patient("S-12"), "fullUrl": urn},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    done = fhir.post("", bundle)
    assert done.status == 200, done
    visit, person = (each["response"]["location"].partition("/_history")[0] for each in done.json["entry"])
    assert fhir.get(visit).json["participant"][0]["actor"]["reference"] == person
    assert fhir.get(reference(free)).json["status"] == "busy"
    assert len(events(practice, "Appointment", 1, visit.partition("/")[2])) == 1
    people = fhir.get("Patient?_summary=count").json["total"]
    again = fhir.post("", bundle)
    assert (again.status, again.json["issue"][0]["expression"]) == (409, ["Bundle.entry[0].resource.slot[0]"])
    assert fhir.get("Patient?_summary=count").json["total"] == people


def test_the_gateway_hands_everything_through(practice, fhir):
    """Status, headers and bytes are those of the owner; conditions and preferences reach it."""
    body = {**patient("S-10"), "id": "through"}
    made = fhir.put("Patient/through", body)
    assert made.headers["Location"] == f"{fhir.base}/Patient/through/_history/1"
    assert fhir.put("Patient/through", body, If_Match='W/"9"').status == 412
    assert fhir.get("Patient/through", If_None_Match='W/"1"').status == 304
    assert fhir.put("Patient/through", body, Prefer="return=minimal").json is None
    strict = fhir.get("Patient?banana=1", Prefer="handling=strict")
    assert strict.status == 400
    direct = practice["records-http"].fhir.get("Patient/through")
    assert direct.json == fhir.get("Patient/through").json
    head = urllib3.request("HEAD", f"{fhir.base}/Patient/through")
    assert (head.status, head.data, head.headers["ETag"]) == (200, b"", 'W/"2"')
    page = fhir.get("Patient?_count=1").json
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert following.startswith(fhir.base)
    assert urllib3.request("GET", following).json()["resourceType"] == "Bundle"
    assert fhir.get("CareTeam").status in (404, 503)  # a service that is not run here
    for family in ("李 &=+%", "a|b,c$d\\", "🙂"):
        assert fhir.post("Patient", {"resourceType": "Patient", "name": [{"family": family}]}).status == 201
        found = urllib3.request(
            "GET",
            f"{fhir.base}/Patient",
            fields={
                "family:exact": family.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|").replace("$", "\\$")
            },
        )
        assert found.json()["total"] == 1, family


@pytest.mark.parametrize(
    "path", ["Patient?name=a%00b", "Patient/a%00b", "Patient?_id=%00", "Appointment?patient.identifier=%00"]
)
def test_what_postgres_cannot_hold_is_refused(fhir, path):
    assert fhir.get(path).status in (200, 400, 404)


def test_whatever_is_sent_no_fault_and_always_an_outcome(fhir):
    assert fuzz.check_never_a_fault(fhir, 5, seconds=15, requests=2000) > 20


def test_nothing_failed_unseen(practice):
    for name, process in (*practice.processes.items(), ("gateway", practice.gateway)):
        said = process.output(100_000)
        assert "request failed" not in said, name
        assert "event_buried" not in said, name

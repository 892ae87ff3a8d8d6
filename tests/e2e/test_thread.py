"""The thread: one care event from the front desk to the practice's numbers, all services on one machine."""

from __future__ import annotations

import random
import sqlite3
import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.sql.events.bus import EmbeddedSubscription
from carethread.composition.parts import migrate, registry, store
from carethread.core.clock import system_clock
from carethread.core.consuming.consumer import Consumer
from carethread.core.context import Context
from carethread.core.events import from_headers
from carethread.core.ports import Kept, Progress, Record, Request, Session
from carethread.core.service import Call, Runtime
from carethread.core.settings import Settings
from carethread.interactions.mirror import reaction
from carethread.interactions.publish import publish
from carethread.metrics.answering.operations import evaluated
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.resources import distilled
from support import run
from support.event_workers import Nobody
from support.fhir import Fhir
from support.processes import CareThread, carethread
from support.servers import until
from support.visits import (
    MEASURE,
    appointment,
    become,
    counts,
    create,
    evaluate,
    moment,
    patient,
    reference,
    schedule,
    slot,
    until_counts,
)


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    with carethread("up") as process:
        yield process


@pytest.fixture
def fhir(server: CareThread) -> Fhir:
    return server.fhir


@pytest.fixture(scope="module")
def calendar(server: CareThread) -> str:
    return schedule(server.fhir)


def version(resource: dict[str, Any]) -> int:
    return int(resource["meta"]["versionId"])


def test_a_booking_makes_the_slot_busy_in_the_same_transaction(fhir, calendar):
    free = slot(fhir, calendar, moment("2031-01-06"))
    visit = create(fhir, appointment(free, "Patient/a"))
    busy = fhir.get(reference(free)).json
    assert (busy["status"], version(busy)) == ("busy", 2)
    assert (version(visit), visit["status"]) == (1, "booked")
    assert busy["meta"]["lastUpdated"] == visit["meta"]["lastUpdated"]
    assert {name: value for name, value in busy.items() if name not in ("meta", "status")} == {
        name: value for name, value in free.items() if name not in ("meta", "status")
    }


def test_a_second_booking_is_refused_and_leaves_nothing(fhir, calendar):
    free = slot(fhir, calendar, moment("2031-01-06", 10))
    create(fhir, appointment(free, "Patient/a"))
    before = fhir.get("Appointment?_summary=count").json["total"]
    refused = fhir.post("Appointment", appointment(free, "Patient/b"))
    assert refused.status == 409
    assert refused.json["issue"][0]["code"] == "conflict"
    assert refused.json["issue"][0]["expression"] == ["Appointment.slot[0]"]
    assert fhir.get("Appointment?_summary=count").json["total"] == before
    assert version(fhir.get(reference(free)).json) == 2


def test_of_many_clients_one_gets_the_slot(server, fhir, calendar):
    clients = 12
    for hour in (8, 9, 10):
        free = slot(fhir, calendar, moment("2031-01-07", hour))
        together = threading.Barrier(clients)

        def book(number: int, free: dict[str, Any] = free, together: threading.Barrier = together) -> int:
            client = Fhir(server.fhir.base)
            together.wait(30)
            return client.post("Appointment", appointment(free, f"Patient/racer-{number}")).status

        with ThreadPoolExecutor(clients) as pool:
            statuses = sorted(pool.map(book, range(clients)))
        assert statuses == [201] + [409] * (clients - 1)
        assert version(fhir.get(reference(free)).json) == 2
        holders = fhir.get(f"Appointment?slot={reference(free)}").json
        assert holders["total"] == 1


def test_a_race_through_transactions_and_updates_has_one_winner(server, fhir, calendar):
    free = slot(fhir, calendar, moment("2031-01-07", 12))
    together = threading.Barrier(9)

    def book(number: int) -> int:
        client = Fhir(server.fhir.base)
        body = appointment(free, f"Patient/racer-{number}")
        entry = {"resource": body, "request": {"method": "POST", "url": "Appointment"}}
        ways = {
            0: lambda: client.post("Appointment", body),
            1: lambda: client.put(f"Appointment/racer-{number}", {**body, "id": f"racer-{number}"}),
            2: lambda: client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}),
        }
        together.wait(30)
        return ways[number % 3]().status

    with ThreadPoolExecutor(9) as pool:
        statuses = sorted(pool.map(book, range(9)))
    assert statuses[0] in (200, 201)
    assert statuses[1:] == [409] * 8
    assert fhir.get(f"Appointment?slot={reference(free)}").json["total"] == 1


def test_cancelling_frees_the_slot_and_it_can_be_booked_again(fhir, calendar):
    free = slot(fhir, calendar, moment("2031-01-08"))
    visit = create(fhir, appointment(free, "Patient/a"))
    cancelled = become(fhir, visit, "cancelled")
    again = fhir.get(reference(free)).json
    assert (again["status"], version(again)) == ("free", 3)
    assert again["meta"]["lastUpdated"] == cancelled["meta"]["lastUpdated"]
    create(fhir, appointment(free, "Patient/b"))
    assert fhir.get(reference(free)).json["status"] == "busy"


def test_deleting_a_visit_frees_the_slot(fhir, calendar):
    free = slot(fhir, calendar, moment("2031-01-08", 10))
    visit = create(fhir, appointment(free, "Patient/a"))
    assert fhir.delete(reference(visit)).status == 204
    assert fhir.get(reference(free)).json["status"] == "free"


def test_moving_a_visit_swaps_the_slots(fhir, calendar):
    first, second = (slot(fhir, calendar, moment("2031-01-08", hour)) for hour in (11, 12))
    visit = create(fhir, appointment(first, "Patient/a"))
    moved = {**visit, "slot": [{"reference": reference(second)}], "start": second["start"], "end": second["end"]}
    assert fhir.put(reference(visit), moved).status == 200
    assert [fhir.get(reference(each)).json["status"] for each in (first, second)] == ["free", "busy"]


@pytest.mark.parametrize("status", ["fulfilled", "noshow"])
def test_what_became_of_a_visit_keeps_its_slot(fhir, calendar, status):
    free = slot(fhir, calendar, moment("2031-01-09", 9 if status == "noshow" else 10))
    visit = become(fhir, create(fhir, appointment(free, "Patient/a")), status)
    assert version(visit) == 2
    held = fhir.get(reference(free)).json
    assert (held["status"], version(held)) == ("busy", 2)
    assert fhir.post("Appointment", appointment(free, "Patient/b")).status == 409


def test_a_client_cannot_free_a_booked_slot_nor_delete_it(fhir, calendar):
    free = slot(fhir, calendar, moment("2031-01-09", 12))
    create(fhir, appointment(free, "Patient/a"))
    stored = fhir.get(reference(free)).json
    refused = fhir.put(reference(free), {**stored, "status": "free"})
    assert (refused.status, refused.json["issue"][0]["expression"]) == (409, ["Slot.status"])
    assert fhir.delete(reference(free)).status == 409


@pytest.mark.parametrize("status", ["busy", "busy-unavailable", "entered-in-error"])
def test_a_slot_that_is_not_free_cannot_be_booked(fhir, calendar, status):
    closed = slot(fhir, calendar, moment("2031-01-10"), status)
    assert fhir.post("Appointment", appointment(closed, "Patient/a")).status == 409
    assert fhir.get(reference(closed)).json == closed


def test_a_visit_of_two_slots_takes_both_or_none(fhir, calendar):
    first, second = (slot(fhir, calendar, moment("2031-01-13", hour)) for hour in (9, 10))
    create(fhir, appointment(second, "Patient/a"))
    both = {**appointment(first, "Patient/b"), "slot": [{"reference": reference(each)} for each in (first, second)]}
    assert fhir.post("Appointment", both).status == 409
    untouched = fhir.get(reference(first)).json
    assert (untouched["status"], version(untouched)) == ("free", 1)


def test_a_transaction_that_fails_later_does_not_book(fhir, calendar):
    free = slot(fhir, calendar, moment("2031-01-13", 11))
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": appointment(free, "Patient/a"), "request": {"method": "POST", "url": "Appointment"}},
            {"resource": free, "request": {"method": "PUT", "url": reference(free), "ifMatch": 'W/"9"'}},
        ],
    }
    assert fhir.post("", bundle).status == 412
    assert fhir.get(reference(free)).json == free


@pytest.fixture(scope="module")
def visited(server: CareThread, calendar: str) -> SimpleNamespace:
    """Visits of two people in March and April 2031: kept, missed, cancelled, still open; and a third one's none."""
    fhir = server.fhir
    ann, bob, eve = (reference(create(fhir, patient(number))) for number in ("M-1", "M-2", "M-3"))
    plan = [
        ("2031-03-03", ann, "fulfilled"),
        ("2031-03-31", ann, "noshow"),
        ("2031-03-31", bob, "fulfilled"),
        ("2031-04-01", bob, "noshow"),
        ("2031-04-02", bob, "noshow"),
        ("2031-04-03", bob, "cancelled"),
        ("2031-04-04", ann, "booked"),
    ]
    for minute, (day, who, status) in enumerate(plan):
        visit = create(fhir, appointment(slot(fhir, calendar, moment(day, 23, minute)), who))
        if status != "booked":
            become(fhir, visit, status)
    return SimpleNamespace(ann=ann, bob=bob, eve=eve)


@pytest.mark.parametrize(
    ("start", "end", "who", "expected"),
    [
        ("2031-03-01", "2031-03-31", "", (3, 3, 1)),
        ("2031-03", "2031-03", "", (3, 3, 1)),
        ("2031-04-01", "2031-04-30", "", (3, 2, 2)),
        ("2031-03-01", "2031-04-30", "", (6, 5, 3)),
        ("2031-03-31", "2031-04-01", "", (3, 3, 2)),
        ("2031-04-02", "2031-04-02", "", (1, 1, 1)),
        ("2031-03-01", "2031-04-30", "ann", (3, 2, 1)),
        ("2031-03-01", "2031-04-30", "bob", (3, 3, 2)),
        ("2031-05-01", "2031-05-31", "", (0, 0, 0)),
        ("2031-03-01", "2031-04-30", "eve", (0, 0, 0)),
    ],
)
def test_the_no_show_rate_counts_right(fhir, visited, start, end, who, expected):
    subject = getattr(visited, who) if who else ""
    until_counts(fhir, start, end, dict(zip(("all", "due", "missed"), expected, strict=True)), subject)
    report = evaluate(fhir, start, end, subject).json
    assert report["period"] == {"start": start, "end": end}
    assert report["measure"] == "https://carethread.dev/fhir/Measure/no-show-rate|2.3.0"
    assert report["type"] == ("individual" if who else "summary")
    assert report.get("subject") == ({"reference": subject} if who else None)
    rate = report["group"][0].get("measureScore", {}).get("value")
    assert rate == (pytest.approx(expected[2] / expected[1], abs=1e-4) if expected[1] else None)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("periodEnd=2031-03-31", "periodStart"),
        ("periodStart=2031-03-01", "periodEnd"),
        ("periodStart=2031-03-01&periodEnd=soon", "periodEnd"),
        ("periodStart=ge2031-03-01&periodEnd=2031-03-31", "periodStart"),
        ("periodStart=2031-02-30&periodEnd=2031-03-31", "periodStart"),
        ("periodStart=2031-03-01,2031-03-02&periodEnd=2031-03-31", "periodStart"),
        ("periodStart=2031-03-01&periodStart=2031-03-02&periodEnd=2031-03-31", "periodStart"),
        ("periodStart=2031-04-01&periodEnd=2031-03-31", "periodEnd"),
        ("periodStart=2031-04-01&periodEnd=2031-03", "periodEnd"),
        ("periodStart=2031-03-01&periodEnd=2031-03-31&subject=Group/1", "subject"),
        ("periodStart=2031-03-01&periodEnd=2031-03-31&subject=a,b", "subject"),
    ],
)
def test_a_bad_period_or_subject_is_named(fhir, query, where):
    refused = fhir.get(f"{MEASURE}/$evaluate-measure?{query}")
    assert (refused.status, refused.json["issue"][0]["expression"]) == (400, [where])


_SQL = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", department_id AS department,
  practitioner_id AS practitioner, status = 'noshow' AS numerator
FROM appointments WHERE start_at >= $start AND start_at < $end
"""


@pytest.mark.parametrize(
    ("language", "column", "sql", "status"),
    [
        ("application/sql", "numerator", _SQL, 200),
        ("application/sql", "fairies", _SQL, 422),
        ("application/sql", "numerator", _SQL.replace("appointments", "fairies"), 422),
        ("application/x-fhir-query", "Appointment?status=noshow", _SQL, 422),
        ("text/cql", "true", _SQL, 422),
    ],
)
def test_a_measure_of_ones_own(fhir, visited, language, column, sql, status):
    until_counts(fhir, "2031-03", "2031-04", {"all": 6, "due": 5, "missed": 3})
    url = f"https://example.org/Library/{uuid4()}"
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]}
    content = [{"contentType": "application/sql", "data": b64encode(sql.encode()).decode()}]
    create(fhir, {"resourceType": "Library", "status": "active", "url": url, "type": kind, "content": content})
    population = {"code": {"text": "Missed"}, "criteria": {"language": language, "expression": column}}
    cohort = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-scoring", "code": "cohort"}]}
    own = {"status": "active", "library": [url], "scoring": cohort, "group": [{"population": [population]}]}
    written = fhir.post("Measure", {"resourceType": "Measure", **own})  # refused where SQL lacks what is counted
    period = "periodStart=2031&periodEnd=2031"
    is_kept = written.status == 201
    answer = fhir.get(f"{reference(written.json)}/$evaluate-measure?{period}") if is_kept else written
    assert answer.status == status, answer
    if status == 200:
        assert answer.json["measure"].endswith(reference(written.json))
        assert answer.json["group"][0]["population"][0]["count"] >= 3
    else:
        assert answer.json["issue"][0]["diagnostics"]


def test_the_events_of_a_booking(server, fhir, calendar, visited):
    """One event per version, with the most specific type, in one transaction's order, keyed by the patient."""
    free = slot(fhir, calendar, moment("2031-06-02"))
    visit = create(fhir, appointment(free, visited.ann))
    missed = become(fhir, visit, "noshow")
    until_counts(fhir, "2031-06", "2031-06", {"all": 1, "due": 1, "missed": 1})
    events = [from_headers(r.headers, r.key, r.value) for r in _records(_bus(server))]
    told = [(e.verb, e.version, e.key, e.changed, e.previous_status) for e in events if e.resource_id == visit["id"]]
    assert told == [("booked", 1, visited.ann, (), ""), ("noshow", 2, visited.ann, ("status",), "booked")]
    assert next(e for e in events if e.resource_id == visit["id"] and e.version == 2).data == _bytes(server, missed)


def _bytes(server: CareThread, resource: dict[str, Any]) -> bytes:
    import urllib3

    return urllib3.request("GET", f"{server.fhir.base}/{reference(resource)}").data


def _bus(server: CareThread) -> Path:
    return server.data / "bus.db"


def _records(bus: Path, topic: str = "carethread.appointment.v1") -> list[Record]:
    """All that lies on the bus of one topic."""
    reader = EmbeddedSubscription(bus, [topic], dict)
    found: list[Record] = []
    while batch := reader.poll(0):
        found += [record for records in batch.values() for record in records]
    reader.close()
    return found


def _begun(mirror: str, session: Session) -> None:
    session.mark_mirrored(mirror, None, Progress(0, 0))


class Postman:
    """A subscription that delivers given records, in the order given, at growing positions."""

    def __init__(self, records: list[Record]) -> None:
        self._rest = [replace(record, position=number) for number, record in enumerate(records, 1)]

    def poll(self, seconds: float) -> dict[tuple[str, int], list[Record]]:
        batch, self._rest = self._rest[:7], self._rest[7:]
        return {batch[0].place: batch} if batch else {}

    def rewind(self, place: tuple[str, int], pause: float = 0.0) -> None:
        raise AssertionError("nothing here has to be delivered again")

    def kept(self, since: int) -> dict[tuple[str, int], Kept]:
        return {}

    def close(self) -> None:
        self._rest = []


@pytest.mark.parametrize("seed", range(5))
def test_delivered_twice_and_out_of_order_the_counts_are_right(server, fhir, visited, seed):
    """The records of the running server's bus, doubled and shuffled, into a metrics service with a database of its own.

    Consumer, store, facts and measure are the real ones; only the order of delivery is made up.
    """
    periods = ("2031-03", "2031-03"), ("2031-04", "2031-04"), ("2031-03", "2031-04"), ("2031-01", "2031-12")
    until_counts(fhir, "2031-03", "2031-04", {"all": 6, "due": 5, "missed": 3})
    live = [counts(evaluate(fhir, start, end).json) for start, end in periods]
    records = _records(_bus(server)) * 2
    random.Random(seed).shuffle(records)

    settings = Settings(data=run.folder("again"))
    migrate(settings, ["metrics"])
    service = registry()["metrics"]
    runtime = Runtime(service, store(settings, "metrics"), Nobody(), Nobody(), settings.fhir_base)
    mirrors = distilled()
    fed = [mirror for mirror in mirrors if mirror.type == "Appointment"]
    for name in [mirror.keeper.name for mirror in mirrors if mirror.keeper]:  # nobody has any snapshot
        runtime.store.transact(partial(_begun, name))
    consumer = Consumer(runtime, Postman(records), [reaction(mirror) for mirror in fed])
    while consumer.step(0):
        pass
    folder = settings.data / "facts"
    Publisher(runtime.store, ParquetShelf(folder), shipped(), system_clock).publish()
    runtime = replace(runtime, analytics=DuckAnalytics(folder))
    publish(runtime, Context())

    def count(start: str, end: str) -> dict[str, int]:
        call = Call("Measure", "no-show-rate", {"periodStart": [start], "periodEnd": [end]}, None, Request("GET", ""))
        return counts(evaluated(runtime, call, Context()))

    assert [count(start, end) for start, end in periods] == live
    assert runtime.store.positions("metrics") == {(records[0].topic, 0): len(records) + 1}
    runtime.store.close()


def positions(data: Path) -> int:
    with sqlite3.connect(data / "metrics.db") as database:
        found: int = database.execute("SELECT count(*) FROM positions").fetchone()[0]
    return found


def test_a_metrics_service_that_forgets_its_place_reads_all_again_and_counts_the_same():
    """Every event comes twice to the running process: its positions are taken back while it is away."""
    data = run.folder("data")
    env = {"CARETHREAD_DATA": str(data)}
    with carethread("up", env=env) as server:
        calendar = schedule(server.fhir)
        for minute, status in enumerate(["noshow", "fulfilled", "noshow"]):
            free = slot(server.fhir, calendar, moment("2031-03-03", 9, minute * 20))
            become(server.fhir, create(server.fhir, appointment(free, "Patient/a")), status)
        until_counts(server.fhir, "2031", "2031", {"all": 3, "due": 3, "missed": 2})
        # What was there when its mirror began came with the snapshot, and the events only after it.
        until(lambda: positions(data) > 0, seconds=20, what="metrics has read events")
    with sqlite3.connect(data / "metrics.db") as database:
        assert database.execute("UPDATE positions SET position = 0").rowcount > 0
    with carethread("up", env=env) as server:
        free = slot(server.fhir, calendar, moment("2031-03-04"))
        become(server.fhir, create(server.fhir, appointment(free, "Patient/a")), "fulfilled")
        until_counts(server.fhir, "2031", "2031", {"all": 4, "due": 4, "missed": 2})


def test_a_visit_that_is_deleted_counts_no_more(fhir, calendar):
    visit = create(fhir, appointment(slot(fhir, calendar, moment("2031-07-01")), "Patient/a", "fulfilled"))
    until_counts(fhir, "2031-07", "2031-07", {"all": 1, "due": 1, "missed": 0})
    assert fhir.delete(reference(visit)).status == 204
    until_counts(fhir, "2031-07", "2031-07", {"all": 0, "due": 0, "missed": 0})


def test_scheduling_answers_from_its_mirror(fhir, visited):
    found = fhir.get("Appointment?patient.identifier=M-2&_include=Appointment:patient").json
    modes = [(e["search"]["mode"], e["resource"]["resourceType"]) for e in found["entry"]]
    assert modes == [("match", "Appointment")] * 4 + [("include", "Patient")]
    assert found["total"] == 4

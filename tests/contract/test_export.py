"""$export on a real store: what a file holds is what stood at the moment of the export, whatever happens meanwhile."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from urllib.parse import parse_qsl

import pytest

from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime
from carethread.interactions.operations import export
from carethread.interactions.rest.handling import handle
from support.stores import BASE, runtime, service_of

SERVICE = service_of("Patient", "Observation", "Organization", "Task")
JSON = {"content-type": "application/fhir+json"}
ASYNC = {"prefer": "respond-async"}
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clinic:
    """A service with a clock that goes on by a minute with each request."""

    def __init__(self, store: SqlStore) -> None:
        self.runtime: Runtime = runtime(store, SERVICE)
        self.now = START

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Response:
        self.now += timedelta(minutes=1)
        path, _, query = path.removeprefix(f"{BASE}/").partition("?")
        sent = {"content-type": "application/fhir+json", **(headers or {})}
        content = b"" if body is None else json.dumps(body).encode()
        now = self.now
        return handle(self.runtime, Request(method, path, parse_qsl(query), sent, content), Context(clock=lambda: now))

    def put(self, *resources: dict[str, Any]) -> None:
        for each in resources:
            assert self.ask("PUT", f"{each['resourceType']}/{each['id']}", each).status in (200, 201)

    def delete(self, where: str) -> None:
        assert self.ask("DELETE", where).status == 204

    def start(self, path: str = "$export", body: Any = None) -> str:
        answer = self.ask("POST" if body else "GET", path, body, ASYNC)
        assert (answer.status, answer.body) == (202, b"")
        return answer.headers["Content-Location"]

    def manifest(self, location: str) -> dict[str, Any]:
        while (answer := self.ask("GET", location)).status == 202:
            assert answer.headers["X-Progress"] and answer.headers["Retry-After"] == "1"
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def lines(self, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The resources of the files, each of which has as many as the manifest says."""
        found = []
        for each in files:
            answer = self.ask("GET", each["url"], None, {"accept": "application/fhir+ndjson"})
            assert (answer.status, answer.headers["Content-Type"]) == (200, "application/fhir+ndjson")
            assert answer.body == b"" or answer.body.endswith(b"\n")
            lines = [json.loads(line) for line in answer.body.splitlines()]
            assert {line["resourceType"] for line in lines} <= {each["type"]}
            assert len(lines) == each.get("count", len(lines))
            found += lines
        return found


@pytest.fixture
def clinic(store: SqlStore) -> Clinic:
    return Clinic(store)


def patient(id_: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, **members}


def observation(id_: str, subject: str, code: str = "pulse") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": code},
        "subject": {"reference": subject},
    }


def names(resources: list[dict[str, Any]]) -> list[str]:
    return [f"{each['resourceType']}/{each['id']}" for each in resources]


def test_all_types_each_resource_once_in_files_by_type(clinic: Clinic) -> None:
    clinic.put(
        patient("b"),
        patient("a"),
        observation("o", "Patient/a"),
        {"resourceType": "Organization", "id": "g", "name": "made up"},
    )
    clinic.put(patient("gone"))
    clinic.delete("Patient/gone")
    location = clinic.start()
    manifest = clinic.manifest(location)
    assert {name: manifest[name] for name in ("request", "requiresAccessToken", "deleted", "error")} == {
        "request": f"{BASE}/$export",
        "requiresAccessToken": False,
        "deleted": [],
        "error": [],
    }
    assert manifest["transactionTime"] < "2026-01-01T00:08:00.000Z"
    assert [each["type"] for each in manifest["output"]] == ["Observation", "Organization", "Patient"]
    assert names(clinic.lines(manifest["output"])) == ["Observation/o", "Organization/g", "Patient/b", "Patient/a"]
    assert clinic.manifest(location) == manifest, "it may be asked for again"


def test_what_happens_after_the_kick_off_changes_nothing(clinic: Clinic) -> None:
    clinic.put(patient("kept", gender="male"), patient("changed", gender="male"), patient("deleted", gender="male"))
    location = clinic.start()
    clinic.put(patient("changed", gender="other"), patient("new"))
    clinic.delete("Patient/deleted")
    before = clinic.lines(clinic.manifest(location)["output"])
    assert names(before) == ["Patient/kept", "Patient/changed", "Patient/deleted"]
    assert {each["gender"] for each in before} == {"male"}
    clinic.put(patient("changed", gender="unknown"), patient("deleted", gender="unknown"))
    assert clinic.lines(clinic.manifest(location)["output"]) == before


def test_since_continues_from_the_last_transaction_time_without_gap_or_repetition(clinic: Clinic) -> None:
    clinic.put(patient("kept"), patient("changed"), patient("deleted"))
    first = clinic.manifest(clinic.start())
    clinic.put(patient("changed", gender="other"), patient("new"), patient("brief"))
    clinic.delete("Patient/deleted")
    clinic.delete("Patient/brief")
    second = clinic.manifest(clinic.start(f"$export?_since={first['transactionTime']}"))
    assert names(clinic.lines(second["output"])) == ["Patient/changed", "Patient/new"]
    (bundle,) = clinic.lines(second["deleted"])
    assert bundle == {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"request": {"method": "DELETE", "url": "Patient/deleted"}},
            {"request": {"method": "DELETE", "url": "Patient/brief"}},
        ],
    }
    assert validate(bundle) == []
    third = clinic.manifest(clinic.start(f"$export?_since={second['transactionTime']}"))
    assert (third["output"], third["deleted"]) == ([], [])


def test_only_the_types_that_are_asked_for(clinic: Clinic) -> None:
    clinic.put(
        patient("a"), observation("o", "Patient/a"), {"resourceType": "Organization", "id": "g", "name": "made up"}
    )
    manifest = clinic.manifest(clinic.start("$export?_type=Patient,Encounter&_type=Organization"))
    assert [each["type"] for each in manifest["output"]] == ["Organization", "Patient"]
    assert manifest["request"] == f"{BASE}/$export?_type=Patient,Encounter&_type=Organization"


def test_by_post_with_parameters(clinic: Clinic) -> None:
    clinic.put(patient("a"), observation("o", "Patient/a"))
    asked = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "_type", "valueString": "Patient"},
            {"name": "_outputFormat", "valueString": "application/fhir+ndjson"},
            {"name": "_since", "valueInstant": "2020-01-01T00:00:00+01:00"},
        ],
    }
    assert names(clinic.lines(clinic.manifest(clinic.start("$export", asked))["output"])) == ["Patient/a"]


def test_all_patients_and_what_is_in_their_compartments(clinic: Clinic) -> None:
    clinic.put(patient("a"), {"resourceType": "Organization", "id": "g", "name": "made up"})
    clinic.put(observation("of-a", "Patient/a"), observation("of-a-group", "Group/x"))
    clinic.put(observation("moved-away", "Patient/a"), observation("moved-in", "Group/x"))
    location = clinic.start("Patient/$export")
    clinic.put(observation("moved-away", "Group/x"), observation("moved-in", "Patient/a"))
    clinic.delete("Observation/of-a")
    manifest = clinic.manifest(location)
    assert names(clinic.lines(manifest["output"])) == ["Observation/of-a", "Observation/moved-away", "Patient/a"]


def test_large_types_are_cut_into_files(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_FILE_ROWS", 3)
    monkeypatch.setattr(export, "_ROWS_AT_ONCE", 7)
    clinic.put(*(patient(f"p{number}") for number in range(15)))
    manifest = clinic.manifest(clinic.start())
    assert [each["count"] for each in manifest["output"]] == [3, 3, 1, 3, 3, 1, 1]
    assert names(clinic.lines(manifest["output"])) == [f"Patient/p{number}" for number in range(15)]
    monkeypatch.setattr(export, "_FILE_BYTES", 200)
    assert max(each["count"] for each in clinic.manifest(clinic.start())["output"]) == 1


def test_cutting_goes_on_where_the_last_poll_ended(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.put(patient("a"), observation("o", "Patient/a"))
    location = clinic.start()
    monkeypatch.setattr(export, "_POLL", -1)
    answer = clinic.ask("GET", location)
    assert (answer.status, answer.headers["X-Progress"]) == (202, "0 files cut, 4 lists of resources left to read")
    monkeypatch.undo()
    assert len(clinic.manifest(location)["output"]) == 2


def test_a_slower_poll_of_the_same_export_does_not_undo_a_faster_one(clinic: Clinic) -> None:
    clinic.put(patient("a"))
    location = clinic.start()
    job = location.rpartition("/")[2]
    before = clinic.runtime.store.snapshot(lambda session: session.export(job))
    assert before
    assert clinic.manifest(location)["output"]
    assert not clinic.runtime.store.transact(lambda session: session.advance_export(job, before, b"{}"))


def test_cancelled_it_is_gone_with_its_files(clinic: Clinic) -> None:
    clinic.put(patient("a"))
    location = clinic.start()
    (file,) = clinic.manifest(location)["output"]
    assert clinic.ask("DELETE", location).status == 202
    for method, url in (("GET", location), ("DELETE", location), ("GET", file["url"])):
        assert clinic.ask(method, url).status == 404


def test_an_old_export_is_forgotten(clinic: Clinic) -> None:
    location = clinic.start()
    assert "Jan 2026" in clinic.ask("GET", location).headers["Expires"]
    clinic.now += timedelta(days=8)
    clinic.start()
    assert clinic.ask("GET", location).status == 404


@pytest.mark.parametrize("file", ["Patient-0", "Patient-1.ndjson", "Observation-0.ndjson", "x", "-0.ndjson"])
def test_a_file_that_is_not_there(clinic: Clinic, file: str) -> None:
    clinic.put(patient("a"))
    location = clinic.start()
    clinic.manifest(location)
    assert clinic.ask("GET", f"{location}/{file}").status == 404
    assert clinic.ask("GET", f"$export/nobody/{file}").status == 404
    assert clinic.ask("POST", f"{location}/{file}").status == 405


@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        ("$export", {}, "Prefer"),
        ("$export", {"prefer": "return=minimal"}, "Prefer"),
        ("$export?_outputFormat=csv", ASYNC, "_outputFormat"),
        ("$export?_since=yesterday", ASYNC, "_since"),
        ("$export?_since=2026-01-01", ASYNC, "_since"),
        ("$export?_since=2026-01-01T00:00:00Z&_since=2026-01-02T00:00:00Z", ASYNC, "_since"),
        ("$export?_type=Pacient", ASYNC, "_type"),
        ("Patient/$export?_type=Organization", ASYNC, "_type"),
        ("$export?_elements=id", ASYNC, "_elements"),
    ],
)
def test_a_wrong_kick_off_says_what_is_wrong(clinic: Clinic, path: str, headers: dict[str, str], said: str) -> None:
    answer = clinic.ask("GET", path, None, headers)
    (issue,) = json.loads(answer.body)["issue"]
    assert (answer.status, issue["expression"]) == (400, [said])


def test_lenient_handling_passes_over_what_is_not_supported(clinic: Clinic) -> None:
    answer = clinic.ask("GET", "$export?_elements=id", None, {"prefer": "respond-async, handling=lenient"})
    assert answer.status == 202


def test_a_part_of_the_body_that_is_not_supported_is_refused(clinic: Clinic) -> None:
    asked = {
        "resourceType": "Parameters",
        "parameter": [{"name": "patient", "valueReference": {"reference": "Patient/a"}}],
    }
    assert clinic.ask("POST", "Patient/$export", asked, ASYNC).status == 400
    assert clinic.ask("POST", "Observation/$export", asked, ASYNC).status == 404


def test_exports_one_after_the_other_miss_nothing_and_repeat_nothing_while_others_write(store: SqlStore) -> None:
    made = runtime(store, SERVICE)

    def ask(method: str, path: str, body: bytes = b"") -> Response:
        path, _, query = path.removeprefix(f"{BASE}/").partition("?")
        headers = {"content-type": "application/fhir+json", **ASYNC}
        return handle(made, Request(method, path, parse_qsl(query), headers, body), Context())

    def write(writer: int) -> None:
        for number in range(60):
            where = f"Patient/{writer}-{number % 20}"
            resource = {"resourceType": "Patient", "id": where.partition("/")[2]}
            answer = ask("PUT", where, json.dumps(resource).encode())
            assert answer.status in (200, 201), answer.body

    def following(since: str) -> tuple[str, list[tuple[str, str]]]:
        location = ask("GET", f"$export?_since={since}").headers["Content-Location"]
        while (answer := ask("GET", location)).status == 202:
            pass
        manifest = json.loads(answer.body)
        lines = [line for each in manifest["output"] for line in ask("GET", each["url"]).body.splitlines()]
        metas = [(each["id"], each["meta"]) for each in map(json.loads, lines)]
        assert all(since < meta["lastUpdated"] <= manifest["transactionTime"] for _, meta in metas)
        return manifest["transactionTime"], [(id_, meta["versionId"]) for id_, meta in metas]

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, writer) for writer in range(3)]
        seen: list[tuple[str, str]] = []
        since = "2020-01-01T00:00:00.000Z"
        while not all(writer.done() for writer in writers):
            since, found = following(since)
            seen += found
        for writer in writers:
            writer.result()
    time.sleep(0.005)  # an export shows what is older than a millisecond
    seen += following(since)[1]
    assert len(set(seen)) == len(seen), "no version comes twice"
    newest = {id_: max(int(version) for each, version in seen if each == id_) for id_, _ in seen}
    assert newest == {f"{writer}-{number}": 3 for writer in range(3) for number in range(20)}


def test_a_subscriber_joins_the_stream_where_the_export_ends(store: SqlStore) -> None:
    """While others write and a relay numbers: of all versions, those of the export and those behind it are all there
    are, and none is both."""
    clinic = runtime(store, SERVICE)
    outbox = SqlOutbox(store.engine, "records", BASE)
    epoch = outbox.lead("test", 60)
    assert epoch
    stop = Event()

    def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            each = {
                "resourceType": "Observation",
                "id": f"{writer}-{number % 7}",
                "status": "final",
                "code": {"text": "x"},
            }
            answer = handle(
                clinic, Request("PUT", f"Observation/{each['id']}", [], JSON, json.dumps(each).encode()), Context()
            )
            assert answer.status in (200, 201)

    def number_them() -> None:
        while not stop.is_set():
            assert outbox.take(epoch, 0, 50, 60) is not None

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(write, 1), pool.submit(write, 2), pool.submit(number_them)]
        manifests = []
        for _ in range(6):
            time.sleep(0.15)
            begun = handle(clinic, Request("GET", "$export", [("_type", "Observation")], ASYNC), Context())
            location = begun.headers["Content-Location"].removeprefix(f"{BASE}/")
            while (answer := handle(clinic, Request("GET", location), Context())).status == 202:
                time.sleep(0.01)
            manifests.append(json.loads(answer.body))
        stop.set()
        for each in working:
            each.result()
    while len(outbox.take(epoch, 0, 100_000, 60) or ()) < outbox.backlog():
        pass
    log = outbox.take(epoch, 0, 100_000, 60) or []
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    for manifest in manifests:
        exported: dict[str, int] = {}
        for file in manifest["output"]:
            answer = handle(clinic, Request("GET", file["url"].removeprefix(f"{BASE}/")), Context())
            lines = [json.loads(line) for line in answer.body.splitlines()]
            exported |= {line["id"]: int(line["meta"]["versionId"]) for line in lines}
        sequence = manifest["extension"][export.SEQUENCES]["records"]
        joined = [e for e in log if e.sequence > sequence and instant(e.time) > manifest["transactionTime"]]
        versions = sorted(
            [(e.resource_id, e.version) for e in joined]
            + [(id_, number) for id_, last in exported.items() for number in range(1, last + 1)]
        )
        assert versions == sorted((event.resource_id, event.version) for event in log)

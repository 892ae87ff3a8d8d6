"""$export, $everything and $validate of a running server, and the command that keeps an export."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3

from bench.exporting import peak
from bench.figures import proportional_memory
from carethread.core.clock import instant, system_clock, to_micros
from support import run
from support.many import fill
from support.processes import CareThread, carethread
from support.servers import free_port, until

pytestmark = pytest.mark.timeout(180)

COUNT = 20_000
PADDING = 5_000
PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "a"}
SLOT: dict[str, Any] = {
    "resourceType": "Slot",
    "schedule": {"reference": "Schedule/x"},
    "status": "free",
    "start": "2025-06-05T09:00:00Z",
    "end": "2025-06-05T09:15:00Z",
}
GROWTH = 80_000_000
"""Bytes; the export has more."""


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    data = run.folder("data")
    fill(f"sqlite:///{data}/records.db", COUNT, padding=PADDING)
    with carethread("up", env={"CARETHREAD_DATA": str(data)}) as process:
        assert process.fhir.put("Patient/a", PATIENT).status == 201
        yield process


def export(server: CareThread, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carethread", "export", "--base", server.fhir.base, *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _facts_as_of(server: CareThread) -> str:
    """Up to when what was stored is counted; empty before anything is."""
    asked = server.fhir.get("Measure/no-show-rate/$evaluate-measure?periodStart=2031-01&periodEnd=2031-01")
    told: str = asked.json["extension"][0]["valueInstant"] if asked.status == 200 else ""
    return told


def test_a_large_export_is_complete_and_takes_little_memory(server: CareThread, tmp_path: Path) -> None:
    assert export(server, tmp_path / "warm", "--type", "Patient", "--quiet").returncode == 0
    stored = instant(to_micros(system_clock()))
    until(lambda: _facts_as_of(server) > stored, seconds=90, what="metrics has made its facts of all that is stored")
    before = proportional_memory(server.pid)
    with peak(lambda: proportional_memory(server.pid)) as highest:
        done = export(server, tmp_path / "all", "--type", "Patient", "--type", "Observation")
    assert done.returncode == 0, done.stderr
    assert "20,001 resources" in done.stderr
    manifest = json.loads((tmp_path / "all" / "manifest.json").read_text())
    size, seen = 0, set()
    for each in manifest["output"]:
        file = tmp_path / "all" / each["file"]
        lines = file.read_bytes().splitlines()
        assert len(lines) == each["count"]
        size += file.stat().st_size
        seen |= {json.loads(line)["id"] for line in lines[:: len(lines) // 3 or 1]}
    assert sum(each["count"] for each in manifest["output"]) == COUNT + 1
    assert "a" in seen
    assert size > GROWTH, "or the next says nothing"
    assert highest[0] - before < GROWTH
    kinds = ("--type", "Patient", "--type", "Observation")
    since = export(server, tmp_path / "since", *kinds, "--since", manifest["transactionTime"], "--quiet")
    assert since.returncode == 0, since.stderr
    assert json.loads((tmp_path / "since" / "manifest.json").read_text())["output"] == []


def test_the_command_does_not_write_over_an_export(server: CareThread, tmp_path: Path) -> None:
    assert export(server, tmp_path, "--type", "Patient").returncode == 0
    again = export(server, tmp_path, "--type", "Patient")
    assert again.returncode == 1
    assert "holds an export already" in again.stderr


def test_the_command_says_what_the_server_refuses(server: CareThread, tmp_path: Path) -> None:
    refused = export(server, tmp_path, "--type", "Pacient")
    assert refused.returncode == 1
    assert "'Pacient' is no R4 resource type" in " ".join(refused.stderr.split())


def test_status_and_files_over_http(server: CareThread) -> None:
    started = server.fhir.get("Patient/$export?_type=Patient", Prefer="respond-async")
    assert (started.status, started.headers.get("Content-Type")) == (202, None)
    location = started.headers["Content-Location"]
    while (polled := urllib3.request("GET", location)).status == 202:
        assert polled.headers["X-Progress"]
    assert polled.headers["Content-Type"] == "application/json"
    (file,) = polled.json()["output"]
    whole = urllib3.request("GET", file["url"], headers={"Accept": "application/fhir+ndjson"})
    assert whole.headers["Content-Type"] == "application/fhir+ndjson"
    assert json.loads(whole.data)["id"] == "a"
    head = urllib3.request("HEAD", file["url"])
    assert (head.status, head.data) == (200, b"")
    assert urllib3.request("DELETE", location).status == 202
    assert {urllib3.request("GET", url).status for url in (location, file["url"])} == {404}


def test_everything_over_services(server: CareThread) -> None:
    appointment: dict[str, Any] = {
        "resourceType": "Appointment",
        "id": "a",
        "status": "proposed",
        "participant": [{"actor": {"reference": "Patient/a"}, "status": "accepted"}],
    }
    assert server.fhir.put("Appointment/a", appointment).status == 201
    found = server.fhir.get("Patient/a/$everything")
    assert [each["fullUrl"].removeprefix(server.fhir.base) for each in found.json["entry"]] == [
        "/Patient/a", "/Appointment/a",
    ]  # fmt: skip
    assert server.fhir.get("Patient/b/$everything").status == 404


@pytest.fixture(scope="module")
def apart() -> Iterator[CareThread]:
    """The gateway before two services that are processes of their own; the others are not installed."""
    with ExitStack() as stack:
        ports = {name: str(free_port()) for name in ("gateway", "records", "scheduling")}
        base = f"http://127.0.0.1:{ports['gateway']}/fhir"
        env = {"CARETHREAD_BASE_URL": base, "CARETHREAD_DATA": str(run.folder("data"))}
        urls = {f"CARETHREAD_{name.upper()}_HTTP_URL": f"http://127.0.0.1:{port}" for name, port in ports.items()}
        urls.pop("CARETHREAD_GATEWAY_HTTP_URL")
        started = [
            stack.enter_context(
                carethread("serve", name, "--role", "http", env={**env, **urls, "CARETHREAD_HTTP_PORT": port})
            )
            for name, port in ports.items()
        ]
        yield started[0]


def test_everything_and_export_where_services_are_processes(apart: CareThread, tmp_path: Path) -> None:
    patient = {**PATIENT, "multipleBirthInteger": 2, "extension": [{"url": "https://x.example", "valueDecimal": 1}]}
    body = json.dumps(patient).replace('"valueDecimal": 1', '"valueDecimal": 1.10')
    assert apart.fhir.put("Patient/a", body).status == 201
    slots = [{**SLOT, "id": f"s{number}"} for number in range(3)]
    appointment = {
        "resourceType": "Appointment",
        "id": "a",
        "status": "proposed",
        "slot": [{"reference": f"Slot/{slot['id']}"} for slot in slots],
        "participant": [{"actor": {"reference": "Patient/a"}, "status": "accepted"}],
    }
    for each in (*slots, appointment):
        assert apart.fhir.put(f"{each['resourceType']}/{each['id']}", each).status == 201
    url, found = f"{apart.fhir.base}/Patient/a/$everything?_count=2", []
    while url:
        answer = urllib3.request("GET", url)
        assert answer.status == 200, answer.data
        found += [each["fullUrl"].removeprefix(f"{apart.fhir.base}/") for each in answer.json()["entry"]]
        assert b'"valueDecimal":1.10' in answer.data or "Patient/a" in found
        url = next((link["url"] for link in answer.json()["link"] if link["relation"] == "next"), "")
    assert found == ["Patient/a", "Appointment/a", "Slot/s0", "Slot/s1", "Slot/s2"]
    assert apart.fhir.get("Patient/b/$everything").status == 404
    done = export(apart, tmp_path / "all")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "all" / "manifest.json").read_text())
    assert [(each["type"], each["count"]) for each in manifest["output"]] == [
        ("Patient", 1), ("Appointment", 1), ("Slot", 3),
    ]  # fmt: skip
    assert b'"valueDecimal":1.10' in (tmp_path / "all" / manifest["output"][0]["file"]).read_bytes()


def test_validate_at_the_owner(server: CareThread) -> None:
    for resource, severity in ((PATIENT, {"information", "warning"}), ({**PATIENT, "gender": "x"}, {"error"})):
        answer = server.fhir.post("Patient/$validate", resource)
        assert answer.status == 200
        assert {issue["severity"] for issue in answer.json["issue"]} & severity

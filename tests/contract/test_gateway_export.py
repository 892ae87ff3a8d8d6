"""$export through the gateway: one export over all services, as they were at one moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters import local
from carethread.core.errors import Busy
from carethread.core.ports import Request, Response
from carethread.interactions.operations.export import JOB_HEADER
from carethread.interactions.rest.handling import handle
from support.practice import Practice, practice_at
from support.stores import BASE

ASYNC = {"prefer": "respond-async"}
PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "a"}
SLOT: dict[str, Any] = {
    "resourceType": "Slot",
    "id": "s",
    "schedule": {"reference": "Schedule/x"},
    "status": "free",
    "start": "2025-06-05T09:00:00Z",
    "end": "2025-06-05T09:15:00Z",
}


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    made = practice_at(f"sqlite:///{tmp_path}")
    made.put(PATIENT, SLOT)
    yield made
    made.close()


def started(practice: Practice, path: str = "$export") -> str:
    answer = practice.ask(path, headers=ASYNC)
    assert (answer.status, list(answer.headers)) == (202, ["Content-Location"])
    return answer.headers["Content-Location"]


def manifest(practice: Practice, location: str) -> dict[str, Any]:
    while (answer := practice.ask(location)).status == 202:
        assert answer.headers["X-Progress"] and answer.headers["Retry-After"] == "1"
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_one_manifest_over_all_services_and_files_from_each(practice: Practice) -> None:
    location = started(practice)
    found = manifest(practice, location)
    assert location.startswith(f"{BASE}/$export/")
    assert [each["type"] for each in found["output"]] == ["Patient", "Slot"]
    for each, stored in zip(found["output"], (PATIENT, SLOT), strict=True):
        answer = practice.ask(each["url"], headers={"accept": "application/fhir+ndjson"})
        (line,) = answer.body.splitlines()
        assert {name: json.loads(line)[name] for name in stored} == stored


def test_since_the_last_export_changes_and_deletions_of_all_services(practice: Practice) -> None:
    since = manifest(practice, started(practice))["transactionTime"]
    practice.now = datetime.fromisoformat(since)
    practice.put({**PATIENT, "gender": "other"})
    practice.delete("Slot/s")
    practice.put({**SLOT, "id": "t"})
    practice.now += timedelta(minutes=1)
    for service in practice.runtimes:  # with their own clock, which is ahead of the gateway's by now
        headers = {**ASYNC, JOB_HEADER.lower(): "next"}
        assert practice.ask(f"$export?_since={since}", service=service, headers=headers).status == 202
    found = manifest(practice, f"{BASE}/$export/next")
    assert [(each["type"], each["count"]) for each in found["output"]] == [("Patient", 1), ("Slot", 1)]
    (gone,) = found["deleted"]
    assert b'"Slot/s"' in practice.ask(gone["url"], headers={"accept": "application/fhir+ndjson"}).body


def test_all_services_show_the_earliest_moment_that_one_of_them_can(practice: Practice) -> None:
    """A write that has been open for an hour in one service holds the others back too."""
    slow = practice.runtimes["scheduling"]

    class Store:
        def __getattr__(self, name: str) -> Any:
            return getattr(slow.store, name)

        def oldest_write(self) -> int:
            return 3_600_000_000

    store: Any = Store()
    practice.runtimes["scheduling"] = replace(slow, store=store)
    location = started(practice)
    times = set()
    for service in practice.runtimes:
        while (answer := practice.ask(location, service=service)).status == 202:
            pass
        times.add(json.loads(answer.body)["transactionTime"])
    assert times == {manifest(practice, location)["transactionTime"]}
    practice.runtimes["scheduling"] = slow
    assert manifest(practice, started(practice))["transactionTime"] > times.pop()


def test_cancelled_in_every_service(practice: Practice) -> None:
    location = started(practice)
    assert practice.ask(location, method="DELETE").status == 202
    for service in ("", *practice.runtimes):
        assert practice.ask(location, service=service).status == 404
    assert practice.ask(location, method="DELETE").status == 404


@pytest.mark.parametrize(("path", "headers"), [("$export", {}), ("Patient/$export?_type=Slot", ASYNC)])
def test_what_the_services_refuse_is_refused(practice: Practice, path: str, headers: dict[str, str]) -> None:
    assert practice.ask(path, headers=headers).status == 400


def test_where_one_service_is_away_nothing_is_left_begun(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def away(runtime: Any, request: Request, context: Any) -> Response:
        asked.append(request)
        if runtime.service.name == "scheduling":
            raise Busy("away")
        return handle(runtime, request, context)

    monkeypatch.setattr(local, "handle", away)
    assert practice.ask("$export", headers=ASYNC).status == 503
    monkeypatch.undo()
    job = asked[0].headers[JOB_HEADER.lower()]
    assert asked[-1].method == "DELETE"
    assert practice.ask(f"$export/{job}", service="records").status == 404


@pytest.mark.parametrize(
    "path", ["$export/nobody", "$export/nobody/Patient-0.ndjson", "$export/nobody/x", "$export/a/b/c"]
)
def test_an_export_that_is_not_there(practice: Practice, path: str) -> None:
    assert practice.ask(path).status == 404

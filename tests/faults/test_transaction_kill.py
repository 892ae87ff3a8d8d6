"""kill -9 at every step of a transaction that spans services: after the restart it is done everywhere or nowhere.

As one process, as `carethread up` has it, and as a process for each service and the gateway. A moment is before or
after a call of the journal or of an owner, before or after an owner answers, and before a database commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from carethread.core.fhir import json
from support.owners import SERVICES, intake, practice, settled, slot
from support.servers import Process, free_port, until
from support.transaction_workers import worker

JSON = {"Content-Type": "application/fhir+json"}


class Practice:
    """Processes by role, each with its port; requests go to the one in front."""

    def __init__(self, folder: Path, roles: Sequence[str]) -> None:
        self.ports = {role: free_port() for role in roles}
        self.workers: dict[str, Process] = {
            role: worker(role, self.ports[role], folder, self.ports if len(roles) > 1 else {}) for role in roles
        }
        self.front = self.ports.get("gateway") or self.ports[roles[0]]

    def ask(self, method: str, path: str, body: Any = None, port: int = 0) -> tuple[int, dict[str, Any]]:
        sent = None if body is None else json.render(body)
        url = f"http://127.0.0.1:{port or self.front}/fhir/{path}"
        answer = urllib3.request(method, url, body=sent, headers=JSON, timeout=20, retries=False)
        return answer.status, json.parse_object(answer.data) if answer.data else {}

    def transact(self, entries: Sequence[Any]) -> int:
        """The status; 0 when the process in front died."""
        try:
            return self.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})[0]
        except urllib3.exceptions.HTTPError:
            return 0

    def seen(self, value: str) -> list[bool]:
        """Whether each owner's part is there."""
        return [
            self.ask("GET", f"Patient?identifier=urn:x%7C{value}")[1]["total"] == 1,
            self.ask("GET", f"Appointment/a{value}")[0] == 200,
            self.ask("GET", f"Slot/s{value}")[1]["status"] == "busy",
        ]


@contextmanager
def processes(folder: Path, *roles: str) -> Iterator[Practice]:
    with practice(folder):
        pass  # the databases are there before the processes
    made = Practice(folder, roles)
    try:
        for process in made.workers.values():
            process.start()
        yield made
    finally:
        for process in made.workers.values():
            process.kill9()


def _each_moment(made: Practice, folder: Path, doomed: str, step: int) -> tuple[int, set[bool]]:
    """Kill one process at each of its moments; how many there were, and whether what was begun is there afterwards."""
    outcomes: set[bool] = set()
    for moment in range(0, 100, step):
        value = f"{doomed}{moment}"
        assert made.ask("PUT", f"Slot/s{value}", slot(f"s{value}"))[0] == 201
        made.ask("PUT", f"$die/{moment}", port=made.ports[doomed])
        status = made.transact(intake(value))
        process = made.workers[doomed]
        died = not _survived(made, doomed)
        if died:
            process.kill9()
            process.start()
        with practice(folder) as inside:
            until(lambda: _is_settled(inside), seconds=20, what="an end to all doubts", details=process.output)
            settled(inside)
        seen = made.seen(value)
        assert len(set(seen)) == 1, (moment, status, seen, process.output())
        if status:
            assert seen[0] is (status == 200), (moment, status, process.output())
        outcomes.add(seen[0])
        if not died:
            return moment, outcomes
    raise AssertionError("there is no end to its moments")


def _survived(made: Practice, role: str) -> bool:
    try:
        return made.ask("PUT", "$die/-1", port=made.ports[role])[0] == 204
    except urllib3.exceptions.HTTPError:
        return False


def _is_settled(inside: Any) -> bool:
    try:
        settled(inside)
    except AssertionError:
        return False
    return True


@pytest.mark.timeout(180)
def test_all_in_one_process(tmp_path: Path) -> None:
    with processes(tmp_path, "all") as made:
        moments, outcomes = _each_moment(made, tmp_path, "all", step=3)
        assert moments > 20
        assert outcomes == {True, False}


@pytest.mark.timeout(300)
def test_each_service_by_itself(tmp_path: Path) -> None:
    with processes(tmp_path, "gateway", *SERVICES) as made:
        # After one call is before the next, so for the gateway every second moment is every step.
        for doomed, step, fewest in (("gateway", 2, 17), ("careteams", 1, 6), ("records", 1, 6), ("scheduling", 1, 6)):
            moments, outcomes = _each_moment(made, tmp_path, doomed, step)
            assert moments >= fewest, doomed
            assert outcomes == {True, False}, doomed

"""kill -9 at every step of a transaction that spans services: after the restart it is done everywhere or nowhere.

As one process, as `carethread up` has it, and as a process for each service and the gateway. A moment is before or
after a call of the journal or of an owner, before or after an owner answers, and before a database commits.
CARETHREAD_TEST_KILLS says how often at each moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import urllib3

from carethread.core.fhir import json
from support.deaths import kills
from support.owners import SERVICES, intake, practice, settled, slot
from support.servers import Process, free_port, until
from support.transaction_workers import worker

KILLS = kills(1)
JSON = {"Content-Type": "application/fhir+json"}


class Practice:
    """Processes by role, each with its port; requests go to the one in front."""

    def __init__(self, folder: Path, postgres: str, roles: Sequence[str]) -> None:
        self.inside = partial(practice, folder, postgres=postgres)
        self.ports = {role: free_port() for role in roles}
        self.workers: dict[str, Process] = {
            role: worker(role, self.ports[role], folder, postgres, self.ports if len(roles) > 1 else {})
            for role in roles
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
def processes(folder: Path, url: str, *roles: str) -> Iterator[Practice]:
    made = Practice(folder, "" if url.startswith("sqlite") else url, roles)
    with made.inside():
        pass  # the databases are there before the processes
    try:
        for process in made.workers.values():
            process.start()
        yield made
    finally:
        for process in made.workers.values():
            process.kill9()


def _each_moment(made: Practice, doomed: str, step: int, fewest: int) -> None:
    """Kill one process at each of its moments, of which there are at least so many; in each round at others."""
    outcomes: set[bool] = set()
    for number in range(KILLS):
        moments, found = _each_from(made, doomed, range(number % step, 100, step), f"{doomed}{number}n")
        assert moments >= fewest, doomed
        outcomes |= found
    assert outcomes == {True, False}, doomed


def _each_from(made: Practice, doomed: str, moments: range, name: str) -> tuple[int, set[bool]]:
    """The moment that did not come, and whether what was begun is there afterwards."""
    outcomes: set[bool] = set()
    for moment in moments:
        value = f"{name}{moment}"
        assert made.ask("PUT", f"Slot/s{value}", slot(f"s{value}"))[0] == 201
        made.ask("PUT", f"$die/{moment}", port=made.ports[doomed])
        status = made.transact(intake(value))
        process = made.workers[doomed]
        died = not _survived(made, doomed)
        if died:
            process.kill9()
            process.start()
        with made.inside() as inside:
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


@pytest.mark.timeout(120 + 120 * KILLS)
def test_all_in_one_process(database_url: str, tmp_path: Path) -> None:
    with processes(tmp_path, database_url, "all") as made:
        _each_moment(made, "all", step=3, fewest=21)


@pytest.mark.timeout(120 + 180 * KILLS)
def test_each_service_by_itself(database_url: str, tmp_path: Path) -> None:
    coarse = 1 if database_url.startswith("sqlite") else 3  # the moments are the same: on PostgreSQL it takes longer
    with processes(tmp_path, database_url, "gateway", *SERVICES) as made:
        # After one call is before the next, so for the gateway every second moment is every step.
        for doomed, step, fewest in (("gateway", 2, 17), ("careteams", 1, 6), ("records", 1, 6), ("scheduling", 1, 6)):
            _each_moment(made, doomed, step * coarse, fewest)

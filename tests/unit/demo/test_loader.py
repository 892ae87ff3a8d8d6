"""The loader against a server of a few lines: what it sends, what it counts, when it waits, when it gives up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection

import pytest

from carethread.demo.command import examples
from carethread.demo.fhir import Resource
from carethread.demo.loader import (
    ATTEMPTS,
    BUNDLE_ENTRIES,
    HEADERS,
    Answer,
    Counts,
    LoadFailed,
    Report,
    Send,
    diagnostics,
    load,
)
from unit.demo.known import SEED, TODAY

OWNERS = dict.fromkeys(("HealthcareService", "Schedule", "Slot", "Appointment"), "scheduling")
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": "error",
            "code": "conflict",
            "diagnostics": "The slot is taken.",
            "expression": ["Appointment.slot"],
        }
    ],
}


class Server:
    """Stores what is PUT; `busy` is how many Bundles it first answers 503, `refuses` the ids it answers 409."""

    def __init__(self, *, busy: int = 0, refuses: Collection[str] = ()) -> None:
        self.stored: dict[str, Resource] = {}
        self.bundles: list[list[Resource]] = []
        self.busy = busy
        self.refuses = refuses

    def __call__(self, body: bytes) -> Answer:
        if self.busy:
            self.busy -= 1
            return Answer(503, 2.0, b"{}")
        bundle = json.loads(body)
        assert bundle["type"] == "batch"
        self.bundles.append(bundle["entry"])
        answered = [{"response": self.put(entry)} for entry in bundle["entry"]]
        return Answer(200, None, json.dumps({"resourceType": "Bundle", "entry": answered}).encode())

    def put(self, entry: Resource) -> Resource:
        request, resource = entry["request"], entry["resource"]
        assert request["method"] == "PUT"
        assert request["url"] == f"{resource['resourceType']}/{resource['id']}"
        if resource["id"] in self.refuses:
            return {"status": "409 Conflict", "outcome": OUTCOME}
        before = self.stored.get(request["url"])
        if before and request.get("ifNoneMatch") == "*":
            return {"status": "412 Precondition Failed"}
        self.stored[request["url"]] = resource
        return {"status": "201 Created" if before is None else "200 Unchanged" if before == resource else "200 OK"}


def _load(
    server: Send,
    sleep: Callable[[float], None] = lambda seconds: None,
    report: Report = lambda done, total: None,
) -> Counts:
    return load("http://base.example", SEED, TODAY, owners=OWNERS, report=report, send=server, sleep=sleep)


def test_a_second_run_changes_nothing(practice):
    server = Server()
    first = _load(server)
    stored = dict(server.stored)
    second = _load(server)
    assert first.total == second.total == len(practice) == len(stored)
    assert sum(first.by_type.values(), Counter()) == {"created": len(practice)}
    assert sum(second.by_type.values(), Counter()) == {"unchanged": len(practice)}
    assert server.stored == stored


def test_only_slots_are_create_only():
    server = Server()
    _load(server)
    create_only = {e["resource"]["resourceType"] for b in server.bundles for e in b if "ifNoneMatch" in e["request"]}
    assert create_only == {"Slot"}


def test_a_bundle_has_one_owner_and_a_bounded_size():
    server = Server()
    _load(server)
    for bundle in server.bundles:
        assert len({OWNERS.get(entry["resource"]["resourceType"], "records") for entry in bundle}) == 1
        assert 0 < len(bundle) <= BUNDLE_ENTRIES


def test_history_is_marked_as_history():
    assert HEADERS["X-CareThread-Backfill"] == "true"


def test_progress_ends_at_the_total(practice):
    told: list[tuple[int, int]] = []
    _load(Server(), report=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(practice), len(practice))
    assert told == sorted(told)


def test_a_busy_server_is_given_the_time_it_asks_for(practice):
    waits: list[float] = []
    counts = _load(Server(busy=2), sleep=waits.append)
    assert waits == [2.0, 2.0]
    assert counts.total == len(practice)
    assert not counts.refusals


def test_a_server_that_stays_busy_is_given_up():
    waits: list[float] = []
    with pytest.raises(LoadFailed, match="busy"):
        _load(Server(busy=1000), sleep=waits.append)
    assert len(waits) == ATTEMPTS - 1


def test_only_the_entries_that_were_busy_are_sent_again():
    class Hesitant(Server):
        hesitated = False

        def put(self, entry: Resource) -> Resource:
            if entry["resource"]["id"] == "demo-patient-007" and not self.hesitated:
                self.hesitated = True
                return {"status": "503 Service Unavailable", "outcome": OUTCOME}
            return super().put(entry)

    server = Hesitant()
    counts = _load(server)
    assert not counts.refusals
    again = [bundle for bundle in server.bundles if len(bundle) == 1]
    assert [entry["request"]["url"] for (entry,) in again] == ["Patient/demo-patient-007"]


def test_a_refusal_is_reported_with_its_place_and_reason(practice):
    server = Server(refuses={"demo-patient-007"})
    counts = _load(server)
    (refusal,) = counts.refusals
    assert (refusal.reference, refusal.status) == ("Patient/demo-patient-007", "409 Conflict")
    assert refusal.diagnostics == "Appointment.slot: The slot is taken."
    assert counts.by_type["Patient"] == {"created": 299, "refused": 1}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(404, None, json.dumps(OUTCOME).encode()), "404.*The slot is taken"),
        (Answer(502, None, b"<html>"), "502"),
        (Answer(200, None, b'{"resourceType":"Bundle","entry":[]}'), "0 entries"),
    ],
)
def test_an_answer_for_the_whole_bundle_that_is_no_good_ends_the_load(answer, words):
    with pytest.raises(LoadFailed, match=words):
        _load(lambda body: answer)


def test_an_outcome_without_words_still_says_something():
    assert diagnostics(None) == "no reason given"
    assert diagnostics({"issue": [{"code": "conflict"}]}) == "conflict"


def test_examples_are_three_commands_on_the_base():
    lines = examples(TODAY)
    assert len(lines) == 3
    assert all(line.startswith("curl '{base}/") and line.endswith("'") for line in lines)

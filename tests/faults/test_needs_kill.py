"""kill -9 between an answer, what people say, and what is requested of records: the chain of each need is whole.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from carethread.careteams.needs.following import OUTCOME_OF
from carethread.careteams.needs.need import OPEN
from carethread.core.fhir import json
from support.deaths import kills
from support.helping_deaths import PEOPLE, Practice
from support.pair_deaths import after_deaths

KILLS = kills(1)


def check(practice: Practice) -> None:
    store = practice.store
    left = store.glance(lambda session: session.requests.all())
    assert [each.wanted.path for each in left if each.wanted.type != "MeasureReport"] == []
    conditions = {f"Condition/{each['id']}": each for each in practice.all("Condition")}
    requests = {f"ServiceRequest/{each['id']}": each for each in practice.all("ServiceRequest")}
    witnessed = Counter(each["reference"] for told in practice.all("Provenance") for each in told["target"])
    for who in PEOPLE:
        kind = f"Patient/{who}/transportation-insecurity"
        standing = store.glance(lambda session, kind=kind: session.claimed(OPEN, [kind]))  # type: ignore[misc]
        mine = {path for path, each in conditions.items() if each["subject"]["reference"] == f"Patient/{who}"}
        sure = {path: conditions[path]["verificationStatus"]["coding"][0]["code"] for path in mine}
        assert {path for path, said in sure.items() if said in ("unconfirmed", "confirmed")} == set(standing.values())
    tasks = [each for each in practice.all("Task") if each["focus"]["reference"].partition("/")[0] != "CareTeam"]
    told = Counter(
        (each["about"][0]["reference"], each["recipient"][0]["reference"]) for each in practice.all("Communication")
    )
    for task in tasks:
        path = f"Task/{task['id']}"
        assert witnessed[path] == 1, "each link says where it is from"
        if task["code"]["coding"][-1]["code"] != "need-referral":
            continue
        request = requests.pop(task["focus"]["reference"])
        over = {"completed": "completed", "rejected": "revoked", "cancelled": "revoked"}.get(task["status"], "active")
        assert (request["status"], request["reasonReference"]) == (over, [task["reasonReference"]])
        history = json.parse_object(practice.ask("GET", f"{path}/_history").body)["entry"]
        reached = {
            OUTCOME_OF[each["resource"]["status"]] for each in history if each["resource"]["status"] in OUTCOME_OF
        }
        for whom in (task["for"]["reference"], "Practitioner/doctor"):
            assert told[path, whom] <= len(reached)
        assert told[path, "Practitioner/doctor"] == len(reached), "each outcome is told once"
    assert requests == {}, "nothing is requested without a Task"
    assert all(witnessed[path] for path in conditions)


@pytest.mark.timeout(120 + 60 * KILLS)
def test_needs(database_url: str, tmp_path: Path) -> None:
    with after_deaths(Practice, database_url, tmp_path, KILLS, acts=30) as practice:
        check(practice)

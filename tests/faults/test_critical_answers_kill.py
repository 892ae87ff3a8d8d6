"""kill -9 between an answer, its commit and a call: each critical answer that stands has one call, no other has.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from carethread.careteams.alerting.following import TIMER
from carethread.core.fhir import json
from carethread.questionnaires.extracting.extracted import uuid_of
from carethread.questionnaires.safety.alarms import RAISED
from support.calling import HARM
from support.calling_deaths import RESPONSES, Practice
from support.deaths import kills
from support.instruments import shipped
from support.pair_deaths import after_deaths

KILLS = kills(2)
NOTHING = shipped("phq-9").items[HARM].options[0].value["code"]


def check(practice: Practice) -> None:
    store = practice.store
    assert store.glance(lambda session: session.requests.all()) == []
    tasks = {task["id"]: task for task in practice.all("Task")}
    standing: set[str] = set()
    for id_ in RESPONSES:
        keys = store.glance(lambda session, id_=id_: session.places(RAISED, id_))  # type: ignore[misc]
        answer = practice.ask("GET", f"QuestionnaireResponse/{id_}")
        if answer.status == 404:
            assert keys == []
            continue
        items = {each["linkId"]: each for each in json.parse_object(answer.body)["item"]}
        said = items[HARM]["answer"][0]["valueCoding"]["code"]
        assert bool(keys) == (said != NOTHING), "what is said stands"
        own = {uuid_of(id_)(f"task/{key}") for key in keys}
        assert own <= tasks.keys()
        statuses = [tasks[each]["status"] for each in own]
        assert statuses.count("requested") <= 1, "once"
        assert not own or not {"requested", "accepted"}.isdisjoint(statuses)
        standing |= own
    assert {id_ for id_, task in tasks.items() if task["status"] == "requested"} <= standing, "no other is called for"
    issues = {each["id"]: each for each in practice.all("DetectedIssue")}
    assert len(issues) == len(tasks)
    waiting = {
        each.key for each in practice.stores["careteams"].glance(lambda session: session.timers.ahead(TIMER, 10_000))
    }
    for id_, task in tasks.items():
        issue = issues[task["focus"]["reference"].removeprefix("DetectedIssue/")]
        assert (issue["status"] == "cancelled") == (task["status"] == "cancelled")
        assert len(issue.get("mitigation", ())) == (task["status"] == "accepted"), "once"
        assert task["status"] != "requested" or id_ in waiting, "others will be called"


@pytest.mark.timeout(120 + 60 * KILLS)
def test_critical_answers(database_url: str, tmp_path: Path) -> None:
    with after_deaths(Practice, database_url, tmp_path, KILLS) as practice:
        check(practice)

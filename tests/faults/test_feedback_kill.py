"""kill -9 between what somebody says, its commit, and its answer: each low score has one Task with an owner, and who is
told is told once.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from carethread.core.fhir import json
from carethread.questionnaires.extracting.extracted import uuid_of
from carethread.questionnaires.feedback.following import TOLD
from support.deaths import kills
from support.feedback_deaths import RESPONSES, Practice
from support.pair_deaths import after_deaths

KILLS = kills(2)


def check(practice: Practice) -> None:
    store = practice.store
    assert store.glance(lambda session: session.requests.all()) == []
    tasks = {task["id"]: task for task in practice.all("Task")}
    for id_ in RESPONSES:
        keys = store.glance(lambda session, id_=id_: session.places(TOLD, id_))  # type: ignore[misc]
        answer = practice.ask("GET", f"QuestionnaireResponse/{id_}")
        if answer.status == 404:
            assert keys == []
            continue
        (said,) = (
            each["answer"][0]["valueInteger"]
            for each in json.parse_object(answer.body)["item"]
            if each["linkId"] == "overall"
        )
        task = tasks.pop(uuid_of(id_)("feedback/feedback"), None)
        assert [key.rpartition("/")[2] for key in keys] == ([] if task is None else ["low-score" if said < 7 else ""])
        if said < 7:
            assert task is not None
            assert task["status"] != "cancelled", "each that is said is asked for"
            assert task["owner"]["reference"]
        elif task is not None:
            assert task["status"] != "requested", "nobody is asked for what is not said any more"
    assert tasks == {}, "no response has a second one"
    messages = Counter(each["basedOn"][0]["reference"] for each in practice.all("Communication"))
    for task in practice.all("Task"):
        state = task["businessStatus"]["coding"][0]["code"]
        told = [each for each in task.get("output", ()) if "told" in str(each["type"]) and "valueReference" in each]
        assert len(told) == (state in ("resolved", "told")), "once"
        assert not told or messages[f"Task/{task['id']}"] >= 1


@pytest.mark.timeout(120 + 60 * KILLS)
def test_feedback(database_url: str, tmp_path: Path) -> None:
    with after_deaths(Practice, database_url, tmp_path, KILLS) as practice:
        check(practice)

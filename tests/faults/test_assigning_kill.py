"""kill -9 between a form that is given, its commit, and what care teams hear of it: the draft, its link, its Task and
its message are there together or not at all, and nobody is sent the same twice.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from carethread.core.fhir import json
from carethread.questionnaires.assigning import links
from carethread.questionnaires.assigning.assignment import assignment_of
from carethread.questionnaires.assigning.reminding import TIMER
from support.assigning import link_in, token_of
from support.assigning_deaths import Practice
from support.deaths import kills
from support.pair_deaths import after_deaths

KILLS = kills(2)


def check(practice: Practice) -> None:
    store = practice.store
    left = {each.wanted.type for each in store.glance(lambda session: session.requests.all())}
    assert left <= {"Bundle"}, "but what is extracted, for which nobody is there"
    drafts = {each["id"]: each for each in practice.all("QuestionnaireResponse")}
    tasks = {each["id"]: each for each in practice.all("Task")}
    messages = practice.all("CommunicationRequest")
    waiting = {each.key for each in store.glance(lambda session: session.timers.ahead(TIMER, 10_000))}
    wanted = {}
    for id_, draft in drafts.items():
        said = assignment_of(draft)
        assert said is not None
        status = draft["status"] if "item" in draft else "requested"
        wanted[said.task.removeprefix("Task/")] = status
        is_open = store.glance(lambda session, id_=id_: links.is_open(session, id_))  # type: ignore[misc]
        assert is_open == (id_ in waiting) == (draft["status"] == "in-progress")
    assert {id_: task["status"] for id_, task in tasks.items()} == wanted, "no Task without a draft, no draft without"
    keys = [("CommunicationRequest", each["id"]) for each in messages]
    first = practice.stores["careteams"].glance(lambda session: [session.version(key, 1) for key in keys])
    written = {each.id: json.restore(each.body) for each in first if each}  # what is revoked has no link any more
    assert len({link_in(each) for each in written.values()}) == len(messages), "none twice"
    asked = Counter(each["about"][0]["reference"] for each in messages if each["category"][0]["text"][0] == "A")
    assert asked == Counter(f"QuestionnaireResponse/{id_}" for id_ in drafts), "each is asked for once"
    reminded = Counter(each["about"][0]["reference"] for each in messages if each["category"][0]["text"][0] == "R")
    assert all(count == 1 for count in reminded.values())
    for message in messages:
        led = store.glance(lambda session, m=written[message["id"]]: links.response_of(session, token_of(link_in(m))))  # type: ignore[misc]
        about = message["about"][0]["reference"].removeprefix("QuestionnaireResponse/")
        assert bool(led) == (drafts[about]["status"] == "in-progress"), "its link is good as long as the draft goes on"
        assert led or message["status"] != "active", "none is sent on with a link that is not"


@pytest.mark.timeout(120 + 60 * KILLS)
def test_forms_that_are_given(database_url: str, tmp_path: Path) -> None:
    with after_deaths(Practice, database_url, tmp_path, KILLS) as practice:
        check(practice)

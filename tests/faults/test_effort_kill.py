"""kill -9 while drafts are saved and completed: what is noted of each response is what its history says, no more and no
less.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Span, Stored
from carethread.questionnaires.burden.effort import Save, work
from carethread.questionnaires.burden.keeping import ENDINGS
from support.deaths import kills
from support.effort_deaths import RESPONSES, die
from support.event_workers import store_at
from support.instruments import shipped

KILLS = kills(3)
FORM = shipped("visit-note")


def check(url: str) -> None:
    store = store_at(url, "questionnaires")
    die(url, KILLS)
    noted = store.glance(lambda session: session.efforts.of(RESPONSES))
    seen = 0
    for id_ in RESPONSES:
        span = Span(("QuestionnaireResponse",), id_)
        versions = store.glance(lambda session, span=span: session.history(span, 1000))[::-1]  # type: ignore[misc]
        statuses = [json.restore(each.body)["status"] for each in versions]
        if not versions or "entered-in-error" in statuses:
            assert id_ not in noted
            continue
        seen += 1
        ended = next((n for n, status in enumerate(statuses) if status == "completed"), None)
        until = versions if ended is None else versions[: ended + 1]
        effort = noted.pop(id_)
        assert (effort.started, effort.saved) == (versions[0].updated, until[-1].updated)
        assert effort.ending == ENDINGS.get(statuses[len(until) - 1], "")
        if ended is not None:
            found = work(FORM, _saves(until))
            assert (effort.worked, effort.given, effort.prefilled, effort.changed) == found
    assert noted == {}
    assert seen
    store.close()


def _saves(versions: list[Stored]) -> list[Save]:
    return [Save(each.updated, json.restore(each.body)) for each in versions]


@pytest.mark.timeout(120 + 60 * KILLS)
def test_efforts(database_url: str) -> None:
    check(database_url)

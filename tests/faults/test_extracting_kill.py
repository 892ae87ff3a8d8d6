"""kill -9 between a response, its commit and the owner: what it gives is made whole, once, and says the latest.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.deaths import kills
from support.extracting_deaths import RESPONSES, TOTAL, Practice
from support.pair_deaths import after_deaths

KILLS = kills(1)


def check(practice: Practice) -> None:
    store = practice.store
    assert store.glance(lambda session: session.requests.all()) == []
    made, told = practice.all("Observation"), practice.all("Provenance")
    assert {each["code"]["coding"][0]["code"] for each in made} <= {"44261-6"}
    for id_ in RESPONSES:
        answer = practice.ask("GET", f"QuestionnaireResponse/{id_}")
        about = {"reference": f"QuestionnaireResponse/{id_}"}
        own = [each for each in made if each["derivedFrom"] == [about]]
        assert len(own) <= 1, "once"
        said: Resource = {"status": "entered-in-error"}
        if answer.status == 200:
            said = json.parse_object(answer.body)
        if said["status"] == "entered-in-error":
            assert [each["status"] for each in own if each["status"] != "entered-in-error"] == []
        else:
            total = next(each for each in said["item"] if each["linkId"] == TOTAL)["answer"][0]["valueInteger"]
            assert [(each["valueInteger"], each["status"] == "entered-in-error") for each in own] == [(total, False)]
        sources = [each for each in told if f"/{id_}/_history/" in each["entity"][0]["what"]["reference"]]
        assert bool(sources) == bool(own), "whatever was made says of what"
        assert len({each["entity"][0]["what"]["reference"] for each in sources}) == len(sources), "and once"


@pytest.mark.timeout(120 + 60 * KILLS)
def test_extraction(database_url: str, tmp_path: Path) -> None:
    with after_deaths(Practice, database_url, tmp_path, KILLS) as practice:
        check(practice)

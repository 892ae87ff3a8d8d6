"""Whom nobody knows answers for nobody: who is new is asked for, and who is never found is relieved and told of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.clock import instant
from carethread.core.ports import Resource
from support.care import Care, part, patient, person_team, practitioner
from support.handing import ward, who

NOBODY = "PractitionerRole/nobody"
MINUTES = 15
"""For which a copy may be on its way."""


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with ward(tmp_path, database_url) as made:
        made.tell(patient("cat"))
        yield made


@pytest.mark.parametrize("lead", [NOBODY, "Practitioner/nobody", "Organization/nobody", "CareTeam/nobody"])
def test_who_nobody_knows_leads_nothing(practice: Care, lead: str) -> None:
    team = person_team("cats", "cat", part("Practitioner/doctor", end="2031-03-09"), part(lead, start="2031-03-10"))
    status, issues = practice.refusal("PUT", "CareTeam/cats", team)
    assert (status, issues[0]["code"], issues[0]["expression"]) == (
        422, "not-found", ["CareTeam.participant[1].member"]
    )  # fmt: skip
    del team["id"]
    assert practice.refusal("POST", "CareTeam", team)[0] == 422


def test_who_is_new_leads_at_once(practice: Care) -> None:
    practice.put(practitioner("newcomer"))
    practice.put(person_team("cats", "cat", part("Practitioner/newcomer")))
    assert who(practice, "cat") == "Practitioner/newcomer"
    practice.pass_time(minutes=MINUTES)
    practice.fire()
    assert who(practice, "cat") == "Practitioner/newcomer"


def test_what_an_ehr_sends_is_stored_as_it_is_sent(practice: Care) -> None:
    sent = person_team("cats", "cat", part(NOBODY))
    practice.put({**sent, "meta": {**sent["meta"], "source": "urn:ehr"}})


def together(practice: Care, *resources: Resource) -> None:
    """Write in one transaction, in which some of what is named may be new."""
    entry = [{"resource": each, "request": {"method": "PUT", "url": f"CareTeam/{each['id']}"}} for each in resources]
    answer = practice.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entry})
    assert answer.status == 200, answer.body


def told(practice: Care, person: str = "cat") -> dict[str, Resource]:
    parameters = practice.operate("GET", f"Patient/{person}/$accountable")["parameter"]
    return {each["name"]: each for each in parameters}


def test_who_is_not_found_in_time_is_relieved(practice: Care) -> None:
    together(practice, person_team("cats", "cat", part(NOBODY), department="ward"))
    practice.pass_time(minutes=MINUTES - 1)
    practice.fire()
    assert told(practice)["accountable"]["part"][0]["valueReference"]["reference"] == NOBODY, "a copy may come"
    practice.pass_time(minutes=1)
    practice.fire()
    assert who(practice, "cat") == "Practitioner/duty"
    (alarm,) = practice.found("Task?code=take-over&patient=cat")
    assert "is not known here" in alarm["reasonCode"]["text"]


def orphaned(practice: Care) -> list[Resource]:
    found = practice.operate("GET", "CareTeam/$orphans")["parameter"]
    return [each for each in found if each["name"] == "person"]


def test_of_who_was_imported_and_is_not_known_it_is_said(practice: Care) -> None:
    practice.put(person_team("cats", "cat", part(NOBODY), department="ward"), backfill=True)
    plan = {"resourceType": "CarePlan", "id": "p", "status": "active", "intent": "plan"}
    practice.put({**plan, "subject": {"reference": "Patient/cat"}}, backfill=True)
    begun = practice.micros
    practice.pass_time(minutes=MINUTES - 1)
    assert "gap" not in told(practice) and orphaned(practice) == []
    practice.pass_time(minutes=2)
    now = told(practice)
    assert "accountable" not in now and now["gap"]["valueCode"] == "unknown-member"
    assert now["then"]["valueReference"]["reference"].startswith("Practitioner/")
    (person,) = orphaned(practice)
    (gap,) = [each["part"] for each in person["part"] if each["name"] == "gap"]
    (period,) = [each["valuePeriod"] for each in gap if each["name"] == "period"]
    assert period["start"] == instant(begun + MINUTES * 60_000_000)
    assert {"name": "cause", "valueCode": "unknown-member"} in gap
    assert {"name": "need", "valueReference": {"reference": "CarePlan/p"}} in gap
    practice.put({**plan, "id": "q", "subject": {"reference": "Patient/cat"}})
    practice.fire()
    assert len(practice.found("Task?code=take-over&patient=cat")) == 1, "what happens now has an alarm"
    practice.put(person_team("cats", "cat", part("Practitioner/doctor"), department="ward"))
    assert "gap" not in told(practice)

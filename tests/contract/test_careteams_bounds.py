"""Where a decision rests on all of something, no part of it is taken for the whole: it is all read, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.careteams.navigation.navigators import navigators
from carethread.core.ports import Resource
from support.care import OURS, Care, care, department_team, organization, part, patient, person_team, practitioner, role
from support.navigation import assessment, at_risk, flags, staff, tasks
from support.person import consent, permit


@pytest.fixture
def practice(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Care]:
    """A practice in which two of anything are many to read at once."""
    monkeypatch.setattr("carethread.careteams.searching._PAGE", 2)
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(
            patient("ann"), organization("ward"), practitioner("lead"), practitioner("duty"), practitioner("last")
        )
        yield made


def answers(practice: Care) -> str:
    told = practice.operate("GET", "Patient/ann/$accountable")["parameter"]
    parts: list[Resource] = next((each["part"] for each in told if each["name"] == "accountable"), [])
    return next((each["valueReference"]["reference"] for each in parts if each["name"] == "member"), "")


def test_who_answers_follows_from_all_teams_of_a_person(practice: Care) -> None:
    for number in range(5):
        who = "Practitioner/last" if number == 4 else "Practitioner/lead"
        practice.put(person_team(f"t{number}", "ann", part(who)))
    for number in range(4):
        practice.pass_time(minutes=1)
        practice.put({**practice.read(f"CareTeam/t{number}"), "status": "inactive"})
    assert answers(practice) == "Practitioner/last"


def test_teams_of_an_ehr_are_not_in_the_way(practice: Care) -> None:
    for number in range(4):
        practice.put({**person_team(f"a{number}", "ann", part("Practitioner/last")), "meta": {"source": "urn:ehr"}})
    practice.put(person_team("ours", "ann", part("Practitioner/lead")))
    assert answers(practice) == "Practitioner/lead"


def test_who_leaves_leads_nothing_in_any_of_their_roles(practice: Care) -> None:
    practice.put(department_team("wards", "ward", part("Practitioner/duty")))
    practice.tell(*(role(f"r{number}", "lead", "ward") for number in range(5)))
    practice.put(person_team("anns", "ann", part("PractitionerRole/r4"), department="ward"))
    practice.tell(practitioner("lead", active=False))
    practice.fire()
    assert answers(practice) == "Practitioner/duty"


def test_a_navigator_who_leaves_leaves_all_teams(practice: Care) -> None:
    staff(practice, "nora", 3)
    practice.put(person_team("anns", "ann", part("Practitioner/lead")))
    at_risk(practice, "ann")
    practice.fire()
    team = practice.read("CareTeam/anns")
    for number in range(4):
        practice.put({**team, "id": f"more-{number}", "meta": {"profile": [OURS + "care-team"]}})
    practice.tell(practitioner("who-nora", active=False))
    practice.fire()
    for name in ("anns", *(f"more-{number}" for number in range(4))):
        (joined,) = [each for each in practice.read(f"CareTeam/{name}")["participant"] if "nora" in str(each)]
        assert "end" in joined["period"], name


def test_a_risk_that_stands_counts_however_many_came_after_it(practice: Care) -> None:
    at_risk(practice, "ann")
    for number in range(4):
        practice.pass_time(minutes=1)
        practice.put(assessment(f"later-{number}", "ann", occurrencePeriod={"end": "2031-01-01"}))
    practice.fire()
    assert [each["status"] for each in flags(practice, "ann")] == ["active"]
    assert tasks(practice, "step-down-review") == []


def test_the_last_of_many_navigators_has_room(practice: Care) -> None:
    for name in ("a", "b", "c", "d"):
        staff(practice, name, 0)
    staff(practice, "e", 1)
    at_risk(practice, "ann")
    practice.fire()
    assert practice.store.glance(lambda session: session.occupied("navigator", ["PractitionerRole/e"])) == {
        "PractitionerRole/e": 1
    }


class Counted:
    """A session that counts what is asked of it."""

    def __init__(self, session: Any) -> None:
        self.session, self.asked = session, 0

    def __getattr__(self, name: str) -> Any:
        self.asked += 1
        return getattr(self.session, name)


def test_navigators_are_not_looked_at_one_by_one(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.careteams.searching._PAGE", 500)

    def asked() -> int:
        def look(session: Any) -> int:
            counted: Any = Counted(session)
            navigators(counted, practice.micros, practice.runtime.base_url)
            return int(counted.asked)

        return practice.store.glance(look)

    staff(practice, "a", 1)
    once = asked()
    for name in ("b", "c", "d"):
        staff(practice, name, 1)
    assert asked() == once


def test_more_consents_than_can_be_weighed_allow_nothing(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    kin: Resource = {
        "resourceType": "RelatedPerson", "id": "kin", "active": True, "patient": {"reference": "Patient/ann"},
        "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "SIS"}]}],
    }  # fmt: skip
    practice.tell(kin)
    for number in range(3):
        practice.put(consent(f"c{number}", permit(to="RelatedPerson/kin")))
    monkeypatch.setattr("carethread.careteams.searching.MOST_CONSENTS", 2)
    decided = {"resourceType": "Parameters", "parameter": [
        {"name": "author", "valueReference": {"reference": "RelatedPerson/kin"}},
        {"name": "by", "valueReference": {"reference": "RelatedPerson/kin"}},
        {"name": "decision", "valueString": "To wait."}, {"name": "preference", "valueString": "To wait."},
        *({"name": "option", "part": [{"name": "text", "valueString": said}]} for said in ("To wait.", "Surgery.")),
    ]}  # fmt: skip
    for method, path, body in (
        ("GET", "RelatedPerson/kin/$may-act?action=answer", None),
        ("POST", "Patient/ann/$shared-decision", decided),
    ):
        status, issues = practice.refusal(method, path, body)
        assert (status, issues[0]["code"]) == (403, "too-costly"), path
        assert "delete" in issues[0]["diagnostics"]
    assert practice.found("Communication") == []

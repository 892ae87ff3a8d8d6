"""Who can take part in a hand-off while it goes on: not who has left, not about who has died; and what stays agreed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.care import OURS, Care, organization, part, patient, person_team, practitioner, role
from support.handing import answer, asked, entries, offered, parameters, plain_offer, steps, ward, who


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with ward(tmp_path, database_url) as made:
        yield made


@pytest.mark.parametrize("receiver", ["Practitioner/nurse", "PractitionerRole/nurse-role"])
def test_who_has_left_since_does_not_come_to_answer(practice: Care, receiver: str) -> None:
    task = offered(practice, receiver)
    practice.tell(practitioner("nurse", active=False))
    practice.fire()
    status, body = answer(practice, task, "accept")
    assert (status, body["issue"][0]["expression"]) == (422, ["by"])
    taken = {**practice.read(f"Task/{task['id']}"), "status": "accepted"}
    assert practice.ask("PUT", f"Task/{task['id']}", taken).status == 422
    assert who(practice) == "Practitioner/doctor"
    assert answer(practice, task, "decline", reason="Gone.")[0] == 200


def test_who_does_not_work_here_is_not_asked(practice: Care) -> None:
    practice.tell(practitioner("second", active=False), organization("clinic", active=False))
    practice.tell(role("nurse-role", "nurse", "ward", period={"end": "2031-01-01"}))
    gone = ["PractitionerRole/nurse-role", "Practitioner/second", "Organization/clinic"]
    unknown = ["Practitioner/nobody", "PractitionerRole/nobody", "CareTeam/nobody", "Organization/nobody"]
    for kind in ("shift", "referral"):
        for to in (*gone, *unknown):
            status, issues = practice.refusal("POST", "Task/$hand-off", parameters(asked(to, kind)))
            assert (status, issues[0]["expression"]) == (422, ["to"]), to
    plain = {**plain_offer(practice), "id": "plain", "owner": {"reference": "Practitioner/second"}}
    assert practice.refusal("PUT", "Task/plain", plain)[0] == 422


def test_history_that_ends_a_hand_off_frees_the_person(practice: Care) -> None:
    task = offered(practice)
    over = {"status": "rejected", "statusReason": {"text": "No."}}
    practice.put({**practice.read(f"Task/{task['id']}"), **over}, backfill=True)
    assert answer(practice, offered(practice, "Practitioner/second"), "accept")[0] == 200


def test_what_stands_is_no_history(practice: Care) -> None:
    task = offered(practice)
    stands = practice.read(f"Task/{task['id']}")
    bare = {name: value for name, value in stands.items() if name != "meta"}
    kept = practice.put(bare, backfill=True)
    assert kept["meta"]["profile"] == [OURS + "task-hand-off"]
    coding = {**stands["code"]["coding"][0], "code": "referral"}
    told = {**stands, "code": {"coding": [coding]}}
    assert practice.ask("PUT", f"Task/{task['id']}", told, backfill=True).status == 422
    assert answer(practice, task, "accept")[0] == 200


def test_that_a_result_is_waited_for_stays(practice: Care) -> None:
    task = offered(practice, "Practitioner/nurse", "referral", expects_result=True)
    for status in ("accepted", "requested"):
        changed = {**practice.read(f"Task/{task['id']}"), "status": status}
        marks = [each for each in changed.get("extension", ()) if not each["url"].endswith("result-by")]
        changed = {name: value for name, value in changed.items() if name != "extension"} | {"extension": marks}
        if not marks:
            del changed["extension"]
        found, issues = practice.refusal("PUT", f"Task/{task['id']}", changed)
        assert (found, issues[0]["expression"]) == (422, [f"Task.extension('{OURS}result-by').value"])
    assert answer(practice, task, "accept")[0] == 200
    late = {**practice.read(f"Task/{task['id']}"), "status": "in-progress"}
    late["extension"] = [
        {**each, "valueInstant": practice.at(days=99)} if each["url"].endswith("result-by") else each
        for each in late["extension"]
    ]
    assert practice.ask("PUT", f"Task/{task['id']}", late).status == 422


@pytest.mark.parametrize("change", [{"deceasedDateTime": "2031-03-03"}, {"active": False}])
def test_who_has_died_is_handed_over_no_more(practice: Care, change: dict[str, object]) -> None:
    moving, asks = offered(practice), offered(practice, "Practitioner/second", "referral")
    taken = offered(practice, "Practitioner/second", "follow-up")
    assert answer(practice, taken, "accept")[0] == 200
    practice.tell(patient("ann", **change))
    assert answer(practice, moving, "accept")[0] == 422, "also before it is withdrawn"
    practice.fire()
    for task in (moving, asks):
        assert practice.read(f"Task/{task['id']}")["status"] == "cancelled"
        last = entries(practice, task)[-1]
        assert (last.step, last.by, last.why[:14]) == ("withdrawn", "", "The person is ")
    assert steps(practice, taken) == ["offered", "accepted"]
    assert practice.refusal("PUT", "Task/plain", {**plain_offer(practice), "id": "plain"})[0] == 422
    practice.tell(patient("ann"))
    assert answer(practice, offered(practice, "Practitioner/second"), "accept")[0] == 200, "where it was a mistake"


def test_who_was_merged_is_handed_over_still(practice: Care) -> None:
    practice.put(person_team("bens", "ben", *practice.read("CareTeam/anns")["participant"]))
    task = offered(practice)
    link = [{"type": "replaced-by", "other": {"reference": "Patient/ben"}}]
    practice.tell(patient("ann", active=False, link=link))
    practice.fire()
    assert answer(practice, task, "accept")[0] == 200
    assert who(practice) == "Practitioner/nurse"


def test_a_profile_with_its_version_binds_as_well(practice: Care) -> None:
    team = person_team("bens", "ben", part("Practitioner/doctor"), department="ward")
    practice.put({**team, "meta": {"profile": [OURS + "care-team|1.0.0"]}})
    assert who(practice, "ben") == "Practitioner/doctor"
    task = {**plain_offer(practice), "for": {"reference": "Patient/ben"}}
    made = practice.put({**task, "id": "versioned", "meta": {"profile": [OURS + "task-hand-off|1"]}})
    assert steps(practice, made) == ["offered"]
    practice.pass_time(hours=3)
    practice.fire()
    assert steps(practice, made)[1:] == ["escalated"], "its deadline fires"

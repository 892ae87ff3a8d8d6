"""Who needs somebody and has nobody has an alarm, once; and each alarm is over by itself when its cause is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.care import Care, department_team, organization, part, patient, person_team, practitioner
from support.desk import refer
from support.handing import answer, offered, report, ward, who


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with ward(tmp_path, database_url) as made:
        made.tell(patient("cat"))
        yield made


def plan(id_: str, person: str = "cat", status: str = "active", department: str = "ward") -> Resource:
    marks = [
        {
            "url": "https://carethread.dev/fhir/StructureDefinition/department",
            "valueReference": {"reference": f"Organization/{department}"},
        }
    ]
    return {
        "resourceType": "CarePlan", "id": id_, "status": status, "intent": "plan",
        "subject": {"reference": f"Patient/{person}"}, **({"extension": marks} if department else {}),
    }  # fmt: skip


def alarms(practice: Care, code: str = "take-over") -> list[tuple[str, str]]:
    """The alarms of a kind: their statuses, and whose they are."""
    found = practice.found(f"Task?code={code}&_sort=_lastUpdated,_id")
    return [(each["status"], each.get("owner", {}).get("reference", "")) for each in found]


def flags(practice: Care) -> list[str]:
    found = practice.found("Flag")
    return [each["status"] for each in found if each["code"]["coding"][0]["code"] == "nobody-accountable"]


def do(practice: Care, *resources: Resource) -> None:
    for each in resources:
        practice.put(each)
    practice.fire()


def test_who_needs_somebody_and_never_had_anybody_has_an_alarm_once(practice: Care) -> None:
    do(practice, plan("p"), plan("q"))
    do(practice, {**plan("q"), "title": "Changed"})
    assert (alarms(practice), flags(practice)) == ([("requested", "Practitioner/duty")], ["active"])
    (task,) = practice.found("Task?code=take-over")
    assert (task["for"], task["focus"], task["priority"]) == (
        {"reference": "Patient/cat"}, {"reference": "Patient/cat"}, "urgent"
    )  # fmt: skip
    practice.pass_time(minutes=1)
    do(practice, person_team("cats", "cat", part("Practitioner/doctor"), department="ward"))
    assert (alarms(practice), flags(practice)) == ([("completed", "Practitioner/duty")], ["inactive"])
    assert practice.read(f"Task/{task['id']}")["statusReason"]["text"]
    do(practice, plan("r"))
    assert len(alarms(practice)) == 1


@pytest.mark.parametrize("department", ["", "clinic"])
def test_where_nobody_is_on_call_nobody_is_asked(practice: Care, department: str) -> None:
    do(practice, plan("p", department=department))
    assert alarms(practice) == [("requested", f"Organization/{department}" if department else "")]
    assert flags(practice) == ["active"]


def test_who_needs_nobody_any_more_has_no_alarm(practice: Care) -> None:
    do(practice, plan("p"))
    do(practice, plan("p", status="completed"))
    assert (alarms(practice), flags(practice)) == ([("completed", "Practitioner/duty")], ["inactive"])
    do(practice, plan("p"))
    assert (sorted(alarms(practice))[-1], flags(practice)) == (("requested", "Practitioner/duty"), ["active"])
    practice.tell(patient("cat", deceasedBoolean=True))
    practice.fire()
    assert ({each for each, _ in alarms(practice)}, flags(practice)) == ({"completed"}, ["inactive"])


def test_of_history_and_of_who_has_somebody_there_is_none(practice: Care) -> None:
    practice.put(plan("p"), backfill=True)
    do(practice, plan("a", "ann"))
    assert (alarms(practice), flags(practice)) == ([], [])


def test_for_a_task_that_others_have_there_is_none_for_one_of_ours_there_is(practice: Care) -> None:
    task = {"resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": "Patient/cat"}}
    do(practice, {**task, "id": "others"})
    assert (alarms(practice), flags(practice)) == ([], [])
    code = {"coding": [{"system": "https://carethread.dev/fhir/CodeSystem/careteam-task", "code": "activity"}]}
    do(practice, {**task, "id": "ours", "code": code})
    assert (len(alarms(practice)), flags(practice)) == (1, ["active"])


def test_a_team_that_leads_again_ends_the_alarm(practice: Care) -> None:
    do(practice, plan("a", "ann"))
    team = practice.read("CareTeam/anns")
    do(practice, {**team, "status": "inactive"})
    assert (alarms(practice), flags(practice)) == ([("requested", "Organization/ward")], ["active"])
    practice.pass_time(minutes=1)
    do(practice, team)
    assert (alarms(practice), flags(practice)) == ([("completed", "Organization/ward")], ["inactive"])


def test_who_took_over_is_told_no_more_when_another_has(practice: Care) -> None:
    task = offered(practice, end_of_shift=practice.at(minutes=30))
    practice.pass_time(minutes=31)
    practice.fire()
    assert (who(practice), alarms(practice)) == ("Practitioner/duty", [("requested", "Practitioner/duty")])
    assert answer(practice, task, "accept")[0] == 200
    assert (who(practice), alarms(practice)) == ("Practitioner/nurse", [("completed", "Practitioner/duty")])


def test_a_team_without_anybody_to_lead_it(practice: Care) -> None:
    practice.put(person_team("cats", "cat", part("Practitioner/doctor", until=practice.at(minutes=1))))
    practice.pass_time(minutes=1)
    practice.fire()
    assert (alarms(practice), flags(practice)) == ([("requested", "")], ["active"])
    do(practice, plan("p"))
    assert len(alarms(practice)) == 1, "it is known already"
    practice.pass_time(minutes=1)
    do(practice, person_team("more", "cat", part("Practitioner/doctor")))
    assert (alarms(practice), flags(practice)) == ([("completed", "")], ["inactive"])


def test_a_departments_team(practice: Care) -> None:
    practice.tell(organization("small"), practitioner("alone"))
    practice.put(department_team("smalls", "small", part("Practitioner/alone")))
    practice.tell(practitioner("alone", active=False))
    practice.fire()
    assert alarms(practice) == [("requested", "Organization/small")]
    practice.pass_time(minutes=1)
    do(practice, department_team("smalls", "small", part("Practitioner/doctor")))
    assert alarms(practice) == [("completed", "Organization/small")]


def test_a_result_that_comes_late_ends_the_alarm(practice: Care) -> None:
    practice.put(report("r1", "ann"))
    task = offered(practice, "Practitioner/nurse", "referral", result_by=practice.at(days=2))
    answer(practice, task, "accept")
    practice.pass_time(days=3)
    practice.fire()
    assert alarms(practice, "overdue-result") == [("requested", "Practitioner/doctor")]
    practice.operate("POST", f"Task/{task['id']}/$return", *refer("output", "DiagnosticReport/r1"))
    assert alarms(practice, "overdue-result") == [("completed", "Practitioner/doctor")]


def test_a_result_that_will_not_come_ends_the_alarm(practice: Care) -> None:
    task = offered(practice, "Practitioner/nurse", "referral", result_by=practice.at(days=2))
    answer(practice, task, "accept")
    practice.pass_time(days=3)
    practice.fire()
    why = {"name": "reason", "valueString": "The person moved away."}
    practice.operate("POST", f"Task/{task['id']}/$return", {"name": "failed", "valueBoolean": True}, why)
    assert alarms(practice, "overdue-result") == [("completed", "Practitioner/doctor")]


def test_another_hand_off_that_is_accepted_ends_the_alarm(practice: Care) -> None:
    offered(practice, urgency="stat")
    practice.pass_time(hours=9)
    while practice.fire():
        practice.pass_time(hours=1)
    both = [("requested", "Practitioner/doctor"), ("requested", "Practitioner/lead")]
    assert sorted(alarms(practice, "unanswered-hand-off")) == both
    answer(practice, offered(practice, "Practitioner/nurse", "referral"), "accept")
    assert sorted(alarms(practice, "unanswered-hand-off")) == both, "that asks for one thing"
    answer(practice, offered(practice, "Practitioner/nurse", "care"), "accept")
    assert {status for status, _ in alarms(practice, "unanswered-hand-off")} == {"completed"}


@pytest.mark.parametrize("which", [0, 1])
def test_one_of_two_hand_offs_that_ends_is_enough(practice: Care, which: int) -> None:
    practice.put(person_team("bens", "ben", part("Practitioner/lead")))
    both = [offered(practice), offered(practice, "Practitioner/second", person="ben")]
    link = [{"type": "replaced-by", "other": {"reference": "Patient/ann"}}]
    practice.tell(patient("ben", active=False, link=link))
    practice.fire()
    assert [status for status, _ in alarms(practice, "second-hand-off")] == ["requested"]
    why = {"name": "reason", "valueString": "Once is enough."}
    practice.operate("POST", f"Task/{both[which]['id']}/$withdraw", why, *refer("by", who_offered(both[which])))
    assert [status for status, _ in alarms(practice, "second-hand-off")] == ["completed"]


def who_offered(task: Resource) -> str:
    requester: str = task["requester"]["reference"]
    return requester

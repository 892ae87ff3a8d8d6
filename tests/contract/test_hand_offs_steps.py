"""Who may take which step of a hand-off, what a result has to be, and where the person comes to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.care import OURS, Care, department_team, part, practitioner, role
from support.desk import refer
from support.handing import answer, entries, offered, parameters, plain_offer, report, ward, who


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with ward(tmp_path, database_url) as made:
        yield made


def taken(
    practice: Care, kind: str = "referral", to: str = "Practitioner/nurse", by: str = "", **texts: str
) -> Resource:
    task = offered(practice, to, kind, **texts)
    assert answer(practice, task, "accept", by)[0] == 200
    return practice.read(f"Task/{task['id']}")


def refused(practice: Care, task: Resource, step: str, *parts: Resource) -> tuple[int, object]:
    status, issues = practice.refusal("POST", f"Task/{task['id']}/${step}", parameters(list(parts)))
    return status, issues[0].get("expression")


@pytest.mark.parametrize("output", ["DiagnosticReport/none", "DiagnosticReport/of-ben", "Organization/ward"])
def test_a_result_is_there_and_about_the_person(practice: Care, output: str) -> None:
    practice.put(report("of-ben", "ben"))
    practice.put(report("of-ann", "ann"))
    task = taken(practice, result_by=practice.at(days=1))
    assert refused(practice, task, "return", *refer("output", output)) == (422, ["output"])
    assert practice.read(f"Task/{task['id']}")["status"] == "accepted"
    practice.operate("POST", f"Task/{task['id']}/$return", *refer("output", "DiagnosticReport/of-ann"))


def test_a_plain_return_with_a_result_of_another_is_refused(practice: Care) -> None:
    category = [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}]}
    ]
    observation: Resource = {
        "resourceType": "Observation", "status": "final", "code": {"text": "Pain"}, "category": category,
    }  # fmt: skip
    for person in ("ann", "ben"):
        made = {**observation, "id": f"of-{person}", "subject": {"reference": f"Patient/{person}"}}
        practice.tell(made)
        plan = {"resourceType": "CarePlan", "id": person, "status": "active", "intent": "plan"}
        practice.put({**plan, "subject": {"reference": f"Patient/{person}"}})
    task = taken(practice)
    for person, status in (("ben", 422), ("ann", 200)):
        output = [{"type": {"text": "Result"}, "valueReference": {"reference": f"CarePlan/{person}"}}]
        done = {**task, "status": "completed", "output": output}
        found = practice.ask("PUT", f"Task/{task['id']}", done)
        assert (found.status, b"Task.output" in found.body) == (status, status == 422), found.body


@pytest.mark.parametrize("by", ["Practitioner/stranger", "Practitioner/none", "PractitionerRole/none"])
def test_who_did_not_accept_returns_nothing(practice: Care, by: str) -> None:
    task = taken(practice)
    for failed in (False, True):
        said: list[Resource] = [{"name": "failed", "valueBoolean": failed}, {"name": "reason", "valueString": "No."}]
        assert refused(practice, task, "return", *refer("by", by), *said) == (422, ["by"])
    marked = [{"url": OURS + "answered-by", "valueReference": {"reference": by}}]
    plain = {**task, "status": "completed", "extension": [*task.get("extension", ()), *marked]}
    assert practice.ask("PUT", f"Task/{task['id']}", plain).status == 422
    assert practice.read(f"Task/{task['id']}")["status"] == "accepted"


@pytest.mark.parametrize("by", ["", "Practitioner/nurse", "PractitionerRole/nurse-role", "Practitioner/doctor"])
def test_who_accepted_returns_it_or_who_answers_for_the_person(practice: Care, by: str) -> None:
    task = taken(practice)
    done = practice.operate(
        "POST", f"Task/{task['id']}/$return", *(refer("by", by) if by else [{"name": "note", "valueString": "Done."}])
    )
    assert done["status"] == "completed"
    assert entries(practice, task)[-1].by == (by or "Practitioner/nurse")


@pytest.mark.parametrize("kind", ["referral", "care"])
@pytest.mark.parametrize("said", ["accept", "decline"])
def test_a_department_does_not_answer_as_nobody(practice: Care, kind: str, said: str) -> None:
    task = offered(practice, "Organization/ward", kind)
    status, body = answer(practice, task, said, reason="So it is.")
    assert (status, body["issue"][0]["expression"]) == (400, ["by"])
    accepted = {**practice.read(f"Task/{task['id']}"), "status": "accepted"}
    assert practice.refusal("PUT", f"Task/{task['id']}", accepted)[0] == 422
    assert answer(practice, task, said, "Practitioner/second", "So it is.")[0] == 200


def test_who_works_in_a_department_without_a_team_answers_for_it(practice: Care) -> None:
    practice.tell(role("stranger-role", "stranger", "clinic"))
    task = offered(practice, "Organization/clinic", "referral")
    assert answer(practice, task, "accept", "PractitionerRole/nurse-role")[0] == 422
    assert answer(practice, task, "accept", "PractitionerRole/stranger-role")[0] == 200


def test_with_the_department_the_team_moves(practice: Care) -> None:
    practice.tell(role("stranger-role", "stranger", "clinic"), practitioner("on-call"))
    practice.put(
        department_team(
            "clinics", "clinic", part("PractitionerRole/stranger-role"), part("Practitioner/on-call", "on-call")
        )
    )
    marked = {"url": OURS + "department", "valueReference": {"reference": "Organization/ward"}}
    practice.put({**practice.read("CareTeam/anns"), "extension": [marked]})
    task = offered(practice, "PractitionerRole/stranger-role", "department-change")
    assert answer(practice, task, "accept")[0] == 200
    team = practice.read("CareTeam/anns")
    assert team["managingOrganization"] == [{"reference": "Organization/clinic"}]
    told = practice.operate("GET", "Patient/ann/$accountable")["parameter"]
    (answers,) = [each["part"] for each in told if each["name"] == "accountable"]
    assert {"name": "department", "valueReference": {"reference": "Organization/clinic"}} in answers
    after = [each["valueReference"]["reference"] for each in told if each["name"] == "then"]
    assert after == ["Practitioner/on-call"]


@pytest.mark.parametrize("kind", ["care", "shift"])
def test_with_another_kind_the_team_stays(practice: Care, kind: str) -> None:
    practice.tell(role("stranger-role", "stranger", "clinic"))
    taken(practice, kind, "PractitionerRole/stranger-role")
    assert practice.read("CareTeam/anns")["managingOrganization"] == [{"reference": "Organization/ward"}]


def test_with_a_department_that_was_asked_the_team_moves_there(practice: Care) -> None:
    practice.put(department_team("clinics", "clinic", part("Practitioner/second")))
    taken(practice, "department-change", "Organization/clinic", "Practitioner/second")
    assert practice.read("CareTeam/anns")["managingOrganization"] == [{"reference": "Organization/clinic"}]


def test_who_has_gone_withdraws_nothing(practice: Care) -> None:
    why = {"name": "reason", "valueString": "Not now."}
    task, asks = offered(practice), offered(practice, "Practitioner/second", "referral")
    practice.tell(practitioner("doctor", active=False))
    practice.fire()
    assert who(practice) == "Practitioner/duty"
    for each in (task, asks):
        assert refused(practice, each, "withdraw", why, *refer("by", "Practitioner/doctor")) == (422, ["by"])
    assert refused(practice, asks, "withdraw", why) == (400, ["by"])
    practice.operate("POST", f"Task/{task['id']}/$withdraw", why)
    assert entries(practice, task)[-1].by == "Practitioner/duty", "who answers for the person now"
    practice.operate("POST", f"Task/{asks['id']}/$withdraw", why, *refer("by", "Practitioner/duty"))


def test_errors_name_what_was_sent(practice: Care) -> None:
    task = offered(practice)
    assert refused(practice, task, "withdraw", *refer("by", "Practitioner/doctor")) == (422, ["reason"])
    assert refused(
        practice, task, "withdraw", {"name": "reason", "valueString": "x"}, *refer("by", "Practitioner/lead")
    ) == (422, ["by"])
    plain = {**plain_offer(practice), "id": "plain", "owner": {"reference": "Practitioner/nobody"}}
    status, issues = practice.refusal("PUT", "Task/plain", plain)
    assert (status, issues[0]["expression"]) == (422, ["Task.owner"]), "a plain write is told of its own elements"

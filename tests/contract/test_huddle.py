"""A huddle's agenda: what is open of the people of a team or a department, and what has happened since the last one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.ports import Resource
from support.care import (
    Care,
    care,
    department_team,
    organization,
    part,
    patient,
    person_team,
    practitioner,
    role,
)

CODES = "https://carethread.dev/fhir/CodeSystem/"
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
US_CORE = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
TERMS = "http://terminology.hl7.org/CodeSystem/"
RATED = "https://carethread.dev/fhir/StructureDefinition/rated"


def concept(system: str, *codes: str) -> Resource:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def ref(reference: str) -> Resource:
    return {"reference": reference}


def task(id_: str, person: str, code: str, *, due: str = "", system: str = "careteam-task", **more: Any) -> Resource:
    until = {"restriction": {"period": {"end": due}}} if due else {}
    return {
        "resourceType": "Task", "id": id_, "status": "requested", "intent": "order", "for": ref(f"Patient/{person}"),
        "code": concept(CODES + system, code), "authoredOn": "2031-03-01T08:00:00Z", **until, **more,
    }  # fmt: skip


def risk(id_: str, person: str, level: str, **more: Any) -> Resource:
    return {
        "resourceType": "RiskAssessment", "id": id_, "status": "final", "subject": ref(f"Patient/{person}"),
        "prediction": [{"qualitativeRisk": concept(TERMS + "risk-probability", level)}], **more,
    }  # fmt: skip


def need(id_: str, person: str, **more: Any) -> Resource:
    return {
        "resourceType": "Condition", "id": id_, "subject": ref(f"Patient/{person}"),
        "clinicalStatus": concept(TERMS + "condition-clinical", "active"),
        "category": [concept(TERMS + "condition-category", "problem-list-item"), concept(US_CORE, "sdoh")],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "713458007", "display": "No transport"}]},
        **more,
    }  # fmt: skip


def screened(id_: str, person: str, answer: str, when: str) -> Resource:
    loinc = "http://loinc.org"
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "subject": ref(f"Patient/{person}"),
        "category": [concept(US_CORE, "sdoh"), concept(GRAVITY, "food-insecurity")], "code": concept(loinc, "88124-3"),
        "effectiveDateTime": when, "valueCodeableConcept": concept(loinc, answer),
    }  # fmt: skip


def complaint(id_: str, person: str, **more: Any) -> Resource:
    return {
        "resourceType": "Communication", "id": id_, "status": "completed", "subject": ref(f"Patient/{person}"),
        "category": [concept(CODES + "feedback-kind", "complaint")], "sent": "2031-03-02T08:00:00Z", **more,
    }  # fmt: skip


def issue(id_: str, person: str, severity: str, **more: Any) -> Resource:
    return {
        "resourceType": "DetectedIssue", "id": id_, "status": "final", "severity": severity,
        "patient": ref(f"Patient/{person}"), **more,
    }  # fmt: skip


@pytest.fixture
def team(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """Two people, each with a team; the department of both has a team too."""
    with care(tmp_path, database_url, ("records", "careteams", "questionnaires")) as made:
        made.tell(organization("home"), practitioner("ada"), practitioner("bo"), role("ada-home", "ada", "home"))
        made.tell(patient("ann"), patient("ben"))
        made.put(person_team("of-ann", "ann", part("Practitioner/ada"), part("Practitioner/bo", "coordinator")))
        made.put(person_team("of-ben", "ben", part("PractitionerRole/ada-home")))
        made.put(department_team("home", "home", part("PractitionerRole/ada-home")))
        yield made


def agenda(of: Care, path: str = "CareTeam/home/$huddle") -> list[tuple[str, list[tuple[str, str]]]]:
    """The people in order, each with the kinds of reasons and what they are about."""
    told = of.operate("GET", path)["parameter"]
    return [
        (
            next(p["valueReference"]["reference"] for p in item["part"] if p["name"] == "patient"),
            [
                (
                    next(p["valueCode"] for p in each["part"] if p["name"] == "code"),
                    next(p["valueReference"]["reference"] for p in each["part"] if p["name"] == "about"),
                )
                for each in item["part"]
                if each["name"] == "reason"
            ],
        )
        for item in told
        if item["name"] == "person"
    ]


def kinds(of: Care, path: str = "CareTeam/home/$huddle") -> list[str]:
    return [kind for _, found in agenda(of, path) for kind, _ in found]


def told_of(of: Care) -> dict[str, str]:
    """What the agenda says of each resource, by its id."""
    return {about.partition("/")[2]: kind for _, found in agenda(of) for kind, about in found}


def test_the_people_of_a_department_are_in_order_of_need(team: Care) -> None:
    team.tell(need("bus", "ann"))
    team.put(risk("r", "ben", "high"))
    for path in ("CareTeam/home/$huddle", "CareTeam/$huddle?department=Organization/home"):
        assert agenda(team, path) == [
            ("Patient/ben", [("risk-high", "RiskAssessment/r")]),
            ("Patient/ann", [("need", "Condition/bus")]),
        ]


def test_the_huddle_of_a_persons_team_is_about_that_person(team: Care) -> None:
    team.put(risk("r", "ben", "high"))
    team.put(risk("s", "ann", "moderate"))
    assert agenda(team, "CareTeam/of-ann/$huddle") == [("Patient/ann", [("risk-moderate", "RiskAssessment/s")])]


LATE = "2031-03-02T08:00:00Z"
AHEAD = "2031-03-20"


STATES = [
    (task("t", "ann", "outreach", due=LATE), "task-overdue"),
    (task("t", "ann", "outreach", due=AHEAD), ""),
    (task("t", "ann", "outreach", due=LATE, status="completed"), ""),
    (task("t", "ann", "assign-navigator", priority="urgent"), "task-urgent"),
    (task("t", "ann", "huddle-decision", due=AHEAD), "decision"),
    (task("t", "ann", "huddle-decision", due=LATE), "decision-overdue"),
    (task("t", "ann", "huddle-decision", due=LATE, status="completed"), ""),
    (risk("t", "ann", "certain"), "risk-certain"),
    (risk("t", "ann", "high"), "risk-high"),
    (risk("t", "ann", "high", status="corrected"), "risk-high"),
    (risk("t", "ann", "low"), ""),
    (risk("t", "ann", "high", status="entered-in-error"), ""),
    (risk("t", "ann", "high", occurrencePeriod={"end": LATE}), ""),
    (issue("t", "ann", "high"), "conflict-high"),
    (issue("t", "ann", "low", identifiedDateTime=LATE), "conflict"),
    (issue("t", "ann", "high", status="cancelled"), ""),
    (issue("t", "ann", "high", mitigation=[{"action": {"text": "Agreed."}}]), ""),
    (issue("t", "ann", "low", code=concept(CODES + "plan-issue", "activity-overdue")), "plan-overdue"),
    (complaint("t", "ann"), "complaint"),
    (complaint("t", "ann", status="entered-in-error"), ""),
]
"""What resources say of the agenda: a kind, or nothing."""


def test_what_is_open_is_on_the_agenda_and_what_is_settled_is_not(team: Care) -> None:
    for number, (made, _) in enumerate(STATES):
        team.put({**made, "id": f"s{number}", "meta": {"source": "http://ehr.example"}})
    assert told_of(team) == {f"s{number}": kind for number, (_, kind) in enumerate(STATES) if kind}


HAND_OFFS = [
    ("requested", "offered", "hand-off"),
    ("requested", "escalated", "hand-off-escalated"),
    ("accepted", "overdue", "hand-off-overdue"),
    ("accepted", "", ""),
    ("rejected", "", "hand-off-declined"),
    ("failed", "expired", "hand-off-expired"),
    ("completed", "", ""),
]
"""Statuses of hand-offs, with their business status, and what they say of the agenda."""


def test_hand_offs_are_told_by_their_state(team: Care) -> None:
    codes = ("referral", "follow-up", "care", "huddle", "discharge", "shift", "department-change")
    for code, (status, told, _) in zip(codes, HAND_OFFS, strict=True):
        business = {"businessStatus": concept(CODES + "hand-off-status", told)} if told else {}
        made = task(code, "ann", code, due=AHEAD, system="hand-off-kind", status=status, **business)
        team.put({**made, "meta": {"source": "http://ehr.example"}})
    kinds_of = dict(zip(codes, (kind for _, _, kind in HAND_OFFS), strict=True))
    assert told_of(team) == {code: kind for code, kind in kinds_of.items() if kind}
    team.pass_time(days=16)
    assert not {"hand-off-declined", "hand-off-expired"} & set(kinds(team)), "they are not told for ever"


def test_a_declined_hand_off_gives_way_to_the_next(team: Care) -> None:
    for number, status in enumerate(("rejected", "requested")):
        made = task(f"h{number}", "ann", "referral", system="hand-off-kind", status=status)
        team.put({**made, "meta": {"source": "http://ehr.example"}, "authoredOn": f"2031-03-0{number + 1}T08:00:00Z"})
    assert agenda(team) == [("Patient/ann", [("hand-off", "Task/h1")])]


def test_of_a_screening_the_last_answer_counts_until_a_condition_speaks_for_it(team: Care) -> None:
    """That somebody is to judge the answer is a Task besides, until somebody does."""
    team.tell(screened("one", "ann", "LA19952-3", "2031-02-01"))
    assert sorted(kinds(team)) == ["need", "task-urgent"]
    team.tell(need("food", "ann", evidence=[{"detail": [ref("Observation/one")]}]))
    assert ("need", "Condition/food") in agenda(team)[0][1]
    team.tell(need("food", "ann", clinicalStatus=concept(TERMS + "condition-clinical", "resolved")))
    team.tell(screened("two", "ann", "LA19983-8", "2031-03-01"))
    assert kinds(team) == ["task-urgent"]


def test_a_complaint_is_settled_once_a_task_about_it_is_done(team: Care) -> None:
    team.put(complaint("c", "ann"))
    answer = {
        "resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "subject": ref("Patient/ben"),
        "meta": {"tag": [{"system": CODES + "feedback-kind", "code": "complaint"}]}, "authored": "2031-03-02T08:00:00Z",
        "questionnaire": "http://care.example/complaint|1",
    }  # fmt: skip
    team.tell(answer)
    assert [person for person, _ in agenda(team)] == ["Patient/ann", "Patient/ben"]
    for number, about in enumerate(("Communication/c", "QuestionnaireResponse/q")):
        made = task(f"t{number}", "ann", "activity", focus=ref(about), status="completed")
        team.put({**made, "meta": {"source": "http://ehr.example"}})
    assert agenda(team) == []


def test_what_is_hidden_from_a_clinician_is_not_told_where_they_read(team: Care) -> None:
    marked = [{"url": RATED, "valueReference": ref("Practitioner/ada")}]
    team.put({**risk("r", "ann", "high", extension=marked), "meta": {"source": "http://ehr.example"}})
    team.put(complaint("c", "ann", about=[ref("PractitionerRole/ada-home")]))
    path = "CareTeam/home/$huddle"
    assert kinds(team, f"{path}?attending=Practitioner/bo") == ["risk-high", "complaint"]
    assert kinds(team, f"{path}?attending=Practitioner/bo,PractitionerRole/ada-home") == []
    assert kinds(team, f"{path}?attending=Practitioner/ada") == []
    assert kinds(team) == [], "nobody says who reads"


def test_nothing_sensitive_is_named_beyond_its_reference(team: Care) -> None:
    team.tell(need("bus", "ann"))
    violence = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "T74.11", "display": "Abuse"}]}
    team.tell(need("home", "ben", code={**violence, "text": "Abuse"}))
    answer = team.operate("GET", "CareTeam/home/$huddle")
    titles = [p["valueString"] for item in answer["parameter"] if item["name"] == "person" for r in item["part"]
              if r["name"] == "reason" for p in r["part"] if p["name"] == "title"]  # fmt: skip
    assert titles == ["No transport"]
    assert "Abuse" not in str(answer)


def test_who_has_something_to_do_for_a_person_of_no_team_has_them_on_the_agenda(team: Care) -> None:
    team.tell(patient("cal"))
    made = task("t", "cal", "outreach", due=LATE, owner=ref("Organization/home"))
    team.put({**made, "meta": {"source": "http://ehr.example"}})
    assert agenda(team) == [("Patient/cal", [("task-overdue", "Task/t")])]


def test_whoever_was_merged_is_one_person(team: Care) -> None:
    team.tell(need("bus", "ann"))
    team.tell({**patient("ann", active=False), "link": [{"other": ref("Patient/ben"), "type": "replaced-by"}]})
    team.put(risk("r", "ben", "high"))
    assert agenda(team) == [("Patient/ben", [("risk-high", "RiskAssessment/r"), ("need", "Condition/bus")])]


def test_a_department_without_a_team_has_an_agenda_too(team: Care) -> None:
    team.tell(organization("new"), practitioner("eve"), role("eve-new", "eve", "new"))
    team.tell(patient("cal"), need("bus", "cal"))
    team.put(person_team("of-cal", "cal", part("PractitionerRole/eve-new")))
    assert kinds(team, "CareTeam/$huddle?department=Organization/new") == ["need"]
    team.tell(organization("nobody"))
    assert kinds(team, "CareTeam/$huddle?department=Organization/nobody") == []


def test_only_so_many_are_told_and_all_are_counted(team: Care) -> None:
    team.put(risk("r", "ben", "high"))
    team.put(risk("s", "ann", "high"))
    answer = team.operate("GET", "CareTeam/home/$huddle?_count=1")["parameter"]
    assert [each["name"] for each in answer].count("person") == 1
    assert next(each["valueUnsignedInt"] for each in answer if each["name"] == "total") == 2


def test_post_takes_the_same(team: Care) -> None:
    team.put(risk("r", "ben", "high"))
    parts = [{"name": "department", "valueReference": ref("Organization/home")}]
    answer = team.operate("POST", "CareTeam/$huddle", *parts)
    assert answer == team.operate("GET", "CareTeam/$huddle?department=Organization/home")


REFUSED = [
    ("CareTeam/nobody/$huddle", 404, None),
    ("CareTeam/gone/$huddle", 410, None),
    ("CareTeam/$huddle", 400, "department"),
    ("CareTeam/$huddle?department=Patient/ann", 400, "department"),
    ("CareTeam/home/$huddle?department=Organization/home", 400, "department"),
    ("CareTeam/$huddle?department=Organization/a&department=Organization/b", 400, "department"),
    ("CareTeam/home/$huddle?since=yesterday", 400, "since"),
    ("CareTeam/home/$huddle?attending=Patient/ann", 400, "attending"),
    ("CareTeam/home/$huddle?_count=0", 400, "_count"),
    ("CareTeam/home/$huddle?until=2031-03-03", 400, "until"),
]


def test_what_cannot_be_meant_is_refused_with_its_place(team: Care) -> None:
    team.put(person_team("gone", "ann", part("Practitioner/ada")))
    assert team.ask("DELETE", "CareTeam/gone").status in (200, 204)
    for path, status, where in REFUSED:
        told, issues = team.refusal("GET", path)
        assert (told, issues[0].get("expression", [None])[0]) == (status, where), path

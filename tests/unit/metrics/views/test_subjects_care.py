"""The views of Tasks, teams, plans, messages and risks: a resource, and the rows that it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.viewing import CODES, DEPARTMENT, coded, rows, told

ONE = {"reference": "Patient/one"}
TASK = {"resourceType": "Task", "id": "t", "status": "completed", "intent": "order", "for": ONE}
PERIODS = {
    "restriction": {"period": {"start": "2031-03-04T08:00:00Z", "end": "2031-03-05T08:00:00Z"}},
    "executionPeriod": {"start": "2031-03-04T10:00:00+01:00", "end": "2031-03-04T09:30:00Z"},
    "authoredOn": "2031-03-03",
}
TIMES = {
    "authored_at": "2031-03-03T10:00:00.000Z",
    "since_at": "2031-03-04T08:00:00.000Z",
    "due_at": "2031-03-05T08:00:00.000Z",
    "taken_at": "2031-03-04T09:00:00.000Z",
    "ended_at": "2031-03-04T09:30:00.000Z",
}


SAID = [("urn:x", "arranged"), (CODES + "outreach-outcome", "reached")]


def test_tasks():
    assert rows("tasks", TASK) == [{"id": "t", "status": "completed", "patient_id": "one"}]
    both = coded("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")
    both["coding"] += coded(CODES + "careteam-task", "need-referral")["coding"]
    resource = (
        TASK
        | PERIODS
        | {
            "extension": [DEPARTMENT],
            "code": both,
            "priority": "urgent",
            "encounter": {"reference": "Encounter/visit"},
            "owner": {"reference": "Organization/helper"},
            "focus": {"reference": "ServiceRequest/s"},
            "businessStatus": {"coding": [coding for system, code in SAID for coding in coded(system, code)["coding"]]},
            "reasonReference": {"reference": "Condition/need"},
            "reasonCode": coded("urn:x", "why"),
            "input": [{"type": {"text": "Consent"}, "valueReference": {"reference": "Consent/yes"}}],
            "output": [
                {"type": {"text": "Form"}, "valueReference": {"reference": "QuestionnaireResponse/r"}},
                {"type": {"text": "Outcome"}, "valueCodeableConcept": coded(CODES + "referral-outcome", "need-met")},
            ],
        }
    )
    assert rows("tasks", resource) == [
        {
            "id": "t",
            "status": "completed",
            "code_system": "http://hl7.org/fhir/CodeSystem/task-code",
            "code_code": "fulfill",
            "careteam_code": "need-referral",
            "priority": "urgent",
            "patient_id": "one",
            "encounter_id": "visit",
            "owner_organization_id": "helper",
            "focus": "ServiceRequest/s",
            "response_id": "r",
            "consent_id": "yes",
            "state_code": "arranged",
            "outreach_code": "reached",
            "outcome_code": "need-met",
            "referral_code": "need-met",
            "need_id": "need",
            "reason_code": "why",
            "department_id": "ward",
            **TIMES,
        }
    ]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("Practitioner", "owner_practitioner_id"),
        ("PractitionerRole", "owner_practitioner_role_id"),
        ("CareTeam", "owner_care_team_id"),
        ("Patient", "owner_patient_id"),
    ],
)
def test_tasks_say_who_does_them(kind, column):
    (row,) = rows("tasks", TASK | {"owner": {"reference": f"{kind}/x"}})
    assert row[column] == "x"
    assert len(row) == 4


def test_hand_offs_are_tasks_of_such_a_kind():
    assert rows("hand_offs", TASK) == []
    marks = [{"system": CODES + "hand-off-status", "code": code} for code in ("expired", "overdue")]
    resource = (
        TASK
        | PERIODS
        | {
            "status": "failed",
            "code": coded(CODES + "hand-off-kind", "shift"),
            "requester": {"reference": "PractitionerRole/sender"},
            "owner": {"reference": "CareTeam/night"},
            "businessStatus": {"coding": marks},
            "extension": [told("result-by", valueInstant="2031-03-06T08:00:00Z")],
        }
    )
    assert rows("hand_offs", resource) == [
        {
            "id": "t",
            "status": "failed",
            "kind": "shift",
            "patient_id": "one",
            "from_practitioner_role_id": "sender",
            "to_care_team_id": "night",
            "offered_at": "2031-03-03T10:00:00.000Z",
            "answer_by_at": "2031-03-05T08:00:00.000Z",
            "accepted_at": "2031-03-04T09:00:00.000Z",
            "closed_at": "2031-03-04T09:30:00.000Z",
            "result_by_at": "2031-03-06T08:00:00.000Z",
            "escalated": False,
            "expired": True,
            "overdue": True,
        }
    ]


def test_feedback_is_what_somebody_answers():
    assert rows("feedback", TASK | {"code": coded(CODES + "careteam-task", "past-feedback")}) == []
    kinds = {"coding": [{"system": CODES + "feedback-kind", "code": code} for code in ("low-score", "complaint")]}
    resource = (
        TASK
        | PERIODS
        | {
            "code": coded(CODES + "careteam-task", "feedback"),
            "reasonCode": kinds,
            "focus": {"reference": "QuestionnaireResponse/r"},
            "businessStatus": coded(CODES + "feedback-state", "told"),
            "owner": {"reference": "Practitioner/p"},
        }
    )
    assert rows("feedback", resource) == [
        {
            "id": "t",
            "status": "completed",
            "patient_id": "one",
            "response_id": "r",
            "complaint": True,
            "low_score": True,
            "owner_practitioner_id": "p",
            "state_code": "told",
            "authored_at": "2031-03-03T10:00:00.000Z",
            "said_at": "2031-03-04T08:00:00.000Z",
            "due_at": "2031-03-05T08:00:00.000Z",
            "taken_at": "2031-03-04T09:00:00.000Z",
            "closed_at": "2031-03-04T09:30:00.000Z",
        }
    ]


def test_each_member_of_a_team_is_a_row():
    both = {"coding": [{"system": CODES + "care-team-role", "code": code} for code in ("coordinator", "navigator")]}
    team = {
        "resourceType": "CareTeam",
        "id": "team",
        "status": "active",
        "subject": ONE,
        "period": {"start": "2031"},
        "managingOrganization": [{"reference": "Organization/ward"}],
        "extension": [told("leading-since", valueInstant="2031-01-01T00:00:00Z")],
        "participant": [
            {
                "role": [coded(CODES + "care-team-role", "accountable")],
                "member": {"reference": "Practitioner/lead"},
                "period": {"end": "2031-06-01T08:00:00Z"},
                "extension": [told("accountable-until", valueDateTime="2031-05-01")],
            },
            {"role": [both], "member": {"reference": "PractitionerRole/manager"}},
            {"member": {"reference": "Organization/other"}},
        ],
    }
    of_team = {
        "id": "team",
        "team_status": "active",
        "patient_id": "one",
        "organization_id": "ward",
        "team_start_at": "2031-01-01T00:00:00.000Z",
        "leading_since_at": "2031-01-01T00:00:00.000Z",
    }
    nobody = {"accountable": False, "coordinator": False, "navigator": False}
    assert rows("team_members", team) == [
        of_team
        | nobody
        | {
            "number": 0,
            "practitioner_id": "lead",
            "role_code": "accountable",
            "accountable": True,
            "end_at": "2031-06-01T08:00:00.000Z",
            "until_at": "2031-06-01T08:00:00.000Z",
            "accountable_until_at": "2031-05-02T00:00:00.000Z",
        },
        of_team
        | nobody
        | {
            "number": 1,
            "practitioner_role_id": "manager",
            "role_code": "coordinator",
            "coordinator": True,
            "navigator": True,
        },
        of_team | nobody | {"number": 2, "member_organization_id": "other"},
    ]


PLAN = {
    "resourceType": "CarePlan",
    "id": "plan",
    "status": "active",
    "intent": "plan",
    "subject": ONE,
    "period": {"start": "2031-01-15", "end": "2031-06"},
    "activity": [
        {
            "detail": {
                "status": "in-progress",
                "code": coded(CODES + "plan-activity", "walk"),
                "doNotPerform": False,
                "scheduledTiming": {
                    "repeat": {
                        "boundsPeriod": {"start": "2031-02-01"},
                        "count": 30,
                        "frequency": 3,
                        "period": 1,
                        "periodUnit": "wk",
                        "dayOfWeek": ["mon", "thu"],
                    }
                },
            },
            "progress": [
                {"time": "2031-02-02", "text": "Done", "extension": [told("progress-done", valueBoolean=True)]},
                {"time": "2031-02-03", "text": "Talked about it"},
                {"text": "Not done", "extension": [told("progress-done", valueBoolean=False)]},
            ],
        },
        {"reference": {"reference": "ServiceRequest/s"}},
        {"detail": {"status": "completed", "scheduledPeriod": {"end": "2031-03-01"}}},
    ],
}


def test_care_plans():
    resource = PLAN | {
        "category": [coded("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan")],
        "instantiatesCanonical": ["https://carethread.dev/fhir/PlanDefinition/diabetes|1.0.0"],
        "careTeam": [{"reference": "CareTeam/team"}],
        "created": "2031-01-15",
    }
    times = {"start_at": "2031-01-15T10:00:00.000Z", "end_at": "2031-06-01T10:00:00.000Z"}
    assert rows("care_plans", resource) == [
        {
            "id": "plan",
            "status": "active",
            "intent": "plan",
            "patient_id": "one",
            "category_code": "assess-plan",
            "template": "https://carethread.dev/fhir/PlanDefinition/diabetes|1.0.0",
            "care_team_id": "team",
            "created_at": "2031-01-15T10:00:00.000Z",
            **times,
        }
    ]


def test_each_activity_of_a_plan_is_a_row_and_each_note_that_says_whether_it_was_done():
    plan = {
        "id": "plan",
        "plan_status": "active",
        "patient_id": "one",
        "plan_start_at": "2031-01-15T00:00:00.000Z",
        "plan_end_at": "2031-06-01T10:00:00.000Z",
        "plan_until_at": "2031-07-01T00:00:00.000Z",
    }
    by = {"scheduled_end_at": "2031-03-01T10:00:00.000Z", "scheduled_until_at": "2031-03-02T00:00:00.000Z"}
    assert rows("plan_activities", PLAN) == [
        plan
        | {
            "number": 0,
            "status": "in-progress",
            "code_system": CODES + "plan-activity",
            "code_code": "walk",
            "not_to_do": False,
            "times": 3,
            "period": 1,
            "period_unit": "wk",
            "week_days": 2,
            "times_in_all": 30,
            "bounds_start_at": "2031-02-01T00:00:00.000Z",
        },
        plan | {"number": 1, "week_days": 0},
        plan | {"number": 2, "status": "completed", "week_days": 0} | by,
    ]
    assert rows("plan_progress", PLAN) == [
        {"id": "plan", "patient_id": "one", "activity": 0, "number": 0, "at": "2031-02-02T10:00:00.000Z", "done": True},
        {"id": "plan", "patient_id": "one", "activity": 0, "number": 1, "done": False},
    ]


MESSAGE = {
    "id": "m",
    "subject": ONE,
    "recipient": [{"reference": "RelatedPerson/sister"}, ONE],
    "category": [coded("http://terminology.hl7.org/CodeSystem/communication-category", "reminder")],
    "medium": [coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "PHONE")],
    "basedOn": [{"reference": "Task/t"}],
    "about": [{"reference": "Slot/s"}, {"reference": "Appointment/visit"}],
}
TOLD = {
    "id": "m",
    "category_system": "http://terminology.hl7.org/CodeSystem/communication-category",
    "category_code": "reminder",
    "medium_code": "PHONE",
    "patient_id": "one",
    "recipient_patient_id": "one",
    "task_id": "t",
    "appointment_id": "visit",
}


def test_communications_and_deliveries():
    sent = MESSAGE | {"resourceType": "Communication", "status": "not-done", "sent": "2031-03-04T08:00:00Z"}
    sent |= {"statusReason": coded(CODES + "outreach-outcome", "declined"), "sender": {"reference": "Practitioner/p"}}
    more = {"reason_code": "declined", "sender_practitioner_id": "p", "sent_at": "2031-03-04T08:00:00.000Z"}
    assert rows("communications", sent) == [TOLD | more | {"status": "not-done"}]
    asked = MESSAGE | {"resourceType": "CommunicationRequest", "status": "active", "priority": "routine"}
    asked |= {"occurrenceDateTime": "2031-03-04T18:00:00+01:00", "authoredOn": "2031-03-03T08:00:00.000Z"}
    times = {"due_at": "2031-03-04T17:00:00.000Z", "authored_at": "2031-03-03T08:00:00.000Z"}
    assert rows("deliveries", asked) == [TOLD | times | {"status": "active", "priority": "routine"}]


def test_risks_flags_and_issues():
    risk: dict[str, Any] = {"resourceType": "RiskAssessment", "id": "r", "status": "final", "subject": ONE}
    risk |= {"method": coded("https://carethread.dev/fhir/risk-rule", "https://example.org/rule")}
    level = coded("http://terminology.hl7.org/CodeSystem/risk-probability", "high")
    risk |= {"occurrencePeriod": {"start": "2031-03-04T08:00:00Z"}, "prediction": [{"qualitativeRisk": level}]}
    since = "2031-03-04T08:00:00.000Z"
    row = {"id": "r", "status": "final", "patient_id": "one", "rule": "https://example.org/rule", "level_code": "high"}
    assert rows("risks", risk) == [row | {"since_at": since}]
    flag: dict[str, Any] = {
        "resourceType": "Flag",
        "id": "f",
        "status": "active",
        "code": coded(CODES + "flag-kind", "workload"),
    }
    flag |= {"subject": {"reference": "Practitioner/p"}, "author": {"reference": "Organization/ward"}}
    assert rows("flags", flag | {"period": {"start": "2031-03-04T08:00:00Z"}}) == [
        {
            "id": "f",
            "status": "active",
            "code_system": CODES + "flag-kind",
            "code_code": "workload",
            "kind_code": "workload",
            "practitioner_id": "p",
            "author_organization_id": "ward",
            "start_at": since,
        }
    ]
    issue: dict[str, Any] = {
        "resourceType": "DetectedIssue",
        "id": "i",
        "status": "final",
        "severity": "moderate",
        "patient": ONE,
    }
    issue |= {"code": coded(CODES + "plan-issue", "activity-overdue"), "identifiedDateTime": "2031-03-04T08:00:00Z"}
    assert rows("issues", issue) == [
        {
            "id": "i",
            "status": "final",
            "severity": "moderate",
            "patient_id": "one",
            "code": "activity-overdue",
            "identified_at": since,
        }
    ]


def test_reports_of_other_services_are_a_row_for_each_population():
    counted = [
        {"code": coded("http://terminology.hl7.org/CodeSystem/measure-population", code), "count": count}
        for code, count in (("denominator", 40), ("numerator", 30))
    ]
    report = {
        "resourceType": "MeasureReport",
        "id": "report",
        "status": "complete",
        "type": "individual",
        "measure": "https://carethread.dev/fhir/Measure/workload|1.0.0",
        "subject": {"reference": "Practitioner/p"},
        "reporter": {"reference": "Organization/ward"},
        "date": "2031-03-05T00:15:00Z",
        "period": {"start": "2031-03-04", "end": "2031-03-05"},
        "group": [
            {"code": coded(CODES + "workload-fact", "open-tasks"), "population": counted},
            {"code": coded(CODES + "workload-fact", "caseload"), "measureScore": {"value": 0.75}},
        ],
    }
    whole = {
        "id": "report",
        "status": "complete",
        "kind": "individual",
        "measure": "https://carethread.dev/fhir/Measure/workload|1.0.0",
        "practitioner_id": "p",
        "reporter_id": "ward",
        "reported_at": "2031-03-05T00:15:00.000Z",
        "start_at": "2031-03-04T10:00:00.000Z",
        "end_at": "2031-03-05T00:00:00.000Z",
    }
    first = whole | {"number": 0, "group_code": "open-tasks"}
    assert rows("reported", report) == [
        first | {"population_code": "denominator", "population_count": 40},
        first | {"population_code": "numerator", "population_count": 30},
        whole | {"number": 1, "group_code": "caseload", "score": Decimal("0.75")},
    ]


def test_a_report_may_be_about_somebody_without_a_name():
    report = {
        "resourceType": "MeasureReport",
        "id": "report",
        "status": "complete",
        "type": "individual",
        "measure": "https://carethread.dev/fhir/Measure/documentation-burden",
        "subject": {"type": "Practitioner", "identifier": {"system": "urn:x", "value": "a-name"}},
        "period": {"start": "2031-03-04", "end": "2031-03-04"},
        "group": [{"code": coded(CODES + "documentation-burden", "seconds"), "measureScore": {"value": 42}}],
    }
    (row,) = rows("reported", report)
    assert (row["subject_identifier"], row["score"]) == ("a-name", 42)
    assert "practitioner_id" not in row

"""Findings about a person's plans: open while it is so, closed when it is gone, in whatever order plans are written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carethread.careteams.plans.conflicts import conflicts
from carethread.core.clock import to_micros
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support.care import OURS, Care, care, part, patient, person_team, practitioner
from support.risk import coded, reads, rule
from support.stores import BASE

NAMES = ("records", "scheduling", "careteams")
LOINC = "http://loinc.org"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, NAMES) as made:
        made.tell(patient("ann"), patient("ben"), practitioner("one"), practitioner("two"))
        yield made


def concept(code: str) -> Resource:
    return {"coding": [{"system": LOINC, "code": code}]}


def activity(code: str, id_: str = "", **detail: Any) -> Resource:
    made = {"detail": {"code": concept(code), "status": "in-progress", **detail}}
    return {"id": id_, **made} if id_ else made


def plan(id_: str, *activities: Resource, who: str = "ann", status: str = "active", **members: Any) -> Resource:
    return {
        "resourceType": "CarePlan", "id": id_, "status": status, "intent": "plan", "activity": list(activities),
        "subject": {"reference": f"Patient/{who}"}, "period": {"start": "2031-03-03T08:00:00Z"}, **members,
    }  # fmt: skip


def goal(id_: str, low: int | None, high: int | None, status: str = "active") -> Resource:
    ends = {name: {"value": value, "unit": "kg"} for name, value in (("low", low), ("high", high)) if value is not None}
    return {
        "resourceType": "Goal", "id": id_, "lifecycleStatus": status, "description": {"text": "weight"},
        "subject": {"reference": "Patient/ann"}, "target": [{"measure": concept("29463-7"), "detailRange": ends}],
    }  # fmt: skip


def issues(practice: Care, person: str = "ann") -> dict[str, list[Resource]]:
    """The findings by kind."""
    found: dict[str, list[Resource]] = {}
    for issue in practice.found(f"DetectedIssue?patient=Patient/{person}&_sort=_id"):
        assert [each for each in validate(issue) if each.severity == "error"] == []
        found.setdefault(issue["code"]["coding"][0]["code"], []).append(issue)
    return found


def standing(practice: Care, person: str = "ann") -> list[str]:
    found = issues(practice, person)
    return sorted(kind for kind in found for issue in found[kind] if issue["status"] == "final")


def test_a_conflict_opens_closes_and_opens_again(practice: Care) -> None:
    practice.put(plan("a", activity("1")))
    assert standing(practice) == []
    practice.put(plan("b", activity("1")))
    (issue,) = issues(practice)["same-activity"]
    assert issue["implicated"] == [{"reference": "CarePlan/a"}, {"reference": "CarePlan/b"}]
    settled = {**issue, "mitigation": [{"action": {"text": "Both go on"}}]}
    practice.put(settled)
    practice.put(plan("b", activity("1"), title="Another title"))
    assert issues(practice)["same-activity"][0]["mitigation"] == settled["mitigation"], "what people say stays"
    practice.pass_time(days=1)
    practice.put(plan("b", activity("1"), status="completed"))
    (gone,) = issues(practice)["same-activity"]
    assert (gone["status"], gone["identifiedPeriod"]["end"]) == ("cancelled", "2031-03-04T08:00:00.000Z")
    practice.put(plan("b", activity("1")))
    (again,) = issues(practice)["same-activity"]
    assert (again["id"], again["status"], "mitigation" in again) == (issue["id"], "final", False)
    practice.ask("DELETE", "CarePlan/a")
    assert standing(practice) == []


def test_a_plan_that_goes_to_another_person_is_looked_at_for_both(practice: Care) -> None:
    for id_ in ("a", "b"):
        practice.put(plan(id_, activity("1")))
    practice.put(plan("c", activity("1"), who="ben"))
    practice.put(plan("b", activity("1"), who="ben"))
    assert (standing(practice), standing(practice, "ben")) == ([], ["same-activity"])


def test_people_who_were_merged_are_one(practice: Care) -> None:
    practice.put(plan("a", activity("1")))
    practice.put(plan("b", activity("1"), who="ben"))
    merge = [
        {"name": "source-patient", "valueReference": {"reference": "Patient/ben"}},
        {"name": "target-patient", "valueReference": {"reference": "Patient/ann"}},
    ]
    body = {"resourceType": "Parameters", "parameter": merge}
    assert practice.ask("POST", "Patient/$merge", body, service="records").status == 200
    practice.keep(patient("ann"), patient("ben"))
    practice.put(plan("b", activity("1"), who="ben", title="x"))
    assert standing(practice) == ["same-activity"]


def team_of_an_ehr(id_: str, lead: str) -> Resource:
    """It may say that a team leads which is not here, or which it leads itself."""
    return person_team(id_, "ann", part(lead), meta={"source": "http://ehr.example"})


def test_leads(practice: Care) -> None:
    practice.put(team_of_an_ehr("one", "Practitioner/one"))
    practice.put(person_team("two", "ann", part("Practitioner/two")))
    assert standing(practice) == ["two-leads"]
    practice.put(person_team("two", "ann", part("CareTeam/one")))
    assert standing(practice) == []
    practice.put(team_of_an_ehr("one", "CareTeam/two"))
    assert standing(practice) == ["leads-each-other"]


def test_a_lead_who_begins_later_is_looked_at_then(practice: Care) -> None:
    practice.put(person_team("two", "ann", part("Practitioner/two")))
    practice.put(
        person_team(
            "one",
            "ann",
            part("CareTeam/two", end=practice.at(days=1)),
            part("Practitioner/one", start=practice.at(days=1)),
        )
    )
    assert standing(practice) == []
    practice.pass_time(days=1)
    practice.fire()
    assert standing(practice) == ["two-leads"]


def test_what_people_write_at_once_is_found(practice: Care) -> None:
    threads = [
        Thread(target=practice.put, args=(plan(f"p{number}", activity("1"), activity(str(number))),))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert standing(practice) == ["same-activity"]
    (issue,) = issues(practice)["same-activity"]
    assert [each["reference"] for each in issue["implicated"]] == [f"CarePlan/p{number}" for number in range(6)]


def test_many_plans_are_few_issues_and_each_of_them_ends(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are read at once."""
    monkeypatch.setattr("carethread.careteams.plans.issues._PAGE", 3)
    monkeypatch.setattr("carethread.careteams.plans.detecting.NAMED", 4)
    ehr: dict[str, Any] = {"meta": {"source": "http://ehr.example"}}
    for number in range(6):
        practice.put(plan(f"p{number}", *(activity(str(code)) for code in range(10)), **ehr))
    found = issues(practice)["same-activity"]
    assert len(found) == 10
    assert {(len(each["implicated"]), each["detail"][:34]) for each in found} == {
        (4, "The same activity is in 6 plans: h")
    }
    for number in range(1, 6):
        practice.ask("DELETE", f"CarePlan/p{number}")
    assert standing(practice) == []


PLANS = st.builds(
    plan,
    st.sampled_from("abc"),
    st.builds(activity, st.sampled_from("12"), doNotPerform=st.booleans()),
    status=st.sampled_from(["active", "draft", "completed"]),
)
RANGES = st.one_of(st.tuples(st.none(), st.integers(60, 80)), st.tuples(st.integers(60, 80), st.none()))
GOALS = st.builds(
    lambda id_, ends, status: goal(id_, ends[0], ends[1], status),
    st.sampled_from("gh"),
    RANGES,
    st.sampled_from(["active", "completed"]),
)
TEAMS = st.builds(
    team_of_an_ehr,
    st.sampled_from(["one", "two"]),
    st.sampled_from(["Practitioner/one", "Practitioner/two", "CareTeam/one", "CareTeam/two"]),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(writes=st.lists(st.one_of(PLANS, GOALS, TEAMS, st.sampled_from(["a", "b"])), max_size=10))
def test_what_stands_is_what_a_plain_look_at_all_says(practice: Care, writes: list[Any]) -> None:
    """The plain look knows nothing of what was there before."""
    for write in writes:
        if isinstance(write, str):
            practice.ask("DELETE", f"CarePlan/{write}")
        else:
            practice.put(write)
    everything = [practice.found(f"{kind}?patient=ann") for kind in ("CarePlan", "Goal", "CareTeam")]
    for each in everything:
        random.Random(2).shuffle(each)
    plans, goals, teams = everything
    wanted = conflicts(plans, goals, teams, to_micros(practice.now), BASE)
    open_ = {each["id"] for each in practice.found("DetectedIssue?patient=ann") if each["status"] == "final"}
    assert open_ == {each.id("Patient/ann") for each in wanted}


WEEKLY: dict[str, Any] = {"scheduledTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}}}


def told(practice: Care, done: bool = True) -> list[Resource]:
    mark = {"url": OURS + "progress-done", "valueBoolean": done}
    return [{"extension": [mark], "time": practice.at(), "text": "x"}]


def adherence(practice: Care, id_: str) -> dict[str, Any]:
    """What is said of the first activity, by name."""
    parts = practice.operate("GET", f"CarePlan/{id_}/$adherence")["parameter"]
    first = next(each for each in parts if each["name"] == "activity")["part"]
    return {each["name"]: next(value for name, value in each.items() if name != "name") for each in first}


def test_an_activity_becomes_overdue_by_itself_and_is_done(practice: Care) -> None:
    practice.put(plan("a", activity("1", "walk", description="Walk", **WEEKLY)))
    practice.fire()
    assert adherence(practice, "a")["state"] == "not-due"
    practice.pass_time(days=7)
    practice.fire()
    (issue,) = issues(practice)["activity-overdue"]
    assert (issue["status"], issue["detail"]) == ("final", "Walk: overdue since 2031-03-10.")
    assert adherence(practice, "a")["overdue-since"] == "2031-03-10T08:00:00.000Z"
    practice.pass_time(days=1)
    practice.put(
        plan("a", {**activity("1", "walk", description="Walk", **WEEKLY), "progress": told(practice, done=False)})
    )
    practice.fire()
    assert standing(practice) == ["activity-overdue"]
    practice.put(plan("a", {**activity("1", "walk", description="Walk", **WEEKLY), "progress": told(practice)}))
    practice.fire()
    assert standing(practice) == []
    assert {name: adherence(practice, "a")[name] for name in ("state", "needed", "done", "percent")} == {
        "state": "behind", "needed": 1, "done": 0, "percent": 0
    }  # fmt: skip


def task(practice: Care) -> Resource:
    return {
        "resourceType": "Task", "id": "t", "status": "completed", "intent": "order", "code": concept("1"),
        "for": {"reference": "Patient/ann"}, "basedOn": [{"reference": "CarePlan/a"}], "lastModified": practice.at(),
    }  # fmt: skip


def observation(practice: Care) -> Resource:
    return {
        "resourceType": "Observation", "id": "o", "status": "final", "code": concept("1"),
        "subject": {"reference": "Patient/ann"}, "effectiveDateTime": practice.at(),
    }  # fmt: skip


def appointment(practice: Care) -> Resource:
    return {
        "resourceType": "Appointment", "id": "v", "status": "fulfilled", "serviceType": [concept("1")],
        "start": practice.at(), "end": practice.at(minutes=30),
        "participant": [{"actor": {"reference": "Patient/ann"}, "status": "accepted"}],
    }  # fmt: skip


@pytest.mark.parametrize("shown", [task, observation, appointment])
def test_what_shows_that_it_was_done(practice: Care, shown: Any) -> None:
    once: dict[str, Any] = {"scheduledPeriod": {"start": practice.at(), "end": practice.at(days=1)}}
    practice.put(plan("a", activity("1", **once)))
    practice.pass_time(days=2)
    practice.fire()
    assert standing(practice) == ["activity-overdue"]
    practice.tell(shown(practice))
    assert adherence(practice, "a")["state"] == "done"
    practice.pass_time(days=1)  # of a laboratory's Observation there is no copy: it is asked for each day
    practice.fire()
    assert standing(practice) == []


def test_the_owner_of_observations_is_asked_while_nobody_waits(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others write meanwhile; the plan itself is looked at as it is after the answer."""
    practice.put(person_team("one", "ann", part("Practitioner/one")))
    practice.put(plan("a", activity("1", **WEEKLY)))
    practice.pass_time(days=8)
    asked: list[str] = []

    def observed(*_: Any) -> dict[Any, Resource]:
        asked.append("once more")
        practice.put(plan("b", activity("2")))
        if len(asked) == 1:
            practice.put(plan("a", activity("1", **WEEKLY), title="Another"))
        return {}

    monkeypatch.setattr("carethread.careteams.plans.watching.observed", observed)
    practice.fire()
    assert (standing(practice), len(asked)) == (["activity-overdue"], 2)


def test_an_outcome_that_the_activity_names_counts_whatever_its_code(practice: Care) -> None:
    practice.tell({**appointment(practice), "serviceType": [concept("2")]})
    named = {"outcomeReference": [{"reference": "Appointment/v"}]}
    practice.put(plan("a", {**activity("1", scheduledPeriod={"end": practice.at(days=1)}), **named}))
    assert adherence(practice, "a")["state"] == "done"


def test_a_plan_that_ends_has_nothing_overdue(practice: Care) -> None:
    practice.put(plan("a", activity("1", **WEEKLY)))
    practice.pass_time(days=8)
    practice.fire()
    assert standing(practice) == ["activity-overdue"]
    practice.put(plan("a", activity("1", **WEEKLY), status="revoked"))
    practice.fire()
    assert standing(practice) == []
    practice.put(plan("a", activity("1", **WEEKLY)))
    practice.fire()
    assert standing(practice) == ["activity-overdue"]
    practice.ask("DELETE", "CarePlan/a")
    practice.fire()
    assert standing(practice) == []


def test_of_history_nothing_is_overdue(practice: Care) -> None:
    practice.put(plan("a", activity("1", **WEEKLY)), backfill=True)
    practice.pass_time(days=8)
    practice.fire()
    assert standing(practice) == []


def test_the_whole_plan(practice: Care) -> None:
    done = {**activity("1", **WEEKLY), "progress": told(practice)}
    others = [activity("2", **WEEKLY), activity("3", status="completed"), activity("4", status="on-hold", **WEEKLY)]
    practice.put(plan("a", done, *others))
    practice.pass_time(days=7)
    said = practice.operate("GET", "CarePlan/a/$adherence")["parameter"]
    whole = {
        each["name"]: next(v for k, v in each.items() if k != "name") for each in said if each["name"] != "activity"
    }
    assert (whole["needed"], whole["done"], whole["percent"], whole["overdue"]) == (2, 1, 50, 1)
    states = [next(p["valueCode"] for p in e["part"] if p["name"] == "state") for e in said if e["name"] == "activity"]
    assert states == ["kept", "overdue", "done", "not-due"]


def test_refusals(practice: Care) -> None:
    assert practice.ask("GET", "CarePlan/none/$adherence").status == 404
    practice.put(plan("a", activity("1")))
    assert practice.ask("GET", "CarePlan/a/$adherence?colour=red").status == 400


def test_a_rule_reads_what_is_overdue_as_a_fact(practice: Care) -> None:
    filters = coded("code", "activity-overdue"), coded("status", "final")
    practice.put(rule("late", "%late.exists()", reads("late", "DetectedIssue", 1, *filters)))
    practice.put(plan("a", activity("1", **WEEKLY)))
    practice.fire()
    assert practice.found("RiskAssessment?patient=ann") == []
    practice.pass_time(days=8)
    practice.fire()
    (issue,) = issues(practice)["activity-overdue"]
    (risk,) = practice.found("RiskAssessment?patient=ann")
    assert [each["reference"] for each in risk["basis"]] == [f"DetectedIssue/{issue['id']}"]
    practice.put(plan("a", activity("1", **WEEKLY), status="completed"))
    practice.fire()
    (risk,) = practice.found("RiskAssessment?patient=ann")
    assert "end" in risk["occurrencePeriod"]

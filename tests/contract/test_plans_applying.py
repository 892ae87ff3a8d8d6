"""`$apply`: a template comes to what R4 says, or to a plan to keep, or is refused with the place of what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.interactions.publish import publish
from support.care import OURS, Care, care, organization, patient, practitioner

BASE = "https://care.example/fhir/"
NAMES = ("records", "careteams")
PERSON = "subject=Patient/ann"
ACT = "https://example.org/ActivityDefinition/"
PLAN = "https://example.org/PlanDefinition/"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """Two people and who applies the templates of ours, of which one has died."""
    with care(tmp_path, database_url, NAMES) as made:
        made.tell(patient("ann", birthDate="1960-02-03"), patient("late", deceasedBoolean=True))
        made.tell(practitioner("lee"), organization("home"))
        made.put(
            {"resourceType": "CareTeam", "id": "theirs", "managingOrganization": [{"reference": "Organization/home"}]}
        )
        publish(made.runtime, made.own_context())
        yield made


def fhirpath(expression: str) -> Resource:
    return {"language": "text/fhirpath", "expression": expression}


def template(id_: str, *actions: Resource, **members: Any) -> Resource:
    made = {"resourceType": "PlanDefinition", "id": id_, "url": PLAN + id_, "status": "active", **members}
    return {**made, "action": list(actions)}


def activity(id_: str, **members: Any) -> Resource:
    made = {"resourceType": "ActivityDefinition", "id": id_, "url": ACT + id_, "status": "active"}
    return {**made, "kind": "ServiceRequest", "code": {"text": id_}, **members}


def days(value: int) -> Resource:
    return {"value": value, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}


def boolean(name: str, value: bool) -> Resource:
    return {"name": name, "valueBoolean": value}


def text(name: str, value: str) -> Resource:
    return {"name": name, "valueString": value}


def errors(resource: Resource) -> list[Any]:
    return [issue for issue in validate(resource) if issue.severity == "error"]


def kept(practice: Care, id_: str, *parts: Resource) -> Resource:
    asked = [text("subject", "Patient/ann"), boolean("store", True), *parts]
    return practice.operate("POST", f"PlanDefinition/{id_}/$apply", *asked)


def test_the_answer_is_as_r4_says(practice: Care) -> None:
    """A single activity, a RequestGroup, with the request that each definition comes to."""
    made = practice.operate("GET", f"PlanDefinition/after-discharge/$apply?{PERSON}&practitioner=Practitioner/lee")
    assert errors(made) == []
    assert (made["resourceType"], made["status"], made["intent"]) == ("CarePlan", "draft", "proposal")
    assert made["instantiatesCanonical"] == ["https://carethread.dev/fhir/PlanDefinition/after-discharge|1.0.0"]
    assert [each["reference"]["reference"] for each in made["activity"]] == ["#actions"]
    inside = {each["id"]: each for each in made["contained"]}
    group = inside["actions"]
    assert [each["id"] for each in group["action"]] == ["call", "medications", "teach-back", "visit", "second-call"]
    assert [inside[each["resource"]["reference"][1:]]["resourceType"] for each in group["action"]] == [
        "CommunicationRequest", "Task", "Task", "ServiceRequest", "CommunicationRequest"
    ]  # fmt: skip
    assert inside["goal-1"]["description"]["text"] == "The person stays at home, well and safe"
    assert practice.found("CarePlan") == [], "nothing was stored"


def test_related_actions_have_times(practice: Care) -> None:
    made = kept(practice, "after-discharge")
    when = {each["id"]: each["detail"]["scheduledPeriod"] for each in made["activity"]}
    assert when["call"] == {"start": "2031-03-03T08:00:00.000Z", "end": "2031-03-05T08:00:00.000Z"}
    assert when["teach-back"] == when["call"]
    assert when["second-call"] == {"start": "2031-03-17T08:00:00.000Z", "end": "2031-03-20T08:00:00.000Z"}


def department(practice: Care, id_: str) -> str:
    found = practice.store.glance(lambda session: session.current([("CarePlan", id_)]))
    return next(iter(found.values())).department


TEMPLATES = ("after-discharge", "diabetes", "depression", "social-needs")


def test_each_template_comes_to_a_plan_to_keep(practice: Care) -> None:
    for id_, status in product(TEMPLATES, ("draft", "active")):
        made = kept(practice, id_, text("status", status), text("careTeam", "CareTeam/theirs"))
        assert errors(made) == []
        assert (made["status"], made["intent"], made["meta"]["profile"]) == (status, "plan", [OURS + "care-plan"])
        assert practice.read(f"CarePlan/{made['id']}") == made
        goals = [practice.read(each["reference"]) for each in made["goal"]]
        assert {goal["lifecycleStatus"] for goal in goals} == {"active" if status == "active" else "proposed"}
        assert all(errors(goal) == [] for goal in goals)
        assert department(practice, made["id"]) == "home"
        listed = {each["reference"] for activity in made["activity"] for each in activity["detail"].get("goal", ())}
        assert listed <= {each["reference"] for each in made["goal"]}


def test_what_is_to_be_chosen_waits(practice: Care) -> None:
    made = kept(practice, "depression")
    waiting = [each["id"] for each in made["activity"] if each["detail"]["status"] == "on-hold"]
    assert waiting == ["talking", "medicine", "waiting"]


def test_conditions_decide(practice: Care) -> None:
    yes, no = fhirpath("%subject.birthDate < @2000-01-01"), fhirpath("deceased = true")
    conditions = [[{"kind": "applicability", "expression": each}] for each in (yes, no)]
    inner = {"title": "inner"}
    actions = [{"title": "a", "condition": conditions[0]}, {"title": "b", "condition": conditions[1]}]
    group = {"title": "c", "condition": conditions[1], "action": [inner]}
    practice.put(template("t", *actions, group, {"title": "d", "action": [inner, actions[1]]}))
    made = kept(practice, "t")
    assert [each["detail"]["description"] for each in made["activity"]] == ["a", "inner"]


def test_values_are_computed_by_the_definition_and_then_the_action(practice: Care) -> None:
    values = [
        {"path": "priority", "expression": fhirpath("'urgent'")},
        {"path": "reasonCode[0].coding[0].code", "expression": fhirpath("'x' & %practitioner.id")},
        {"path": "occurrence", "expression": fhirpath("today() + 3 days")},
        {"path": "bodySite", "expression": fhirpath("{}")},
    ]
    site = [{"text": "arm"}]
    practice.put(activity("a", dynamicValue=values, bodySite=site))
    override = [{"path": "priority", "expression": fhirpath("'stat'")}]
    practice.put(template("t", {"definitionCanonical": ACT + "a", "dynamicValue": override}))
    made = practice.operate("GET", f"PlanDefinition/t/$apply?{PERSON}&practitioner=Practitioner/lee")
    request = next(each for each in made["contained"] if each["resourceType"] == "ServiceRequest")
    assert (request["priority"], request["reasonCode"]) == ("stat", [{"coding": [{"code": "xlee"}]}])
    assert (request["occurrenceDateTime"], "bodySite" in request) == ("2031-03-06", False)


def test_a_template_in_a_template(practice: Care) -> None:
    goal = {"id": "g", "description": {"text": "better"}}
    practice.put(template("in", {"title": "x", "goalId": ["g"]}, goal=[goal], title="Inner"))
    practice.put(template("out", {"definitionCanonical": PLAN + "in"}, {"definitionCanonical": PLAN + "in"}))
    made = kept(practice, "out")
    assert [each["detail"]["description"] for each in made["activity"]] == ["x", "x"]
    assert len(made["goal"]) == 2
    answered = practice.operate("GET", f"PlanDefinition/out/$apply?{PERSON}")
    group = next(each for each in answered["contained"] if each["id"] == "actions")
    assert [each["title"] for each in group["action"]] == ["Inner", "Inner"]
    assert errors(answered) == []


def test_a_template_may_be_sent(practice: Care) -> None:
    sent = {"name": "planDefinition", "resource": template("t", {"title": "a"})}
    made = practice.operate("POST", "PlanDefinition/$apply", text("subject", "Patient/ann"), sent)
    assert made["instantiatesCanonical"] == [PLAN + "t"]


def _refused(practice: Care, *actions: Resource, **members: Any) -> tuple[int, str, str]:
    practice.put(template("t", *actions, **members))
    status, issues = practice.refusal("GET", f"PlanDefinition/t/$apply?{PERSON}")
    assert len(issues) == 1
    return status, issues[0]["code"], issues[0]["expression"][0]


def when(expression: Resource) -> list[Resource]:
    return [{"kind": "applicability", "expression": expression}]


COSTLY = "(1 | 2 | 3).repeat($this + 1)"
CQL = {"language": "text/cql", "expression": "Now()"}
WRONG: dict[str, tuple[Resource, tuple[int, str, str]]] = {
    "syntax": ({"condition": when(fhirpath("a b"))}, (422, "invalid", "condition[0].expression")),
    "unknown variable": ({"condition": when(fhirpath("%who"))}, (422, "invalid", "condition[0].expression")),
    "no boolean": ({"condition": when(fhirpath("name | name.given"))}, (422, "invalid", "condition[0].expression")),
    "too costly": ({"condition": when(fhirpath(COSTLY))}, (403, "too-costly", "condition[0].expression")),
    "language": ({"condition": when(CQL)}, (422, "not-supported", "condition[0].expression")),
    "no expression": ({"condition": [{"kind": "applicability"}]}, (422, "required", "condition[0].expression")),
    "unknown canonical": ({"definitionCanonical": ACT + "none"}, (422, "not-found", "definitionCanonical")),
    "path": (
        {"dynamicValue": [{"path": "colour", "expression": fhirpath("1")}]},
        (422, "value", "dynamicValue[0].path"),
    ),
    "no path": ({"dynamicValue": [{"expression": fhirpath("1")}]}, (422, "required", "dynamicValue[0].path")),
    "type": (
        {"dynamicValue": [{"path": "executionPeriod.start.x", "expression": fhirpath("1")}]},
        (422, "value", "dynamicValue[0].path"),
    ),
    "unit": ({"timingDuration": {**days(1), "code": "ms"}}, (422, "value", "timingDuration")),
    "goal": ({"goalId": ["none"]}, (422, "not-found", "goalId")),
    "related": (
        {"relatedAction": [{"actionId": "none", "relationship": "after"}]},
        (422, "not-found", "relatedAction[0].actionId"),
    ),
}


def test_what_is_wrong_with_a_template_is_said_with_its_place(practice: Care) -> None:
    found = {
        name: _refused(practice, {"title": "fine"}, {"title": "x", **action}) for name, (action, _) in WRONG.items()
    }
    assert found == {
        name: (status, code, f"PlanDefinition.action[1].{place}") for name, (_, (status, code, place)) in WRONG.items()
    }


def test_a_value_that_makes_no_valid_request_is_refused(practice: Care) -> None:
    value = {"path": "status", "expression": fhirpath("'no-status'")}
    found = _refused(practice, {"title": "x", "dynamicValue": [value]})
    assert found == (422, "code-invalid", "PlanDefinition.action[0]")


def test_templates_that_lead_to_each_other_are_refused(practice: Care) -> None:
    practice.put(template("other", {"definitionCanonical": PLAN + "t"}))
    assert _refused(practice, {"definitionCanonical": PLAN + "other"}) == (
        422, "business-rule", "PlanDefinition.action[0].definitionCanonical.resolve().action[0].definitionCanonical"
    )  # fmt: skip


def test_actions_related_in_a_circle_are_refused(practice: Care) -> None:
    def after(own: str, other: str) -> Resource:
        return {"id": own, "relatedAction": [{"actionId": other, "relationship": "after", "offsetDuration": days(1)}]}

    status, code, place = _refused(practice, after("a", "b"), after("b", "a"))
    assert (status, code, place) == (422, "business-rule", "PlanDefinition.action[0].relatedAction")


def test_too_many_actions_are_refused(practice: Care) -> None:
    practice.put(template("inner", *({"title": str(number)} for number in range(200))))
    status, code, _ = _refused(practice, *({"definitionCanonical": PLAN + "inner"} for _ in range(200)))
    assert (status, code) == (403, "too-costly")


QUERIES = [
    ("", 400, "required"),
    ("subject=Group/1", 400, "value"),
    ("subject=Patient/ann&subject=Patient/late", 400, "value"),
    ("subject=Patient/nobody", 422, "not-found"),
    ("subject=Patient/late", 422, "business-rule"),
    (PERSON + "&practitioner=Practitioner/nobody", 422, "not-found"),
    (PERSON + "&status=completed", 400, "value"),
    (PERSON + "&store=perhaps", 400, "value"),
    (PERSON + "&store=true", 405, "not-supported"),
    (PERSON + "&colour=red", 400, "not-supported"),
]


def test_parameters_that_are_refused(practice: Care) -> None:
    for query, status, code in QUERIES:
        found, issues = practice.refusal("GET", f"PlanDefinition/diabetes/$apply?{query}")
        assert (query, found, [each["code"] for each in issues]) == (query, status, [code])


def test_which_definition_a_canonical_names(practice: Care) -> None:
    practice.put(activity("old", url=ACT + "a", version="1", status="retired", code={"text": "one"}))
    practice.put(activity("new", url=ACT + "a", version="2", code={"text": "two"}))
    practice.put(activity("next", url=ACT + "a", version="3", status="draft", code={"text": "three"}))
    for asked, said in ((ACT + "a", "two"), (ACT + "a|1", "one"), (ACT + "a|3", "three")):
        practice.put(template("t", {"definitionCanonical": asked}))
        assert [each["detail"]["code"]["text"] for each in kept(practice, "t")["activity"]] == [said]


def test_what_is_stored_is_all_or_nothing(practice: Care) -> None:
    goal = {"description": {"text": "better"}, "target": [{"detailQuantity": {"value": 1}}]}
    practice.put(template("t", {"title": "x"}, goal=[goal]))
    body = {"resourceType": "Parameters", "parameter": [text("subject", "Patient/ann"), boolean("store", True)]}
    status, issues = practice.refusal("POST", "PlanDefinition/t/$apply", body)
    assert (status, issues[0]["code"]) == (422, "invariant"), json.render(issues)
    assert practice.found("Goal") == []

"""A PlanDefinition as a rule: what is wrong with it is told with its place."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from carethread.careteams.risk.costing import cost
from carethread.careteams.risk.reading import rule_of
from carethread.careteams.risk.rules import MOST, STEPS
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.fhirpath import Budget, compile
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support.risk import coded, reads, rule

OURS = sorted(files("carethread.fhir_profiles").joinpath("rules").iterdir(), key=lambda file: file.name)
CONDITION = "PlanDefinition.action[0].condition[0].expression"
INPUT = "PlanDefinition.action[0].input[0]"
VISITS = reads("visits", "Appointment", 1, coded("status", "noshow"), start=90)


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_the_rules_that_are_carried_along_are_sound_and_cheap(file: Any) -> None:
    definition = json.parse_object(file.read_bytes())
    assert [issue for issue in validate(definition) if issue.severity == "error"] == []
    made = rule_of(definition)
    assert made.url.endswith(f"/{file.name.removesuffix('.json')}")
    variables = {"patient": ("Patient", 1)} | {each.name: (each.type, MOST) for each in made.inputs}
    assert cost(made.condition, variables) < STEPS / 10
    assert sum(each.weight for each in made.inputs) > 0


def places(definition: Resource) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        rule_of(definition)
    return [(issue.expression or "", issue.code) for issue in refused.value.issues]


@pytest.mark.parametrize(
    ("condition", "code", "said"),
    [
        ("%visits.exists(", "invalid", ""),
        ("%visits.nothing()", "invalid", "nothing"),
        ("%visit.exists()", "invalid", "%visits"),
        ("%visits.stauts = 'noshow'", "invalid", "stauts"),
        ("%patient.birthday.exists()", "invalid", "birthday"),
        ("%visits.participant.where(actorr.exists()).exists()", "invalid", "actorr"),
        ("%visits.count()", "invalid", "true or false"),
        ("%visits.start", "invalid", "true or false"),
        ("%visits.where(start > now()).exists()", "invalid", "dateFilter"),
        ("%patient.birthDate < today() - 65 years", "invalid", "dateFilter"),
        ("%visits.participant.actor.resolve().exists()", "invalid", "inputs"),
        ("%visits.repeat(participant).exists()", "invalid", "bound"),
        ("%visits.descendants().exists()", "invalid", "bound"),
        ("%visits.answers().exists()", "invalid", "bound"),
        ("%visits.all(%visits.all(%visits.all(status = 'noshow')))", "too-costly", "steps"),
        ("%visits.where($this.participant.actor.reference in %visits.participant.actor.reference).exists()",
         "too-costly", "steps"),
        ("true" + " and true" * 2000, "too-costly", ""),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_asked(condition: str, code: str, said: str) -> None:
    definition = rule("r", condition, VISITS)
    assert places(definition) == [(CONDITION, code)]
    with pytest.raises(Invalid) as refused:
        rule_of(definition)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "condition",
    [
        "%visits.exists()",
        "%visits.count() >= 2 and %patient.gender = 'female'",
        "%patient.active and %visits.empty().not()",
        "active and %visits.all(status = 'noshow' or status = 'cancelled')",
        "%visits.last().participant.where(status = 'declined').exists()",
        "(%visits | %visits.tail()).start.exists($this > @2000-01-01)",
        "%visits.where($index > 2).serviceType.coding.exists(system = %sct)",
        "iif(%visits.exists(), %visits.first().status = 'noshow', false)",
        "%visits.extension('http://example.org/x').value.ofType(boolean) = true",
    ],
)
def test_a_condition_that_can(condition: str) -> None:
    assert rule_of(rule("r", condition, VISITS)).condition == condition


CONDITIONS = (
    "%visits.where($index > 2).serviceType.coding.exists(system = %sct)",
    "%visits.serviceType.coding.where(code = '1').code.distinct().count() > 3",
    "%visits.select(start).first() = %visits.start.last()",
    "%visits.participant.actor.reference.all($this.startsWith('Patient/'))",
    "(%visits | %visits).exists() and %visits.all(status = 'noshow')",
)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_with_as_many_facts_as_there_may_be_it_costs_no_more_than_was_said(condition: str) -> None:
    codings = [{"system": "http://example.org", "code": str(number)} for number in range(5)]
    people = [{"actor": {"reference": f"Patient/{number}"}, "status": "accepted"} for number in range(5)]
    visits = [
        {
            "resourceType": "Appointment",
            "id": f"a{number}",
            "status": "noshow",
            "start": "2026-01-01T10:00:00Z",
            "serviceType": [{"coding": codings}] * 5,
            "participant": people,
        }
        for number in range(MOST)
    ]
    said = cost(condition, {"visits": ("Appointment", MOST)})
    compile(condition).holds({"resourceType": "Patient"}, environment={"visits": visits}, budget=Budget(said))


def changed(**members: Any) -> Resource:
    return rule("r", "%visits.exists()", {**VISITS, **members})


@pytest.mark.parametrize(
    ("definition", "place", "code"),
    [
        (rule("r", "true", {**VISITS, "id": "patient"}), INPUT, "value"),
        (rule("r", "true", {**VISITS, "id": "my-visits"}), INPUT, "value"),
        (rule("r", "true", VISITS, VISITS), INPUT, "value"),
        (rule("r", "true", *(reads(f"v{n}", "Appointment") for n in range(21))), INPUT[:-3], "too-costly"),
        (rule("r", "true", reads("v", "RiskAssessment")), f"{INPUT}.type", "not-supported"),
        (rule("r", "true", reads("v", "Flag")), f"{INPUT}.type", "not-supported"),
        (changed(codeFilter=[coded("stauts", "noshow")]), f"{INPUT}.codeFilter[0].path", "value"),
        (changed(codeFilter=[{"searchParam": "status", "code": [{"code": "noshow"}]}]), f"{INPUT}.codeFilter[0]",
         "not-supported"),
        (changed(codeFilter=[{"path": "status", "valueSet": "http://example.org"}]), f"{INPUT}.codeFilter[0].valueSet",
         "not-supported"),
        (changed(codeFilter=[{"path": "status"}]), f"{INPUT}.codeFilter[0].code", "required"),
        (changed(dateFilter=[{"path": "start"}]), f"{INPUT}.dateFilter[0]", "required"),
        (changed(dateFilter=[{"path": "begin", "valuePeriod": {"start": "2026"}}]), f"{INPUT}.dateFilter[0].path",
         "value"),
        ({**rule("r", "%visits.exists()", VISITS), "effectivePeriod": {"start": "2026"}},
         "PlanDefinition.effectivePeriod", "not-supported"),
    ],
)  # fmt: skip
def test_an_input_that_cannot_be_read(definition: Resource, place: str, code: str) -> None:
    assert (place, code) in places(definition)


@pytest.mark.parametrize(
    "duration",
    [
        {"value": 0, "code": "d"},
        {"value": -1, "code": "d"},
        {"value": 1.5, "code": "d"},
        {"value": 90, "code": "fortnight"},
        {"value": 201, "code": "a"},
        {"value": 90, "code": "d", "comparator": "<"},
        {"value": 90, "unit": "days", "system": "http://example.org"},
        {"code": "d"},
    ],
)
def test_a_duration_that_is_none(duration: Resource) -> None:
    made = {"system": "http://unitsofmeasure.org", **duration}
    definition = changed(dateFilter=[{"path": "start", "valueDuration": made}])
    assert places(definition) == [(f"{INPUT}.dateFilter[0].valueDuration", "value")]


def test_a_trigger_on_what_nothing_reads() -> None:
    definition = rule("r", "%visits.exists()", VISITS)
    definition["action"][0]["trigger"].append({"type": "data-added", "data": [{"type": "Encounter"}]})
    assert places(definition) == [("PlanDefinition.action[0].trigger[1].data[0].type", "business-rule")]


def test_all_that_is_wrong_is_told_at_once() -> None:
    definition = rule("r", "%nobody.exists()", {**VISITS, "codeFilter": [coded("stauts", "x")]})
    assert places(definition) == [(f"{INPUT}.codeFilter[0].path", "value"), (CONDITION, "invalid")]

"""R4's invariants: each is found where it fails, and the tests that spare an evaluation never say more than it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.errors import Issue
from carethread.core.fhir.definitions import data_types, primitive_types, resource_types, type_definition
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.validation import validate
from carethread.core.fhir.validation.invariants import CORRECTED, ELSEWHERE, Rule, part_rules, type_rules

UCUM = "http://unitsofmeasure.org"


def issues(resource: dict[str, Any], severity: str = "error") -> list[tuple[str, str]]:
    found: list[Issue] = [i for i in validate(resource) if i.severity == severity and i.code == "invariant"]
    return [(i.diagnostics.partition(":")[0], str(i.expression)) for i in found]


def appointment(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Appointment", "status": "proposed", "participant": [PARTICIPANT], **members}


PARTICIPANT = {"actor": {"display": "someone"}, "status": "accepted"}
NOON, LATER = "2031-01-01T12:00:00Z", "2031-01-01T13:00:00Z"


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


def questionnaire(*items: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "status": "draft", "item": list(items)}


def bundle(kind: str, *entries: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, **({"entry": list(entries)} if entries else {}), **members}


HOLDING = [
    appointment(),
    appointment(status="booked", start=NOON, end=LATER),
    appointment(status="noshow", start=NOON, end=LATER, cancelationReason={"text": "x"}),
    patient(name=[{"family": "x", "period": {"start": "2030", "end": "2031"}}]),
    patient(name=[{"family": "x", "period": {"start": "2031-01-01", "end": "2031-01-01"}}]),
    patient(name=[{"family": "x", "period": {"start": "2031-01-01T12:00:00+01:00", "end": "2031-01-01T12:00:00Z"}}]),
    patient(telecom=[{"system": "phone", "value": "1"}, {"use": "home"}]),
    observation(valueRange={"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "mg"}}),
    questionnaire({"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "choice"}]}),
    bundle("searchset", total=0),
    {"resourceType": "Organization", "name": "x", "telecom": [{"system": "phone", "value": "1", "use": "work"}]},
    {
        "resourceType": "RiskAssessment",
        "status": "final",
        "subject": {"display": "x"},
        "prediction": [{"id": "a", "rationale": "x"}],
    },
    {"resourceType": "Task", "status": "draft", "intent": "order", "authoredOn": NOON, "lastModified": LATER},
    {
        "resourceType": "CareTeam",
        "participant": [{"member": {"reference": "Practitioner/1"}, "onBehalfOf": {"display": "x"}}],
    },
]

FAILING = [
    (appointment(start=NOON), "app-2", "Appointment"),
    (appointment(status="booked"), "app-3", "Appointment"),
    (appointment(cancelationReason={"text": "x"}), "app-4", "Appointment"),
    (appointment(participant=[PARTICIPANT, {"status": "accepted"}]), "app-1", "Appointment.participant[1]"),
    (patient(name=[{"period": {"start": "2031", "end": "2030"}}]), "per-1", "Patient.name[0].period"),
    # undecided is not true
    (patient(name=[{"period": {"start": "2031", "end": "2031-05"}}]), "per-1", "Patient.name[0].period"),
    (patient(telecom=[{"value": "1"}]), "cpt-2", "Patient.telecom[0]"),
    (patient(contact=[{"gender": "other"}]), "pat-1", "Patient.contact[0]"),
    (patient(photo=[{"data": "YWJj"}]), "att-1", "Patient.photo[0]"),
    (observation(valueQuantity={"value": 1, "code": "mg"}), "qty-3", "Observation.value"),
    (observation(valueRange={"low": {"value": 2}, "high": {"value": 1}}), "rng-2", "Observation.value"),
    (
        observation(valueRange={"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "mm"}}),
        "rng-2",
        "Observation.value",
    ),
    (observation(valueRatio={"numerator": {"value": 1}}), "rat-1", "Observation.value"),
    (observation(valueString="x", dataAbsentReason={"text": "x"}), "obs-6", "Observation"),
    (
        observation(component=[{"code": {"text": "x"}, "referenceRange": [{"type": {"text": "x"}}]}]),
        "obs-3",
        "Observation.component[0].referenceRange[0]",
    ),
    (questionnaire({"linkId": "1", "type": "group"}), "que-1", "Questionnaire.item[0]"),
    (
        questionnaire({"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "group"}]}),
        "que-1",
        "Questionnaire.item[0].item[0]",
    ),
    (questionnaire({"linkId": "1", "type": "string"}, {"linkId": "1", "type": "string"}), "que-2", "Questionnaire"),
    (
        questionnaire(
            {"linkId": "1", "type": "string"},
            {
                "linkId": "2",
                "type": "string",
                "enableWhen": [{"question": "1", "operator": "=", "answerString": "x"}] * 2,
            },
        ),
        "que-12",
        "Questionnaire.item[1]",
    ),
    (
        questionnaire(
            {
                "linkId": "1",
                "type": "string",
                "enableWhen": [{"question": "1", "operator": "exists", "answerInteger": 1}],
            }
        ),
        "que-7",
        "Questionnaire.item[0].enableWhen[0]",
    ),
    (bundle("collection", total=1), "bdl-1", "Bundle"),
    (bundle("transaction", {"resource": patient()}), "bdl-3", "Bundle"),
    (bundle("message"), "bdl-12", "Bundle"),
    (
        bundle("collection", {"fullUrl": "http://example.org/_history/1", "resource": patient()}),
        "bdl-8",
        "Bundle.entry[0]",
    ),
    (
        {"resourceType": "Organization", "name": "x", "telecom": [{"system": "phone", "value": "1", "use": "home"}]},
        "org-3",
        "Organization.telecom[0]",
    ),
    (
        {
            "resourceType": "RiskAssessment",
            "status": "final",
            "subject": {"display": "x"},
            "prediction": [{"probabilityDecimal": 101}],
        },
        "ras-2",
        "RiskAssessment.prediction[0]",
    ),
    (
        {
            "resourceType": "RiskAssessment",
            "status": "final",
            "subject": {"display": "x"},
            "prediction": [{"probabilityRange": {"low": {"value": 1}}}],
        },
        "ras-1",
        "RiskAssessment.prediction[0].probability",
    ),
    (
        {"resourceType": "Task", "status": "draft", "intent": "order", "authoredOn": LATER, "lastModified": NOON},
        "inv-1",
        "Task",
    ),
    ({"resourceType": "Parameters", "parameter": [{"name": "x"}]}, "inv-1", "Parameters.parameter[0]"),
]


@pytest.mark.parametrize("resource", HOLDING, ids=lambda r: r["resourceType"])
def test_what_holds_is_no_error(resource):
    assert [i for i in validate(resource) if i.severity == "error"] == []


@pytest.mark.parametrize(("resource", "key", "where"), FAILING, ids=lambda v: v if isinstance(v, str) else "")
def test_what_fails_is_named_where_it_fails(resource, key, where):
    assert (key, where) in issues(resource)


def test_the_message_is_a_sentence_with_its_key():
    (issue,) = (i for i in validate(appointment(start=NOON)) if i.severity == "error" and "app-2" in i.diagnostics)
    assert issue.diagnostics == "app-2: Either start and end are specified, or neither."


def test_advice_is_a_warning():
    assert issues(questionnaire({"linkId": "1", "type": "string"}), "warning") == [("dom-6", "Questionnaire")]
    named = {**questionnaire({"linkId": "1", "type": "string"}), "name": "no identifier"}
    assert ("que-0", "Questionnaire") in issues(named, "warning")


@pytest.mark.timeout(30)
def test_what_compares_everything_with_everything_is_bounded():
    codings = [{"system": "http://example.org", "code": str(n)} for n in range(3000)]
    components = [{"code": {"coding": [{"code": "x"}]}, "valueInteger": 1} for _ in range(3000)]
    found = validate({**observation(valueInteger=1, component=components), "code": {"coding": codings}})
    assert [i.expression for i in found if i.code == "too-costly"] == ["Observation"]


def test_the_table_of_differences_names_invariants_that_exist():
    keys = {i.key for i, _ in everywhere()}
    assert ELSEWHERE.keys() | CORRECTED.keys() <= keys


def everywhere() -> list[tuple[Any, str]]:
    found = []
    for name in sorted(resource_types() | data_types() | {"DomainResource"}):
        definition = type_definition(name)
        found += [(i, name) for i in definition.invariants]
        found += [(i, name) for part in definition.parts.values() for e in part.values() for i in e.invariants]
    return found


def all_rules() -> list[Rule]:
    found: list[Rule] = []
    for name in sorted(resource_types() | data_types()):
        found += type_rules(name)
        for path in filter(None, type_definition(name).parts):
            found += part_rules(name, path)
    return found


RULES = all_rules()
_TEXTS = st.sampled_from(["x", "#x", "booked", "display", "group", "exists", "searchset", "phone", "2031", UCUM])
_MOMENTS = [
    "2031",
    "2031-05",
    "2031-05-01",
    "2030-05-01",
    NOON,
    LATER,
    "2031-01-01T12:00:00+01:00",
    "2031-01-01T12:00:00.5Z",
]
_QUANTITY = {"value": 1, "unit": "mg", "system": UCUM, "code": "mg"}


def value_of(type_name: str, depth: int) -> st.SearchStrategy[Any]:
    """A value that is well-formed enough for its type."""
    match type_name:
        case "boolean":
            return st.booleans()
        case "integer" | "positiveInt" | "unsignedInt" | "decimal":
            return st.integers(0, 3)
        case "date" | "dateTime" | "instant":
            return st.sampled_from(_MOMENTS)
        case "Quantity" | "SimpleQuantity" | "Duration" | "Age":
            return st.just(_QUANTITY)
        case "Resource":
            return st.just({"resourceType": "Patient", "id": "x"})
    if type_name in primitive_types():
        return _TEXTS
    return st.just({}) if depth > 1 else object_of(type_name, depth + 1)


def object_of(type_name: str, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    slots = [
        slot for name, found in members(type_name).items() for slot in found if name not in ("extension", "contained")
    ]
    if not slots:
        return st.just({})

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for slot in draw(st.lists(st.sampled_from(slots), max_size=5)):
            value = draw(value_of(slot.type, depth))
            if value != {}:
                made[slot.key] = [value] if slot.definition.is_list else value
        return made

    return build()


@given(data=st.data())
@settings(max_examples=600, deadline=None)
def test_surely_is_never_wrong(data):
    rule = data.draw(st.sampled_from(RULES))
    value = data.draw(object_of(rule.focus))
    if rule.surely(value):
        assert rule.holds(value, value, value)


def test_most_rules_spare_the_evaluation_of_an_empty_object():
    spared = [rule for rule in RULES if rule.surely({})]
    assert len(spared) > len(RULES) * 0.6

"""What the validator accepts, and what it says of the rest: one row per rule."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from carethread.core.errors import Issue
from carethread.core.fhir.json import Number
from carethread.core.fhir.validation import validate

MARITAL = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"

RIGHT: dict[str, dict[str, Any]] = {
    "Appointment": {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2024-01-01T10:00:00Z",
        "end": "2024-01-01T11:00:00Z",
        "participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}],
    },
    "Patient": {"resourceType": "Patient", "active": True},
    "Observation": {"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}},
    "Condition": {"resourceType": "Condition", "subject": {"reference": "Patient/1"}},
    "Questionnaire": {"resourceType": "Questionnaire", "status": "draft"},
    "Parameters": {"resourceType": "Parameters"},
    "Bundle": {"resourceType": "Bundle", "type": "collection"},
    "Task": {"resourceType": "Task", "status": "requested", "intent": "order"},
}


def made(kind: str, **members: Any) -> dict[str, Any]:
    """A right resource with members changed: `...` takes one away; `U_x` is `_x`."""
    resource = copy.deepcopy(RIGHT[kind])
    for name, value in members.items():
        if value is ...:
            del resource[name]
        else:
            resource["_" + name[2:] if name.startswith("U_") else name] = value
    return resource


def contact(**members: Any) -> dict[str, Any]:
    return made("Patient", name=[members])


EXTENSION = {"url": "http://example.org/e", "valueString": "x"}

ACCEPTED = [
    *(made(kind) for kind in RIGHT),
    made("Patient", birthDate="2024-02-29"),
    made("Patient", birthDate="2024"),
    made("Patient", birthDate="2000-02-29"),
    made("Patient", U_birthDate={"extension": [EXTENSION]}),
    made("Patient", birthDate="1970-03", U_birthDate={"id": "x"}),
    made("Patient", deceasedDateTime="2020-01-01T00:00:00.123+14:00", U_deceasedDateTime={"id": "x"}),
    contact(given=["A", None], _given=[None, {"extension": [EXTENSION]}]),
    contact(_given=[{"extension": [EXTENSION]}]),
    contact(text="Zoë\n\tA."),
    made("Patient", managingOrganization={"reference": "Organization/1/_history/2", "type": "Organization"}),
    made("Patient", managingOrganization={"reference": "https://example.org/fhir/Organization/1"}),
    made("Patient", managingOrganization={"reference": "https://example.org/elsewhere"}),
    made("Patient", managingOrganization={"reference": "Organization?identifier=http://example.org|1"}),
    made("Patient", managingOrganization={"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}),
    made(
        "Patient",
        managingOrganization={"reference": "#o"},
        contained=[{"resourceType": "Organization", "id": "o", "name": "n"}],
    ),
    made("Patient", maritalStatus={"coding": [{"system": MARITAL, "code": "M"}]}),
    made("Patient", communication=[{"language": {"text": "English"}}]),
    made("Patient", photo=[{"contentType": "text/html; charset=utf-8", "data": "YWJj", "size": 3}]),
    made("Patient", text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}),
    made("Condition", clinicalStatus={"coding": [{"system": CLINICAL, "code": "active"}, {"code": "local"}]}),
    made("Observation", valueQuantity={"value": Number("1.10")}),
    made("Observation", valueQuantity={"value": 5}),
    made("Observation", valueInteger=-(2**31)),
    made("Observation", effectiveInstant="2016-12-31T23:59:60Z"),
    made("Questionnaire", item=[{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "string"}]}]),
    made("Parameters", parameter=[{"name": "p", "resource": RIGHT["Patient"]}, {"name": "q", "valueDate": "2024"}]),
    made(
        "Bundle", entry=[{"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": RIGHT["Appointment"]}]
    ),
]

REFUSED = [
    # resourceType and members
    ({}, "structure", "Resource"),
    ({"id": "x"}, "required", "Resource.resourceType"),
    ({"resourceType": 5}, "structure", "Resource.resourceType"),
    ({"resourceType": "Patinet"}, "value", "Patinet.resourceType"),
    ({"resourceType": "DomainResource"}, "value", "DomainResource.resourceType"),
    (made("Patient", brthDate="2020-01-01"), "structure", "Patient.brthDate"),
    ({**RIGHT["Patient"], "a b": 1}, "structure", "Patient.`a b`"),
    ({**RIGHT["Patient"], "meta": {"project": "x"}}, "structure", "Patient.meta.project"),
    # cardinality
    (made("Appointment", status=...), "required", "Appointment.status"),
    (made("Appointment", participant=[{}]), "structure", "Appointment.participant[0]"),
    (made("Appointment", participant=[{"actor": {"display": "x"}}]), "required", "Appointment.participant[0].status"),
    (made("Appointment", participant={"status": "accepted"}), "structure", "Appointment.participant"),
    (made("Patient", gender=["male"]), "structure", "Patient.gender"),
    (made("Patient", maritalStatus=[{"text": "x"}]), "structure", "Patient.maritalStatus"),
    (contact(given="A"), "structure", "Patient.name[0].given"),
    (made("Task", input=[{"type": {"text": "x"}}]), "required", "Task.input[0].value"),
    # nothing there
    (made("Appointment", participant=[]), "structure", "Appointment.participant"),
    (contact(given=[]), "structure", "Patient.name[0].given"),
    (contact(family=""), "value", "Patient.name[0].family"),
    (contact(family=None), "structure", "Patient.name[0].family"),
    (contact(id="only"), "structure", "Patient.name[0]"),
    (made("Patient", name=None), "structure", "Patient.name"),
    (made("Patient", name=[None]), "structure", "Patient.name[0]"),
    (made("Patient", maritalStatus={}), "structure", "Patient.maritalStatus"),
    # primitives and their siblings
    (contact(given=["A", None]), "structure", "Patient.name[0].given[1]"),
    (contact(given=["A"], _given=[None, {"id": "a"}]), "structure", "Patient.name[0].given"),
    (contact(_given=[None]), "structure", "Patient.name[0].given"),
    (made("Patient", U_birthDate={}), "structure", "Patient.birthDate"),
    (made("Patient", U_birthDate={"id": "x"}), "structure", "Patient.birthDate"),
    (made("Patient", U_birthDate=[{"id": "x"}]), "structure", "Patient.birthDate"),
    (made("Patient", U_birthDate={"value": "x"}), "structure", "Patient.birthDate.value"),
    (made("Patient", active="true"), "value", "Patient.active"),
    (made("Patient", active=1), "value", "Patient.active"),
    (made("Patient", gender={"a": 1}), "structure", "Patient.gender"),
    (made("Patient", id="a_b"), "value", "Patient.id"),
    (made("Patient", id="a" * 65), "value", "Patient.id"),
    (made("Patient", birthDate="2023-02-29"), "value", "Patient.birthDate"),
    (made("Patient", birthDate="1900-02-29"), "value", "Patient.birthDate"),
    (made("Patient", birthDate="2023-04-31"), "value", "Patient.birthDate"),
    (made("Patient", birthDate="2023-13"), "value", "Patient.birthDate"),
    (made("Patient", birthDate="0000"), "value", "Patient.birthDate"),
    (made("Patient", birthDate="2023-1-1"), "value", "Patient.birthDate"),
    (made("Patient", birthDate="2023-01-01\n"), "value", "Patient.birthDate"),
    (made("Patient", birthDate="２０２３"), "value", "Patient.birthDate"),
    (made("Appointment", start="2024-01-01T10:00:00"), "value", "Appointment.start"),
    (made("Appointment", start="2023-02-30T10:00:00Z"), "value", "Appointment.start"),
    (made("Appointment", start="2024-01-01T24:00:00Z"), "value", "Appointment.start"),
    (made("Appointment", minutesDuration=0), "value", "Appointment.minutesDuration"),
    (made("Appointment", minutesDuration=Number("15.0")), "value", "Appointment.minutesDuration"),
    (made("Appointment", minutesDuration=True), "value", "Appointment.minutesDuration"),
    (made("Appointment", priority=-1), "value", "Appointment.priority"),
    (made("Observation", valueInteger=2**31), "value", "Observation.value"),
    (made("Observation", valueTime="10:00"), "value", "Observation.value"),
    (made("Observation", valueQuantity={"value": "1"}), "value", "Observation.value.value"),
    (made("Observation", valueQuantity={"value": True}), "value", "Observation.value.value"),
    (made("Patient", implicitRules="http://example.org/a b"), "value", "Patient.implicitRules"),
    (made("Patient", photo=[{"data": "abc"}]), "value", "Patient.photo[0].data"),
    (made("Patient", photo=[{"data": "YW=j"}]), "value", "Patient.photo[0].data"),
    (made("Patient", extension=[{"url": "http://e.org", "valueOid": "1.2"}]), "value", "Patient.extension[0].value"),
    (made("Patient", text={"status": "generated", "div": "hello"}), "invariant", "Patient.text.div"),
    # choices
    (made("Patient", deceasedBoolean=True, deceasedDateTime="2020"), "structure", "Patient.deceased"),
    (made("Patient", deceasedString="x"), "structure", "Patient.deceasedString"),
    # bindings
    (made("Appointment", status="bookd"), "code-invalid", "Appointment.status"),
    (made("Patient", gender="M"), "code-invalid", "Patient.gender"),
    (made("Patient", gender="male "), "value", "Patient.gender"),
    (made("Questionnaire", subjectType=["Patient", "Foo"]), "code-invalid", "Questionnaire.subjectType[1]"),
    (made("Condition", clinicalStatus={"text": "active"}), "code-invalid", "Condition.clinicalStatus"),
    (
        made("Condition", clinicalStatus={"coding": [{"system": "http://example.org", "code": "active"}]}),
        "code-invalid",
        "Condition.clinicalStatus",
    ),
    (
        made("Observation", referenceRange=[{"low": {"value": 1, "comparator": "<"}}]),
        "structure",
        "Observation.referenceRange[0].low.comparator",
    ),
    (made("Patient", language="en US"), "code-invalid", "Patient.language"),
    (made("Patient", photo=[{"contentType": "bad mime"}]), "code-invalid", "Patient.photo[0].contentType"),
    # references
    (made("Appointment", slot=[{"reference": "Patient/1"}]), "value", "Appointment.slot[0].reference"),
    (
        made("Patient", managingOrganization={"reference": "http://example.org/fhir/Practitioner/1"}),
        "value",
        "Patient.managingOrganization.reference",
    ),
    (
        made("Patient", managingOrganization={"reference": "Practitioner?name=x"}),
        "value",
        "Patient.managingOrganization.reference",
    ),
    (made("Patient", managingOrganization={"type": "Slot"}), "value", "Patient.managingOrganization.type"),
    (made("Patient", managingOrganization={"reference": "#o"}), "value", "Patient.managingOrganization.reference"),
    (
        made("Patient", managingOrganization={"reference": "#o"}, contained=[{"resourceType": "Patient", "id": "o"}]),
        "value",
        "Patient.managingOrganization.reference",
    ),
    (made("Observation", focus=[{"reference": "Foo/1"}]), "value", "Observation.focus[0].reference"),
    (made("Observation", focus=[{"reference": "Patient 1"}]), "value", "Observation.focus[0].reference"),
    # resources inside resources
    (made("Patient", contained=[{"resourceType": "Slot"}]), "required", "Patient.contained[0].schedule"),
    (
        made("Patient", contained=[{"resourceType": "Patient", "contained": [RIGHT["Patient"]]}]),
        "structure",
        "Patient.contained[0].contained",
    ),
    (made("Bundle", entry=[{"resource": {"id": "x"}}]), "required", "Bundle.entry[0].resource.resourceType"),
    (
        made("Bundle", entry=[{"resource": made("Appointment", status="x")}]),
        "code-invalid",
        "Bundle.entry[0].resource.status",
    ),
    (
        made("Parameters", parameter=[{"name": "p", "part": [{"name": "q", "resource": made("Patient", active=0)}]}]),
        "value",
        "Parameters.parameter[0].part[0].resource.active",
    ),
    # extensions and content references
    (made("Patient", extension=[{"valueString": "x"}]), "required", "Patient.extension[0].url"),
    (made("Patient", extension=[{"url": "http://e.org"}]), "required", "Patient.extension[0]"),
    (made("Patient", extension=[{**EXTENSION, "extension": [EXTENSION]}]), "structure", "Patient.extension[0]"),
    (
        made("Questionnaire", item=[{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "strng"}]}]),
        "code-invalid",
        "Questionnaire.item[0].item[0].type",
    ),
]


def errors(resource: Any, **options: Any) -> list[Issue]:
    return [issue for issue in validate(resource, **options) if issue.severity == "error"]


@pytest.mark.parametrize("resource", ACCEPTED, ids=lambda r: r["resourceType"])
def test_accepted(resource):
    assert errors(resource) == []


@pytest.mark.parametrize(("resource", "code", "expression"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_refused_where_it_is_wrong(resource, code, expression):
    issues = errors(resource)
    assert (code, expression) in [(i.code, i.expression) for i in issues]
    assert all(i.severity == "error" and i.diagnostics for i in issues)


def test_every_issue_is_reported_at_once():
    issues = errors(
        {
            "resourceType": "Appointment",
            "status": "bookd",
            "minutesDuration": 0,
            "participant": [
                {"status": "accepted", "type": [{"text": "x"}]},
                {"required": "x", "type": [{"text": "x"}]},
            ],
            "colour": "red",
        }
    )
    assert [(i.code, i.expression) for i in issues] == [
        ("code-invalid", "Appointment.status"),
        ("value", "Appointment.minutesDuration"),
        ("code-invalid", "Appointment.participant[1].required"),
        ("required", "Appointment.participant[1].status"),
        ("structure", "Appointment.colour"),
        ("invariant", "Appointment"),
    ]


@pytest.mark.parametrize("value", [None, [], "x", 5, True, Number("1.0")])
def test_what_is_no_object_is_one_issue(value):
    assert [(i.code, i.expression) for i in errors(value)] == [("structure", "Resource")]


def test_messages_say_what_is_allowed():
    (issue,) = errors(made("Appointment", status="bookd"))
    assert "proposed, pending, booked" in issue.diagnostics
    (issue,) = errors(made("Questionnaire", subjectType=["Foo"]))
    assert "http://hl7.org/fhir/ValueSet/resource-types" in issue.diagnostics
    (issue,) = errors(made("Patient", brthDate="1970"))
    assert "'birthDate'" in issue.diagnostics
    (issue,) = errors(made("Patient", deceasedBoolean=True, deceasedDateTime="2020"))
    assert "deceasedBoolean and deceasedDateTime" in issue.diagnostics
    (issue,) = errors(made("Appointment", slot=[{"reference": "Patient/1"}]))
    assert "Allowed: Slot." in issue.diagnostics


def test_messages_never_repeat_content():
    secret = "c0ntent-0f-a-rec0rd"
    for name in ("gender", "birthDate", "active", "id", "managingOrganization"):
        for value in (secret + " ", [secret], {"reference": f"Slot/{secret}"}, {"reference": secret + " "}):
            for issue in errors(made("Patient", **{name: value})):
                assert secret not in issue.diagnostics


def test_the_path_is_the_callers():
    issues = errors(made("Patient", active=0), path="Bundle.entry[3].resource")
    assert [i.expression for i in issues] == ["Bundle.entry[3].resource.active"]


def test_a_binding_that_cannot_be_expanded_is_information_on_request():
    resource = {
        "resourceType": "MolecularSequence",
        "coordinateSystem": 0,
        "structureVariant": [{"variantType": {"text": "insertion"}}],
    }
    assert errors(resource) == []
    (issue,) = (i for i in validate(resource, informational=True) if i.severity == "information")
    assert (issue.severity, issue.expression) == ("information", "MolecularSequence.structureVariant[0].variantType")


def test_hash_references_mean_the_resource_that_stands_by_itself():
    contained = [{"resourceType": "Organization", "id": "o", "name": "n"}]
    inner = made("Patient", managingOrganization={"reference": "#o"})
    whole = {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": {**inner, "contained": contained}}
    part = {"fullUrl": "urn:uuid:d757873d-ec9a-4326-a141-556f43239520", "resource": inner}
    assert errors(made("Bundle", entry=[whole])) == []
    issues = errors(made("Bundle", entry=[whole, part]))
    assert [i.expression for i in issues] == ["Bundle.entry[1].resource.managingOrganization.reference"]


def test_hostile_size_is_bounded():
    issues = errors({"resourceType": "Patient", **{f"member{n}": 1 for n in range(5000)}})
    assert len(issues) == 1001
    assert issues[-1].code == "informational"
    assert "4001 more" in issues[-1].diagnostics


@pytest.mark.parametrize("text", [" \n", "a\x07b"])
def test_what_should_not_be_is_a_warning(text):
    found = [(i.severity, i.code, i.expression) for i in validate(contact(family=text))]
    assert ("warning", "value", "Patient.name[0].family") in found
    assert errors(contact(family=text)) == []


def test_an_error_among_many_warnings_is_never_lost():
    contacts = [{"family": " "} for _ in range(2000)]
    assert errors(made("Patient", name=[*contacts, {"family": 5}]))


def test_hostile_depth_is_an_issue():
    extension: dict[str, Any] = {"url": "http://example.org/e", "valueString": "x"}
    for _ in range(5000):
        extension = {"url": "http://example.org/e", "extension": [extension]}
    assert [i.code for i in errors(made("Patient", extension=[extension]))] == ["too-long"]


@pytest.mark.parametrize(
    ("kind", "member", "text"),
    [
        ("Patient", "gender", "a " * 200_000 + " "),
        ("Patient", "birthDate", "2020-01-01T" * 50_000),
        ("Patient", "implicitRules", "x" * 400_000 + " "),
        ("Patient", "photo", [{"data": "A " * 200_000 + "!"}]),
        ("Patient", "photo", [{"contentType": "a" * 400_000}]),
        ("Patient", "managingOrganization", {"reference": "https://" + "/Organization" * 40_000}),
        ("Patient", "extension", [{"url": "u", "valueOid": "urn:oid:1" + ".0" * 200_000 + "x"}]),
    ],
)
@pytest.mark.timeout(5)
def test_no_format_backtracks(kind, member, text):
    errors(made(kind, **{member: text}))

"""What stands second counts as what stands first does: codings, reasons, references; a time, whatever its type."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from support.facts import facts_of
from support.measured import counted
from support.measures.plain import CODES, GRAVITY
from support.viewing import coded

Made = dict[str, Any]

SNOMED, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
OID = "urn:oid:2.16.840.1.113883.6."
ANN = {"reference": "Patient/ann"}
PERSON = {"resourceType": "Patient", "id": "ann", "birthDate": "1970-05-05"}


def concept(*codings: tuple[str, str]) -> Made:
    return {"coding": [{"system": system, "code": code} for system, code in codings]}


def told(name: str, first: str, last: str, *made: Made) -> list[dict[str, int]]:
    """The counts of each group of a measure, of these days."""
    with facts_of([PERSON, *made]) as facts:
        groups = counted(facts, name, date.fromisoformat(first), date.fromisoformat(last))
    return [dict(each.whole.counts) for each in groups]


def total(id_: str, value: int, **effective: Any) -> Made:
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "subject": ANN, "valueInteger": value,
        "code": coded("http://loinc.org", "44261-6"), **effective,
    }  # fmt: skip


def course(*made: Made, **effective: Any) -> dict[str, int]:
    """What is counted of one course of depression, of which the last total is 2 unless another is given."""
    effective = effective or {"effectiveDateTime": "2029-06-01T10:00:00Z"}
    begun = total("a", 15, effectiveDateTime="2028-06-01T10:00:00Z")
    (found,) = told("phq-9-remission", "2029-06-01", "2029-06-30", begun, total("b", 2, **effective), *made)
    return found


def ill(**members: Any) -> Made:
    """That Ann is bipolar, by the second coding."""
    code = concept((SNOMED, "191618007"), (ICD, "F31.1"))
    since = {"onsetDateTime": "2020-01-01T08:00:00Z"}
    return {"resourceType": "Condition", "id": "c", "subject": ANN, "code": code, **since, **members}


@pytest.mark.parametrize(
    "codings",
    [
        [(SNOMED, "191618007"), (ICD, "F31.1")],
        [(ICD, "F32.1"), (SNOMED, "13746004")],
        [(OID + "90", "F31.1")],
        [(OID + "3", "F31.1")],
        [(OID + "96", "13746004")],
        [(ICD, "F603")],
        [(ICD, "Z515")],
    ],
)
def test_a_diagnosis_keeps_somebody_out_by_each_of_its_codes(codings):
    assert course()["denominator-exclusion"] == 0
    assert course(ill(code=concept(*codings)))["denominator-exclusion"] == 1


def test_what_a_diagnosis_is_said_to_be_is_told_by_the_code_that_fhir_knows():
    house = ("urn:of-the-house", "7")
    refuted = concept(house, ("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted"))
    assert course(ill(verificationStatus=refuted))["denominator-exclusion"] == 0
    assert course(ill(verificationStatus=concept(house)))["denominator-exclusion"] == 1


def test_a_diagnosis_is_known_since_its_period_began():
    known = {name: value for name, value in ill().items() if name != "onsetDateTime"}
    late = {"recordedDate": "2029-12-01T08:00:00Z"}
    assert course(known | late)["denominator-exclusion"] == 0
    assert course(known | late | {"onsetPeriod": {"start": "2020"}})["denominator-exclusion"] == 1


@pytest.mark.parametrize(
    "effective",
    [
        {"effectiveInstant": "2029-06-01T10:00:00Z"},
        {"effectivePeriod": {"start": "2029-06-01T10:00:00Z"}},
        {"effectiveTiming": {"event": ["2029-06-01T10:00:00Z", "2035-06-01T10:00:00Z"]}},
        {"issued": "2029-06-01T10:00:00Z"},
    ],
)
def test_a_total_holds_when_it_says_whatever_type_that_is(effective):
    found = course(**effective)
    assert (found["denominator"], found["numerator"], found["unmeasured"]) == (1, 1, 0)


def visit(id_: str, start: str, *reasons: Made, **members: Any) -> Made:
    return {
        "resourceType": "Encounter", "id": id_, "status": "finished", "class": {"code": "AMB"}, "subject": ANN,
        "period": {"start": start, "end": start}, "reasonCode": list(reasons), **members,
    }  # fmt: skip


def again(first: list[Made], second: list[Made], *made: Made, **members: Any) -> dict[str, int]:
    """What is counted of two visits, a day apart."""
    (found,) = told(
        "avoidable-repeat-visits", "2029-06-01", "2029-06-30",
        visit("a", "2029-06-01T10:00:00Z", *first), visit("b", "2029-06-02T10:00:00Z", *second, **members), *made,
    )  # fmt: skip
    return found


LUNG, RASH = concept((ICD, "J18.9")), concept((ICD, "L20.0"))


@pytest.mark.parametrize(
    ("first", "second", "times"),
    [
        ([concept((SNOMED, "1"), (ICD, "J18.9"))], [LUNG], 1),
        ([RASH, LUNG], [LUNG], 1),
        ([concept((OID + "90", "J18.0"))], [LUNG], 1),
        ([concept(("http://hl7.org/fhir/sid/icd-10", "J18.0"))], [LUNG], 1),
        ([concept((SNOMED, "1"), (ICD, "J18.9"))], [RASH, concept((SNOMED, "2"))], 0),
        ([concept(("urn:x", "J18.9"))], [LUNG], 0),
    ],
)
def test_visits_are_related_by_each_code_of_each_reason(first, second, times):
    assert again(first, second)["numerator"] == times


def test_visits_are_related_by_each_diagnosis():
    condition = {"resourceType": "Condition", "id": "c", "subject": ANN, "code": concept((SNOMED, "1"), (ICD, "J18.9"))}
    found = [{"condition": {"reference": f"Condition/{id_}"}} for id_ in ("other", "c")]
    assert again([LUNG], [], condition, diagnosis=found)["numerator"] == 1
    assert again([LUNG], [], condition, diagnosis=found[:1])["numerator"] == 0
    assert again([LUNG], [], condition)["reason-unknown"] == 1


def test_a_follow_up_is_planned_wherever_its_code_stands():
    kind = concept(("urn:of-the-house", "K"), ("http://terminology.hl7.org/CodeSystem/v2-0276", "FOLLOWUP"))
    booked = {
        "resourceType": "Appointment", "id": "x", "status": "fulfilled", "start": "2029-06-02T10:00:00Z",
        "end": "2029-06-02T10:30:00Z", "appointmentType": kind, "participant": [{"status": "accepted", "actor": ANN}],
    }  # fmt: skip
    of = {"appointment": [{"reference": "Appointment/x"}]}
    assert again([LUNG], [LUNG], booked, **of)["numerator"] == 0
    assert again([LUNG], [LUNG], {**booked, "appointmentType": concept(("urn:x", "K"))}, **of)["numerator"] == 1
    (days, _) = told("waiting-time", "2029-06-01", "2029-06-30", {**booked, "created": "2029-06-01T10:00:00Z"})
    assert days["measure-population-exclusion"] == 1


def given_out(id_: str, day: str, *codings: tuple[str, str]) -> Made:
    return {
        "resourceType": "MedicationDispense", "id": id_, "status": "completed", "whenHandedOver": f"{day}T10:00:00Z",
        "subject": ANN, "medicationCodeableConcept": concept(*codings), "daysSupply": {"value": 60, "code": "d"},
    }  # fmt: skip


RXNORM, NDC = ("http://www.nlm.nih.gov/research/umls/rxnorm", "36567"), ("http://hl7.org/fhir/sid/ndc", "0006-0543")
ATC = ("http://www.whocc.no/atc", "C10AA01")


@pytest.mark.parametrize(
    ("first", "second", "drugs"),
    [
        ([RXNORM, NDC], [NDC, RXNORM], 1),
        ([NDC, ATC], [ATC, NDC], 1),
        ([RXNORM, NDC], [(RXNORM[0], "36567"), (NDC[0], "0006-0544")], 1),  # another package
        ([RXNORM], [(OID + "88", "36567")], 1),
        ([RXNORM], [(RXNORM[0], "1")], 2),
        ([NDC], [ATC], 2),
    ],
)
def test_a_drug_is_one_in_whatever_order_its_codes_are_told(first, second, drugs):
    made = [given_out("d", "2029-02-01", *first), given_out("e", "2029-04-02", *second)]
    found = told("treatment-adherence", "2029-01-01", "2029-12-31", *made)[0]
    assert (found["initial-population"], found["denominator"]) == (drugs, 1 if drugs == 1 else 0)


DOMAINS = ("food-insecurity", "housing-instability", "transportation-insecurity", "utility-insecurity", "elder-abuse")


def asked(id_: str, *domains: str, **answer: Any) -> Made:
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "subject": ANN,
        "category": [coded("urn:x", "survey"), *(coded(GRAVITY, each) for each in domains)],
        "code": coded("http://loinc.org", "88124-3"), "effectiveInstant": "2029-06-01T10:00:00Z", **answer,
    }  # fmt: skip


def screened(*made: Made) -> tuple[int, int]:
    """Whether a visit counts as one of somebody who has answered, and as one of somebody who has declined."""
    seen = visit("a", "2029-06-01T10:00:00Z")
    (found,) = told("social-need-screening", "2029-06-01", "2029-06-30", seen, *made)
    return found["numerator"], found["denominator-exception"]


SAID = {"valueString": "No"}
DECLINED = {"dataAbsentReason": concept(("urn:of-the-house", "7"), ("urn:absent", "asked-declined"))}
PART = {"component": [{"code": coded("http://loinc.org", "88122-7"), "valueBoolean": False}]}


def test_what_has_no_answer_is_none():
    panel = {"hasMember": [{"reference": "Observation/x"}]}
    assert screened(*(asked(each, each, **SAID) for each in DOMAINS)) == (1, 0)
    assert screened(*(asked(each, each, **PART) for each in DOMAINS)) == (1, 0)
    assert screened(*(asked(each, each, **panel) for each in DOMAINS)) == (0, 0)
    answers = [asked(each, each, **SAID) for each in DOMAINS[1:]]
    assert screened(*answers, asked("last", DOMAINS[0])) == (0, 0)
    assert screened(*answers, asked("last", DOMAINS[0], **DECLINED)) == (0, 1)


def test_an_observation_of_two_domains_answers_for_both():
    some = [asked(each, each, **SAID) for each in DOMAINS[2:]]
    assert screened(*some, asked("both", *DOMAINS[:2], **SAID)) == (1, 0)
    assert screened(*some, asked("both", *DOMAINS[:2], **DECLINED)) == (0, 1)


def need(id_: str) -> Made:
    return {
        "resourceType": "Condition", "id": id_, "subject": ANN, "recordedDate": "2029-06-01T10:00:00Z",
        "category": [coded(GRAVITY, "food-insecurity")],
    }  # fmt: skip


YES = {
    "resourceType": "Consent", "id": "yes", "status": "active",
    "provision": {"type": "permit", "data": [
        {"meaning": "instance", "reference": {"reference": each}}
        for each in ("Encounter/v", "Condition/n", "Condition/m")
    ]},
}  # fmt: skip


def helped(id_: str, **members: Any) -> Made:
    outcome = concept(("urn:of-the-house", "7"), (CODES + "referral-outcome", "need-met"))
    return {
        "resourceType": "Task", "id": id_, "status": "completed", "authoredOn": "2029-06-02T10:00:00Z",
        "code": coded(CODES + "careteam-task", "need-referral"),
        "input": [{"type": {"text": "Consent"}, "valueReference": {"reference": "Consent/yes"}}],
        "output": [{"type": {"text": "Outcome"}, "valueCodeableConcept": outcome}], **members,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tasks", "met"),
    [
        ([helped("t")], 2),
        ([helped("t"), helped("u")], 2),
        ([helped("t", reasonReference={"reference": "Condition/m"})], 1),
        ([helped("t", reasonReference={"reference": "Condition/m"}), helped("u", reasonReference=ANN)], 2),
        ([], 0),
    ],
)
def test_a_yes_to_help_with_two_needs_is_one_to_each(tasks, met):
    (found,) = told("social-need-help", "2029-06-01", "2029-06-30", need("n"), need("m"), YES, *tasks)
    assert (found["denominator"], found["consented"], found["numerator"]) == (2, 2, met)


def message(id_: str, **members: Any) -> Made:
    return {
        "resourceType": "CommunicationRequest", "id": id_, "status": "active", "subject": ANN,
        "authoredOn": "2029-06-01T10:00:00Z", **members,
    }  # fmt: skip


def test_what_is_said_of_two_messages_counts_for_both():
    said = {
        "resourceType": "Communication", "id": "c", "status": "completed",
        "basedOn": [{"reference": each} for each in ("Task/t", "CommunicationRequest/m", "CommunicationRequest/n")],
    }  # fmt: skip
    made = [message("m"), message("n"), said, {**said, "id": "d", "status": "not-done"}]
    (found,) = told("notification-delivery", "2029-06-01", "2029-06-30", *made)
    assert (found["denominator"], found["numerator"], found["unresolved"]) == (2, 2, 0)


def test_a_message_counts_from_when_it_is_to_be_sent():
    made = message("m", occurrencePeriod={"start": "2029-11-01T08:00:00Z", "end": "2029-11-02T08:00:00Z"})
    counts = [
        told("notification-delivery", *days, made)[0]["initial-population"]
        for days in (("2029-06-01", "2029-06-30"), ("2029-11-01", "2029-11-30"))
    ]
    assert counts == [0, 1]


def test_a_risk_is_high_and_a_person_is_reached_wherever_the_codes_stand():
    flag = {
        "resourceType": "Flag", "id": "f", "status": "active", "subject": ANN,
        "period": {"start": "2029-06-01T10:00:00Z"},
        "code": concept(("urn:of-the-house", "7"), (CODES + "flag-kind", "high-risk")),
    }  # fmt: skip
    reached = {
        "resourceType": "Task", "id": "t", "status": "completed", "for": ANN,
        "code": coded(CODES + "careteam-task", "outreach"), "executionPeriod": {"end": "2029-06-02T10:00:00Z"},
        "businessStatus": concept(("urn:of-the-house", "8"), (CODES + "outreach-outcome", "reached")),
    }  # fmt: skip
    hours, soon = told("risk-to-first-contact", "2029-06-01", "2029-06-30", flag, reached)
    assert (hours["measure-population"], soon["numerator"]) == (1, 1)

"""The views of what a resource says several times: a row for each coding, reason or reference."""

from __future__ import annotations

from typing import Any

import pytest

from support.viewing import coded, rows

ONE, DRUG = {"reference": "Patient/one"}, {"reference": "Medication/m"}
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
LUNG, HOUSE = coded("http://hl7.org/fhir/sid/icd-10-cm", "J18.9"), coded("urn:of-the-house", "7")
BOTH = {"coding": [*HOUSE["coding"], *LUNG["coding"]]}
CODINGS = [
    {"system": "urn:of-the-house", "code": "7"},
    {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "J18.9"},
]

CONDITION = {"resourceType": "Condition", "id": "x", "subject": ONE}
ENCOUNTER = {"resourceType": "Encounter", "id": "x", "status": "finished", "class": {"code": "AMB"}}
DISPENSE = {"resourceType": "MedicationDispense", "id": "x", "status": "completed"}
SCORE = {"resourceType": "Observation", "id": "x", "status": "final", "code": LUNG}
CONSENT = {
    "resourceType": "Consent", "id": "x", "status": "active", "scope": HOUSE, "category": [HOUSE], "patient": ONE,
    "policyRule": HOUSE,
}  # fmt: skip
COMMUNICATION = {"resourceType": "Communication", "id": "x", "status": "completed"}

CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = [
    ("condition_codings", CONDITION, {"code": BOTH}, CODINGS),
    ("encounter_reasons", ENCOUNTER, {"reasonCode": [HOUSE, {"text": "Cough"}, LUNG]}, CODINGS),
    (
        "encounter_diagnoses",
        ENCOUNTER,
        {"diagnosis": [{"condition": {"reference": each}} for each in ("Condition/a", "Procedure/b", "Condition/c")]},
        [{"condition_id": "a"}, {}, {"condition_id": "c"}],
    ),
    ("dispense_codings", DISPENSE, {"medicationCodeableConcept": BOTH}, CODINGS),
    (
        "score_needs",
        SCORE,
        {"category": [HOUSE, coded(GRAVITY, "food-insecurity"), coded(GRAVITY, "homelessness")]},
        [{"need_code": "food-insecurity"}, {"need_code": "homelessness"}],
    ),
    (
        "consent_needs",
        CONSENT,
        {"provision": {"data": [
            {"meaning": "instance", "reference": {"reference": each}}
            for each in ("Condition/a", "Encounter/b", "Condition/c")
        ]}},
        [{"condition_id": "a"}, {}, {"condition_id": "c"}],
    ),
    (
        "communication_requests",
        COMMUNICATION,
        {"basedOn": [{"reference": each} for each in ("Task/a", "CommunicationRequest/b", "CommunicationRequest/c")]},
        [{}, {"request_id": "b"}, {"request_id": "c"}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "plain", "said", "expected"), CASES, ids=[case[0] for case in CASES])
def test_each_is_a_row(name, plain, said, expected):
    if name != "score_needs":
        assert rows(name, plain if name != "dispense_codings" else plain | {"medicationReference": DRUG}) == []
    assert rows(name, plain | said) == [{"id": "x"} | each for each in expected]


@pytest.mark.parametrize(
    ("effective", "column", "told"),
    [
        ({"effectiveInstant": "2031-03-04T08:00:00+01:00"}, "instant_at", "2031-03-04T07:00:00.000Z"),
        ({"effectiveTiming": {"event": ["2031-03-04T08:00:00Z"]}}, "timing_at", "2031-03-04T08:00:00.000Z"),
    ],
)
def test_when_a_score_holds(effective, column, told):
    survey = coded("http://terminology.hl7.org/CodeSystem/observation-category", "survey")
    (row,) = rows("scores", SCORE | {"category": [survey]} | effective)
    assert row[column] == told


def test_since_when_and_until_when_somebody_had_something():
    spans = {
        "onsetPeriod": {"start": "2031-03-04T08:00:00Z"},
        "abatementPeriod": {"end": "2031-04"},
        "clinicalStatus": coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved"),
    }
    (row,) = rows("conditions", CONDITION | spans)
    assert row["onset_from_at"] == "2031-03-04T08:00:00.000Z"
    assert row["abated_period_until_at"] == "2031-05-01T00:00:00.000Z"


def test_from_when_on_a_message_is_to_be_sent():
    request = {"resourceType": "CommunicationRequest", "id": "x", "status": "active"}
    (row,) = rows("deliveries", request | {"occurrencePeriod": {"start": "2031-03-04T08:00:00Z"}})
    assert row["due_from_at"] == "2031-03-04T08:00:00.000Z"

"""The views of people, what they have, and what they have answered: a resource, and the rows that it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from carethread.metrics.views.library import library
from support.viewing import DEPARTMENT, coded, parts, rows, told

LOINC = "http://loinc.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
OMB = "urn:oid:2.16.840.1.113883.6.238"
CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
ONE = {"reference": "Patient/one"}


def language(code: str, **more: Any) -> dict[str, Any]:
    return {"language": coded("urn:ietf:bcp:47", code), **more}


def test_patients():
    assert rows("patients", {"resourceType": "Patient", "id": "one"}) == [{"id": "one"}]
    race = {"url": "ombCategory", "valueCoding": {"system": OMB, "code": "2106-3"}}
    resource = {
        "resourceType": "Patient",
        "id": "one",
        "active": True,
        "gender": "female",
        "birthDate": "1954-07",
        "deceasedDateTime": "2031-03-04T23:30:00-02:00",
        "communication": [language("de"), language("es", preferred=True)],
        "managingOrganization": {"reference": "Organization/ward"},
        "address": [{"city": "Vienna"}, {"postalCode": "1090"}],
        "extension": [
            {"url": CORE + "us-core-race", "extension": [race, {"url": "text", "valueString": "White"}]},
            {"url": CORE + "us-core-ethnicity", "extension": [{"url": "text", "valueString": "Not told"}]},
        ],
    }
    assert rows("patients", resource) == [
        {
            "id": "one",
            "active": True,
            "gender": "female",
            "birth_date": "1954-07-01",
            "deceased_at": "2031-03-05T01:30:00.000Z",
            "deceased_until_at": "2031-03-05T01:30:00.000Z",
            "language": "es",
            "any_language": "de",
            "organization_id": "ward",
            "race_code": "2106-3",
            "postal_code": "1090",
        }
    ]
    assert rows("patients", {"resourceType": "Patient", "id": "one", "deceasedBoolean": False}) == [
        {"id": "one", "deceased": False}
    ]


def test_patient_links_lead_to_who_stands_in_their_place():
    links = [
        {"type": "seealso", "other": {"reference": "Patient/other"}},
        {"type": "replaced-by", "other": {"reference": "Patient/survivor"}},
    ]
    assert rows("patient_links", {"resourceType": "Patient", "id": "one", "link": links}) == [
        {"id": "one", "survivor_id": "survivor"}
    ]


def test_coverages():
    coverage = {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": ONE, "order": 1}
    coverage |= {"payor": [ONE, {"reference": "Organization/fund"}], "type": {"text": "Medicaid"}}
    coverage |= {"period": {"start": "2030-01-01"}}
    assert rows("coverages", coverage) == [
        {
            "id": "c",
            "status": "active",
            "patient_id": "one",
            "type_text": "Medicaid",
            "place": 1,
            "start_at": "2030-01-01T00:00:00.000Z",
            "payor_id": "fund",
        }
    ]


def test_conditions_with_and_without_a_social_need():
    need = {
        "resourceType": "Condition",
        "id": "need",
        "clinicalStatus": coded(CLINICAL, "active"),
        "verificationStatus": coded(VERIFIED, "unconfirmed"),
        "category": [
            coded("http://hl7.org/fhir/us/core/CodeSystem/us-core-category", "sdoh"),
            coded(GRAVITY, "food-insecurity"),
        ],
        "code": coded("http://hl7.org/fhir/sid/icd-10-cm", "Z59.41"),
        "subject": ONE,
        "encounter": {"reference": "Encounter/visit"},
        "recordedDate": "2031-03-04T08:00:00Z",
    }
    row = {
        "id": "need",
        "patient_id": "one",
        "encounter_id": "visit",
        "clinical_status": "active",
        "verification_status": "unconfirmed",
        "code_system": "http://hl7.org/fhir/sid/icd-10-cm",
        "code_code": "Z59.41",
        "need_code": "food-insecurity",
        "recorded_at": "2031-03-04T08:00:00.000Z",
    }
    assert rows("conditions", need) == [row]
    old = {name: value for name, value in need.items() if name != "category"} | {"onsetDateTime": "1999"}
    old |= {"clinicalStatus": coded(CLINICAL, "resolved"), "abatementDateTime": "2003-05"}
    row = {name: value for name, value in row.items() if name != "need_code"}
    over = {"abated_at": "2003-05-01T10:00:00.000Z", "abated_until_at": "2003-06-01T00:00:00.000Z"}
    more = {"onset_at": "1999-01-01T10:00:00.000Z", **over}
    assert rows("conditions", old) == [row | more | {"clinical_status": "resolved"}]


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "o", "status": "final", "code": coded(LOINC, "44261-6"), **members}


def test_scores_are_what_surveys_and_responses_tell():
    survey = coded("http://terminology.hl7.org/CodeSystem/observation-category", "survey")
    phq = {"id": "o", "status": "final", "code_system": LOINC, "code_code": "44261-6", "loinc_code": "44261-6"}
    plain: dict[str, Any] = phq | {"answered": False, "declined": False}
    there = plain | {"answered": True}
    whole = observation(category=[survey], subject=ONE, effectiveDateTime="2031-03-04", valueInteger=12)
    assert rows("scores", whole) == [
        there | {"patient_id": "one", "effective_at": "2031-03-04T10:00:00.000Z", "value_integer": 12}
    ]
    made = observation(
        derivedFrom=[{"reference": "Observation/x"}, {"reference": "QuestionnaireResponse/answers"}],
        category=[coded(GRAVITY, "housing-instability")],
        valueCodeableConcept=coded(LOINC, "LA33-6"),
    )
    assert rows("scores", made) == [
        there | {"value_code": "LA33-6", "response_id": "answers", "need_code": "housing-instability"}
    ]
    amount = observation(
        category=[survey], valueQuantity={"value": 4.5, "system": "http://unitsofmeasure.org", "code": "{score}"}
    )
    assert rows("scores", amount) == [there | {"value_number": Decimal("4.5"), "value_unit": "{score}"}]
    declined = coded("http://terminology.hl7.org/CodeSystem/data-absent-reason", "asked-declined")
    silent = observation(category=[survey], dataAbsentReason=declined, effectivePeriod={"start": "2031"})
    assert rows("scores", silent) == [
        plain | {"absent_code": "asked-declined", "declined": True, "period_start_at": "2031-01-01T10:00:00.000Z"}
    ]
    vital = coded("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")
    local = {"coding": [{"system": "urn:of-the-house", "code": "PHQ"}, *coded(LOINC, "44261-6")["coding"]]}
    assert rows("scores", observation(category=[vital], code=local)) == [
        plain | {"code_system": "urn:of-the-house", "code_code": "PHQ"}  # a total of the PHQ-9, whatever its category
    ]
    assert rows("scores", observation(category=[vital], code=coded(LOINC, "8867-4"))) == []


FORM = "https://carethread.dev/fhir/Questionnaire/visit-experience|1.0.0"
RESPONSE = {
    "resourceType": "QuestionnaireResponse",
    "id": "r",
    "status": "completed",
    "questionnaire": FORM,
    "item": [
        {"linkId": "overall", "answer": [{"valueCoding": {"system": "urn:x", "code": "9"}}]},
        {"linkId": "comment", "answer": [{"valueString": "Words stay where they are."}]},
        {
            "linkId": "group",
            "item": [
                {"linkId": "theme", "answer": [{"valueCoding": {"code": "a"}}, {"valueCoding": {"code": "b"}}]},
                {
                    "linkId": "complaint",
                    "answer": [
                        {"valueBoolean": True, "item": [{"linkId": "when", "answer": [{"valueDate": "2031-03"}]}]}
                    ],
                },
            ],
        },
        {"linkId": "top-box", "answer": [{"valueInteger": 3}]},
        {"linkId": "share", "answer": [{"valueDecimal": 0.75}]},
    ],
}


def test_responses():
    asked = {"asked": "2031-03-03T08:00:00Z", "expires": "2031-03-17T08:00:00.000Z"}
    mark = parts("assignment", "valueInstant", asked)
    mark["extension"] += [
        {"url": "task", "valueReference": {"reference": "Task/t"}},
        {"url": "recipient", "valueReference": ONE},
        {"url": "language", "valueCode": "es"},
        {"url": "channel", "valueCode": "sms"},
        {"url": "zone", "valueCode": "Europe/Madrid"},
        {"url": "prefill", "valueBoolean": True},
        {"url": "reason", "valueCanonical": "https://example.org/PlanDefinition/after"},
    ]
    resource = RESPONSE | {"extension": [mark, DEPARTMENT], "subject": ONE, "author": ONE}
    resource |= {"encounter": {"reference": "Encounter/visit"}, "authored": "2031-03-04T09:00:00+01:00"}
    assert rows("responses", resource) == [
        {
            "id": "r",
            "status": "completed",
            "questionnaire": FORM,
            "patient_id": "one",
            "encounter_id": "visit",
            "authored_at": "2031-03-04T08:00:00.000Z",
            "author_patient_id": "one",
            "department_id": "ward",
            "task_id": "t",
            "asked_at": "2031-03-03T08:00:00.000Z",
            "expires_at": "2031-03-17T08:00:00.000Z",
            "programme": "https://example.org/PlanDefinition/after",
            "channel": "sms",
            "language": "es",
        }
    ]
    nameless = {**RESPONSE, "subject": {"reference": "Organization/ward"}}
    assert rows("responses", nameless) == [
        {"id": "r", "status": "completed", "questionnaire": FORM, "organization_id": "ward"}
    ]


def test_answers_are_codes_numbers_and_yes_or_no_wherever_they_stand():
    assert rows("answers", RESPONSE) == [
        {"id": "r", "link_id": "overall", "number": 0, "value_code": "9"},
        {"id": "r", "link_id": "comment", "number": 0},
        {"id": "r", "link_id": "theme", "number": 0, "value_code": "a"},
        {"id": "r", "link_id": "theme", "number": 1, "value_code": "b"},
        {"id": "r", "link_id": "complaint", "number": 0, "value_boolean": True},
        {"id": "r", "link_id": "when", "number": 0, "value_date": "2031-03-01"},
        {"id": "r", "link_id": "top-box", "number": 0, "value_integer": 3},
        {"id": "r", "link_id": "share", "number": 0, "value_decimal": Decimal("0.75")},
    ]
    assert rows("answers", {name: value for name, value in RESPONSE.items() if name != "item"}) == []


def test_consents():
    consent = {
        "resourceType": "Consent",
        "id": "yes",
        "status": "active",
        "scope": coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", "IDSCL")],
        "patient": ONE,
        "dateTime": "2031-03-04",
        "policyRule": {"text": "Ours"},
        "provision": {
            "type": "permit",
            "period": {"start": "2031-03-04", "end": "2032-03-04"},
            "data": [{"meaning": "instance", "reference": {"reference": "Condition/need"}}],
        },
    }
    assert rows("consents", consent) == [
        {
            "id": "yes",
            "status": "active",
            "scope_code": "patient-privacy",
            "category_code": "IDSCL",
            "patient_id": "one",
            "said_at": "2031-03-04T10:00:00.000Z",
            "provision_type": "permit",
            "start_at": "2031-03-04T00:00:00.000Z",
            "end_at": "2032-03-04T10:00:00.000Z",
            "until_at": "2032-03-05T00:00:00.000Z",
            "condition_id": "need",
        }
    ]


def test_dispenses():
    given = {
        "resourceType": "MedicationDispense",
        "id": "d",
        "status": "completed",
        "medicationCodeableConcept": coded("http://www.nlm.nih.gov/research/umls/rxnorm", "860975"),
        "subject": ONE,
        "daysSupply": {"value": 30, "system": "http://unitsofmeasure.org", "code": "d"},
        "whenHandedOver": "2031-03-04T10:15:00+01:00",
    }
    assert rows("dispenses", given) == [
        {
            "id": "d",
            "status": "completed",
            "patient_id": "one",
            "medication_system": "http://www.nlm.nih.gov/research/umls/rxnorm",
            "medication_code": "860975",
            "handed_over_at": "2031-03-04T09:15:00.000Z",
            "days": 30,
            "days_unit": "d",
        }
    ]


def test_of_what_is_told_twice_the_first_counts():
    twice = {**RESPONSE, "extension": [DEPARTMENT, told("department", valueReference={"reference": "Organization/b"})]}
    view = library()["responses"]
    ((*row,),) = view.rows(twice)
    assert row[[column.name for column in view.columns].index("department_id")] == "ward"

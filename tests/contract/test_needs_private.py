"""What people answer on social needs leaves by their Consent only, in whatever it comes to stand."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.care import Care
from support.helping import DOCTOR, TRANSPORT, WORKER, YES, answer, judge, responded, settle, the_need

HL7 = "http://terminology.hl7.org/CodeSystem"
LABELS = {("v3-Confidentiality", "R"), ("v3-ActCode", "SPI")}
SAYS_IT = ("93030-5", "LA33-6", "Z59.82", "transport")


def labels(resource: Resource) -> set[tuple[str, str]]:
    return {(each["system"].rpartition("/")[2], each["code"]) for each in resource["meta"].get("security", ())}


def stored(practice: Care, path: str) -> Resource:
    return json.parse_object(practice.ask("GET", path, service="questionnaires").body)


def test_answers_and_all_that_is_made_of_them_are_labelled(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    judge(practice, the_need(practice))
    assert labels(stored(practice, "QuestionnaireResponse/r1")) >= LABELS
    for type_name in ("Observation", "Condition"):
        found = practice.found(f"{type_name}?patient=Patient/ann", service="records")
        assert found
        assert all(labels(each) >= LABELS for each in found), type_name


@pytest.mark.parametrize("status", ["in-progress", "entered-in-error"])
def test_a_response_is_labelled_at_whatever_status(practice: Care, status: str) -> None:
    practice.put(responded({TRANSPORT: YES}))
    if status == "in-progress":
        practice.put(responded({TRANSPORT: YES}, id_="r2", status=status))
        assert labels(stored(practice, "QuestionnaireResponse/r2")) == LABELS
    else:
        practice.put(responded({TRANSPORT: YES}, status=status))
        assert labels(stored(practice, "QuestionnaireResponse/r1")) == LABELS


def test_what_an_ehr_sends_is_labelled_and_kept_as_sent_otherwise(practice: Care) -> None:
    own = {"system": f"{HL7}/v3-ActCode", "code": "PSY"}
    sent = responded({TRANSPORT: YES}) | {"meta": {"source": "urn:ehr", "security": [own]}}
    practice.put(sent)
    kept = stored(practice, "QuestionnaireResponse/r1")
    assert labels(kept) == {*LABELS, ("v3-ActCode", "PSY")}
    assert {**kept, "meta": None} == {**sent, "meta": None}
    assert kept["meta"]["source"] == "urn:ehr"


def test_nobody_takes_the_labels_away(practice: Care) -> None:
    practice.put(responded({TRANSPORT: YES}))
    patch = [{"op": "remove", "path": "/meta/security"}]
    sent = {"content_type": "application/json-patch+json"}
    assert (
        practice.ask("PATCH", "QuestionnaireResponse/r1", patch, service="questionnaires", headers=sent).status == 200
    )
    assert labels(stored(practice, "QuestionnaireResponse/r1")) == LABELS


def consented(to: str) -> dict[str, Any]:
    return {
        "resourceType": "Consent", "id": "yes", "status": "active", "dateTime": "2025-01-01",
        "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"text": "Mine"}, "patient": {"reference": "Patient/ann"},
        "provision": {"type": "permit", "securityLabel": [{"system": f"{HL7}/v3-ActCode", "code": "SPI"}],
                      "actor": [{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": to}}]},
    }  # fmt: skip


@pytest.mark.parametrize("theirs", [False, True], ids=["ours", "of an EHR"])
def test_without_a_consent_no_document_says_it(practice: Care, theirs: bool) -> None:
    """Neither what was answered, nor what was made of it; with a Consent, to those whom it names."""
    more: dict[str, Any] = {"meta": {"source": "urn:ehr"}} if theirs else {}
    practice.put(responded({TRANSPORT: YES}) | more)
    settle(practice)
    summary = f"Patient/ann/$transfer-summary?recipient={WORKER}&author={DOCTOR}"
    for path in (summary, "Patient/ann/$about-me"):
        said = str(practice.operate("GET", path)).lower()
        assert not [each for each in SAYS_IT if each.lower() in said], path
    if not theirs:
        practice.put(consented(WORKER))
        assert "Z59.82" in str(practice.operate("GET", summary))

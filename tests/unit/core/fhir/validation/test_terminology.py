"""Codes: bindings by strength, and the code systems that HL7 publishes."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.fhir.definitions import code_system, value_set
from carethread.core.fhir.validation import validate

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
INTERPRETATION = TERMINOLOGY + "v3-ObservationInterpretation"


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


def concept(system: str | None, code: str) -> dict[str, Any]:
    return {"coding": [{**({"system": system} if system else {}), "code": code}]}


def codes(resource: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    found = [i for i in validate(resource, **options) if i.code in ("code-invalid", "informational")]
    return [(i.severity, str(i.expression)) for i in found]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        # extensible and preferred: a warning
        ({"interpretation": [concept(INTERPRETATION, "H")]}, []),
        ({"interpretation": [concept("http://example.org", "x")]}, [("warning", "Observation.interpretation[0]")]),
        ({"interpretation": [concept(None, "H")]}, [("warning", "Observation.interpretation[0]")]),
        ({"interpretation": [{"text": "high"}]}, []),
        # an extensible one may be gone beyond by a code of ours
        ({"interpretation": [concept("https://carethread.dev/fhir/CodeSystem/visit-population", "left")]}, []),
        ({"category": [concept("http://example.org", "x")]}, [("warning", "Observation.category[0]")]),
        ({"category": [concept(TERMINOLOGY + "observation-category", "survey")]}, []),
        ({"language": "tlh"}, [("warning", "Observation.language")]),
        # beyond the maximum of a preferred binding: an error
        ({"language": "en_US"}, [("error", "Observation.language"), ("warning", "Observation.language")]),
        # an example binding asks nothing
        ({"method": concept("http://example.org", "x")}, []),
        # a code that its published system does not have, bound or not
        ({"method": concept(INTERPRETATION, "ZZZ")}, [("error", "Observation.method.coding[0].code")]),
        ({"method": concept("http://snomed.info/sct", "1")}, []),
        (
            {"valueQuantity": {"value": 1, "system": TERMINOLOGY + "v3-orderableDrugForm", "code": "Vial"}},
            [("error", "Observation.value.code")],
        ),
        (
            {"meta": {"tag": [{"system": TERMINOLOGY + "observation-category", "code": "Survey"}]}},
            [("error", "Observation.meta.tag[0].code")],
        ),
        # a set of which a part is not known
        ({"meta": {"security": [{"system": TERMINOLOGY + "v3-Confidentiality", "code": "R"}]}}, []),
        # an extension does not stand for a required code
        (
            {"status": ..., "_status": {"extension": [{"url": "http://e.org", "valueCode": "x"}]}},
            [("error", "Observation.status")],
        ),
    ],
)
def test_a_code_is_judged_by_its_binding(members, expected):
    resource = {name: value for name, value in {**observation(), **members}.items() if value is not ...}
    assert codes(resource) == expected


def test_a_system_that_is_not_known_leaves_the_question_open():
    questionnaire = {
        "resourceType": "Questionnaire",
        "status": "draft",
        "jurisdiction": [concept("urn:iso:std:iso:3166", "XX")],
    }
    assert codes(questionnaire) == []
    assert ("information", "Questionnaire.jurisdiction[0]") in codes(questionnaire, informational=True)


def test_published_sets_and_systems():
    assert code_system(INTERPRETATION) is not None
    assert code_system("http://loinc.org") is None
    participants = value_set("encounter-participant-type")
    assert "SPRF" in participants.codes[TERMINOLOGY + "v3-ParticipationType"]
    assert "_ParticipationAncillary" not in participants.codes[TERMINOLOGY + "v3-ParticipationType"]
    assert value_set("jurisdiction").open and not value_set("jurisdiction").is_enumerated

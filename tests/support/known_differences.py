"""Where the oracle and our validator differ for a reason, each with a resource that shows it.

A difference is narrow: it names the kind of message and its words, so that a new one fails the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from support.agreement import Difference, Known
from support.mutation_values import ABSENT, URL
from support.mutations import Case

_TERMINOLOGY = "only a terminology server knows"
_AUTHORS = "advice to authors of definitions, not a rule of R4's elements"
_UCUM = "http://unitsofmeasure.org"
_PROFILE = "http://hl7.org/fhir/StructureDefinition/Patient"
_MADE_UP = {"extension": [{"url": URL, "valueString": "Made up"}]}
_XHTML = '"text": {"status": "generated", "div": "<div xmlns=\'http://www.w3.org/1999/xhtml\'>%s</div>"}'


def _of(kind: str, **members: Any) -> str:
    return json.dumps({"resourceType": kind, **members})


def _coding(**coding: Any) -> str:
    return _of("Basic", code={"coding": [coding]})


def _range(low: dict[str, Any], high: dict[str, Any]) -> str:
    prediction = {"whenRange": {"low": {"value": 1, **low}, "high": {"value": 2, **high}}}
    return _of("RiskAssessment", status="final", subject={"reference": "Patient/a"}, prediction=[prediction])


def _counted(*scores: dict[str, Any]) -> str:
    """A report with its Measure, a share, which has a group for each score."""
    coding = {"system": "http://terminology.hl7.org/CodeSystem/measure-population", "code": "denominator"}
    population = {"code": {"coding": [coding]}}
    codes = [{"coding": [{"system": "https://example.org/g", "code": f"{number}"}]} for number in range(len(scores))]
    groups = [{"code": code, "population": [population]} for code in codes]
    criteria = {"criteria": {"language": "text/cql", "expression": "x"}}
    measure = {
        "resourceType": "Measure",
        "id": "m",
        "status": "active",
        "scoring": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-scoring", "code": "proportion"}]
        },
        "group": [{**each, "population": [{**population, **criteria}]} for each in groups],
    }
    return _of(
        "MeasureReport",
        contained=[measure],
        status="complete",
        type="summary",
        measure="#m",
        period={"start": "2031-01-01", "end": "2031-01-31"},
        group=[{**group, "measureScore": score} for group, score in zip(groups, scores, strict=True)],
    )


_MISSED = _of(
    "Appointment",
    status="noshow",
    cancelationReason={"text": "x"},
    start="2031-01-01T10:00:00Z",
    end="2031-01-01T10:30:00Z",
    participant=[{"status": "accepted", "actor": {"reference": "Patient/a"}}],
)
_BENEFIT = _of(
    "ExplanationOfBenefit",
    status="active",
    type={"text": "x"},
    use="claim",
    patient={"reference": "Patient/a"},
    created="2031-01-01",
    insurer={"reference": "Organization/a"},
    provider={"reference": "Organization/a"},
    outcome="complete",
    insurance=[{"focal": True, "coverage": {"reference": "Coverage/a"}}],
    priority={"coding": [{"system": "https://example.org/c"}]},
)
_PROCESSED = "Terminology_PassThrough_TX_Message"

KNOWN: Known = {
    "the oracle": (
        Difference(
            "",
            r"unknown escape sequence: \\[bf]",
            "JSON's short escapes of backspace and form feed (RFC 8259, section 7), which the oracle's parser lacks",
            _of("Patient", name=[{"text": "a\fb"}]),
        ),
        Difference(
            _PROCESSED,
            "Error processing unit",
            f"whether a UCUM unit is one: {_TERMINOLOGY}",
            _coding(system=_UCUM, code="a b"),
        ),
        Difference(
            _PROCESSED,
            "not in valueset: .*/languages",
            f"which languages are registered: {_TERMINOLOGY}",
            _of("Patient", language="xx-made-up"),
        ),
        Difference(
            _PROCESSED,
            "Inappropriate CodeSystem URL .* for ValueSet: .*/ucum-units",
            "a Coding without a code, under a binding that is not required",
            _of(
                "ObservationDefinition",
                code={"text": "x"},
                quantitativeDetails={"unit": {"coding": [{"system": "https://example.org/c"}]}},
            ),
        ),
        Difference(
            _PROCESSED,
            "#null'",
            "a code that is absent with a reason is taken for one named `null`",
            _coding(
                system="http://terminology.hl7.org/CodeSystem/basic-resource-type",
                _code={"extension": [{"url": ABSENT, "valueCode": "unknown"}]},
            ),
        ),
        Difference(
            _PROCESSED,
            r"expression-language#\w+/",
            "`Expression.language` takes MIME types too; the oracle looks in one code system of the two",
            _of(
                "Measure",
                status="active",
                supplementalData=[{"criteria": {"language": "text/plain", "expression": "x"}}],
            ),
        ),
        Difference(
            "Terminology_TX_ValueSet_NotFound_CS",
            "processpriority",
            "R4 binds this element to a code system's URL",
            _BENEFIT,
        ),
        Difference(
            "Type_Specific_Checks_DT_OID_Valid",
            "",
            "the oracle wants a longer OID; `urn:oid:1.2.3` fits R4's pattern",
            _of("Patient", identifier=[{"system": "urn:oid:1.2.3", "value": "1"}]),
        ),
        Difference(
            "Type_Specific_Checks_DT_Time_Valid",
            r"\(null\)",
            "R4's time has fractions of a second; the oracle cannot read them",
            _of("Location", hoursOfOperation=[{"openingTime": "08:00:00.5"}]),
        ),
        Difference(
            "Type_Specific_Checks_DT_Identifier_System|Terminology_TX_System_Relative",
            "absolute reference",
            "the oracle knows some schemes of URIs; by RFC 3986 `a:b` and `mailto:` are absolute",
            _of("Patient", identifier=[{"system": "a:b", "value": "1"}]),
        ),
        Difference(
            "Oracle_Reference_Target_Type|Reference_REF_(BadTargetType|WrongTarget)",
            r"Reference to (?![A-Z])|Found (?![A-Z])|The type '(?![A-Z])",
            "a URL that is not that of a resource names no type",
            _of("Patient", managingOrganization={"reference": "https://example.org/anything"}),
        ),
        Difference(
            "TYPE_SPECIFIC_CHECKS_DT_ATT_(HASH_MISMATCH|SIZE_CORRECT)",
            "",
            "size and hash are the sender's word on the data",
            _of("Patient", photo=[{"contentType": "image/png", "data": "AAAA", "size": 0, "hash": "AAAA"}]),
        ),
        Difference(".*/Appointment#app-4", "", "published with `no-show`; R4's code is `noshow`", _MISSED),
        Difference(
            ".*/Range#rng-2",
            "HAPI-0676",
            "the oracle cannot parse the unit, so it cannot compare",
            _range({"unit": "a", "system": _UCUM, "code": "a"}, {"unit": "b ", "system": _UCUM, "code": "a"}),
        ),
        Difference(
            "Type_Specific_Checks_DT_Code_WS",
            "\u00a0",
            "for R4's pattern of a code U+00A0 is no white space",
            _coding(system="https://example.org/c", code="\u00a0"),
        ),
        Difference(
            "ERROR_GENERATING_SNAPSHOT",
            "Unable to resolve package id",
            "the oracle makes no snapshot of any extension's definition, HL7's own included",
        ),
        Difference(
            "",
            "JsonNull",
            "the oracle breaks where one of several profiles is absent",
            _of("Patient", active=True, meta={"profile": [_PROFILE, None], "_profile": [None, _MADE_UP]}),
        ),
        Difference(
            "",
            "NullPointerException",
            "the oracle breaks on a reference, or an only profile, that is absent with a reason",
            _of(
                "Task",
                status="requested",
                intent="order",
                partOf=[{"_reference": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}}],
            ),
        ),
        Difference(
            "Terminology_TX_Code_ValueSet_MISSING",
            "No code provided",
            "by R4's extensibility an extension may stand in place of a value, of a code too",
            _of("AllergyIntolerance", patient={"reference": "Patient/a"}, category=[None], _category=[_MADE_UP]),
        ),
        Difference(
            "TYPE_SPECIFIC_CHECKS_CANONICAL_ABSOLUTE",
            "must be absolute URLs",
            "the oracle knows some schemes of URIs; by RFC 3986 `mailto:` is absolute",
            _of("Questionnaire", status="draft", url="mailto:"),
        ),
        Difference(
            "Extension_EXT_URL_Absolute",
            "must be an absolute URL",
            "the oracle knows some schemes of URIs; by RFC 3986 `mailto:` is absolute",
            _of("Basic", code={"text": "x"}, extension=[{"url": "mailto:", "valueString": "Made up"}]),
        ),
        Difference(
            "MEASURE_MR_SCORE_VALUE_REQUIRED",
            "A value is required",
            "by R4's extensibility a reason may stand in place of a score",
            _counted({"extension": [{"url": ABSENT, "valueCode": "not-applicable"}]}),
        ),
        Difference(
            "MEASURE_MR_SCORE_(UNIT_PROHIBITED|VALUE_INVALID_01)",
            r"\(proportion\)|between 0 and 1",
            "R4 has one scoring for a whole Measure; that a group has another is told by CQFM's extension",
            _counted({"value": 0.5}, {"value": 2.5, "unit": "d", "system": _UCUM, "code": "d"}),
            where=r"group\[[1-9]\d*\]",
        ),
        Difference("CONCEPTMAP_GROUP_(SOURCE|TARGET)_CODE_INVALID", "", _TERMINOLOGY),
        Difference("(IG|SM|SD|CODESYSTEM|OPDEF|ED)_.*", "", _AUTHORS),
    ),
    "we": (
        Difference(
            "structure",
            "more than an id",
            "ele-1: an element has a value or children; the oracle forgets that here",
            _of("Patient", maritalStatus={"id": "only"}),
        ),
        Difference(
            "structure",
            "need equally many entries",
            "R4's JSON fills out both arrays with null",
            _of("Patient", name=[{"given": ["A", "B"], "_given": [{"id": "x"}]}]),
        ),
        Difference(
            "structure",
            "An array is never empty",
            "R4's JSON has no empty arrays; the oracle overlooks those of primitives",
            _of("Patient", active=True, meta={"profile": []}),
        ),
        Difference(
            "structure",
            r"half of a surrogate pair|U\+0000",
            "these are no characters of Unicode, or of FHIR",
            _of("Patient", name=[{"family": "\ud83d"}]),
        ),
        Difference(
            "structure",
            "stands twice in one object",
            "two readers could take different members",
            '{"resourceType": "Patient", "resourceType": "Patient"}',
        ),
        Difference(
            "structure",
            "no such element",
            "`Extension.url` is an attribute, which has no extensions",
            _of("Patient", extension=[{"url": URL, "_url": {"id": "x"}, "valueString": "x"}]),
            where=r"\._url$",
        ),
        Difference(
            "value",
            "A reference is 'Type/id'",
            "R4: a reference is absolute, or a type and an id, or leads into the resource",
            _of("Patient", managingOrganization={"reference": "Organization"}),
        ),
        Difference(
            "value",
            "a resource type that R4 does not have",
            "R4: a reference names a resource type",
            _of("Patient", extension=[{"url": URL, "valueReference": {"reference": "Banana/1"}}]),
        ),
        Difference(
            "value",
            "without white space|no white space",
            "R4's patterns of a URI and a code; the oracle passes a blank",
            _of("QuestionnaireResponse", status="completed", questionnaire=" "),
        ),
        Difference(
            "value",
            "base64 content",
            "not in groups of four",
            _of("Binary", contentType="text/plain", data="A==="),
        ),
        Difference(
            "invariant",
            "not well-formed XHTML|no document type",
            "txt-1: the oracle's reader of XHTML forgives",
            '{"resourceType": "Patient", %s}' % (_XHTML % "<p class=a>x</p>"),
        ),
        Difference(
            "invariant",
            "rng-2",
            "one day is more than two hours; the oracle does not look at the units",
            _range({"system": _UCUM, "code": "d"}, {"system": _UCUM, "code": "h"}),
        ),
        Difference(
            "value",
            "system of a Coding must be an absolute URI",
            "the oracle does not look at the system of a use context's Coding that has no code",
            _of(
                "ActivityDefinition",
                status="draft",
                useContext=[{"code": {"system": "R"}, "valueRange": {"low": {"value": 1}}}],
            ),
            where=r"useContext\[\d+\]\.code\.system",
        ),
        Difference(
            "value",
            "system of a Coding must be an absolute URI",
            "the oracle does not look at the system of a Coding by which an AuditEvent says what happened",
            _of(
                "AuditEvent",
                type={"system": "{x}", "code": "110100"},
                recorded="2031-01-01T00:00:00Z",
                agent=[{"requestor": True}],
                source={"observer": {"display": "x"}},
            ),
            where=r"AuditEvent\.(type|subtype\[\d+\])\.system",
        ),
        Difference(
            "value",
            "system of a Coding must be an absolute URI",
            "the oracle does not look at the system of an Encounter's class",
            _of("Encounter", status="planned", **{"class": {"system": "\u00e4", "code": "IMP"}}),
            where=r"Encounter\.class\.system",
        ),
        Difference(
            "code-invalid",
            "a BCP 47 language tag",
            "one of the codings has to be of the maximum set; the oracle passes one that has neither system nor code",
            _of("Patient", communication=[{"language": {"coding": [{"display": "Made up"}]}}]),
        ),
        Difference(
            "value",
            "must not refer to",
            "R4 says of what type a Consent's source is; the oracle does not look at it",
            _of(
                "Consent",
                status="rejected",
                scope={"text": "x"},
                category=[{"text": "x"}],
                patient={"reference": "Patient/a"},
                policy=[{"uri": "https://example.org/p"}],
                sourceReference={"type": "Substance", "identifier": {"value": "1"}},
            ),
            where=r"Consent\.source",
        ),
        Difference(
            "value",
            "a whole number",
            "R4's pattern of an integer has no `-0`",
            '{"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueInteger": -0}',
        ),
    ),
}


def cases() -> Iterator[Case]:
    """The examples."""
    for who, differences in KNOWN.items():
        for difference in differences:
            if difference.example:
                yield Case("known differences", f"{who}: {difference.reason}", difference.example.encode())

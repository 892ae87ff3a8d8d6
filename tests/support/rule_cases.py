"""Each rule between elements (R4's invariants) of the owned types, broken, and kept by a near neighbour.

Only the key and the resources are told here; whether a rule is broken says the judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from support.mutations import Case
from support.spots import Json

_TEXT = {"text": "Made up"}
_NOT_RIGHT = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error"}]
}
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_PATIENT = {"reference": "Patient/made-up"}
_UCUM = "http://unitsofmeasure.org"
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"

LEAST: Mapping[str, Json] = {
    "Appointment": {"status": "proposed", "participant": [{"status": "accepted", "actor": _PATIENT}]},
    "AppointmentResponse": {
        "appointment": {"reference": "Appointment/a"},
        "participantStatus": "accepted",
        "actor": _PATIENT,
    },
    "AuditEvent": {
        "type": {"system": "https://example.org/c", "code": "x"},
        "recorded": "2031-01-01T10:00:00Z",
        "agent": [{"requestor": True}],
        "source": {"observer": _PATIENT},
    },
    "Bundle": {"type": "collection"},
    "CapabilityStatement": {
        "status": "active",
        "date": "2031-01-01",
        "kind": "requirements",
        "description": "Made up",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "client"}],
    },
    "CarePlan": {"status": "active", "intent": "plan", "subject": _PATIENT},
    "CareTeam": {},
    "CommunicationRequest": {"status": "active"},
    "Condition": {"subject": _PATIENT, "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "active"}]}},
    "Consent": {
        "status": "active",
        "scope": _TEXT,
        "category": [_TEXT],
        "patient": _PATIENT,
        "policy": [{"uri": "https://example.org/policy"}],
    },
    "Encounter": {"status": "planned", "class": {"system": "https://example.org/c", "code": "x"}},
    "Goal": {"lifecycleStatus": "active", "description": _TEXT, "subject": _PATIENT},
    "Group": {"type": "person", "actual": True},
    "Library": {"status": "active", "type": _TEXT},
    "List": {"status": "current", "mode": "working"},
    "Measure": {"status": "active"},
    "MeasureReport": {
        "status": "complete",
        "type": "summary",
        "measure": "https://example.org/fhir/Measure/made-up",
        "period": {"start": "2031-01-01", "end": "2031-02-01"},
    },
    "Observation": {"status": "final", "code": _TEXT},
    "Organization": {"name": "Made up"},
    "Patient": {},
    "PlanDefinition": {"status": "active"},
    "Questionnaire": {"status": "active"},
    "QuestionnaireResponse": {"status": "completed"},
    "RiskAssessment": {"status": "final", "subject": _PATIENT},
    "ServiceRequest": {"status": "active", "intent": "order", "subject": _PATIENT},
    "Task": {"status": "draft", "intent": "order"},
}
"""What a resource of a type must have, and no rule broken."""


def _items(*items: Json) -> Json:
    return {"item": [{"linkId": str(number), "type": "string", **item} for number, item in enumerate(items)]}


def _entries(*entries: Json, **other: Any) -> Json:
    return {"entry": list(entries), **other}


def _when(*conditions: Json, **other: Any) -> Json:
    return _items({}, {"enableWhen": [{"question": "0", **condition} for condition in conditions], **other})


def _scope(code: str) -> Json:
    return {"patient": None, "scope": {"coding": [{"system": _SCOPE, "code": code}]}}


def _repeat(**repeat: Any) -> Json:
    return {"occurrenceTiming": {"repeat": repeat}}


def _content(*requirements: Json) -> Json:
    return {"dataRequirement": [{"type": "Patient", **requirement} for requirement in requirements]}


_INSIDE = {"resource": {"resourceType": "Basic", "code": _TEXT}}
_ASKED = {"request": {"method": "GET", "url": "Patient"}}
_DONE = {"response": {"status": "200"}}

RULES: Mapping[tuple[str, str], tuple[Json, ...]] = {
    ("Appointment", "app-1"): (
        {"participant": [{"status": "accepted"}]},
        {"participant": [{"status": "accepted", "type": [_TEXT]}]},
    ),
    ("Appointment", "app-2"): ({"start": "2031-01-01T10:00:00Z"}, {"end": "2031-01-01T10:00:00Z"}),
    ("Appointment", "app-3"): (
        {"status": "booked"},
        {"status": "booked", "start": "2031-01-01T10:00:00Z", "end": "2031-01-01T10:30:00Z"},
        {"status": "waitlist"},
        {"status": "cancelled"},
        {"status": "pending"},
    ),
    ("Appointment", "app-4"): (
        {"cancelationReason": _TEXT},
        {"status": "cancelled", "cancelationReason": _TEXT},
        {
            "status": "noshow",
            "cancelationReason": _TEXT,
            "start": "2031-01-01T10:00:00Z",
            "end": "2031-01-01T10:00:00Z",
        },
    ),
    ("AppointmentResponse", "apr-1"): ({"actor": None}, {"actor": None, "participantType": [_TEXT]}),
    ("AuditEvent", "sev-1"): (
        {"entity": [{"name": "x", "query": "AAAA"}]},
        {"entity": [{"name": "x"}]},
        {"entity": [{"query": "AAAA"}]},
    ),
    ("Bundle", "bdl-1"): ({"total": 1}, {"type": "searchset", "total": 1}, {"type": "history", "total": 0}),
    ("Bundle", "bdl-2"): (
        _entries({"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "search": {"mode": "match"}, **_INSIDE}),
        _entries(
            {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "search": {"mode": "match"}, **_INSIDE},
            type="searchset",
        ),
    ),
    ("Bundle", "bdl-3"): (
        _entries(_INSIDE, type="transaction"),
        _entries(_INSIDE | _ASKED),
        _entries(_ASKED, type="batch"),
        _entries(_ASKED, type="history"),
    ),
    ("Bundle", "bdl-4"): (
        _entries(_INSIDE, type="transaction-response"),
        _entries(_DONE, type="batch-response"),
        _entries(_DONE, type="batch"),
        _entries(_ASKED | _DONE, type="history"),
    ),
    ("Bundle", "bdl-5"): (_entries({"link": [{"relation": "self", "url": "https://example.org"}]}),),
    ("Bundle", "bdl-7"): (
        _entries(
            {"fullUrl": "https://example.org/fhir/Basic/a", **_INSIDE},
            {"fullUrl": "https://example.org/fhir/Basic/a", **_INSIDE},
        ),
        _entries(
            *(
                {
                    "fullUrl": "https://example.org/fhir/Basic/a",
                    "resource": {**_INSIDE["resource"], "id": "a", "meta": {"versionId": version}},
                }
                for version in ("1", "2")
            )
        ),
    ),
    ("Bundle", "bdl-8"): (_entries({"fullUrl": "https://example.org/fhir/Basic/a/_history/1", **_INSIDE}),),
    ("Bundle", "bdl-9"): ({"type": "document", "timestamp": "2031-01-01T10:00:00Z"},),
    ("Bundle", "bdl-10"): ({"type": "document", "identifier": {"system": "https://example.org/n", "value": "1"}},),
    ("Bundle", "bdl-11"): (_entries(_INSIDE, type="document"),),
    ("Bundle", "bdl-12"): (_entries(_INSIDE, type="message"),),
    ("CapabilityStatement", "cpb-1"): ({"rest": None}, {"rest": [{"mode": "server"}]}),
    ("CapabilityStatement", "cpb-2"): ({"description": None}, {"description": None, "software": {"name": "x"}}),
    ("CapabilityStatement", "cpb-3"): (
        {"messaging": [{"endpoint": [{"protocol": {"code": "http"}, "address": "https://example.org"}]}]},
    ),
    ("CapabilityStatement", "cpb-7"): (
        {"document": [{"mode": "producer", "profile": "https://example.org/p"}] * 2},
        {"document": [{"mode": mode, "profile": "https://example.org/p"} for mode in ("producer", "consumer")]},
    ),
    ("CapabilityStatement", "cpb-9"): (
        {"rest": [{"mode": "server", "resource": [{"type": "Patient"}, {"type": "Patient"}]}]},
        {"rest": [{"mode": "server", "resource": [{"type": "Patient"}, {"type": "Group"}]}]},
    ),
    ("CapabilityStatement", "cpb-12"): (
        {
            "rest": [
                {
                    "mode": "server",
                    "resource": [{"type": "Patient", "searchParam": [{"name": "a", "type": "token"}] * 2}],
                }
            ]
        },
        {
            "rest": [
                {
                    "mode": "server",
                    "resource": [{"type": "Patient", "searchParam": [{"name": n, "type": "token"} for n in "ab"]}],
                }
            ]
        },
    ),
    ("CapabilityStatement", "cpb-14"): (
        {"kind": "instance"},
        {"kind": "instance", "implementation": {"description": "x"}},
    ),
    ("CapabilityStatement", "cpb-15"): ({"kind": "capability"}, {"kind": "capability", "software": {"name": "x"}}),
    ("CapabilityStatement", "cpb-16"): ({"implementation": {"description": "x"}}, {"kind": "requirements"}),
    ("CarePlan", "cpl-3"): (
        {"activity": [{"detail": {"status": "completed"}, "reference": {"reference": "Task/t"}}]},
        {"activity": [{"detail": {"status": "completed"}}]},
    ),
    ("CareTeam", "ctm-1"): ({"participant": [{"onBehalfOf": {"reference": "Organization/o"}, "member": _PATIENT}]},),
    ("Condition", "con-2"): (
        {"evidence": [{"extension": [{"url": "https://example.org/e", "valueString": "x"}]}]},
        {"evidence": [{"code": [_TEXT]}]},
    ),
    ("Condition", "con-3"): (
        {
            "clinicalStatus": None,
            "category": [
                {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/condition-category",
                            "code": "problem-list-item",
                        }
                    ]
                }
            ],
        },
        {"clinicalStatus": None},
    ),
    ("Condition", "con-4"): (
        {"abatementString": "x"},
        {"abatementString": "x", "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "resolved"}]}},
        {"abatementString": "x", "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "recurrence"}]}},
    ),
    ("Condition", "con-5"): (
        {"verificationStatus": _NOT_RIGHT},
        {"verificationStatus": _NOT_RIGHT, "clinicalStatus": None},
    ),
    ("Consent", "ppc-1"): ({"policy": None}, {"policy": None, "policyRule": _TEXT}),
    ("Consent", "ppc-2"): (_scope("patient-privacy"), {"patient": None}),
    ("Consent", "ppc-3"): (_scope("research"),),
    ("Consent", "ppc-4"): (_scope("adr"),),
    ("Consent", "ppc-5"): (_scope("treatment"),),
    ("Goal", "gol-1"): (
        {"target": [{"detailString": "x"}]},
        {"target": [{"detailString": "x", "measure": _TEXT}]},
        {"target": [{"measure": _TEXT}]},
    ),
    ("Group", "grp-1"): ({"actual": False, "member": [{"entity": _PATIENT}]}, {"member": [{"entity": _PATIENT}]}),
    ("Library", "drq-1"): (
        _content({"codeFilter": [{"code": [{"code": "x"}]}]}),
        _content({"codeFilter": [{"path": "a", "searchParam": "b"}]}),
        _content({"codeFilter": [{"path": "a"}]}),
    ),
    ("Library", "drq-2"): (
        _content({"dateFilter": [{"valueDateTime": "2031"}]}),
        _content({"dateFilter": [{"path": "a", "searchParam": "b"}]}),
        _content({"dateFilter": [{"searchParam": "a"}]}),
    ),
    ("List", "lst-1"): ({"emptyReason": _TEXT, "entry": [{"item": _PATIENT}]}, {"emptyReason": _TEXT}),
    ("List", "lst-2"): (
        {"entry": [{"item": _PATIENT, "deleted": True}]},
        {"mode": "changes", "entry": [{"item": _PATIENT, "deleted": True}]},
    ),
    ("List", "lst-3"): (
        {"mode": "snapshot", "entry": [{"item": _PATIENT, "date": "2031"}]},
        {"entry": [{"item": _PATIENT, "date": "2031"}]},
    ),
    ("Measure", "mea-1"): (
        {
            "group": [
                {
                    "stratifier": [
                        {"code": _TEXT, "component": [{"criteria": {"language": "text/cql", "expression": "x"}}]}
                    ]
                }
            ]
        },
        {"group": [{"stratifier": [{"code": _TEXT}]}]},
        {"group": [{"stratifier": [{"component": [{"criteria": {"language": "text/cql", "expression": "x"}}]}]}]},
    ),
    ("MeasureReport", "mrp-1"): (
        {"type": "data-collection", "group": [{"code": _TEXT}]},
        {"type": "data-collection"},
    ),
    ("MeasureReport", "mrp-2"): (
        {"group": [{"stratifier": [{"stratum": [{"value": _TEXT, "component": [{"code": _TEXT, "value": _TEXT}]}]}]}]},
        {"group": [{"stratifier": [{"stratum": [{"measureScore": {"value": 1}}]}]}]},
        {"group": [{"stratifier": [{"stratum": [{"value": _TEXT}]}]}]},
    ),
    ("Observation", "obs-3"): ({"referenceRange": [{"type": _TEXT}]}, {"referenceRange": [{"low": {"value": 1}}]}),
    ("Observation", "obs-6"): (
        {"dataAbsentReason": _TEXT, "valueString": "x"},
        {"dataAbsentReason": _TEXT},
    ),
    ("Observation", "obs-7"): (
        {
            "code": {"coding": [{"system": "https://example.org/c", "code": "x"}]},
            "valueString": "x",
            "component": [{"code": {"coding": [{"system": "https://example.org/c", "code": "x"}]}}],
        },
        {
            "code": {"coding": [{"system": "https://example.org/c", "code": "x"}]},
            "valueString": "x",
            "component": [{"code": {"coding": [{"system": "https://example.org/c", "code": "y"}]}}],
        },
        {"valueString": "x", "component": [{"code": _TEXT}]},
    ),
    ("Organization", "org-1"): ({"name": None, "active": True}, {"name": None, "identifier": [{"value": "1"}]}),
    ("Organization", "org-2"): (
        {"address": [{"use": "home", "city": "x"}]},
        {"address": [{"use": "work", "city": "x"}]},
    ),
    ("Organization", "org-3"): (
        {"telecom": [{"use": "home", "system": "phone", "value": "1"}]},
        {"telecom": [{"use": "work", "system": "phone", "value": "1"}]},
    ),
    ("Patient", "pat-1"): (
        {"contact": [{"gender": "female"}]},
        {"contact": [{"gender": "female", "organization": {"reference": "Organization/o"}}]},
        {"contact": [{"telecom": [{"system": "phone", "value": "1"}]}]},
    ),
    ("Patient", "cpt-2"): ({"telecom": [{"value": "1"}]}, {"telecom": [{"use": "home"}]}),
    ("Patient", "att-1"): ({"photo": [{"data": "AAAA"}]}, {"photo": [{"data": "AAAA", "contentType": "image/png"}]}),
    ("Patient", "per-1"): (
        {"identifier": [{"period": {"start": "2031-02-01", "end": "2031-01-01"}}]},
        {"identifier": [{"period": {"start": "2031-02", "end": "2031-02-10"}}]},
    ),
    ("PlanDefinition", "trd-1"): (
        {"action": [{"trigger": [{"type": "data-added", "data": [{"type": "Patient"}], "timingDate": "2031"}]}]},
        {"action": [{"trigger": [{"type": "data-added", "data": [{"type": "Patient"}]}]}]},
    ),
    ("PlanDefinition", "trd-2"): (
        {
            "action": [
                {
                    "trigger": [
                        {
                            "type": "periodic",
                            "timingDate": "2031",
                            "condition": {"language": "text/cql", "expression": "x"},
                        }
                    ]
                }
            ]
        },
    ),
    ("PlanDefinition", "trd-3"): (
        {"action": [{"trigger": [{"type": "named-event"}]}]},
        {"action": [{"trigger": [{"type": "periodic"}]}]},
        {"action": [{"trigger": [{"type": "data-changed"}]}]},
        {"action": [{"trigger": [{"type": "named-event", "name": "x"}]}]},
    ),
    ("PlanDefinition", "exp-1"): (
        {"action": [{"dynamicValue": [{"expression": {"language": "text/cql"}}]}]},
        {"action": [{"dynamicValue": [{"expression": {"language": "text/cql", "reference": "https://example.org"}}]}]},
    ),
    ("Questionnaire", "que-0"): ({"name": "made up"}, {"name": "Made_up1"}, {"name": "m"}),
    ("Questionnaire", "que-1"): (
        _items({"type": "group"}),
        _items({"type": "display", "item": [{"linkId": "x", "type": "string"}]}),
        _items({"type": "group", "item": [{"linkId": "x", "type": "string"}]}),
        _items({"type": "display"}),
    ),
    ("Questionnaire", "que-2"): (
        _items({"linkId": "a"}, {"linkId": "a"}),
        _items({"type": "group", "linkId": "a", "item": [{"linkId": "a", "type": "string"}]}),
    ),
    ("Questionnaire", "que-3"): (
        _items({"type": "display", "code": [{"code": "x"}]}),
        _items({"code": [{"code": "x"}]}),
    ),
    ("Questionnaire", "que-4"): (
        _items({"type": "choice", "answerOption": [{"valueString": "x"}], "answerValueSet": "https://example.org/v"}),
        _items({"type": "choice", "answerOption": [{"valueString": "x"}]}),
    ),
    ("Questionnaire", "que-5"): (
        _items({"type": "boolean", "answerValueSet": "https://example.org/v"}),
        _items({"type": "string", "answerOption": [{"valueString": "x"}]}),
        _items({"type": "integer", "answerOption": [{"valueInteger": 1}]}),
        _items({"type": "open-choice", "answerValueSet": "https://example.org/v"}),
    ),
    ("Questionnaire", "que-6"): (
        _items({"type": "display", "required": True}),
        _items({"type": "display", "repeats": False}),
        _items({"required": True, "repeats": True}),
    ),
    ("Questionnaire", "que-7"): (
        _when({"operator": "exists", "answerString": "x"}),
        _when({"operator": "exists", "answerBoolean": True}),
        _when({"operator": "=", "answerString": "x"}),
    ),
    ("Questionnaire", "que-8"): (
        _items({"type": "display", "initial": [{"valueString": "x"}]}),
        _items({"initial": [{"valueString": "x"}]}),
    ),
    ("Questionnaire", "que-9"): (_items({"type": "display", "readOnly": True}), _items({"readOnly": True})),
    ("Questionnaire", "que-10"): (
        _items({"type": "date", "maxLength": 3}),
        _items({"type": "choice", "maxLength": 3}),
        _items({"type": "open-choice", "maxLength": 3}),
    ),
    ("Questionnaire", "que-11"): (
        _items({"type": "choice", "answerOption": [{"valueString": "x"}], "initial": [{"valueString": "x"}]}),
        _items({"type": "choice", "answerOption": [{"valueString": "x", "initialSelected": True}]}),
    ),
    ("Questionnaire", "que-12"): (
        _when(*({"operator": "=", "answerString": "x"} for _ in range(3))),
        _when(*({"operator": "=", "answerString": "x"} for _ in range(2))),
        _when(*({"operator": "=", "answerString": "x"} for _ in range(3)), enableBehavior="any"),
    ),
    ("Questionnaire", "que-13"): (
        _items({"initial": [{"valueString": "x"}, {"valueString": "y"}]}),
        _items({"initial": [{"valueString": "x"}, {"valueString": "y"}], "repeats": True}),
    ),
    ("QuestionnaireResponse", "qrs-1"): (
        {"item": [{"linkId": "a", "answer": [{"valueString": "x"}], "item": [{"linkId": "b"}]}]},
        {"item": [{"linkId": "a", "answer": [{"valueString": "x", "item": [{"linkId": "b"}]}]}]},
    ),
    ("RiskAssessment", "ras-1"): (
        {"prediction": [{"probabilityRange": {"low": {"value": 1, "system": _UCUM, "code": "mg"}}}]},
        {"prediction": [{"probabilityRange": {"low": {"value": 1, "system": _UCUM, "code": "%"}}}]},
    ),
    ("RiskAssessment", "ras-2"): (
        {"prediction": [{"probabilityDecimal": 101}]},
        {"prediction": [{"probabilityDecimal": 100}]},
    ),
    ("RiskAssessment", "rng-2"): (
        {"prediction": [{"whenRange": {"low": {"value": 2, "unit": "d"}, "high": {"value": 1, "unit": "d"}}}]},
        {"prediction": [{"whenRange": {"low": {"value": 1, "unit": "d"}, "high": {"value": 1, "unit": "d"}}}]},
        {"prediction": [{"whenRange": {"low": {"value": 1, "unit": "d"}, "high": {"value": 1, "unit": "h"}}}]},
        {"prediction": [{"whenRange": {"low": {"value": 1}, "high": {"value": 2}}}]},
        {
            "prediction": [
                {
                    "whenRange": {
                        "low": {"value": 1, "system": _UCUM, "code": "d"},
                        "high": {"value": 2, "system": _UCUM, "code": "h"},
                    }
                }
            ]
        },
    ),
    ("ServiceRequest", "prr-1"): (
        {"orderDetail": [_TEXT]},
        {"orderDetail": [_TEXT], "code": _TEXT},
    ),
    ("ServiceRequest", "tim-1"): (_repeat(duration=1), _repeat(duration=1, durationUnit="h")),
    ("ServiceRequest", "tim-2"): (_repeat(period=1), _repeat(period=1, periodUnit="d")),
    ("ServiceRequest", "tim-4"): (_repeat(duration=-1, durationUnit="h"), _repeat(duration=0, durationUnit="h")),
    ("ServiceRequest", "tim-5"): (_repeat(period=-1, periodUnit="h"), _repeat(period=0, periodUnit="h")),
    ("ServiceRequest", "tim-6"): (_repeat(periodMax=1), _repeat(period=1, periodMax=2, periodUnit="d")),
    ("ServiceRequest", "tim-7"): (_repeat(durationMax=1), _repeat(duration=1, durationMax=2, durationUnit="d")),
    ("ServiceRequest", "tim-8"): (_repeat(countMax=1), _repeat(count=1, countMax=2)),
    ("ServiceRequest", "tim-9"): (
        _repeat(offset=5),
        _repeat(offset=5, when=["C"]),
        _repeat(offset=5, when=["ACM", "CM"]),
        _repeat(offset=5, when=["ACM"]),
    ),
    ("ServiceRequest", "tim-10"): (_repeat(when=["ACM"], timeOfDay=["10:00:00"]), _repeat(timeOfDay=["10:00:00"])),
    ("ServiceRequest", "rat-1"): (
        {"quantityRatio": {"numerator": {"value": 1}}},
        {"quantityRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}}},
    ),
    ("Task", "inv-1"): (
        {"authoredOn": "2031-02-01", "lastModified": "2031-01-01"},
        {"authoredOn": "2031-02-01", "lastModified": "2031-02-01"},
        {"authoredOn": "2031-02-01", "lastModified": "2031-02-01T10:00:00Z"},
        {"authoredOn": "2031-02-01T10:00:00+02:00", "lastModified": "2031-02-01T09:00:00Z"},
    ),
    ("Task", "cnt-3"): (
        {"input": [{"type": _TEXT, "valueCount": {"value": 1.5, "system": _UCUM, "code": "1"}}]},
        {"input": [{"type": _TEXT, "valueCount": {"value": 1, "system": _UCUM, "code": "1"}}]},
        {"input": [{"type": _TEXT, "valueCount": {"value": 1}}]},
    ),
    ("Task", "dis-1"): (
        {"input": [{"type": _TEXT, "valueDistance": {"value": 1}}]},
        {"input": [{"type": _TEXT, "valueDistance": {"value": 1, "system": _UCUM, "code": "m"}}]},
        {"input": [{"type": _TEXT, "valueDistance": {"value": 1, "system": "https://example.org/u", "code": "m"}}]},
    ),
    ("Task", "drt-1"): (
        {"input": [{"type": _TEXT, "valueDuration": {"system": _UCUM, "code": "h"}}]},
        {"input": [{"type": _TEXT, "valueDuration": {"value": 1}}]},
        {"input": [{"type": _TEXT, "valueDuration": {"value": 1, "system": _UCUM, "code": "h"}}]},
    ),
    ("Task", "age-1"): (
        {"input": [{"type": _TEXT, "valueAge": {"value": -1, "system": _UCUM, "code": "a"}}]},
        {"input": [{"type": _TEXT, "valueAge": {"value": 1, "system": _UCUM, "code": "a"}}]},
    ),
    ("Task", "qty-3"): (
        {"input": [{"type": _TEXT, "valueQuantity": {"value": 1, "code": "mg"}}]},
        {"input": [{"type": _TEXT, "valueQuantity": {"value": 1, "system": _UCUM}}]},
    ),
}
"""By type and key: the members that break the rule, then some that are near and may not; None takes a member away."""


def cases() -> Iterator[Case]:
    """All of them as resources."""
    for (kind, key), ways in RULES.items():
        for number, change in enumerate(ways):
            resource = {"resourceType": kind, **LEAST[kind], **change}
            made = {name: value for name, value in resource.items() if value is not None}
            yield Case("rules between elements", f"{kind} {key} ({number})", json.dumps(made).encode())


SILENT = {
    "CareTeam ctm-1",  # what a reference leads to is not at hand
    "Condition con-3",  # warnings
    "Questionnaire que-0",
    "Consent ppc-2",  # published with the system `something`
    "Consent ppc-3",
    "Consent ppc-4",
    "Consent ppc-5",
}
"""Rules whose first case is right for all that."""

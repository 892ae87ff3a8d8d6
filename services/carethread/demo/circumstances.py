"""How people live, as the practice has learned it: conditions, social needs found by screening, and what they prefer.

Needs are coded as HL7's Gravity project does: the category says `sdoh` and the domain (a health concern); a condition
stays unconfirmed until somebody has talked about it (http://hl7.org/fhir/us/sdoh-clinicalcare). Most were known before
they were asked for again, so that few wait for somebody to look at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from carethread.demo.fhir import (
    GRAVITY,
    HL7,
    ICD10,
    LOINC,
    SNOMED,
    US_CORE_CATEGORY,
    US_CORE_CONDITION,
    Resource,
    coding,
    concept,
    ref,
    stamp,
)
from carethread.demo.illnesses import ILLNESSES
from carethread.demo.people import Person
from carethread.demo.questionnaires import GAD7, GAD7_TOTAL, INTAKE, LIVING, PHQ9, PHQ9_TOTAL, Option
from carethread.demo.responses import Response

NEED_DOMAINS = {
    "food": "food-insecurity", "transport": "transportation-insecurity", "housing": "housing-instability",
}  # fmt: skip
"""Gravity's domain of each need that becomes an Observation; utilities stay in the intake."""

SOCIAL_CODINGS = {
    "food": ((SNOMED, "733423003", "Food insecurity"), (ICD10, "Z59.41", "Food insecurity")),
    "transport": ((ICD10, "Z59.82", "Transportation insecurity"),),
    "housing": ((ICD10, "Z59.811", "Housing instability, housed, with risk of homelessness"),),
}
HOMELESS = (LIVING[2], "homelessness", ((ICD10, "Z59.00", "Homelessness unspecified"),))
"""The answer by which somebody has no steady place to live, and what the need is then."""

SCORES = {
    PHQ9.key: (PHQ9_TOTAL, "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]"),
    GAD7.key: (GAD7_TOTAL, "Generalized anxiety disorder 7 item (GAD-7) total score [Reported.PHQ]"),
}
NEWLY_FOUND = 12
"""Of one in so many people (by their numbers) it was not known."""

AT_RISK, NO_RISK = coding(LOINC, "LA19952-3", "At risk"), coding(LOINC, "LA19983-8", "No risk")
FOOD_RISK = ("88124-3", "Food insecurity risk [HVS]")
ANSWERED = {"transport": ("93030-5", "/93030-5"), "housing": ("71802-3", "/71802-3")}

PREFERENCES = (
    "Prefers afternoons, because of the bus",
    "Wants a relative to sit in on every visit",
    "Would rather talk by video than come in",
    "Wants results by telephone, not in the portal",
    "Asks to see the same clinician each time",
    "Needs larger print on anything to read",
)


def observations(people: Iterable[Person], answered: Iterable[Response]) -> Iterator[Resource]:
    """What screening found, the scores of the instruments, and preferences for how care is given."""
    for r in answered:
        if r.form is INTAKE:
            yield from _social_observations(r)
        elif r.total is not None:
            code, display = SCORES[r.form.key]
            yield _observation(r, f"demo-score-{r.id.removeprefix('demo-')}", concept(LOINC, code, display)) | {
                "category": [concept(HL7 + "observation-category", "survey", "Survey")],
                "valueInteger": r.total,
            }
    for p in people:
        if p.seen and p.number % 4 == 1:
            yield {
                "resourceType": "Observation", "id": f"demo-preference-{p.number:03d}",
                "status": "final",
                "category": [concept(HL7 + "observation-category", "survey", "Survey")],
                "code": concept(LOINC, "95541-9", "Care experience preference"),
                "subject": p.reference,
                "effectiveDateTime": "2025-01-01",
                "performer": [p.reference],
                "valueString": PREFERENCES[p.number // 4 % len(PREFERENCES)],
            }  # fmt: skip


def _social_observations(r: Response) -> Iterator[Resource]:
    for need, domain in NEED_DOMAINS.items():
        code, display = FOOD_RISK if need == "food" else (ANSWERED[need][0], None)
        yield _observation(r, f"demo-observation-{r.person.number:03d}-{need}", concept(LOINC, code, display)) | {
            "category": [
                concept(HL7 + "observation-category", "social-history", "Social History"),
                concept(HL7 + "observation-category", "survey", "Survey"),
                concept(US_CORE_CATEGORY, "sdoh"),
                concept(GRAVITY, domain),
            ],
            **_finding(r, need),
        }


def _finding(r: Response, need: str) -> Resource:
    if need in r.declined:
        return {"dataAbsentReason": concept(HL7 + "data-absent-reason", "asked-declined", "Asked But Declined")}
    if need == "food":
        return {"valueCodeableConcept": {"coding": [AT_RISK if need in r.found else NO_RISK]}}
    answer = r.answers[ANSWERED[need][1]]
    return {"valueCodeableConcept": {"coding": [answer.coding]}} if isinstance(answer, Option) else {}


def _observation(r: Response, id: str, code: Resource) -> Resource:
    return {
        "resourceType": "Observation", "id": id,
        "status": "final",
        "code": code,
        "subject": r.person.reference,
        "effectiveDateTime": stamp(r.authored),
        "performer": [ref("Patient", r.person.id)],
        "derivedFrom": [ref("QuestionnaireResponse", r.id)],
    }  # fmt: skip


def conditions(people: Iterable[Person]) -> Iterator[Resource]:
    """Clinical problems."""
    for p in people:
        for key in p.illnesses:
            illness = ILLNESSES[key]
            onset = p.born.year + max(illness.from_age, p.age - 3 - p.number % 9)
            yield {
                "resourceType": "Condition", "id": f"demo-condition-{p.number:03d}-{key}",
                "clinicalStatus": concept(HL7 + "condition-clinical", "active"),
                "verificationStatus": concept(HL7 + "condition-ver-status", "confirmed"),
                "category": [concept(HL7 + "condition-category", "problem-list-item", "Problem List Item")],
                "code": {"coding": [coding(SNOMED, *illness.snomed), coding(ICD10, *illness.icd10)]},
                "subject": p.reference,
                "onsetDateTime": str(onset),
                "asserter": p.doctor.reference,
            }  # fmt: skip


def needs_known(answered: Iterable[Response]) -> Iterator[Resource]:
    """The needs that somebody had confirmed before the intake found them again; they come before its answers."""
    for r in answered:
        if r.person.number % NEWLY_FOUND:
            for need in sorted(r.found & SOCIAL_CODINGS.keys()):
                earlier = timedelta(days=20 + r.person.number % 11 * 30)
                yield _need(r, need, "confirmed", r.authored - earlier)


def needs_found(answered: Iterable[Response]) -> Iterator[Resource]:
    """The needs that an intake told of first: unconfirmed, until somebody has talked about them."""
    for r in answered:
        if r.person.number % NEWLY_FOUND == 0:
            for need in sorted(r.found & SOCIAL_CODINGS.keys()):
                evidence = ref("Observation", f"demo-observation-{r.person.number:03d}-{need}")
                yield _need(r, need, "unconfirmed", r.authored) | {"evidence": [{"detail": [evidence]}]}


def _need(r: Response, need: str, verified: str, recorded: datetime) -> Resource:
    p, domain, codings = r.person, NEED_DOMAINS[need], SOCIAL_CODINGS[need]
    if need == "housing" and r.answers[ANSWERED[need][1]] == HOMELESS[0]:
        _, domain, codings = HOMELESS
    return {
        "resourceType": "Condition", "id": f"demo-condition-{p.number:03d}-{need}",
        "clinicalStatus": concept(HL7 + "condition-clinical", "active"),
        "verificationStatus": concept(HL7 + "condition-ver-status", verified),
        "category": [
            concept(US_CORE_CONDITION, "health-concern"),
            concept(US_CORE_CATEGORY, "sdoh"),
            concept(GRAVITY, domain),
        ],
        "code": {"coding": [coding(*parts) for parts in codings]},
        "subject": p.reference,
        "recordedDate": recorded.date().isoformat(),
        "asserter": p.doctor.reference,
    }  # fmt: skip

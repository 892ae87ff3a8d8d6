"""What an Observation tells of a person, by its code: the sections of the page about them, as data.

Codes are published ones where there are such: LOINC's of the PACIO Advance Directive Information guide, of US Core's
preference profiles, of PRAPARE and AHC (`54899-0` to `93033-9`), and SNOMED CT's of the Person-Centered Outcomes guide;
else ours, of the CodeSystem `about-me`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from carethread.core.fhir.elements import at
from carethread.core.fhir.profiles.library import packaged
from carethread.core.ports import Resource

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ABOUT_ME = "https://carethread.dev/fhir/CodeSystem/about-me"

MATTERS, PREFERS, LIVES, STRONG, HARD, AVOID = (
    "what-matters", "preferences", "circumstances", "strengths", "barriers", "what-not-to-do"
)  # fmt: skip

TOPICS: Mapping[tuple[str, str], str] = {
    (ABOUT_ME, "what-matters-most"): MATTERS,
    (LOINC, "81340-2"): MATTERS,
    (LOINC, "81360-0"): MATTERS,
    (LOINC, "81361-8"): MATTERS,
    (ABOUT_ME, "communication-preference"): PREFERS,
    (ABOUT_ME, "culture"): PREFERS,
    (ABOUT_ME, "decision-style"): PREFERS,
    (LOINC, "95541-9"): PREFERS,
    (LOINC, "81380-8"): PREFERS,
    (LOINC, "75773-2"): PREFERS,
    (LOINC, "107905-2"): PREFERS,
    (LOINC, "81364-2"): PREFERS,
    (LOINC, "75775-7"): PREFERS,
    (LOINC, "54899-0"): PREFERS,
    (ABOUT_ME, "circumstance"): LIVES,
    (LOINC, "71802-3"): LIVES,
    (LOINC, "67875-5"): LIVES,
    (LOINC, "63512-8"): LIVES,
    (ABOUT_ME, "strength"): STRONG,
    (ABOUT_ME, "barrier"): HARD,
    (SNOMED, "452341000124107"): HARD,
    (LOINC, "93030-5"): HARD,
    (LOINC, "93033-9"): HARD,
    (LOINC, "88124-3"): HARD,
    (ABOUT_ME, "what-not-to-do"): AVOID,
    (LOINC, "81362-6"): AVOID,
}
"""Which section an Observation with a code stands in; the ValueSet `about-me` has the same codes."""

CALLED: Mapping[tuple[str, str], str] = {
    (LOINC, "81340-2"): "Goals and/or preferences in order of priority - Reported",
    (LOINC, "81360-0"): "My likes and joys",
    (LOINC, "81361-8"): "Things that make me laugh",
    (LOINC, "95541-9"): "Care experience preference",
    (LOINC, "81380-8"): "Goals, preferences, and priorities for care experience",
    (LOINC, "75773-2"): "Goals, preferences, and priorities for medical treatment",
    (LOINC, "107905-2"): "Treatment intervention preferences",
    (LOINC, "81364-2"): "Religious or cultural beliefs",
    (LOINC, "75775-7"): "To tell of the role religion, faith, culture or spirituality play in my life",
    (LOINC, "54899-0"): "Preferred language",
    (LOINC, "71802-3"): "Housing status",
    (LOINC, "67875-5"): "Employment status - current",
    (LOINC, "63512-8"): "People living in the household",
    (SNOMED, "452341000124107"): "Assessment of barriers to meet care plan goals performed",
    (LOINC, "93030-5"): "Lack of transportation",
    (LOINC, "93033-9"): "Worried about losing housing",
    (LOINC, "88124-3"): "Food insecurity risk",
    (LOINC, "81362-6"): "My dislikes and fears",
}
"""What these codes are called, for where nobody says it."""


def topic(observation: Resource) -> str:
    """The section that an Observation belongs to; empty where it tells nothing of the person."""
    codings = [each for each in at(observation, "code.coding") if isinstance(each, dict)]
    found = (TOPICS.get((str(each.get("system")), str(each.get("code")))) for each in codings)
    return next((each for each in found if each), "")


@cache
def displays() -> Mapping[tuple[str, str], str]:
    """What the codes are called: those of others, and our own."""
    concepts = (packaged().find("CodeSystem", ABOUT_ME) or {}).get("concept", ())
    return {**CALLED, **{(ABOUT_ME, str(each["code"])): str(each["display"]) for each in concepts}}

"""Of which Observations careteams keeps copies: what tells of a person's life, needs and answers.

Laboratory results and vital signs, which are most of what an EHR sends, stay with their owner.
"""

from __future__ import annotations

from carethread.careteams.person.topics import ABOUT_ME, TOPICS, topic
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource

CATEGORIES = (
    "social-history",
    "survey",
    "sdoh",
    "functional-status",
    "disability-status",
    "cognitive-status",
    "care-experience-preference",
    "treatment-intervention-preference",
)
"""Of http://terminology.hl7.org/CodeSystem/observation-category and US Core's us-core-category."""

_OURS = "https://carethread.dev/"

TRACES = tuple(text.encode() for text in (*CATEGORIES, _OURS, *(code for system, code in TOPICS if system != ABOUT_ME)))


def is_kept(observation: Resource) -> bool:
    """Whether an Observation is of one of the categories, of a profile of ours, or about the person themselves."""
    if any(code in CATEGORIES for code in at(observation, "category.coding.code")) or topic(observation):
        return True
    return any(profile.startswith(_OURS) for profile in observation.get("meta", {}).get("profile", ()))

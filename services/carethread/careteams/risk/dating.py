"""Since when a fact was one, by its own dates: what a rule that is tried as of a moment may look at. Pure.

The first element of its type that has a date says it; a fact without any counts as known all along. What it said
then, such as another status, nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.careteams.risk.windows import ranges_of
from carethread.core.fhir.fhirpath.element import child, resource_element
from carethread.core.ports import Resource

DATES: Mapping[str, tuple[str, ...]] = {
    "Appointment": ("created", "start"),
    "CarePlan": ("created", "period"),
    "CareTeam": ("period",),
    "Communication": ("sent", "received"),
    "Condition": ("recordedDate", "onset"),
    "DetectedIssue": ("identified",),
    "Encounter": ("period",),
    "Goal": ("start", "statusDate"),
    "Observation": ("effective", "issued"),
    "QuestionnaireResponse": ("authored",),
    "RelatedPerson": ("period",),
    "Task": ("authoredOn", "executionPeriod"),
}


def known_by(resource: Resource, moment: int) -> bool:
    """Whether a resource tells of a moment (microseconds), or of an earlier one."""
    root = resource_element(resource)
    for name in DATES.get(resource["resourceType"], ()):
        if dates := [begin for each in child(root, name) for begin, _ in ranges_of(each)]:
            return min(dates) <= moment
    return True

"""The types that careteams owns. Adding a type is adding it here."""

from carethread.core.service import PROFILES, ResourceType

_PROFILED = {"CareTeam": "care-team", "CarePlan": "care-plan", "Task": "task-hand-off"}

_NAMES = (
    "Goal",
    "Communication",
    "CommunicationRequest",
    "Flag",
    "RiskAssessment",
    "DetectedIssue",
    "Consent",
    "PlanDefinition",
    "ActivityDefinition",
)

TYPES = (
    *(ResourceType(name, profile=PROFILES + profile) for name, profile in _PROFILED.items()),
    *map(ResourceType, _NAMES),
)

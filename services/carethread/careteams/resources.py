"""The types that careteams owns. Adding a type is adding it here."""

from carethread.core.service import ResourceType

_NAMES = (
    "CareTeam",
    "CarePlan",
    "Goal",
    "Task",
    "Communication",
    "CommunicationRequest",
    "Flag",
    "RiskAssessment",
    "DetectedIssue",
    "Consent",
    "PlanDefinition",
    "ActivityDefinition",
)

TYPES = tuple(ResourceType(name) for name in _NAMES)

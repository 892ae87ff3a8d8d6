"""The types that careteams owns, what their writes mean, and what it mirrors."""

from carethread.core.service import PROFILES, Mirror, ResourceType

TYPES = (
    ResourceType("CareTeam", profile=PROFILES + "care-team"),
    ResourceType("CarePlan", profile=PROFILES + "care-plan"),
    ResourceType("Goal"),
    ResourceType("Task", profile=PROFILES + "task-hand-off"),
    ResourceType("Communication"),
    ResourceType("CommunicationRequest"),
    ResourceType("Flag"),
    ResourceType("RiskAssessment"),
    ResourceType("DetectedIssue"),
    ResourceType("Consent"),
    ResourceType("PlanDefinition"),
    ResourceType("ActivityDefinition"),
)

_OF_A_PATIENT = frozenset({"patient"})

MIRRORS = (
    Mirror("Patient", owner="records"),
    Mirror("Practitioner", owner="records"),
    Mirror("PractitionerRole", owner="records"),
    Mirror("Organization", owner="records"),
    Mirror("RelatedPerson", owner="records", params=_OF_A_PATIENT),
    Mirror("Appointment", owner="scheduling", params=_OF_A_PATIENT),
    Mirror("Encounter", owner="records", params=_OF_A_PATIENT),
    Mirror("Condition", owner="records", params=_OF_A_PATIENT),
    Mirror("Observation", owner="records", params=_OF_A_PATIENT),
    Mirror("QuestionnaireResponse", owner="questionnaires", params=_OF_A_PATIENT),
)

"""The types that questionnaires owns. Adding a type is adding it here."""

from carethread.core.service import PROFILES, ResourceType

TYPES = (
    ResourceType("Questionnaire", profile=PROFILES + "questionnaire"),
    ResourceType("QuestionnaireResponse", profile=PROFILES + "questionnaire-response"),
)

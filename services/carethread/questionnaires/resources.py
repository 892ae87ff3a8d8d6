"""The types that questionnaires owns. Adding a type is adding it here."""

from carethread.core.service import ResourceType

TYPES = (
    ResourceType("Questionnaire"),
    ResourceType("QuestionnaireResponse"),
)

"""The types that questionnaires owns, and what their writes mean. Adding a type is adding it here."""

from carethread.core.service import PROFILES, ResourceType
from carethread.questionnaires.answering.writing import response_judged, response_written
from carethread.questionnaires.extracting.following import response_stored
from carethread.questionnaires.forms.publishing import questionnaire_judged, questionnaire_written

TYPES = (
    ResourceType(
        "Questionnaire",
        questionnaire_written,
        profile=PROFILES + "questionnaire",
        judges=questionnaire_judged,
    ),
    ResourceType(
        "QuestionnaireResponse",
        response_written,
        profile=PROFILES + "questionnaire-response",
        judges=response_judged,
        stored=response_stored,
    ),
)

"""The types that questionnaires owns, and what their writes mean. Adding a type is adding it here."""

from collections.abc import Sequence

from carethread.core.context import Context
from carethread.core.ports import Session
from carethread.core.service import PROFILES, ResourceType, Runtime
from carethread.questionnaires.answering.writing import response_judged, response_written
from carethread.questionnaires.extracting.following import response_stored
from carethread.questionnaires.forms.publishing import questionnaire_judged, questionnaire_written
from carethread.questionnaires.safety.following import critical_answers_told


def _follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """First what cannot wait, then what the answers become."""
    critical_answers_told(runtime, session, ids, context)
    response_stored(runtime, session, ids, context)


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
        stored=_follows,
    ),
)

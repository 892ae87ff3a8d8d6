"""The types that questionnaires owns, and what their writes mean. Adding a type is adding it here."""

from collections.abc import Sequence

from carethread.core.context import Context
from carethread.core.ports import Resource, Session
from carethread.core.programmes.reading import is_programme
from carethread.core.service import PROFILES, Mirror, ResourceType, Ruling, Runtime, Unit
from carethread.questionnaires.answering.labelling import response_labelled
from carethread.questionnaires.answering.stored import saved
from carethread.questionnaires.answering.writing import response_judged, response_written
from carethread.questionnaires.assigning.following import assignment_follows, assignment_kept
from carethread.questionnaires.burden.keeping import effort_kept
from carethread.questionnaires.extracting.following import response_stored
from carethread.questionnaires.feedback.following import feedback_told
from carethread.questionnaires.forms.publishing import questionnaire_judged, questionnaire_written
from carethread.questionnaires.programmes.effect import TRACES, definitions_kept
from carethread.questionnaires.programmes.following import asks_followed
from carethread.questionnaires.safety.following import critical_answers_told
from carethread.questionnaires.safety.later import form_stored


def _follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """First what cannot wait, then what the answers become."""
    versions = saved(session, ids)
    critical_answers_told(session, versions, context)
    feedback_told(session, versions, context)
    response_stored(session, versions, context)
    assignment_follows(runtime, session, ids, context)
    asks_followed(runtime, session, ids, context)
    effort_kept(runtime, session, versions, context)


def _written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Judge a response with what was asked with it, which stays as it was; it has the labels of its form."""
    kept = assignment_kept(unit, before, after)
    ruling = response_written(unit, before, kept, id_)
    made = ruling.resource or kept
    made = response_labelled(unit.session, made) if made else made
    return Ruling(ruling.verb, made if made is not after else None)


TYPES = (
    ResourceType(
        "Questionnaire",
        questionnaire_written,
        profile=PROFILES + "questionnaire",
        judges=questionnaire_judged,
        stored=form_stored,
    ),
    ResourceType(
        "QuestionnaireResponse",
        _written,
        profile=PROFILES + "questionnaire-response",
        judges=response_judged,
        stored=_follows,
        only_looks=True,
    ),
)

MIRRORS = (
    Mirror(
        "PlanDefinition",
        owner="careteams",
        params=frozenset({"url"}),
        stored=definitions_kept,
        keeps=is_programme,
        traces=TRACES,
    ),
)

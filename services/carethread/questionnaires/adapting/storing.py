"""Whether a response that contains an adaptive form, as far as it has grown, is what that form gives.

What a form says of its questions, such as which answers cannot wait, holds for what is stored too, so it is not to be
lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from carethread.core.errors import Invalid, Issue
from carethread.core.ports import Resource, Session
from carethread.questionnaires.adapting.given import links_of
from carethread.questionnaires.adapting.growing import grown, is_adaptive
from carethread.questionnaires.adapting.stepping import coming
from carethread.questionnaires.forms.finding import find_in
from carethread.questionnaires.scoring.anonymous import is_anonymous


def not_handed_out(session: Session, response: Resource, clock: Callable[[], datetime]) -> list[Issue]:
    """What of the form in a response was not handed out so, and what was not asked though it is completed. None where
    it answers another kind of form, or one that is not here. Raises BudgetExceeded."""
    named = response.get("questionnaire", "")
    for number, each in enumerate(response.get("contained", ()) if named.startswith("#") else ()):
        if (
            each["resourceType"] == "Questionnaire"
            and f"#{each.get('id')}" == named
            and len(each.get("derivedFrom", ())) == 1
        ):
            form = find_in(session, each["derivedFrom"][0])
            if form is None or not is_adaptive(form):
                return []
            path = f"QuestionnaireResponse.contained[{number}]"
            try:
                links = links_of(form, each, path)
            except Invalid as error:
                return list(error.issues)
            if is_anonymous(form) and response["contained"] != [grown(form, links, str(each.get("id")))]:
                told = "The form is answered without a name: send the Questionnaire, and nothing else, as it was given."
                return [Issue("business-rule", told, path)]
            left = coming(form, links, response, clock) if response["status"] in ("completed", "amended") else None
            if left:
                told = (
                    f"The question '{left.link_id}' was not asked yet: $next-question says when a response is complete."
                )
                return [Issue("business-rule", told, f"{path}.item")]
    return []

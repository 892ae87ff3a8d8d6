"""The responses of the same person to the same form, in any version of it, whoever of two merged Patients they name."""

from __future__ import annotations

from decimal import Decimal

from carethread.core.context import Context, restrict
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.fhirpath import Purse
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Session
from carethread.questionnaires.expressions.surroundings import STEPS
from carethread.questionnaires.forms.finding import answered
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.scoring.calculating import calculate
from carethread.questionnaires.scoring.changing import COUNTED
from carethread.questionnaires.scoring.scores import Score, results

_TYPE = "QuestionnaireResponse"
_NEWEST, _OLDEST = 50, 20
"""How many are looked at, from either end."""


def others(session: Session, form: Form, response: Resource, base_url: str, context: Context) -> list[Resource]:
    """Responses of the same person to the form that were authored no later than this one: the newest and the oldest."""
    keys = keys_at(response, "subject", base_url)
    if len(keys) != 1 or "authored" not in response or not form.url:
        return []
    asked = [
        ("questionnaire", form.url),
        ("subject", "/".join(keys[0])),
        ("status", ",".join(COUNTED)),
        ("authored", f"le{response['authored']}"),
    ]
    found: dict[str, Resource] = {}
    for sort, count in (("-authored", _NEWEST), ("authored", _OLDEST)):
        query = parse_query(_TYPE, [*asked, ("_sort", sort)], base=base_url)
        matches = session.search(restrict(query, context), count).matches
        found |= {each.id: json.restore(each.body) for each in matches if each.id not in found}
        if len(matches) < count:
            break
    return list(found.values())


class Values:
    """The values of a score in stored responses, each by the form in the version that it answers."""

    def __init__(self, session: Session, form: Form) -> None:
        self._session, self._form, self._purse = session, form, Purse(STEPS)
        self._forms: dict[str, Form] = {form.canonical: form}
        self._known: dict[str, dict[str, Decimal | None]] = {}

    def of(self, score: Score, response: Resource) -> Decimal | None:
        """The value; None where there is none, or where that version of the form has no such score."""
        id_ = response["id"]
        if id_ not in self._known:
            form = self._form_of(response)
            scored = results(form, calculate(form, response, purse=self._purse).response)
            self._known[id_] = {each.score.total.link_id: each.value for each in scored}
        return self._known[id_].get(score.total.link_id)

    def _form_of(self, response: Resource) -> Form:
        """The form that a response answers; this one where it is not known, or cannot be read, any more."""
        canonical = response["questionnaire"]
        if canonical not in self._forms:
            try:
                form = answered(self._session, response) or self._form
            except Invalid:
                form = self._form
            if canonical.startswith("#"):
                return form
            self._forms[canonical] = form
        return self._forms[canonical]

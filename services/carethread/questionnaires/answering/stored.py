"""The versions of responses that were just stored, each read once for all that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session, Stored
from carethread.questionnaires.forms.finding import answered, shipped
from carethread.questionnaires.forms.form import Form


class Saved:
    """A version as it is in the transaction that stores it. Nobody changes what it reads."""

    def __init__(self, session: Session, stored: Stored) -> None:
        self.stored = stored
        self._session = session

    @property
    def id(self) -> str:
        return self.stored.id

    @cached_property
    def response(self) -> Resource:
        """Empty where it is deleted."""
        found: Resource = {} if self.stored.deleted else json.restore(self.stored.body)
        return found

    @cached_property
    def form(self) -> Form | None:
        """The form that is answered, as `form_of`."""
        return form_of(self._session, self.response)


def saved(session: Session, ids: Sequence[str]) -> list[Saved]:
    """The versions of responses, as they stand."""
    found = session.current([("QuestionnaireResponse", id_) for id_ in ids])
    return [Saved(session, stored) for stored in found.values()]


def form_of(session: Session, response: Resource) -> Form | None:
    """The form that is answered; None where it is not here, or is none: whoever sends that is not refused here."""
    canonical = response.get("questionnaire", "")
    # What a published version asks does not change, so one that comes along need not be looked for.
    if "|" in canonical and (form := shipped().get(canonical)):
        return form
    url, _, version = canonical.partition("|")
    try:
        # Of a version that is not here, the questions are those of the others, as far as they have the same linkIds.
        return answered(session, response) or (answered(session, {"questionnaire": url}) if version else None)
    except Invalid:
        return None

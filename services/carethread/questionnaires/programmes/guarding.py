"""Why somebody is not asked though a programme would: what they said before, what they are asked already, and how often
they were. Each reason is kept with the ask, so that it can be counted.

Who asks holds the person meanwhile, whoever else wants something of them; so two departments cannot both find that it
was not asked yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.core.clock import instant
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Session
from carethread.core.ports.asks import Ask
from carethread.core.programmes.programme import Action, Programme
from carethread.questionnaires.forms.finding import find_in
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.populating.earlier import last_said, with_forms
from carethread.questionnaires.populating.known import asked_once
from carethread.questionnaires.programmes.terms import MONTH, before
from carethread.questionnaires.scoring.anonymous import is_anonymous
from carethread.questionnaires.scoring.calculating import CALCULATED

OVER, WITHDRAWN, UNKNOWN, GONE = "over", "withdrawn", "unknown", "gone"
UNWILLING, NO_FORM, FAILED = "unwilling", "no-form", "failed"
ANSWERED, OPEN, DECLINED, CEILING = "answered", "open", "declined", "ceiling"

UNTRACED = "untraced"
"""The ending of what is answered without a name: nobody knows by whom."""

REASONS: Mapping[str, str] = {
    OVER: "What had them asked is not so any more, or does not meet the condition.",
    WITHDRAWN: "The programme is not in effect any more, or does not ask this.",
    UNKNOWN: "Nobody knows the person.",
    GONE: "The person is deceased, or is not active.",
    UNWILLING: "The person does not want to be asked.",
    NO_FORM: "The form is not here, or is not active.",
    FAILED: "The condition could not be asked of what had them asked.",
    OPEN: "They are asked it already, and have not answered yet.",
    ANSWERED: "They have answered it, here or elsewhere, and that is still valid.",
    DECLINED: "They have declined it within the time for which an answer is valid.",
    CEILING: "They were asked as often within 30 days as the programme allows.",
}
"""Outcomes but `asked`, in the order in which they are looked for."""

_MOST_RESPONSES = 100
_TYPE = "QuestionnaireResponse"


def why_not(
    session: Session,
    programme: Programme,
    action: Action,
    form: Form,
    person: str,
    asked: Sequence[Ask],
    now: int,
    base_url: str,
) -> str:
    """The reason; empty where they are asked. `asked` is what they were asked as far back as it matters."""
    since = before(now, action.validity)
    if not is_anonymous(form):
        questions = _questions(form)
        if any(_is_open(session, each, form, questions) for each in asked):
            return OPEN
        if has_answered(session, form, person, since, now, base_url):
            return ANSWERED
        if any(each.ending == DECLINED and each.form == form.url and each.ended > since for each in asked):
            return DECLINED
    recent = sum(each.decided > now - MONTH for each in asked)
    return CEILING if recent >= programme.ceiling else ""


def _is_open(session: Session, ask: Ask, form: Form, questions: Sequence[frozenset[str]]) -> bool:
    """Whether an ask is open, and all that the form asks is asked by it."""
    if ask.ending or not ask.response:
        return False
    if ask.form == form.url:
        return True
    if not questions:
        return False
    try:
        other = find_in(session, ask.form)
    except Invalid:
        return False
    asked = frozenset().union(*_questions(other)) if other else frozenset()
    return all(each & asked for each in questions)


def has_answered(session: Session, form: Form, person: str, since: int, now: int, base_url: str) -> bool:
    """Whether somebody has answered a form, or all its questions elsewhere, since a moment."""
    asked = [
        ("subject", person),
        ("status", "completed,amended"),
        ("authored", f"ge{instant(since)}"),
        ("_sort", "-authored"),
    ]
    matches = session.search(parse_query(_TYPE, asked, base=base_url), _MOST_RESPONSES).matches
    said = [{"id": one.id, **json.restore(one.body)} for one in matches]
    recent = [each for each in said if moment(each.get("authored")) > since]
    if any(each.get("questionnaire", "").partition("|")[0] == form.url for each in recent):
        return True
    wanted = dict.fromkeys((item for item in _asked_items(form) if _names(item)), now - since)
    if not wanted or len(wanted) < len(_asked_items(form)):
        return False
    return len(last_said(form, wanted, with_forms(session, recent), now)) == len(wanted)


def _asked_items(form: Form) -> list[Item]:
    """The questions that somebody answers."""
    return [each for each in asked_once(form) if not (each.read_only or each.hidden or each.extension(CALCULATED))]


def _questions(form: Form) -> list[frozenset[str]]:
    """What each question is known by in other forms; nothing where one of them is known nowhere else."""
    found = [_names(each) for each in _asked_items(form)]
    return found if all(found) else []


def _names(item: Item) -> frozenset[str]:
    codes = (f"{each.get('system', '')}|{each['code']}" for each in item.codes if "code" in each)
    return frozenset(filter(None, (*codes, item.definition)))

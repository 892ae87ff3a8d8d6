"""A form that comes later than responses to it: what is critical in these is found then, and somebody is called, or
where it is of the past, it comes to the list to be reviewed.

A form may have any number of responses, so storing it only sets a timer, whose handler looks through them, some at a
time and after all that is due for people. It adds what is missing, and takes nothing back: of one looked at twice
nothing is raised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import date_range
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session, Stored, Timer
from carethread.core.service import Runtime
from carethread.questionnaires.answering.stored import Saved
from carethread.questionnaires.forms.finding import form_of, shipped
from carethread.questionnaires.safety.critical import is_marked
from carethread.questionnaires.safety.following import missing_told

LATER = "form-came-later"
"""The kind of timer that looks through the responses to a form; its key is the id of the Questionnaire, its payload
which responses, how, and where to go on."""

_TYPE = "QuestionnaireResponse"
_SETTLED = 10_000_000
"""How long after the form it is looked (microseconds): by then what was being stored without it is there."""

_AT_ONCE = 100
_PAST = DAY
"""What was said longer ago than this is of the past (microseconds)."""

_ALL, _OWN = "all", "own"
_HISTORY, _NOW = "history", "now"


def form_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have the responses looked through to forms that were just stored and ask what they did not before."""
    for key, stored in session.current([("Questionnaire", id_) for id_ in ids]).items():
        form = _asks(stored)
        if not form or shipped().get(f"{form.get('url')}|{form.get('version')}"):
            continue
        before = session.version(key, stored.version - 1) if stored.version > 1 else None
        if before is not None and _asks(before) == form:
            continue
        which = _OWN if _has_others(session, form["url"], stored.id) else _ALL
        due = to_micros(context.clock()) + _SETTLED
        session.timers.set(LATER, stored.id, due, f"{which} {_HISTORY if context.backfill else _NOW} ".encode())


def _asks(stored: Stored) -> Resource:
    """What of a form says which answers are critical, and by what name; empty where none is, or it cannot be read."""
    if stored.deleted:
        return {}
    try:
        marked = is_marked(form_of(stored.body))
    except Invalid:
        return {}
    raw = json.restore(stored.body)
    return {name: raw.get(name) for name in ("url", "version", "extension", "item")} if marked and "url" in raw else {}


def _has_others(session: Session, url: str, id_: str) -> bool:
    """Whether responses to other versions of a form had one to be judged by."""
    there = session.search(parse_query("Questionnaire", [("url", url)]), 2).matches
    return url in shipped() or any(each.id != id_ for each in there)


def looked_through(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Look through some responses to a form, and be back for the next."""
    form = session.current([("Questionnaire", timer.key)]).get(("Questionnaire", timer.key))
    asks = _asks(form) if form else {}
    if not asks:
        return
    which, how, cursor = timer.payload.decode().split(" ", 2)
    named = f"{asks['url']}|{asks['version']}" if which == _OWN and asks["version"] else str(asks["url"])
    query = replace(parse_query(_TYPE, [("questionnaire", named)], base=runtime.base_url), cursor=cursor)
    page = session.search(query, _AT_ONCE)
    said = [Saved(session, stored) for stored in page.matches]
    if lacking := [each.id for each in said if missing_told(session, each, _when(each, how, context), trial=True)]:
        held = session.current([(_TYPE, id_) for id_ in lacking], lock=True)  # it may be written meanwhile
        for stored in held.values():
            now_said = Saved(session, stored)
            missing_told(session, now_said, _when(now_said, how, context))
    if page.next:
        now = to_micros(context.clock())
        session.timers.set(LATER, timer.key, now, f"{which} {how} {page.next}".encode())


def _when(said: Saved, how: str, context: Context) -> Context:
    """Whether it is told as history, or somebody has to be called."""
    told = date_range(said.response.get("authored", ""))
    moment = min(said.stored.updated, told[1]) if told else said.stored.updated
    return replace(context, backfill=how == _HISTORY or moment < to_micros(context.clock()) - _PAST)


TIMERS = {LATER: looked_through}
LAST = frozenset({LATER})

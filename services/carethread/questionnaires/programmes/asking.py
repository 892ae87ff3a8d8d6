"""Somebody is to be asked: all that is wanted of them and due is decided at once, what is urgent first, in one
transaction that holds the person, so that what two departments want at the same time is decided one after the other.

By whatever id they are known, they are one person. Nobody is asked at night: then it is decided in the morning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carethread.core.clock import from_micros, to_micros
from carethread.core.context import Context
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.fhirpath import FhirPathError
from carethread.core.lengths import Length
from carethread.core.ports import Session, Timer
from carethread.core.ports.asks import ASKED, Ask
from carethread.core.programmes.programme import STAFF, Action, Programme
from carethread.core.quiet import awake
from carethread.core.service import Runtime
from carethread.core.zones import zone_named
from carethread.interactions.operations.once import derived
from carethread.interactions.writing.unit import WriteUnit
from carethread.questionnaires.assigning.asking import Ask as Given
from carethread.questionnaires.assigning.assign import assign, open_ask
from carethread.questionnaires.assigning.people import Recipient
from carethread.questionnaires.forms.finding import find_in
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.populating.person import PATIENT
from carethread.questionnaires.programmes.effect import Programmes, in_effect
from carethread.questionnaires.programmes.guarding import (
    FAILED,
    GONE,
    NO_FORM,
    OPEN,
    OVER,
    UNKNOWN,
    UNTRACED,
    UNWILLING,
    WITHDRAWN,
    why_not,
)
from carethread.questionnaires.programmes.knowing import Known, known
from carethread.questionnaires.programmes.terms import MONTH, PERSON
from carethread.questionnaires.programmes.wanting import turned
from carethread.questionnaires.scoring.anonymous import is_anonymous

_ENDS = frozenset({OVER, WITHDRAWN, UNKNOWN, GONE, FAILED})
"""After which a course does not go on."""


def names_of(session: Session, who: str) -> list[str]:
    """All references by which somebody is known."""
    kind, _, id_ = who.partition("/")
    return [f"{kind}/{each}" for each in session.kin([id_])] if kind == PATIENT else [who]


def hold(session: Session, names: Sequence[str]) -> None:
    """Hold a person, so that nobody else decides about asking them."""
    session.lock(f"asks {each}" for each in names)


def person_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Decide about all that is due of somebody. Raises AskFirst for what their owner knows; Busy."""
    now, names = to_micros(context.clock()), names_of(session, timer.key)
    hold(session, names)
    waiting = session.asks.waiting(names)
    due = [each for each in waiting if each.due <= now]
    if due:
        department = next((each.department for each in due if each.department), "")
        facts = known(runtime, timer.key, [each.cause for each in due], department, now)
        morning = _morning(facts.recipient, now)
        if morning > now:
            session.timers.set(PERSON, timer.key, morning)
            return
        _decide(runtime, session, due, names, facts, context)
        waiting = session.asks.waiting(names)
    if later := [each.due for each in waiting if each.due > now]:
        session.timers.set_all(PERSON, {timer.key: min(later)}, sooner=True)


def _morning(recipient: Recipient | None, now: int) -> int:
    zone = zone_named(recipient.zone) if recipient else None
    return to_micros(awake(from_micros(now), zone)) if zone else now


def _decide(
    runtime: Runtime, session: Session, due: Sequence[Ask], names: Sequence[str], facts: Known, context: Context
) -> None:
    programmes, now = in_effect(session), to_micros(context.clock())
    actions = {each.want: _action(programmes, each) for each in due}
    longest = max((_span(found[1].validity) for found in actions.values() if found), default=0)
    asked = session.asks.asked(names, now - max(longest, MONTH))
    unit = WriteUnit(runtime, session, context)

    def turn(ask: Ask) -> tuple[int, int, str, int, str]:
        """The urgent first, then what is due for longer; of the same, always in the same order."""
        found = actions[ask.want]
        rank, place = (found[1].rank, found[0].actions.index(found[1])) if found else (0, 0)
        return rank, ask.due, ask.programme, place, ask.cause

    for ask in sorted(due, key=turn):
        found = actions[ask.want]
        decided = (
            replace(ask, outcome=WITHDRAWN)
            if found is None
            else _judged(session, *found, ask, asked, facts, now, runtime.base_url)
        )
        decided = replace(decided, decided=now)
        session.asks.decide(decided)
        if decided.outcome == ASKED and found and facts.recipient:
            try:
                _give(unit, *found, decided, facts.recipient)
                asked.append(decided)
            except (Invalid, Conflict):  # told before anything is written: the form is not for somebody like them
                session.asks.decide(replace(ask, outcome=FAILED, decided=now))
        if found and decided.outcome not in _ENDS:
            _again(session, *found, ask, now)
    unit.store()


def _action(programmes: Programmes, ask: Ask) -> tuple[Programme, Action] | None:
    programme = programmes.get(ask.programme)
    action = programme.action(ask.action) if programme else None
    return (programme, action) if programme and action else None


def _span(length: Length) -> int:
    """At least how long it is, in microseconds."""
    return length.micros + length.months * (MONTH // 30 * 31)


def _judged(
    session: Session,
    programme: Programme,
    action: Action,
    ask: Ask,
    asked: Sequence[Ask],
    facts: Known,
    now: int,
    base_url: str,
) -> Ask:
    """The ask with its outcome: asked, with the draft's id, or why not."""
    reason = refused(programme, action, ask.cause, facts)
    form = None if reason else form_of(session, action.form)
    if not reason and form is None:
        reason = NO_FORM
    if not reason and form is not None and facts.recipient:
        whom = facts.recipient.reference
        by_hand = open_ask(session, form, whom, whom)
        reason = (
            OPEN
            if by_hand
            else why_not(session, programme, action, form, facts.recipient.reference, asked, now, base_url)
        )
    if reason or form is None or facts.recipient is None:
        return replace(ask, outcome=reason)
    draft = "" if is_anonymous(form) else derived("QuestionnaireResponse", f"programme/{ask.want}")
    spoken = facts.recipient.language or form.raw.get("language", "")
    return replace(
        ask, outcome=ASKED, response=draft, form=form.url, language=spoken[:35], ending="" if draft else UNTRACED
    )


def refused(programme: Programme, action: Action, cause: str, facts: Known) -> str:
    """Why the person is not asked, whatever they were asked before; empty where they may be."""
    if facts.recipient is None:
        return UNKNOWN
    if facts.recipient.refused:
        return GONE
    if facts.unwilling:
        return UNWILLING
    if programme.subject == STAFF:
        return ""
    resource = facts.causes.get(cause)
    try:
        return "" if resource and action.meant(resource, dict(facts.recipient.resource)) else OVER
    except FhirPathError:
        return FAILED


def form_of(session: Session, canonical: str) -> Form | None:
    """The form that is given; None where it is not here, or is not active."""
    try:
        form = find_in(session, canonical)
    except Invalid:
        return None
    return form if form and form.status == "active" else None


def _give(unit: WriteUnit, programme: Programme, action: Action, ask: Ask, recipient: Recipient) -> None:
    form = form_of(unit.session, action.form)
    if form is None:
        return
    department = f"Organization/{ask.department}" if ask.department else ""
    anonymous = is_anonymous(form)
    assign(
        unit,
        Given(
            form=form,
            subject=department if anonymous else recipient.reference,
            recipient=recipient,
            id=ask.response,
            encounter=ask.cause if ask.cause.startswith("Encounter/") and not anonymous else "",
            department=department,
            expires=action.within.after(unit.now),
            reason=programme.name,
            reminders=action.reminders,
        ),
    )


def _again(session: Session, programme: Programme, action: Action, ask: Ask, now: int) -> None:
    """Want the next turn of a course, the first that is still to come."""
    if action.every is None or programme.subject == STAFF:
        return
    turn, due = ask.turn + 1, action.every.after(ask.due)
    while due <= now and turn < action.turns:
        turn, due = turn + 1, action.every.after(due)
    if turn < action.turns:
        session.asks.want([turned(ask, turn, due)])


TIMERS = {PERSON: person_due}

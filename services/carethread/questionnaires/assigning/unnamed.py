"""A form that is answered without a name, given to one person: a Task and a message, of which nothing leads to what is
answered.

There is no draft: the link leads to the form, and is used up by what is sent. Nobody is reminded, for nobody knows who
has answered; and the Task, as far as its owner leaves it open, is over for all at the same time.
"""

from __future__ import annotations

from carethread.core.context import Context
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.requesting import request, request_change
from carethread.interactions.writing.unit import WriteUnit
from carethread.questionnaires.assigning import links
from carethread.questionnaires.assigning.asking import Ask, Assigned, response_to, said_by
from carethread.questionnaires.assigning.assignment import DAY
from carethread.questionnaires.assigning.sending import UNDONE, task_id
from carethread.questionnaires.assigning.telling import message, task

TASK_TIMER = "fill-unnamed-task"
"""The kind of timer that ends a Task (key: its id). That of the link is another, so that nothing leads from one to the
other; and it is due with the day, for the moment would say whose Task is due at the same."""

_GIVEN = "fill-unnamed-task"
"""The kind of places by which it is given once; the key is the Task's id."""

_OVER: list[Resource] = [
    {"op": "replace", "path": "/status", "value": "cancelled"},
    {"op": "add", "path": "/statusReason", "value": {"text": "The time to answer is over; nobody knows who has."}},
]


def assign_unnamed(unit: WriteUnit, ask: Ask) -> Assigned:
    """Give the form, as `assign` does."""
    session, now = unit.session, unit.now
    id_ = task_id(ask.id) if ask.id else unit.context.new_id()
    said = said_by(ask, id_, now)
    mine = unit.context.new_id()
    if session.claim(_GIVEN, id_, mine) != mine:
        return Assigned("", id_, "", said.expires)
    response = response_to(ask, now)
    token = links.make_unnamed(session, links.Unnamed(ask.form.canonical, ask.subject, said.expires))
    link = links.url(unit.base_url, token)
    request(session, task(id_, response, said, ask.requester), unit.context, id_, new=True)
    if ask.send and not unit.context.backfill:
        told = message(unit.context.new_id(), response, said, link, now, sender=ask.recipient.sender, form=ask.form)
        request(session, told, unit.context, told["id"], new=True)
    session.timers.set(links.UNNAMED_TIMER, links.digest_of(token), (said.expires // DAY + 1) * DAY)
    session.timers.set(TASK_TIMER, id_, said.expires)
    return Assigned("", id_, link, said.expires)


def link_over(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Forget a link whose time is over."""
    links.forget_unnamed(session, timer.key)


def task_over(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """End a Task whose time is over."""
    request_change(session, ("Task", timer.key), _OVER, context, key=timer.key, condition=f"status={UNDONE}")
    for holder in session.claimed(_GIVEN, [timer.key]).values():
        session.release(_GIVEN, holder)

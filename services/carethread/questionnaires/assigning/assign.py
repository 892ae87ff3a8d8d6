"""A form given to one person, in one transaction: the draft where the answers land, the link that leads there, a Task,
and the message with the link.

The draft is empty: what is known of the person is filled in when they first open it, for by then it may have changed,
and of those who never do nothing is gathered.
"""

from __future__ import annotations

from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir import json
from carethread.core.ports import Session
from carethread.interactions.requesting import request
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit
from carethread.questionnaires.assigning import current
from carethread.questionnaires.assigning.asking import TYPE, Ask, Assigned, response_to, said_by
from carethread.questionnaires.assigning.assignment import assignment_of
from carethread.questionnaires.assigning.reminding import watch
from carethread.questionnaires.assigning.sending import key_of, new_link, task_id
from carethread.questionnaires.assigning.telling import task
from carethread.questionnaires.assigning.unnamed import assign_unnamed
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.scoring.anonymous import is_anonymous

__all__ = ["Ask", "Assigned", "assign", "open_ask"]

_FORM = "Parameters.parameter.where(name = 'questionnaire')"
_WHOM = "Parameters.parameter.where(name = 'recipient')"


def assign(unit: WriteUnit, ask: Ask) -> Assigned:
    """Give the form, in the transaction of a unit, which the caller stores. What was given before, by its id, stays as
    it is: nobody is told twice.

    Raises Invalid for a form that is not answered now, or who is asked nothing more; Conflict where they are asked for
    it already (`open_ask` tells).
    """
    id_ = ask.id or unit.context.new_id()
    known = unit.stored((TYPE, id_))
    if known is not None:
        given = None if known.deleted else assignment_of(json.restore(known.body))
        return Assigned(id_, task_id(id_), "", given.expires if given else 0)
    if ask.recipient.refused:
        raise Invalid(f"{ask.recipient.reference} {ask.recipient.refused}.", code="business-rule", expression=_WHOM)
    if is_anonymous(ask.form):
        return assign_unnamed(unit, ask)
    holder = current.begin(unit.session, id_, ask.form.url, ask.subject, ask.recipient.reference)
    if holder != id_:
        why = f"They are asked for this form already, by {TYPE}/{holder}: give that one a new link, or end it first."
        raise Conflict(why, code="duplicate", expression=_FORM)
    said = said_by(ask, task_id(id_), unit.now)
    sent = said.marked(response_to(ask, unit.now))
    done = unit.do(Command(TYPE, id_, sent, fresh=not ask.id, verb="POST", own=True))
    draft = {**(json.restore(done.stored.body) if done.stored else sent), "id": id_}
    request(unit.session, task(task_id(id_), draft, said, ask.requester), unit.context, key_of(id_), new=True)
    told = ask.send and not unit.context.backfill
    who = ask.recipient
    link = new_link(unit.session, draft, said, unit.base_url, unit.now, unit.context, send=told, sender=who.sender)
    watch(unit.session, id_, said, unit.now, remind=told)
    return Assigned(id_, task_id(id_), link, said.expires)


def open_ask(session: Session, form: Form, subject: str, recipient: str) -> str:
    """The id of the draft by which somebody is asked for a form at present; empty where they are not."""
    return current.open_ask(session, form.url, subject, recipient)

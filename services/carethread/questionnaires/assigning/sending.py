"""A person is sent a link to their draft: a new one each time, for only its digest is kept.

A message that nobody has sent on yet by then is revoked. The links of before are ended, but by a reminder: who has the
page open by one of these goes on.
"""

from __future__ import annotations

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Invalid
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource, Session
from carethread.interactions.requesting import request, request_change
from carethread.questionnaires.assigning import links
from carethread.questionnaires.assigning.assignment import Assignment
from carethread.questionnaires.assigning.telling import DEPARTMENT, message
from carethread.questionnaires.extracting.extracted import uuid_of
from carethread.questionnaires.forms.finding import answered
from carethread.questionnaires.forms.form import Form

UNDONE = "draft,requested,received,accepted,ready,in-progress,on-hold"
"""Statuses of a Task that somebody has to do, or may."""

_SENT = "fill-message"
"""The kind of places that tell the messages (keys, ids of CommunicationRequests) with a draft's link (holder)."""

_REVOKED: list[Resource] = [{"op": "replace", "path": "/status", "value": "revoked"}]


def new_link(
    session: Session,
    draft: Resource,
    said: Assignment,
    base_url: str,
    now: int,
    context: Context,
    *,
    send: bool = True,
    reminder: bool = False,
    sender: str = "",
) -> str:
    """Give a draft a link, in place of those that it had or as a `reminder` beside them, and have its person told of it
    by a sender; the link."""
    if reminder:
        _revoke(session, draft["id"], context)
    else:
        end_link(session, draft["id"], context)
    link = links.url(base_url, links.make(session, draft["id"]))
    if send:
        id_ = context.new_id()
        session.claim(_SENT, id_, draft["id"])
        form = _form(session, draft)
        told = message(id_, draft, said, link, now, reminder=reminder, sender=sender, form=form)
        request(session, told, context, key_of(draft["id"]), new=True)
    return link


def end_link(session: Session, draft_id: str, context: Context) -> bool:
    """End the links to a draft; whether there was one."""
    _revoke(session, draft_id, context)
    return links.close(session, draft_id, to_micros(context.clock()))


def _revoke(session: Session, draft_id: str, context: Context) -> None:
    """Have no message with a link to a draft sent on any more."""
    for id_ in session.release(_SENT, draft_id):
        key = key_of(draft_id)
        request_change(session, ("CommunicationRequest", id_), _REVOKED, context, key=key, condition="status=active")


def department_of(draft: Resource) -> str:
    """The department that asks (`Organization/1`); empty where none is said."""
    return str(extension(draft, DEPARTMENT).get("valueReference", {}).get("reference", ""))


def _form(session: Session, draft: Resource) -> Form | None:
    try:
        return answered(session, draft)
    except Invalid:  # it cannot be read as a form any more, and is told of without its title
        return None


def key_of(draft_id: str) -> str:
    """The key under which all is requested that is about an assignment, so that it comes in order."""
    return f"assignment/{draft_id}"


def task_id(draft_id: str) -> str:
    """The id of the Task by which a draft is asked for."""
    return uuid_of(draft_id)("assignment")

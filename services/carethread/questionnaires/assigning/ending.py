"""An ask that ends because of others: its Task is declined, cancelled or done by hand, or who is asked has died or is
not active any more. Then the draft is stopped, so that its link ends, and nobody is reminded of it.

Tasks and people belong to other services, and nothing of them is kept here: each is read as it comes by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.core.context import Context, Principal
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search.merges import PATIENT, survivor
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Reaction, Runtime
from carethread.interactions.writing.unit import WriteUnit
from carethread.questionnaires.assigning.asking import TYPE
from carethread.questionnaires.assigning.assignment import assignment_of
from carethread.questionnaires.assigning.current import draft_by, drafts_of
from carethread.questionnaires.assigning.people import KINDS, why_gone
from carethread.questionnaires.assigning.telling import CODE

_OVER = frozenset({"rejected", "cancelled", "failed", "completed", "entered-in-error"})

_TASK = CODE.encode()
_GONE = (b'"deceased', b"false")
"""What is in the JSON of who is asked no more, so that most others need not be parsed."""


def _handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
    ended = {id_: event for event in events for id_ in _ended(session, event)}
    for id_, event in sorted(ended.items()):
        context = Context(Principal(runtime.service.name), backfill=event.backfill, traceparent=event.traceparent)
        unit = WriteUnit(runtime, session, context)
        stored = unit.stored((TYPE, id_))
        draft = json.restore(stored.body) if stored and not stored.deleted else {}
        if stored is None or assignment_of(draft) is None or draft["status"] != "in-progress":
            continue
        if not _is_resumed(session, stored, event):
            unit.update({**draft, "status": "stopped"})
            unit.store()


def _is_resumed(session: Session, stored: Stored, event: Event) -> bool:
    """Whether somebody goes on with a draft that was stopped, and did so after this: the Task will follow."""
    if event.resource_type != "Task" or stored.updated <= event.time:
        return False
    before = session.version((TYPE, stored.id), stored.version - 1)
    return before is not None and not before.deleted and json.restore(before.body)["status"] == "stopped"


def _ended(session: Session, event: Event) -> Iterator[str]:
    """The drafts that an event is the end of."""
    if event.resource_type == "Task":
        over = event.deleted or (_TASK in event.data and json.parse_object(event.data)["status"] in _OVER)
        if over and (draft := draft_by(session, event.resource_id)):
            yield draft
    elif event.deleted:
        yield from drafts_of(session, f"{event.resource_type}/{event.resource_id}")
    elif any(each in event.data for each in _GONE) and why_gone(person := json.parse_object(event.data)):
        for id_ in _ids(session, event, person):
            yield from drafts_of(session, f"{event.resource_type}/{id_}")


def _ids(session: Session, event: Event, person: Resource) -> Sequence[str]:
    """By which somebody is known: who is in the place of others, that were merged, is asked by their ids too."""
    merged = event.resource_type != PATIENT or survivor(person)
    return [event.resource_id] if merged else session.kin([event.resource_id])


ENDED = Reaction("assignments", "effect", ("Task", *KINDS), _handle)

"""A course that begins with what is so already: when a programme comes into effect, the plans and stays that are as its
triggers say have their people asked, as if it had happened then. Only courses do (`Action.every`): a visit is over.

What is put into effect as history, such as the programmes that come along, begins with what happens from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.fhirpath import FhirPathError
from carethread.core.ports import Session, Store, Timer
from carethread.core.ports.asks import Ask
from carethread.core.programmes.programme import OWNERS, Action, Programme
from carethread.core.service import AskFirst, Runtime
from carethread.questionnaires.programmes.effect import in_effect
from carethread.questionnaires.programmes.terms import BEGINNING
from carethread.questionnaires.programmes.wanting import made, people_of, want

MOST = 20_000
"""People with whom a programme begins; who has more under treatment begins by department."""

_FOUND: WeakKeyDictionary[Store, dict[tuple[str, int], list[Ask]]] = WeakKeyDictionary()
"""What is so, by database, until the transaction that lacked it is begun anew."""


def programme_begins(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Want those asked of whom it is so. Raises AskFirst, Busy, TooCostly."""
    programme = in_effect(session).get(timer.key)
    if programme is None:
        return
    question, answers = (timer.key, timer.due), _FOUND.setdefault(runtime.store, {})
    if question in answers:
        want(session, answers.pop(question))
        return
    now = to_micros(context.clock())

    def ask() -> None:
        answers.clear()
        answers[question] = list(_standing(runtime, programme, now))

    raise AskFirst(ask)


def _standing(runtime: Runtime, programme: Programme, now: int) -> Iterator[Ask]:
    count = 0
    for action in programme.actions:
        for type_name in sorted({each.type for each in action.triggers}) if action.every else ():
            if runtime.peer.knows(OWNERS[type_name]):
                for ask in _of_type(runtime, programme, action, type_name, now):
                    count += 1
                    if count > MOST:
                        raise TooCostly(f"More than {MOST:,} people would be asked at once; write one by department.")
                    yield ask


def _of_type(runtime: Runtime, programme: Programme, action: Action, type_name: str, now: int) -> Iterator[Ask]:
    for chunk in runtime.owners.snapshot(OWNERS[type_name], type_name):
        for stored in chunk.versions:
            if stored.deleted or programme.department not in ("", stored.department):
                continue
            resource = json.restore(stored.body)
            try:
                holds = any(each.type == type_name and each.holds(resource) for each in action.triggers)
            except FhirPathError:
                continue
            cause = f"{type_name}/{stored.id}"
            for person in people_of({**resource, "id": stored.id}, stored.key, runtime.base_url) if holds else ():
                yield made(programme, action, cause, person, 0, now, stored.department)


TIMERS = {BEGINNING: programme_begins}

"""Rounds of staff: when one begins, all who work here are wanted to be asked, each once in it."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Session, Store, Timer
from carethread.core.programmes.programme import Action, Programme
from carethread.core.service import AskFirst, Runtime
from carethread.questionnaires.programmes.effect import in_effect
from carethread.questionnaires.programmes.terms import PERSON, ROUND, next_round, round_key
from carethread.questionnaires.programmes.wanting import made

_OWNER = "records"
_ROLES: WeakKeyDictionary[Store, dict[tuple[str, int], dict[str, str]]] = WeakKeyDictionary()
"""Who works here, by database, until the transaction that lacked it is begun anew."""


def round_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Begin a round, and be back for the next. Raises AskFirst, Busy."""
    found = _of(session, timer.key)
    if found is None:
        return
    programme, action = found
    staff = _staff(runtime, programme, timer)
    now = to_micros(context.clock())
    number, due = next_round(action, now)
    cause = f"PlanDefinition/{programme.id}"
    wanted = [made(programme, action, cause, who, number, now, department) for who, department in staff.items()]
    session.asks.want(wanted)
    session.timers.set_all(PERSON, dict.fromkeys(staff, now), sooner=True)
    session.timers.set(ROUND, timer.key, due)


def _of(session: Session, key: str) -> tuple[Programme, Action] | None:
    for programme in in_effect(session).all:
        for action in programme.actions:
            if round_key(programme, action) == key and action.since:
                return programme, action
    return None


def _staff(runtime: Runtime, programme: Programme, timer: Timer) -> dict[str, str]:
    """Who works here (`Practitioner/1`), each with a department (an id) of theirs. Raises AskFirst."""
    question, answers = (timer.key, timer.due), _ROLES.setdefault(runtime.store, {})
    if question in answers:
        return answers.pop(question)

    def ask() -> None:
        answers.clear()
        answers[question] = staff_of(runtime, programme.department)

    raise AskFirst(ask)


def staff_of(runtime: Runtime, department: str) -> dict[str, str]:
    """The same, not in a transaction; who is in no department is not asked. Raises Busy, TooCostly."""
    asked = [("active", "true"), *([("organization", f"Organization/{department}")] if department else [])]
    found: dict[str, str] = {}
    for stored in runtime.owners.search(_OWNER, "PractitionerRole", asked):
        role = json.restore(stored.body)
        places = [id_ for kind, id_ in keys_at(role, "organization", runtime.base_url) if kind == "Organization"]
        for kind, id_ in keys_at(role, "practitioner", runtime.base_url):
            if kind == "Practitioner" and places:
                found.setdefault(f"{kind}/{id_}", department or places[0])
    return found


TIMERS = {ROUND: round_due}

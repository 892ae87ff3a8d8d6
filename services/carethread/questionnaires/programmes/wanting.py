"""What happens has people wanted to be asked: an event that is a trigger becomes an ask of each of its persons, to be
decided when it is due.

Nothing is decided here, so that an event costs little: first its envelope is looked at, and only of what may be a
trigger the resource. Each ask is one row, however often the event comes, in whatever order: whether the cause is still
so is asked of its owner when it is due. History asks nobody, and nor does what happened long ago.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.core.clock import system_clock, to_micros
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.fhirpath import FhirPathError
from carethread.core.ports import Resource, Session
from carethread.core.ports.asks import Ask
from carethread.core.programmes.programme import OWNERS, PEOPLE, Action, Programme, Trigger
from carethread.core.service import Reaction, Runtime
from carethread.questionnaires.programmes.effect import Programmes, in_effect
from carethread.questionnaires.programmes.guarding import OVER
from carethread.questionnaires.programmes.terms import LATE, PERSON, want_id

_MOST_PEOPLE = 100
"""Of one cause, such as a visit of a group."""


def _handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
    since = to_micros(system_clock()) - LATE
    fresh = [each for each in events if not (each.backfill or each.deleted) and each.time >= since]
    if fresh:
        programmes = in_effect(session)
        want(session, [ask for event in fresh for ask in _wanted(programmes, event, runtime.base_url)])


def _wanted(programmes: Programmes, event: Event, base_url: str) -> Iterator[Ask]:
    """The asks that an event leads to, as if it were heard of for the first time."""
    found = list(programmes.announced(event.resource_type, event.verb, event.version, event.department))
    if not found:
        return
    resource = json.parse_object(event.data)
    met = {
        (programme.url, action.id): (programme, action)
        for programme, action, trigger in found
        if _happens(trigger, resource, event)
    }
    people = people_of(resource, event.key, base_url) if met else []
    cause = f"{event.resource_type}/{event.resource_id}"
    for programme, action in met.values():
        due = action.delay.after(event.time) if action.delay else event.time
        for person in people:
            yield made(programme, action, cause, person, 0, due, event.department)


def want(session: Session, asks: Sequence[Ask]) -> None:
    """Have persons asked, unless they were wanted to be because of the same already.

    What was over when it was decided, and has come to be anew, is another turn.
    """
    last = session.asks.last({each.cause for each in asks})
    new: dict[str, Ask] = {}
    for each in asks:
        known = last.get((each.programme, each.action, each.cause, each.person))
        if known is None:
            new.setdefault(each.want, each)
        elif known.outcome == OVER:
            again = turned(each, known.turn + 1, each.due)
            new.setdefault(again.want, again)
    session.asks.want([new[want] for want in sorted(new)])  # in one order, so that two who want the same never block
    due: dict[str, int] = {}
    for each in new.values():
        due[each.person] = min(each.due, due.get(each.person, each.due))
    session.timers.set_all(PERSON, dict(sorted(due.items())), sooner=True)


def _happens(trigger: Trigger, resource: Resource, event: Event) -> bool:
    """Whether it is the trigger, or may be: of a large resource there is only a stub, and its owner is asked later."""
    if event.dataref:
        return True
    try:
        return trigger.holds(resource)
    except FhirPathError:
        return True  # told when it is decided


def people_of(resource: Resource, key: str, base_url: str) -> list[str]:
    """Whom a cause is about: `Patient/1`, each once."""
    kind = resource["resourceType"]
    if kind == "Patient":
        return [f"Patient/{resource['id']}"]
    found = [f"Patient/{id_}" for each, id_ in keys_at(resource, PEOPLE[kind], base_url) if each == "Patient"]
    if not found and key.startswith("Patient/"):
        found = [key]
    return list(dict.fromkeys(found))[:_MOST_PEOPLE]


def made(programme: Programme, action: Action, cause: str, person: str, turn: int, due: int, department: str) -> Ask:
    """One that is wanted."""
    id_ = want_id(programme.url, action.id, cause, person, turn)
    return Ask(id_, person, programme.url, action.id, action.url, cause, turn, department, due)


def turned(ask: Ask, turn: int, due: int) -> Ask:
    """Another turn of the same, not decided yet."""
    id_ = want_id(ask.programme, ask.action, ask.cause, ask.person, turn)
    return Ask(id_, ask.person, ask.programme, ask.action, ask.form, ask.cause, turn, ask.department, due)


WANTED = Reaction("programmes", "effect", tuple(OWNERS), _handle)

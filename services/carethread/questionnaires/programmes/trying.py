"""`Questionnaire/$try-programme`: whom a programme would ask, before it asks anybody.

It is tried on what has happened in the last hours, as owners have it, by all that would keep somebody from being asked
now; staff is counted as if a round began. Nothing is written. So that the answer comes in time there is a bound on how
many people are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from carethread.core.clock import period_of, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Busy, Invalid, Malformed, NotFound
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.fhirpath import FhirPathError
from carethread.core.ports import Request, Resource, Session
from carethread.core.ports.asks import ASKED, Ask
from carethread.core.programmes.programme import OWNERS, PROFILE, STAFF, Action, Programme
from carethread.core.programmes.reading import is_programme, programme_of
from carethread.core.service import Call, Runtime
from carethread.interactions.committed import BEGINNING, MOST, PATH, Place, events_of, query
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.writing.check import check_resource
from carethread.questionnaires.programmes.asking import form_of, names_of, refused
from carethread.questionnaires.programmes.effect import Programmes, in_effect
from carethread.questionnaires.programmes.guarding import NO_FORM, why_not
from carethread.questionnaires.programmes.knowing import Known, look_up
from carethread.questionnaires.programmes.rounds import staff_of
from carethread.questionnaires.programmes.terms import MONTH
from carethread.questionnaires.programmes.wanting import made, people_of

PARAMETERS = ("url", "hours")
_HOUR = 3_600_000_000
_MOST_HOURS, _MOST_PEOPLE, _MOST_EVENTS, _NAMED = 168, 200, 20_000, 20


class _Wanted(NamedTuple):
    action: Action
    cause: str
    person: str
    department: str


@dataclass(slots=True)
class _Tried:
    outcomes: Counter[str] = field(default_factory=Counter)
    sample: list[str] = field(default_factory=list)
    left: int = 0


def try_programme(runtime: Runtime, call: Call, context: Context) -> Resource:
    """How many it would ask, and why not the others. Raises Invalid for a programme that is none, Malformed for the
    parameters, NotFound, Busy while an owner is away."""
    authorize("search-type", "QuestionnaireResponse", context)
    refuse_unknown(call, "a trial", ("programme", *PARAMETERS), objects=("programme",))
    programme, hours = _programme(runtime, call), _hours(call)
    now = to_micros(context.clock())
    wanted = list(dict.fromkeys(_wanted(runtime, programme, now - hours * _HOUR, now + 1, context)))
    people = dict.fromkeys(each.person for each in wanted)
    looked = set(list(people)[:_MOST_PEOPLE])
    tried = _Tried(left=len(people) - len(looked))
    for who in (each for each in people if each in looked):
        theirs = sorted((each for each in wanted if each.person == who), key=lambda each: each.action.rank)
        facts = look_up(runtime, who, [each.cause for each in theirs], theirs[0].department, now)
        work = partial(_outcomes, runtime, programme=programme, wanted=theirs, facts=facts, now=now)
        for outcome in runtime.store.snapshot(work):
            tried.outcomes[outcome] += 1
            if outcome == ASKED and len(tried.sample) < _NAMED and who not in tried.sample:
                tried.sample.append(who)
    return _told(tried, len(looked), now - hours * _HOUR, now)


def _outcomes(
    runtime: Runtime, session: Session, *, programme: Programme, wanted: Sequence[_Wanted], facts: Known, now: int
) -> list[str]:
    """What would be decided about one person, each after the other."""
    asked, outcomes = session.asks.asked(names_of(session, wanted[0].person), now - MONTH * 13), list[str]()
    for each in wanted:
        reason = refused(programme, each.action, each.cause, facts)
        form = None if reason else form_of(session, each.action.form)
        if form is None or facts.recipient is None:
            outcomes.append(reason or NO_FORM)
            continue
        whom = facts.recipient.reference
        reason = why_not(session, programme, each.action, form, whom, asked, now, runtime.base_url)
        if not reason:
            asked.append(_given(programme, each, now))
        outcomes.append(reason or ASKED)
    return outcomes


def _given(programme: Programme, each: _Wanted, now: int) -> Ask:
    """As if it were asked."""
    wanted = made(programme, each.action, each.cause, each.person, 0, now, each.department)
    return replace(wanted, outcome=ASKED, decided=now, response=wanted.want)


def _wanted(runtime: Runtime, programme: Programme, begin: int, now: int, context: Context) -> Iterator[_Wanted]:
    if programme.subject == STAFF:
        for who, department in staff_of(runtime, programme.department).items():
            yield from (_Wanted(action, "", who, department) for action in programme.actions)
        return
    known = Programmes([programme])
    for event in _events(
        runtime, {trigger.type for each in programme.actions for trigger in each.triggers}, begin, now, context
    ):
        if event.backfill or event.deleted:
            continue
        resource: Resource = {}
        for _, action, trigger in known.announced(event.resource_type, event.verb, event.version, event.department):
            resource = resource or json.parse_object(event.data)
            try:
                happens = trigger.holds(resource)
            except FhirPathError:
                happens = True
            cause = f"{event.resource_type}/{event.resource_id}"
            for who in people_of(resource, event.key, runtime.base_url) if happens else ():
                yield _Wanted(action, cause, who, event.department)


def _events(runtime: Runtime, types: set[str], begin: int, before: int, context: Context) -> Iterator[Event]:
    """What owners have committed of types within a span."""
    owners: dict[str, list[str]] = {}
    for each in sorted(types):
        if runtime.peer.knows(OWNERS[each]):
            owners.setdefault(OWNERS[each], []).append(each)
    for owner, some in owners.items():
        place: Place = BEGINNING
        for _ in range(_MOST_EVENTS // MOST):
            asked = query(some, begin, before, place, MOST)
            answer = runtime.peer.call(owner, Request("GET", PATH, asked, {"traceparent": context.traceparent}))
            if answer.status != 200:
                raise Busy(f"The owner of {some[0]} answers {answer.status}.")
            found = events_of(owner, answer.body)
            yield from (event for _, event in found)
            if len(found) < MOST:
                break
            place = found[-1][0]


def _told(tried: _Tried, people: int, begin: int, now: int) -> Resource:
    why: list[Resource] = [
        {
            "name": "not-asked",
            "part": [{"name": "reason", "valueCode": reason}, {"name": "count", "valueUnsignedInt": number}],
        }
        for reason, number in sorted(tried.outcomes.items())
        if reason != ASKED
    ]
    parts: list[Resource] = [
        {"name": "period", "valuePeriod": period_of(begin, now)},
        {"name": "people", "valueUnsignedInt": people},
        {"name": "asked", "valueUnsignedInt": tried.outcomes[ASKED]},
        *why,
        *({"name": "person", "valueReference": {"reference": each}} for each in tried.sample),
    ]
    if tried.left:
        parts.append({"name": "left", "valueUnsignedInt": tried.left})
    return {"resourceType": "Parameters", "parameter": parts}


def _programme(runtime: Runtime, call: Call) -> Programme:
    given = [each for each in (call.body or {}).get("parameter", ()) if each.get("name") == "programme"]
    urls = call.params.get("url", ())
    if len(given) + len(urls) != 1:
        told = "One programme is tried: a PlanDefinition as the resource of the parameter programme, or by its url."
        raise Malformed(told, code="required", expression="programme")
    if urls:
        found = runtime.store.snapshot(lambda session: in_effect(session).get(urls[0].partition("|")[0]))
        if found is None:
            raise NotFound("No programme of this url is in effect.", expression="url")
        return found
    definition = given[0].get("resource")
    if not isinstance(definition, dict) or definition.get("resourceType") != "PlanDefinition":
        raise Malformed("The parameter programme has a PlanDefinition as its resource.", expression="programme")
    check_resource("PlanDefinition", definition)
    if not is_programme(definition):
        told = f"A programme claims the profile {PROFILE}."
        raise Invalid(told, code="value", expression="PlanDefinition.meta.profile")
    return programme_of(definition)


def _hours(call: Call) -> int:
    given = call.params.get("hours", ())
    text = given[0] if len(given) == 1 else "24" if not given else ""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:5]) <= _MOST_HOURS):
        raise Malformed(f"hours is a whole number from 1 to {_MOST_HOURS}.", code="value", expression="hours")
    return int(text)

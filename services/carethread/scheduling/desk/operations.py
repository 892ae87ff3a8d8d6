"""The desk's operations on Appointment; their parameters stand in fhir_profiles/OperationDefinition/appointment-*.json.

Each answers a Bundle with the one Appointment as it is now, as IHE's scheduling profile asks; `$check` an
OperationOutcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from carethread.core.context import Context
from carethread.core.errors import Invalid, Issue, PreconditionFailed
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.ports import Resource, Response, Session, Stored
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.once import derived
from carethread.interactions.read import read
from carethread.interactions.requesting import request
from carethread.interactions.rest.bundle import entry, searchset
from carethread.interactions.rest.exchange import CONTENT, answer
from carethread.interactions.rest.headers import versions_of
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.booking.conflicting import FIRM, Conflicting
from carethread.scheduling.booking.people import PATIENT, absences, refuse_absent
from carethread.scheduling.desk.book import book
from carethread.scheduling.desk.cancel import Cancellation, cancel
from carethread.scheduling.desk.check import check
from carethread.scheduling.desk.composing import slot_ids
from carethread.scheduling.desk.doing import doing
from carethread.scheduling.desk.hold import hold, hold_end, release, renew
from carethread.scheduling.desk.overriding import refuse_nobody
from carethread.scheduling.desk.parameters import (
    OVERRIDE,
    PATIENT_RESOURCE,
    REFERENCE,
    RESOURCE,
    WISHES,
    Given,
    judged,
)
from carethread.scheduling.desk.placing import TYPE, standing
from carethread.scheduling.desk.reschedule import reschedule
from carethread.scheduling.desk.together import Asked, together
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.finding import proposals


@dataclass(frozen=True, slots=True)
class _Asked:
    """A wish about an Appointment (its id; empty: a new one), the people whom it is about, and those who are new."""

    id: str
    wish: Wish
    people: list[str]
    new: list[Resource]


def _asked(runtime: Runtime, given: Given, operation: str, context: Context) -> _Asked:
    id_ = given.appointment()
    details = given.resource(RESOURCE, TYPE)
    before: Resource = {}
    if id_.startswith(proposals.PREFIX):
        found = runtime.store.snapshot(lambda session: proposals.appointment(runtime, session, id_))
        details, id_ = {**found, **{name: value for name, value in details.items() if name != "slot"}}, ""
    elif id_:
        before = json.parse(read(runtime, (TYPE, id_), context).body)
    elif "id" in details and runtime.store.glance(lambda session: session.current([(TYPE, details["id"])])):
        id_ = details["id"]
        before = json.parse(read(runtime, (TYPE, id_), context).body)
    key = given.new_id(operation, context)
    people, new = _patients(runtime, given, key, context)
    named = keys_at({**before, **details}, "participant.actor", runtime.base_url)
    here = [each for kind, each in named if kind == PATIENT]
    wish = Wish(
        slots=given.ids("slot", "Slot"),
        patients=[*given.ids("patient", PATIENT), *people, *(each["id"] for each in new)],
        details=details,
        comment=given.text("comment"),
        id=key,
        asked=f"{operation} {given.fingerprint()}",
        override=given.override(),
    )
    fresh = {each["id"] for each in new}
    return _Asked(id_, wish, [each for each in [*wish.patients, *here] if each not in fresh], new)


def _patients(runtime: Runtime, given: Given, key: str, context: Context) -> tuple[list[str], list[Resource]]:
    """The Patients that come as resources: the ids of those who are known, and the new ones with an id.

    Raises PreconditionFailed where the identifiers of one are those of several.
    """
    known: list[str] = []
    new: list[Resource] = []
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == PATIENT)
    for number, patient in enumerate(given.resources(PATIENT_RESOURCE, PATIENT)):
        tokens = [
            f"{each['system']}|{each['value']}"
            for each in patient.get("identifier", ())
            if "system" in each and "value" in each
        ]
        if "id" in patient:
            known.append(patient["id"])
        elif tokens and (found := runtime.owners.search(owner, PATIENT, [("identifier", ",".join(tokens))])):
            if len(found) > 1:
                raise PreconditionFailed(
                    "Several Patients have these identifiers; say by patient which one comes.",
                    code="multiple-matches",
                    expression=PATIENT_RESOURCE,
                )
            known.append(found[0].id)
        else:
            cause = f"{key}/{number}" if key else "|".join(sorted(tokens))
            new.append({**patient, "id": derived(PATIENT, cause) if cause else context.new_id()})
    return known, new


def _done(runtime: Runtime, asked: _Asked, context: Context, work: Callable[[WriteUnit], Stored]) -> Response:
    if away := absences(runtime, asked.people):
        raise Invalid(issues=[*away, *_else_in_the_way(runtime, asked, context)])
    if not (asked.id or asked.new) and (stored := together(runtime, Asked(asked.wish, work), context)):
        return _answer(runtime, stored)

    def all_of_it(unit: WriteUnit) -> Stored:
        stored = work(unit)
        for patient in asked.new:
            request(unit.session, patient, context, new=True)
        return stored

    return _answer(runtime, doing(runtime, context, all_of_it))


def _else_in_the_way(runtime: Runtime, asked: _Asked, context: Context) -> list[Issue]:
    """What else would be refused, so that it is told at once."""
    found = runtime.store.snapshot(lambda session: check(runtime, session, context, asked.wish, asked.id))
    return [each.issue() for each in found if not asked.wish.override or each.kind in FIRM]


def _answer(runtime: Runtime, stored: Stored) -> Response:
    url = f"{runtime.base_url}/{TYPE}/{stored.id}"
    return Response(200, CONTENT, searchset("searchset", 1, {}, [entry(url, stored.body, search=b'{"mode":"match"}')]))


def hold_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Hold what is asked for, a proposal, or an Appointment that is proposed."""
    given = Given(call, runtime.base_url, (*WISHES, "duration", *OVERRIDE))
    minutes = given.minutes()
    asked = _asked(runtime, given, "hold", context)
    return _done(runtime, asked, context, lambda unit: hold(unit, asked.wish, hold_end(unit, minutes), asked.id))


def renew_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Hold longer what is held."""
    given = Given(call, runtime.base_url, (REFERENCE, "duration"))
    id_, minutes = given.needed_appointment(), given.minutes()
    held = json.parse(read(runtime, (TYPE, id_), context).body)
    named = keys_at(held, "participant.actor", runtime.base_url)
    refuse_absent(runtime, [each for kind, each in named if kind == PATIENT])
    return _answer(runtime, doing(runtime, context, lambda unit: renew(unit, id_, hold_end(unit, minutes))))


def release_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Give up a hold."""
    id_ = Given(call, runtime.base_url, (REFERENCE,)).needed_appointment()
    return _answer(runtime, doing(runtime, context, lambda unit: release(unit, id_)))


def book_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Book what is asked for, a proposal, or what is proposed or held; an Appointment with an id changes that one."""
    given = Given(call, runtime.base_url, (*WISHES, *OVERRIDE))
    asked = _asked(runtime, given, "book", context)
    if asked.wish.details.get("status") == "cancelled" and asked.id:
        reason = asked.wish.details.get("cancelationReason")
        said = Cancellation("patient", reason, asked.wish.comment)
        return _answer(runtime, doing(runtime, context, lambda unit: cancel(unit, asked.id, said)))

    def work(unit: WriteUnit) -> Stored:
        if asked.id and _moves(unit, asked):
            return reschedule(unit, asked.id, asked.wish)
        return book(unit, asked.wish, asked.id)

    return _done(runtime, asked, context, work)


def _moves(unit: WriteUnit, asked: _Asked) -> bool:
    """Whether an Appointment that is booked and sent with its id has other Slots now."""
    before = standing(unit, asked.id)
    slots = slot_ids(unit, asked.wish.details)
    sent = asked.wish.details.get("id") == asked.id and bool(slots)
    return sent and before["status"] == "booked" and sorted(slots) != sorted(slot_ids(unit, before))


def reschedule_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Move what is booked or held."""
    given = Given(call, runtime.base_url, (*WISHES, *OVERRIDE, "proposal"))
    id_ = given.needed_appointment()
    asked = _asked(runtime, given, "reschedule", context)
    if proposal := next(iter(given.ids("proposal", TYPE)), ""):
        found = runtime.store.snapshot(lambda session: proposals.appointment(runtime, session, proposal))
        slots = [each for _, each in keys_at(found, "slot", runtime.base_url)]
        asked = replace(asked, wish=replace(asked.wish, slots=slots))
    return _done(runtime, asked, context, lambda unit: reschedule(unit, id_, asked.wish))


def cancel_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Cancel by the patient or the provider; with If-Match only what is at this version."""
    given = Given(call, runtime.base_url, (REFERENCE, "reason", "by", "comment"))
    id_, cancellation = given.needed_appointment(), given.cancellation()
    versions = versions_of(call.request.headers.get("if-match"))
    return _answer(runtime, doing(runtime, context, lambda unit: cancel(unit, id_, cancellation, versions)))


def check_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Say all that is in the way, with an override what it does not pass over as well; nothing is changed."""
    given = Given(call, runtime.base_url, (*WISHES, *OVERRIDE))
    asked = _asked(runtime, given, "check", context)
    away = absences(runtime, asked.people)

    def look(session: Session) -> list[Conflicting]:
        return check(runtime, session, context, asked.wish, asked.id)

    override = asked.wish.override
    if override:
        refuse_nobody(override)
    found = runtime.store.snapshot(look)
    passed = {each.kind for each in found if override and each.kind not in FIRM}
    issues = [*away, *(each.issue("warning" if each.kind in passed else "error") for each in found)]
    fine = Issue("informational", "Nothing is in the way.", severity="information")
    return answer(operation_outcome(issues or [fine]))


_HANDLERS: Mapping[str, Callable[[Runtime, Call, Context], Response]] = {
    "hold": hold_operation,
    "renew": renew_operation,
    "release": release_operation,
    "book": book_operation,
    "reschedule": reschedule_operation,
    "cancel": cancel_operation,
    "check": check_operation,
}

OPERATIONS = tuple(
    Operation(
        name=name,
        type=TYPE,
        levels=("type", "instance"),
        definition=f"https://carethread.dev/fhir/OperationDefinition/Appointment-{name}",
        handler=handler,
        affects_state=name != "check",
        gathers=name in ("book", "hold"),
        judged=judged,
    )
    for name, handler in _HANDLERS.items()
)

"""`Task/[id]/$outreach`: what became of an attempt to reach somebody, and what comes next.

The attempt becomes a Communication (`completed`; `in-progress` where a message is not answered yet; `not-done` with
why) and the output of its Task, which is done; the next contact is planned in the same transaction. After three
attempts in vain whoever leads is asked what to do, and the contacts go on, less often, so that nobody is lost. Who
declines is not asked again. Sources: http://hl7.org/fhir/R4/communication.html, http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from carethread.careteams.contact import known, why_no_contact
from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.navigation.alarming import alarm, is_open_outreach
from carethread.careteams.navigation.asking import code, moment, reference, text
from carethread.careteams.navigation.contacting import plan
from carethread.careteams.navigation.navigators import reference as first
from carethread.careteams.navigation.shapes import unreached_before
from carethread.careteams.navigation.terms import (
    ALARM,
    CONTACT,
    MOST_UNREACHED,
    OUTCOMES,
    OUTREACH,
    concept,
    is_coded,
    pace,
)
from carethread.careteams.navigation.turn import Turn, begin
from carethread.careteams.tasks import TASKS, refer
from carethread.careteams.teams.people import person
from carethread.core.clock import instant
from carethread.core.contacting import CHANNELS, medium
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Gone, Invalid, Malformed, NotFound
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import refuse_unknown

REACHED, NOT_REACHED, DECLINED = "reached", "not-reached", "declined"
PARAMETERS = ("outcome", "channel", "note", "next", "when", "by")

_STAFF = ("Practitioner", "PractitionerRole")

_WRITTEN = frozenset({"sms", "email", "app"})
"""Channels by which an answer may come later."""

_LONGEST, _FARTHEST, _BACK = 2000, 366 * DAY, 31 * DAY
_SKEW = 5 * 60_000_000
"""Microseconds by which another's clock may be ahead."""

_REASONS = "http://terminology.hl7.org/CodeSystem/communication-not-done-reason"
_WHY = {NOT_REACHED: "recipient-unavailable", DECLINED: "patient-objection"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as it is told. Moments are microseconds; `next` is 0 where it is left to us."""

    outcome: str
    channel: str
    note: str
    next: int
    when: int
    by: str


def outreach(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: task, communication, and as far as there are such next and alarm.

    Raises Malformed for the parameters, NotFound, Gone, Invalid for a Task that is none of outreach, or who is not
    known, Conflict for one that is done, or a person who is contacted no more.
    """
    authorize("update", "Task", context)
    refuse_unknown(call, "$outreach", PARAMETERS)
    by = reference(call, "by", _STAFF, runtime.base_url)
    refuse_unknown_people(runtime, [(by, "by")], context)

    def work(session: Session) -> Resource:
        turn = begin(runtime, session, context)
        attempt = _attempt(call, turn)
        task = _task(turn, call.id)
        parts = list(_log(turn, task, attempt))
        turn.unit.store()
        return {"resourceType": "Parameters", "parameter": parts}

    return runtime.store.transact(work)


def was_tried(task: Resource) -> bool:
    """Whether a Task of outreach was closed by an attempt that is told of."""
    return any(
        is_coded(each.get("type"), TASKS, OUTREACH)
        and str(each.get("valueReference", {}).get("reference", "")).startswith("Communication/")
        for each in task.get("output", ())
    )


def _attempt(call: Call, turn: Turn) -> Attempt:
    found = Attempt(
        code(call, "outcome", (REACHED, NOT_REACHED, DECLINED)),
        code(call, "channel", tuple(CHANNELS), otherwise="phone"),
        text(call, "note", _LONGEST),
        moment(call, "next", 0),
        moment(call, "when", turn.now),
        reference(call, "by", _STAFF, turn.base_url),
    )
    if found.next and not turn.now < found.next <= turn.now + _FARTHEST:
        raise Malformed("next is a moment to come, within 366 days.", code="value", expression="next")
    if not turn.now - _BACK <= found.when <= turn.now + _SKEW:
        raise Malformed("when is a moment of the last 31 days.", code="value", expression="when")
    if found.outcome == DECLINED and found.next:
        raise Malformed("next is not given for who declines.", code="value", expression="next")
    return found


def _task(turn: Turn, id_: str) -> Resource:
    stored = turn.unit.stored(("Task", id_))
    if stored is None:
        raise NotFound(f"Task/{id_} is not known here.")
    if stored.deleted:
        raise Gone(f"Task/{id_} is deleted.")
    task = turn.unit.find(("Task", id_)) or {}
    if not is_coded(task.get("code"), TASKS, OUTREACH) or not first(task, "for", "Patient", turn.base_url):
        text = "This Task is no outreach: its code is outreach of careteam-task, and for a Patient of this server."
        raise Invalid(text, code="business-rule", expression="Task.code")
    if not is_open_outreach(task):
        raise Conflict("This Task is done already; log the attempt on the one that is open.", expression="Task.status")
    return task


def _log(turn: Turn, task: Resource, attempt: Attempt) -> Iterator[Resource]:
    patient = person(turn.session, first(task, "for", "Patient", turn.base_url), turn.base_url)
    if why := why_no_contact(known(turn.session, patient), turn.base_url):
        raise Conflict(f"The person is contacted no more: {why}.", expression="Task.for")
    owner = task.get("owner", {}).get("reference", "")
    said = _communication(turn, task, attempt, patient, attempt.by or _person(owner))
    turn.unit.update(said)
    turn.unit.update(_done(turn, task, attempt, said["id"]))
    name = f"Task/{task['id']}"
    yield {"name": "task", "valueReference": refer(name)}
    yield {"name": "communication", "valueReference": refer(f"Communication/{said['id']}")}
    unreached = unreached_before(task) + 1 if attempt.outcome == NOT_REACHED else 0
    escalates = unreached > 0 and unreached % MOST_UNREACHED == 0
    other = turn.open_task(CONTACT, patient)
    if attempt.outcome != DECLINED and (other is None or other["id"] == task["id"]):
        planned = plan(
            turn,
            patient,
            owner,
            str(task.get("priority", "urgent")),
            attempt.next or turn.now + _wait(task, attempt.outcome, unreached),
            unreached=unreached,
            after=task,
        )
        yield {"name": "next", "valueReference": refer(f"Task/{planned['id']}")}
    if attempt.outcome == REACHED:
        turn.close(ALARM, patient, "completed", note="The person was reached.")
    elif attempt.outcome == DECLINED or escalates:
        yield {"name": "alarm", "valueReference": refer(alarm(turn, patient, attempt.outcome, name))}


def _wait(task: Resource, outcome: str, unreached: int) -> int:
    """For how long the next contact may wait, in microseconds."""
    allowed = pace(task)
    if outcome == REACHED:
        return allowed.after
    return allowed.slower if unreached >= MOST_UNREACHED else allowed.again


def _person(owner: str) -> str:
    return owner if owner.partition("/")[0] in _STAFF else ""


def _status(attempt: Attempt) -> str:
    if attempt.outcome == REACHED:
        return "completed"
    return "in-progress" if attempt.outcome == NOT_REACHED and attempt.channel in _WRITTEN else "not-done"


def _communication(turn: Turn, task: Resource, attempt: Attempt, patient: str, sender: str) -> Resource:
    why = {"coding": [{"system": OUTCOMES, "code": attempt.outcome}]}
    if attempt.outcome in _WHY:
        why["coding"].append({"system": _REASONS, "code": _WHY[attempt.outcome]})
    when = instant(attempt.when)
    return {
        "resourceType": "Communication",
        "id": turn.new_id(),
        "basedOn": [refer(f"Task/{task['id']}")],
        "status": _status(attempt),
        **({"statusReason": why} if attempt.outcome in _WHY else {}),
        "category": [concept(TASKS, OUTREACH)],
        "medium": [medium(attempt.channel)],
        "subject": refer(patient),
        "sent": when,
        "recipient": [refer(patient)],
        **({"sender": refer(sender)} if sender else {}),
        **({"note": [{"time": when, "text": attempt.note}]} if attempt.note else {}),
    }


def _done(turn: Turn, task: Resource, attempt: Attempt, communication: str) -> Resource:
    outcome = {"type": concept(TASKS, OUTREACH), "valueCodeableConcept": concept(OUTCOMES, attempt.outcome)}
    said = {"type": concept(TASKS, OUTREACH), "valueReference": refer(f"Communication/{communication}")}
    return {
        **task,
        "status": "completed",
        "businessStatus": concept(OUTCOMES, attempt.outcome),
        "lastModified": turn.said,
        "executionPeriod": {**task.get("executionPeriod", {}), "end": instant(attempt.when)},
        "output": [*task.get("output", ()), outcome, said],
    }

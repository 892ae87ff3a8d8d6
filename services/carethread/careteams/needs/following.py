"""What follows from a Task about a need once it is stored: who has it is waited for, and what came of a referral is
told to the person and to who answers for them, each outcome once; then the next step is somebody's.

At night nobody is written to: a timer tells it in the morning. Who may not be contacted any more is not told.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.contact import known as known_patient
from carethread.careteams.contact import language_of, why_no_contact
from carethread.careteams.daytime import by_day, zone_of
from carethread.careteams.needs.asking import give, lead_of
from carethread.careteams.needs.need import Need, is_open, needs_of
from carethread.careteams.needs.offering import offer
from carethread.careteams.needs.shapes import ARRANGE, REFERRAL, REVIEW, TERMS, UNANSWERED, code, outcome_of, provider
from carethread.careteams.needs.texts import for_lead, for_person, spoken
from carethread.careteams.needs.told import medium_of
from carethread.careteams.needs.witnessing import witness
from carethread.careteams.needs.yes import has_yes, why_not
from carethread.careteams.tasks import OPEN, over, refer
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import begins, ends, ref
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.fhir.elements import extension
from carethread.core.ports import FOREVER, Resource, Session, Timer
from carethread.core.service import PROFILES, Runtime
from carethread.interactions.operations.once import derived
from carethread.interactions.requesting import request_change
from carethread.interactions.standing import present
from carethread.interactions.writing.unit import WriteUnit

DUE, TELL = "need-due", "need-told"
"""Kinds of timers: of a Task (its id) that is due, and of an outcome that is told in the morning (`id/outcome`)."""

OUTCOME_OF = {
    "accepted": "accepted",
    "in-progress": "accepted",
    "completed": "completed",
    "rejected": "rejected",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""What is told of a referral at a status."""

_RESULT_BY = PROFILES + "result-by"
_MET = "need-met"
_MODES = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"


def needs_follow(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Wait for what these Tasks ask for, and tell what came of referrals."""
    tasks = {id_: task for (_, id_), task in present(session, [("Task", id_) for id_ in ids]).items() if code(task)}
    if not tasks:
        return
    of = needs_of(session, [f"Task/{id_}" for id_ in tasks])
    unit = WriteUnit(runtime, session, context)
    session.timers.set_all(DUE, {id_: due for id_, task in tasks.items() if (due := awaited(task)) < FOREVER})
    for id_, task in sorted(tasks.items()):
        if code(task) == REFERRAL and (need := of.get(f"Task/{id_}")) is not None and task["status"] in OUTCOME_OF:
            _came_of_it(unit, need, task, OUTCOME_OF[task["status"]])
    unit.store()


def awaited(task: Resource) -> int:
    """Until when something is waited for, in microseconds: an answer, or what comes of it; FOREVER: nothing is."""
    if task["status"] not in OPEN:
        return FOREVER
    if code(task) == REFERRAL and task["status"] not in ("requested", "received"):
        return result_by(task)
    return ends(task.get("restriction", {}).get("period", {}).get("end"))


def result_by(task: Resource) -> int:
    """When who has accepted is to have helped: as they say it (`result-by`), else by priority from the begin on."""
    if said := extension(task, _RESULT_BY).get("valueInstant"):
        return ends(said)
    return begins(task["authoredOn"]) + sum(TERMS.get(task.get("priority", ""), TERMS["routine"]))


def alarm_id(id_: str, awaits: str) -> str:
    """The cause of the Task that a referral was not answered, or that nothing came of it."""
    return f"Task/{id_}/{awaits}"


def _came_of_it(unit: WriteUnit, need: Need, task: Resource, outcome: str) -> None:
    path = f"Task/{task['id']}"
    if unit.find(("Communication", _told_id(path, outcome, "lead"))) is not None:
        return
    _tell_lead(unit, need, task, outcome)
    _tell_person_by_day(unit, need, task, outcome)
    settled = ["answer"] if outcome == "accepted" else ["answer", "result", "left"]
    for awaits in settled:
        id_ = derived("Task", f"{need.path}/{UNANSWERED}/{alarm_id(task['id'], awaits)}")
        alarm = unit.find(("Task", id_))
        if alarm is not None and alarm["status"] in OPEN:
            unit.update({**over(alarm, "It was answered."), "lastModified": instant(unit.now)})
    if outcome == "accepted":
        return
    _requested_no_more(unit, need, task, outcome)
    if not is_open(unit.session, need):
        return
    if outcome == "completed" and outcome_of(task) == _MET:
        give(unit, need, REVIEW, path, source=path, why="Help was given: ask the person whether it is enough.")
    elif outcome == "cancelled":
        if not why_not(unit, need, task):
            give(unit, need, ARRANGE, path, source=path)
    elif has_yes(unit, need):
        give(unit, need, ARRANGE, path, source=path)
    else:
        offer(unit, need, path)


def _requested_no_more(unit: WriteUnit, need: Need, task: Resource, outcome: str) -> None:
    status = "completed" if outcome == "completed" else "revoked"
    id_ = ref(task, "focus", unit.base_url, "ServiceRequest").partition("/")[2]
    patch = [{"op": "replace", "path": "/status", "value": status}]
    if id_:
        target = "ServiceRequest", id_
        request_change(unit.session, target, patch, unit.context, key=need.key, condition="status=active,on-hold")


def _tell_lead(unit: WriteUnit, need: Need, task: Resource, outcome: str) -> None:
    session, base = unit.session, unit.base_url
    patient = person(session, need.patient, base)
    lead = lead_of(session, patient, unit.now, base)[0] or ref(task, "requester", base)
    id_ = _told_id(f"Task/{task['id']}", outcome, "lead")
    told = _message(task, id_, patient, lead, for_lead(outcome))
    unit.update({**told, "status": "completed", "sent": instant(unit.now)})
    by = provider(task) or ref(task, "owner", base)
    witness(unit, need, [f"Communication/{id_}"], [f"Task/{task['id']}"], by=by)


def _tell_person_by_day(unit: WriteUnit, need: Need, task: Resource, outcome: str) -> None:
    session, now, base = unit.session, unit.now, unit.base_url
    lead, department = lead_of(session, person(session, need.patient, base), now, base)
    morning = by_day(now, zone_of(session, department or lead, base))
    if morning > now:
        session.timers.set(TELL, f"{task['id']}/{outcome}", morning)
    else:
        _tell_person(unit, need, task, outcome)


def _tell_person(unit: WriteUnit, need: Need, task: Resource, outcome: str) -> None:
    """Have the person told, in their language; of what others must not read, by somebody who speaks with them."""
    session, base = unit.session, unit.base_url
    whom = person(session, need.patient, base)
    patient = known_patient(session, whom)
    id_ = _told_id(f"Task/{task['id']}", outcome, "person")
    if unit.find(("Communication", id_)) is not None or why_no_contact(patient, base):
        return
    language = spoken(language_of(patient))
    told = _message(task, id_, whom, whom, for_person(outcome, language))
    if mode := medium_of(need.category):
        told["medium"] = [{"coding": [{"system": _MODES, "code": mode}]}]
    unit.update({**told, "status": "preparation", "language": language})
    witness(unit, need, [f"Communication/{id_}"], [f"Task/{task['id']}"])


def told_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Tell in the morning what came of a referral at night."""
    id_, _, outcome = timer.key.partition("/")
    unit = WriteUnit(runtime, session, context)
    task, need = unit.find(("Task", id_)), needs_of(session, [f"Task/{id_}"]).get(f"Task/{id_}")
    if task is not None and need is not None:
        _tell_person(unit, need, task, outcome)
        unit.store()


def _told_id(path: str, outcome: str, whom: str) -> str:
    return derived("Communication", f"{path}/{outcome}/{whom}")


def _message(task: Resource, id_: str, patient: str, to: str, text: str) -> Resource:
    return {
        "resourceType": "Communication",
        "id": id_,
        "meta": {"security": task["meta"]["security"]},
        "category": [{"text": "What came of a referral"}],
        "subject": refer(patient),
        "about": [refer(f"Task/{task['id']}")],
        "basedOn": [refer(f"Task/{task['id']}")],
        **({"recipient": [refer(to)]} if to else {}),
        "payload": [{"contentString": text}],
    }

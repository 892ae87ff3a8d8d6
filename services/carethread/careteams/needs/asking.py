"""Whom of the care team a need is given to: who answers for the person, else whoever is there in the department."""

from __future__ import annotations

from carethread.careteams.alerting.chain import chain, following
from carethread.careteams.daytime import by_day, zone_of
from carethread.careteams.handing.fitness import why_gone
from carethread.careteams.handing.offering import department_of
from carethread.careteams.needs.need import Need, links
from carethread.careteams.needs.shapes import REVIEW, STEP, code, staff_task
from carethread.careteams.needs.witnessing import witness
from carethread.careteams.tasks import OPEN, over, refer
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import can_answer, person
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.fhir.elements import extension
from carethread.core.fhir.targets import key_of
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES
from carethread.interactions.operations.once import derived
from carethread.interactions.writing.unit import WriteUnit


def lead_of(session: Session, patient: str, now: int, base: str) -> tuple[str, str]:
    """Who answers for a person (`Practitioner/1`), and of which department that team is; each may be empty."""
    standing = accountable(session, patient, now, base)
    department = department_of(session, standing.team, base) if standing else ""
    lead = can_answer(session, standing.member, now, base) if standing else ""
    if lead or not department:
        return lead, department
    whom = {"for": refer(patient)}
    return following(session, chain(session, whom, department, now, base), "", now, base), department


def give(unit: WriteUnit, need: Need, what: str, cause: str, *, source: str, why: str = "", by: str = "") -> None:
    """Give the next step of a need (a code of a Task) to who answers for the person, unless that one is gone.

    `cause` is what it follows from, by which it is made once. It is given to nobody where history tells of it.
    """
    id_ = derived("Task", f"{need.path}/{what}/{cause}")
    path = f"Task/{id_}"
    if unit.find(("Task", id_)) is not None:
        return
    session, now, base = unit.session, unit.now, unit.base_url
    whose = person(session, need.patient, base)
    if why_gone(session, whose, base):
        return
    owner, department = lead_of(session, whose, now, base)
    history = unit.context.backfill
    due = 0 if history else by_day(now + STEP, zone_of(session, owner or department, base))
    made = staff_task(need, id_, what, whose, "" if history else owner, department, now, due, source, why)
    unit.update(made)
    witness(unit, need, [path], [source], by=by)


def tasks_of(unit: WriteUnit, need: Need) -> list[Resource]:
    """The Tasks of a need, locked, the oldest first."""
    keys = [key_of(path) for path in links(unit.session, need, "Task")]
    unit.load(keys)
    found = [task for key in keys if (task := unit.find(key)) and code(task)]
    return sorted(found, key=lambda task: (task["authoredOn"], task["id"]))


def open_tasks(unit: WriteUnit, need: Need, *codes: str) -> list[Resource]:
    """Those that somebody has still to do, of some codes if any are given."""
    found = [task for task in tasks_of(unit, need) if task["status"] in OPEN]
    return [task for task in found if not codes or code(task) in codes]


def settle(
    unit: WriteUnit, need: Need, why: str, *codes: str, status: str = "completed", decision: str = "", output: str = ""
) -> list[str]:
    """Have nobody do what is still open of a need any more, and say why; returns the paths of these Tasks.

    `decision` is what somebody has decided, `output` what was made (`Consent/1`).
    """
    settled = []
    for task in open_tasks(unit, need, *codes):
        made = [{"type": {"text": "Decision"}, "valueCode": decision}] if decision else []
        made += [{"type": {"text": "Result"}, "valueReference": refer(output)}] if output else []
        done = {**over(task, why), "status": status, "lastModified": instant(unit.now)}
        unit.update({**done, **({"output": [*done.get("output", ()), *made]} if made else {})})
        settled.append(f"Task/{task['id']}")
    return settled


def passed_on(unit: WriteUnit, task: Resource) -> Resource:
    """A Task that its owner did not do in time, given to who comes after them, for a day each."""
    session, now, base = unit.session, unit.now, unit.base_url
    _, department = lead_of(session, ref(task, "for", base), now, base)
    department, owner = department or _department_of(task), ref(task, "owner", base)
    whom = following(session, chain(session, task, department, now, base), owner, now, base)
    stays = can_answer(session, owner, now, base)
    return _given(unit, task, whom or stays or department or owner, department, DAY)


def given_back(unit: WriteUnit, task: Resource) -> Resource:
    """A Task whose owner is not there any more, given to who answers for the person, else to their department; nobody
    has begun with it then, and it has its time anew."""
    session, now, base = unit.session, unit.now, unit.base_url
    whom, department = lead_of(session, ref(task, "for", base), now, base)
    department = department or _department_of(task)
    return _given(unit, task, whom or can_answer(session, department, now, base) or department, department, STEP)


def _department_of(task: Resource) -> str:
    return ref(dict(extension(task, PROFILES + "department")), "valueReference")


def _given(unit: WriteUnit, task: Resource, whom: str, department: str, wait: int) -> Resource:
    end = instant(by_day(unit.now + wait, zone_of(unit.session, whom or department, unit.base_url)))
    restriction = task.get("restriction", {})
    made = {**task, "status": "requested", "lastModified": instant(unit.now)}
    made["restriction"] = {**restriction, "period": {**restriction.get("period", {}), "end": end}}
    return {**made, "owner": refer(whom)} if whom else {name: made[name] for name in made if name != "owner"}


def is_for_nobody(task: Resource) -> bool:
    """Whether a Task stands on the list of what history told, which nobody was asked to do."""
    return code(task) == REVIEW and "restriction" not in task

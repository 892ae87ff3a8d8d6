"""`Task/[id]/$code-comment`: a person reads a comment and says what it is about, by one theme or several.

Until then its Task is on the list of what waits (`GET Task?code=code-comment&status=requested`). Whoever it is about
does not have it.
"""

from __future__ import annotations

from carethread.careteams.feedback.owning import chain, department_of, is_concerned, owner_of
from carethread.careteams.feedback.resolving import STAFF, one_of
from carethread.careteams.feedback.terms import (
    CODE,
    DEPARTMENT,
    SEVERITIES,
    SEVERITY,
    THEME,
    THEMES,
    UNTOLD,
    WITHDRAWN_WHY,
    coded,
    concept,
    is_of,
    outputs,
    with_output,
)
from carethread.careteams.feedback.themes import ALL, SEVERE
from carethread.careteams.history import is_history
from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Gone, Invalid, Malformed, NotFound
from carethread.core.fhir.elements import with_extensions
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Ruling, Runtime, Unit
from carethread.interactions.operations.given import Given
from carethread.interactions.operations.parameters import refuse_objects
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit

TAKES = ("by", "theme", "severity")
_MOST_THEMES = 5


def is_comment(task: Resource | None) -> bool:
    """Whether a Task is a comment that gets its themes."""
    return is_of(task, CODE)


def comment_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Give a new one an owner; it is over with a theme, or where there is nothing to code any more. Raises Invalid."""
    if after is None or not (is_comment(before) or is_comment(after)):
        return Ruling()
    if before is None or not is_comment(before):
        return Ruling(resource=_begun(unit, after))
    for name in ("code", "focus", "authoredOn"):
        if before.get(name) != after.get(name):
            raise Invalid("This stays as it was.", code="business-rule", expression=f"Task.{name}")
    if is_history(unit.context, before, after, is_comment):
        return Ruling()
    if after["status"] == "completed":
        _refuse_uncoded(after)
    elif after["status"] == "cancelled" and coded(after.get("statusReason"), UNTOLD).isdisjoint(WITHDRAWN_WHY):
        said = f"It is cancelled where there is nothing to code: give one of {', '.join(WITHDRAWN_WHY)}."
        raise Invalid(said, code="required", expression="Task.statusReason")
    whom = ref(after, "owner", unit.base_url)
    if whom != ref(before, "owner", unit.base_url):
        _refuse_concerned(unit, after, whom)
    return Ruling()


def _begun(unit: Unit, task: Resource) -> Resource:
    of = department_of(unit.session, task, unit.now, unit.base_url)
    if of:
        task = with_extensions(task, {DEPARTMENT: {"valueReference": {"reference": of}}})
    people = chain(unit.session, task, of, unit.now, unit.base_url)
    owner = owner_of(next(iter(people), ""), of)
    return {**task, "owner": owner, "authoredOn": task.get("authoredOn", instant(unit.now))}


def _refuse_uncoded(task: Resource) -> None:
    found = {code for each in outputs(task, THEME) for code in coded(each.get("valueCodeableConcept"), THEMES)}
    if not found or not found <= set(ALL):
        said = f"A comment has one theme or several, of {', '.join(ALL)}: POST Task/[id]/$code-comment."
        raise Invalid(said, code="required", expression="Task.output")


def _refuse_concerned(unit: Unit, task: Resource, whom: str) -> None:
    if is_concerned(unit.session, task, whom, unit.now, unit.base_url):
        said = "Who a comment is about does not code it; name somebody else."
        raise Invalid(said, code="business-rule", expression="Task.owner")


def code_comment(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Say what a comment is about; said again it is what was said last.

    Raises Malformed and Invalid for the parameters, NotFound or Gone, Conflict for a comment that is none any more.
    """
    authorize("update", "Task", context)
    given = Given(call, runtime.base_url, TAKES)
    by = given.needed("by", *STAFF)
    refuse_objects(call.body, call.params, ("theme",))
    found = list(dict.fromkeys(call.params.get("theme", ())))
    if not found or not set(found) <= set(ALL) or len(found) > _MOST_THEMES:
        said = f"theme is given 1 to {_MOST_THEMES} times, each one of {', '.join(ALL)}."
        raise Malformed(said, code="value" if found else "required", expression="theme")
    severity = one_of("severity", given.text("severity"), SEVERE)
    refuse_unknown_people(runtime, [(by, "by")], context)

    def work(session: Session) -> Resource:
        unit = WriteUnit(runtime, session, context)
        task = _comment(unit, call.id)
        _refuse_concerned(unit, task, by)
        task = with_output(task, THEME, *({"valueCodeableConcept": concept(THEMES, each)} for each in found))
        level = [{"valueCodeableConcept": concept(SEVERITIES, severity)}] if severity else []
        task = with_output(task, SEVERITY, *level)
        period = {"start": instant(unit.now), **task.get("executionPeriod", {}), "end": instant(unit.now)}
        task |= {"status": "completed", "owner": {"reference": by}, "executionPeriod": period}
        unit.do(Command("Task", call.id, task))
        unit.store()
        return {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "task", "valueReference": {"reference": f"Task/{call.id}"}},
                *({"name": "theme", "valueCode": each} for each in found),
                *([{"name": "severity", "valueCode": severity}] if severity else ()),
            ],
        }

    return runtime.store.transact(work)


def _comment(unit: WriteUnit, id_: str) -> Resource:
    task = unit.find(("Task", id_))
    if task is None:
        said = f"Task/{id_}"
        raise Gone(f"{said} was deleted.") if unit.stored(("Task", id_)) else NotFound(f"{said} is not here.")
    if not is_comment(task):
        raise Invalid(f"Task/{id_} is no comment to be coded.", code="business-rule", expression="Task.code")
    if task["status"] == "cancelled":
        raise Conflict(f"Task/{id_} is over: what was to be coded is not there any more.", expression="Task.status")
    return task

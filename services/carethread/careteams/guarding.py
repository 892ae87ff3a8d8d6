"""What a client may not do to a Task of ours, so that nobody is lost by a plain write: have it be about another person,
put it off for years, give it to somebody whom nobody knows, or delete it.

What an EHR sends (`meta.source`) is stored as sent. Hand-offs have a rule of their own, in `handing.rule`.
Source: http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from carethread.careteams.tasks import LONGEST, TASKS
from carethread.careteams.teams.reading import ends
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import at, keys_at
from carethread.core.ports import FOREVER, Resource
from carethread.core.service import Ruling, Unit
from carethread.interactions.standing import present


def is_ours(task: Resource | None) -> bool:
    """Whether a Task has a code of CareThread's own, and is no EHR's."""
    return task is not None and "source" not in task.get("meta", {}) and TASKS in at(task, "code.coding.system")


def stays_ours(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """A Task of ours becomes no EHR's by a source that somebody writes into it, such as an engine that echoes it: all
    other rules would let it go."""
    if after is None or not is_ours(before) or "source" not in after.get("meta", {}):
        return Ruling()
    return Ruling(resource={**after, "meta": {name: each for name, each in after["meta"].items() if name != "source"}})


def task_guarded(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse what would lose somebody. Raises Conflict for what stays, Invalid for a time or an owner that is none."""
    if unit.own or not (is_ours(before) or (before is None and is_ours(after))):
        return Ruling()
    if after is None:
        said = "A Task of ours is not deleted, for it tells what was asked and done: cancel it, and say why."
        raise Conflict(said, expression="Task")
    if before is not None and keys_at(before, "for", unit.base_url) != keys_at(after, "for", unit.base_url):
        raise Conflict("Whom a Task is for stays: cancel it, say why, and make another.", expression="Task.for")
    if before is not None or not unit.context.backfill:
        _refuse_far(unit, before or {}, after)
    if before is not None:
        _refuse_nobody(unit, before, after)
    return Ruling()


def _refuse_far(unit: Unit, before: Resource, after: Resource) -> None:
    was, is_ = _due(before), _due(after)
    if is_ != was and is_ > unit.now + LONGEST and (before or is_ < FOREVER):
        said = "A Task of ours is due within 366 days; give a time that is sooner."
        raise Invalid(said, code="value", expression="Task.restriction.period.end")


def _due(task: Resource) -> int:
    return ends(task.get("restriction", {}).get("period", {}).get("end"))


def _refuse_nobody(unit: Unit, before: Resource, after: Resource) -> None:
    owners = keys_at(after, "owner", unit.base_url)
    if before.get("owner") == after.get("owner") or owners == keys_at(before, "owner", unit.base_url) != []:
        return
    if not owners or not present(unit.session, owners):
        said = "Who has to do it is somebody known here; name them, or send it again once they are known."
        raise Invalid(said, code="not-found", expression="Task.owner")

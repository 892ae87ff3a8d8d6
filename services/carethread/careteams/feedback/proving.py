"""Proof that somebody was told: only the message that the service made for their feedback is one, and it says what it
said and to whom until whoever delivers it says how that went.

Which message is for which feedback, and since when that is asked, is a place that is claimed when the message is made:
a Communication that only looks like it proves nothing, nor does one of an earlier asking.
Source: http://hl7.org/fhir/R4/communication.html.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.careteams.teams.reading import begins
from carethread.core.clock import instant
from carethread.core.errors import Conflict, Invalid
from carethread.core.ports import Resource, Session
from carethread.core.service import Ruling, Unit

_KIND = "feedback-told"
"""The kind of place by which a message (its id) is for a Task."""

_FREE = frozenset({"status", "statusReason", "sent", "received", "medium", "note", "text", "meta"})
"""What whoever delivers it may say; the rest is another message. Of `meta` the rest is judged by its members."""

_STAMPS = frozenset({"versionId", "lastUpdated"})
"""What of `meta` the server sets itself."""

_ON = ("preparation", "in-progress", "on-hold")
_NEXT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_ON, (*_ON, "completed", "not-done", "stopped", "entered-in-error")),
    "completed": ("completed", "entered-in-error"),
}
"""What may follow a status; what came to nothing stays so, and the person is told by another message."""


def claim_telling(session: Session, id_: str, task: Resource) -> None:
    """Have a message, which is made now, be the one by which the person of a Task is told."""
    session.claim(_KIND, id_, _asking(task))


def is_telling(session: Session, id_: str, task: Resource) -> bool:
    """Whether a message was made for a Task as it is asked now."""
    return session.claimed(_KIND, [id_]).get(id_) == _asking(task)


def _asking(task: Resource) -> str:
    """A Task, and since when it is asked: what is said later on has it begin again."""
    return f"{task['id']} {begins(task.get('restriction', {}).get('period', {}).get('start'))}"


def telling_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse to change a message of ours but in how it was delivered; one that is completed says when.

    Raises Conflict for what stays, Invalid for what cannot be.
    """
    if unit.own or before is None or "basedOn" not in before or not unit.session.claimed(_KIND, [id_]):
        return Ruling()
    if after is None:
        raise Conflict("Somebody is told by this: it is not deleted. Set its status to not-done or entered-in-error.")
    changed = {name for name in {*before, *after} - _FREE if before.get(name) != after.get(name)}
    if changed:
        said = "What somebody is told stays as it was made: set its status to not-done, and resolve it once more."
        raise Conflict(said, expression=f"Communication.{min(changed)}")
    after = {**after, "meta": _labels(before.get("meta", {}), after.get("meta", {}))}
    was, becomes = before["status"], after["status"]
    if becomes not in _NEXT.get(was, (was,)):
        said = f"It is {was} for good: POST Task/[id]/$resolve-feedback has somebody told by another message."
        raise Conflict(said, expression="Communication.status")
    if becomes != "completed":
        return Ruling(resource=after)
    if begins(after.get("sent", instant(unit.now))) > unit.now:
        raise Invalid("It is told once it was sent: sent is not later than now.", expression="Communication.sent")
    return Ruling(resource={**after, "sent": after.get("sent", instant(unit.now))})


def _labels(was: Resource, is_: Resource) -> Resource:
    """The `meta` of a message, which stays also where it is left out. Raises Conflict where something else is said."""
    changed = {name for name in is_.keys() - _STAMPS if is_[name] != was.get(name)}
    if changed:
        said = "The labels of what somebody is told stay, and it becomes no EHR's: leave meta out."
        raise Conflict(said, expression=f"Communication.meta.{min(changed)}")
    return was

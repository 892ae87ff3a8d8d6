"""The next contact with somebody: one open Task of outreach at a time, with the moment by which it is due.

It goes along with the navigator. Who wants no contact has none, until they step down and come to be at high risk again.
"""

from __future__ import annotations

from carethread.careteams.daytime import by_day, zone_of
from carethread.careteams.navigation.navigators import reference
from carethread.careteams.navigation.shapes import task, with_count
from carethread.careteams.navigation.terms import CONTACT, FLAGGED, OUTREACH, PACES
from carethread.careteams.navigation.turn import Turn
from carethread.careteams.tasks import refer
from carethread.core.clock import instant
from carethread.core.ports import Resource


def begin_or_pass(turn: Turn, patient: str, role: str, priority: str) -> None:
    """Have a navigator make the first contact, or go on with the next one."""
    if turn.holder(CONTACT, patient):
        pass_to(turn, patient, role)
    else:
        plan(turn, patient, role, priority, turn.now + PACES[priority].first)


def plan(
    turn: Turn, patient: str, owner: str, priority: str, due: int, *, unreached: int = 0, after: Resource | None = None
) -> Resource:
    """Make the Task of the next contact, by day where its owner works; `after` is the one before."""
    due = by_day(due, zone_of(turn.session, owner, turn.base_url))
    focus = reference(after or {}, "focus", "Flag", turn.base_url) or turn.holder(FLAGGED, patient)
    made = task(
        turn.new_id(), OUTREACH, patient, turn.said, priority=priority, owner=owner, focus=focus, due=instant(due)
    )  # fmt: skip
    made = with_count(made, unreached)
    if after:
        made["partOf"] = [refer(f"Task/{after['id']}")]
    turn.put(CONTACT, patient, made)
    return made


def pass_to(turn: Turn, patient: str, owner: str) -> None:
    """Have somebody else make the next contact, if one is planned; an empty owner changes nothing."""
    planned = turn.open_task(CONTACT, patient)
    if planned and owner and planned.get("owner") != refer(owner):
        turn.unit.update({**planned, "owner": refer(owner), "lastModified": turn.said})

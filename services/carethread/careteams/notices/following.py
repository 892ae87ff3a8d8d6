"""What follows from a notice: its readers are entered, reminded until the last has read it, and the sender is told.

`notice_stored` and `team_hears` are called as Communications and CareTeams are stored. A role that comes, goes or moves
is seen to by a timer of its own, by the business clock, for copies come at any time.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.meeting.people import Reader
from carethread.careteams.notices.addressed import above, in_order, readers_of
from carethread.careteams.notices.notice import (
    CATEGORY,
    NOTIFICATION,
    STANDING,
    in_force,
    is_notice,
    next_reminder,
    reminder,
    terms,
)
from carethread.careteams.tasks import OPEN, TASKS
from carethread.careteams.teams.reading import begins, ends
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import FOREVER, Recipient, Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.operations.once import derived
from carethread.interactions.standing import here
from carethread.interactions.writing.unit import WriteUnit

REMINDER, JOINING = "notice", "joining"
"""Kinds of timers: of a notice, its key the Communication's id, and of a role that has changed, its key its id."""

_AT_ONCE = 500
"""Readers whom one reminder names."""

_MOST = 1_000
"""Notices in force that somebody comes to."""


def notice_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Enter the readers of notices that are new, and wait no longer for those of what was withdrawn."""
    for (_, id_), stored in session.current([("Communication", id_) for id_ in ids]).items():
        notice = None if stored.deleted else json.restore(stored.body)
        if notice is not None and not is_notice(notice):
            continue
        known = session.notices.tally(id_).readers
        if notice is None or notice["status"] not in STANDING:
            if known:
                _end(runtime, session, id_, context)
        elif not known and not context.backfill:
            refresh(runtime, session, id_, context)


def team_hears(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Bring the notices that are in force to those who have joined a team, and take them from those who have left."""
    if not context.backfill:
        _again(runtime, session, [f"CareTeam/{id_}" for id_ in ids], (), context)


def role_moves(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """See to the notices of those whose roles have changed, soon."""
    for id_ in ids:
        session.timers.set(JOINING, id_, to_micros(context.clock()))


def joining_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Bring the notices of a department to who has come, take them from who has gone, and look again when a role that
    is to begin or to end does."""
    role = here(session, ("PractitionerRole", timer.key)) or {}
    reader = Reader(session, runtime.base_url, context)
    departments = above(reader, reader.keys(role, "organization")) if role else set()
    persons = [f"PractitionerRole/{timer.key}", *reader.keys(role, "practitioner")]
    _again(runtime, session, sorted(departments), persons, context)
    now, period = to_micros(context.clock()), role.get("period", {})
    if later := [each for each in (begins(period.get("start")), ends(period.get("end"))) if now < each < FOREVER]:
        session.timers.set(JOINING, timer.key, min(later))


def _again(
    runtime: Runtime, session: Session, addressed: Sequence[str], persons: Sequence[str], context: Context
) -> None:
    """Look anew at the notices that are addressed so, and at those that somebody has still to read."""
    found = {each.notice for each in session.notices.unread(persons, _MOST)}
    if addressed:
        reader = Reader(session, runtime.base_url, context)
        params = [("recipient", ",".join(addressed)), ("status", ",".join(STANDING))]
        params.append(("category", f"{CATEGORY}|{NOTIFICATION}"))
        found |= {one.id for one in reader.search("Communication", *params)}
    for id_ in sorted(found):
        refresh(runtime, session, id_, context)


def refresh(runtime: Runtime, session: Session, id_: str, context: Context) -> None:
    """Have those read a notice whom it reaches now, and nobody else, where it is in force."""
    notice = WriteUnit(runtime, session, context).find(("Communication", id_))  # locked, as for each acknowledgement
    now = to_micros(context.clock())
    if notice is None or not in_force(notice, now):
        return
    reader, when = Reader(session, runtime.base_url, context), terms(notice)
    reached = readers_of(reader, in_order(notice, runtime.base_url), now)
    since = now if session.notices.tally(id_).readers else when.sent
    session.notices.enter(
        [Recipient(id_, who, cause, since, when.due(since)) for who, cause in sorted(reached.items())]
    )
    gone = {each.reader for each in outstanding(session, id_)} - reached.keys()
    session.notices.depart(id_, gone, now)
    settle(runtime, session, id_, context)


def outstanding(session: Session, id_: str) -> list[Recipient]:
    """Who has not read a notice yet."""
    return session.notices.of_notice(id_, "", 2 * _AT_ONCE * _AT_ONCE, outstanding=True)


def settle(runtime: Runtime, session: Session, id_: str, context: Context) -> None:
    """Say of a notice whether all have read it; whoever calls this has locked it."""
    unit = WriteUnit(runtime, session, context)
    notice, now = unit.find(("Communication", id_)), to_micros(context.clock())
    if notice is None or not is_notice(notice) or notice["status"] not in STANDING:
        return
    tally = session.notices.tally(id_)
    if tally.outstanding == 0 and tally.acknowledged:
        session.timers.cancel(REMINDER, id_)
        if notice["status"] == "in-progress":
            unit.update({**notice, "status": "completed", "received": instant(now)})
        _close_alarm(unit, id_, "completed")
    elif tally.outstanding:
        if notice["status"] == "completed":
            unit.update({**{k: v for k, v in notice.items() if k != "received"}, "status": "in-progress"})
        if due := next_reminder(tally.soonest, now):
            session.timers.set(REMINDER, id_, due)
    unit.store()


def notice_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Remind those who have not read a notice, and tell its sender of those who should have."""
    refresh(runtime, session, timer.key, context)
    notice, now = here(session, ("Communication", timer.key)), to_micros(context.clock())
    if notice is None or not in_force(notice, now):
        session.notices.depart(timer.key, None, now)
        return
    waited_for = outstanding(session, timer.key)
    unit = WriteUnit(runtime, session, context)
    for number, start in enumerate(range(0, len(waited_for), _AT_ONCE)):
        id_ = derived("CommunicationRequest", f"{timer.key}/{timer.due}/{number}")
        unit.update(reminder(id_, timer.key, notice["sender"], waited_for[start : start + _AT_ONCE], now))
    late = sum(each.due <= now for each in waited_for)
    if late:
        unit.update(_alarm(timer.key, notice, late, context))
    unit.store()


def _end(runtime: Runtime, session: Session, id_: str, context: Context) -> None:
    session.notices.depart(id_, None, to_micros(context.clock()))
    session.timers.cancel(REMINDER, id_)
    unit = WriteUnit(runtime, session, context)
    _close_alarm(unit, id_, "cancelled")
    unit.store()


def _alarm_id(id_: str) -> str:
    return derived("Task", f"{id_}/unread")


def _alarm(id_: str, notice: Resource, late: int, context: Context) -> Resource:
    return {
        "resourceType": "Task",
        "id": _alarm_id(id_),
        "basedOn": [{"reference": f"Communication/{id_}"}],
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {"coding": [{"system": TASKS, "code": "acknowledge"}], "text": "A notice that some have not read"},
        "description": f"{late} of its readers have not acknowledged it in time.",
        "focus": {"reference": f"Communication/{id_}"},
        "authoredOn": instant(to_micros(context.clock())),
        "owner": notice["sender"],
    }


def _close_alarm(unit: WriteUnit, id_: str, status: str) -> None:
    alarm = unit.find(("Task", _alarm_id(id_)))
    if alarm is not None and alarm["status"] in OPEN:
        unit.update({**alarm, "status": status})

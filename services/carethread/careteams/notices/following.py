"""What follows from a notice: its readers are entered, reminded until the last has read it, and the sender is told.

`notice_stored` is called as Communications are stored. Whoever comes, goes or moves (a person, a role, a department, a
team) has a timer, by the business clock, which finds the notices that this may be about; each of these has a timer of
its own, so that a transaction sees to the readers of one notice.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.daytime import by_day, zone_of
from carethread.careteams.meeting.people import Reader, aliases
from carethread.careteams.notices.addressed import batched, in_order, leading_to, readers_of
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
from carethread.careteams.tasks import OPEN, asked, refer
from carethread.careteams.teams.reading import begins, ends, members_of
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.targets import key_of
from carethread.core.ports import FOREVER, Recipient, Resource, Session, Timer
from carethread.core.service import Runtime, StoredHook
from carethread.interactions.operations.once import derived
from carethread.interactions.standing import here
from carethread.interactions.writing.unit import WriteUnit

REMINDER, JOINING, READERS = "notice", "joining", "notice-readers"
"""Kinds of timers: of a notice (its key the Communication's id), of who has come, gone or moved (`CareTeam/1`), and of
a notice whose readers may be others."""

_AT_ONCE = 500
"""Readers whom one reminder names."""

_MOST = 10_000
"""What somebody has still to read."""


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


def moves(type_name: str) -> StoredHook:
    """The hook of a type that notices are addressed to, or come through: those of what has changed are seen to."""

    def stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        if not (context.backfill and runtime.service.owns(type_name)):
            now = to_micros(context.clock())
            session.timers.set_all(JOINING, {f"{type_name}/{id_}": now for id_ in ids})

    return stored


def joining_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Have those notices looked at that lead to somebody who has come or gone, each by itself, and look again when the
    time of a role, or of one on a team, begins or ends."""
    reader, now = Reader(session, runtime.base_url, context), to_micros(context.clock())
    found = {each.notice for each in session.notices.unread(sorted(aliases(reader, [timer.key])), _MOST)}
    standing = ("status", ",".join(STANDING)), ("category", f"{CATEGORY}|{NOTIFICATION}")
    for some in batched(leading_to(reader, timer.key)):
        found |= {each.id for each in reader.search("Communication", ("recipient", some), *standing)}
    session.timers.set_all(READERS, dict.fromkeys(sorted(found), now))
    if later := [each for each in _turns(session, timer.key, runtime.base_url) if now < each < FOREVER]:
        session.timers.set(JOINING, timer.key, min(later))


def _turns(session: Session, named: str, base: str) -> list[int]:
    """When somebody begins or ends to be a role, or one of a team."""
    one = here(session, key_of(named)) or {}
    if named.startswith("CareTeam/"):
        return [moment for each in members_of(one, base) for moment in (each.begin, each.end)]
    period = one.get("period", {})
    return [begins(period.get("start")), ends(period.get("end"))]


def readers_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Have those read a notice whom it reaches now."""
    refresh(runtime, session, timer.key, context)


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
            session.timers.set(REMINDER, id_, _awake(session, notice, due, runtime.base_url))
    unit.store()


def _awake(session: Session, notice: Resource, due: int, base: str) -> int:
    """When those are reminded of a notice who are to be so at a moment: of a routine one not at night, by the clock of
    whom it is addressed to first."""
    if notice.get("priority", "routine") != "routine":
        return due
    return by_day(due, zone_of(session, in_order(notice, base)[0], base))


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
    return asked(
        _alarm_id(id_),
        "acknowledge",
        instant(to_micros(context.clock())),
        text="A notice that some have not read",
        description=f"{late} of its readers have not acknowledged it in time.",
        basedOn=[refer(f"Communication/{id_}")],
        focus=refer(f"Communication/{id_}"),
        owner=notice["sender"],
    )


def _close_alarm(unit: WriteUnit, id_: str, status: str) -> None:
    alarm = unit.find(("Task", _alarm_id(id_)))
    if alarm is not None and alarm["status"] in OPEN:
        unit.update({**alarm, "status": status})

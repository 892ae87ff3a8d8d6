"""What follows from an Appointment once it is stored: timers, and what is requested of other services.

A rule can do none of it, for its write may only be tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session, Stored, Timer
from carethread.core.service import Runtime
from carethread.interactions.requesting import request
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.booking.calendars import appointments_entered, versions
from carethread.scheduling.booking.rule import end_hold
from carethread.scheduling.noshow.watching import watched
from carethread.scheduling.rebooking.tasks import ask_after_cancellation, settle_rebooking
from carethread.scheduling.rules import hold_until, is_ours, overridden
from carethread.scheduling.visits.traces import correction_trace, override_traces
from carethread.scheduling.visits.transitions import CORRECTIONS, is_correction
from carethread.scheduling.waitlist.listing import waiting_entered
from carethread.scheduling.waitlist.seeking import look_for

HOLD_TIMER = "hold"
"""The kind of timer that announces the end of a hold; its key is the Appointment's id."""


def appointment_follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Enter what is taken and who waits, announce the ends of holds, and have others told of what concerns them."""
    found = list(versions(session, "Appointment", ids))
    appointments_entered(runtime, session, found, context)
    waiting = waiting_entered(session, found, runtime.base_url)
    if context.backfill:
        return
    look_for(session, waiting, context)
    for stored, appointment in found:
        until = hold_until(appointment)
        if until:
            session.timers.set(HOLD_TIMER, stored.id, until)
        elif stored.version > 1:
            session.timers.cancel(HOLD_TIMER, stored.id)
        if appointment and is_ours(appointment):
            watched(session, stored.id, appointment, context, new=stored.version == 1)
            for trace in _traces(runtime, session, stored, appointment, context):
                request(session, trace, context, new=True)
        settle_rebooking(session, stored, appointment, runtime.base_url, context)


def _traces(
    runtime: Runtime, session: Session, stored: Stored, appointment: Resource, context: Context
) -> Iterator[Resource]:
    passed, status = bool(overridden(appointment)), appointment["status"]
    if not passed and (stored.version == 1 or status not in CORRECTIONS):
        return
    earlier = session.version(("Appointment", stored.id), stored.version - 1) if stored.version > 1 else None
    before = json.parse(earlier.body) if earlier and not earlier.deleted else None
    if passed:
        yield from override_traces(before, appointment, stored, context)
    if is_correction(before, appointment):
        yield correction_trace(stored, context)
    ask_after_cancellation(session, before, appointment, stored, runtime.base_url, context)


def hold_over(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """End a hold whose time is over, unless something has become of it meanwhile."""
    unit = WriteUnit(runtime, session, context)
    end_hold(unit, timer.key)
    unit.store()

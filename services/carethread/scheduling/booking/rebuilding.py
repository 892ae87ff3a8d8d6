"""The calendar of a database that had Slots and Appointments before it had a calendar: entered once, a chunk at a time.

The migration that makes the tables sets the timer; a process that ends in between goes on where it was.
"""

from __future__ import annotations

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime
from carethread.scheduling.booking.aliases import taking
from carethread.scheduling.booking.calendars import slot_stored, versions
from carethread.scheduling.waitlist.listing import waiting_entered

CALENDAR = "calendar"
"""The kind of timer; its key is the type that is gone through, its payload the place behind which it goes on."""


def enter_anew(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Enter the next Appointments or Slots, and have those behind them entered."""
    chunk = next(iter(runtime.store.dump(timer.key, int(timer.payload or b"0"))))
    ids = [stored.id for stored in chunk.versions]
    if not ids:
        return
    session.current([(timer.key, id_) for id_ in ids], lock=True)  # until all is entered nobody changes them
    if timer.key == "Slot":
        slot_stored(runtime, session, ids, context)
    else:
        found = list(versions(session, timer.key, ids))
        there = {one.id: resource for one, resource in found if resource}
        session.calendar.occupy(taking(session, there, runtime.base_url), instead=ids)
        waiting_entered(session, found, runtime.base_url)
    session.timers.set(CALENDAR, timer.key, to_micros(context.clock()), str(chunk.through).encode())

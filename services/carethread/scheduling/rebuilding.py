"""The calendar of a database that had Slots and Appointments before it had a calendar: entered once, a chunk at a time.

The migration that makes the tables sets the timer; a process that ends in between goes on where it was.
"""

from __future__ import annotations

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime
from carethread.scheduling.calendars import slot_stored
from carethread.scheduling.rules import busy_rows
from carethread.scheduling.standing import present

CALENDAR = "calendar"
"""The kind of timer; its key is the type that is gone through, its payload the place behind which it goes on."""


def enter_anew(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Enter the next Appointments or Slots, and have those behind them entered."""
    chunk = next(iter(runtime.store.dump(timer.key, int(timer.payload or b"0"))))
    ids = [stored.id for stored in chunk.versions]
    if not ids:
        return
    if timer.key == "Slot":
        slot_stored(runtime, session, ids, context)
    else:
        there = present(session, [(timer.key, id_) for id_ in ids])
        rows = [row for (_, id_), found in there.items() for row in busy_rows(found, id_, runtime.base_url)]
        session.calendar.occupy(rows, instead=ids)
    session.timers.set(CALENDAR, timer.key, to_micros(context.clock()), str(chunk.through).encode())

"""One timer for each visit that is booked here: for its reminders, and for what has become of it.

The timer only announces; each time it is looked whether the visit still stands.
"""

from __future__ import annotations

from datetime import tzinfo

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.standing import here
from carethread.scheduling.noshow.closing import GRACE, close
from carethread.scheduling.noshow.reminding import in_the_morning, next_reminder, remind, zone_of_visit

VISIT = "visit"
"""The kind of timer; its key is the Appointment's id."""


def watched(
    session: Session,
    id_: str,
    appointment: Resource | None,
    context: Context,
    *,
    new: bool = False,
    zone: tzinfo | None = None,
) -> None:
    """Have a visit that is booked watched, and no other. Its zone need not be known: then night is seen to later."""
    if appointment and appointment["status"] == "booked":
        now = to_micros(context.clock())
        due = next_reminder(moment(appointment.get("start")), now, zone) or moment(appointment.get("end")) + GRACE
        session.timers.set(VISIT, id_, due)
    elif not new:
        session.timers.cancel(VISIT, id_)


def visit_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Remind of a visit that is to come, or see what has become of one that is past. Raises Busy as `close` does."""
    appointment = here(session, ("Appointment", timer.key))
    if appointment is None or appointment["status"] != "booked":
        return
    now = to_micros(context.clock())
    if now < (start := moment(appointment.get("start"))):
        zone = zone_of_visit(runtime, session, appointment)
        morning = in_the_morning(start, now, zone)
        if morning > now:
            session.timers.set(VISIT, timer.key, morning)
            return
        if morning:
            remind(runtime, session, timer.key, appointment, timer.due, zone, context)
        watched(session, timer.key, appointment, context, zone=zone)
    elif now < (end := moment(appointment.get("end")) + GRACE):
        session.timers.set(VISIT, timer.key, end)
    else:
        close(runtime, session, timer.key, context)

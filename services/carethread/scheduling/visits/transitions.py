"""The states of an Appointment, and which may follow which: http://hl7.org/fhir/R4/valueset-appointmentstatus.html.

R4 publishes the meanings and no table; this is ours. It binds Appointments of our profile. An EHR's jumps are taken as
they come: whoever reconciles finds them by `is_move`.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.errors import Invalid
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.scheduling.rules import CANCELLED_BY, CONFIRM_BY, HOLD_UNTIL

MOVES: Mapping[str, tuple[str, ...]] = {
    "proposed": ("pending", "booked", "waitlist", "cancelled", "entered-in-error"),
    "waitlist": ("proposed", "pending", "booked", "cancelled", "entered-in-error"),
    "pending": ("proposed", "waitlist", "booked", "cancelled", "entered-in-error"),
    "booked": ("pending", "arrived", "checked-in", "fulfilled", "noshow", "cancelled", "entered-in-error"),
    "arrived": ("booked", "checked-in", "fulfilled", "noshow", "cancelled", "entered-in-error"),
    "checked-in": ("booked", "arrived", "fulfilled", "noshow", "cancelled", "entered-in-error"),
    "fulfilled": ("entered-in-error",),
    "noshow": ("arrived", "fulfilled", "cancelled", "entered-in-error"),
    "cancelled": ("entered-in-error",),
    "entered-in-error": (),
}
"""From each status the others that may follow. `booked` becomes `pending` where an EHR has to confirm a new time;
`arrived` becomes `booked` or `noshow` again where it was said of the wrong person; what follows `noshow` corrects
it."""

FIRST = ("proposed", "waitlist", "pending", "booked", "arrived", "checked-in", "fulfilled", "noshow", "cancelled")
"""What a new Appointment may be; one that has been was not kept here meanwhile."""

CORRECTIONS = frozenset({"arrived", "fulfilled", "cancelled"})
"""What a `noshow` may turn out to have been; a Provenance says who corrected it."""


def is_move(before: str, after: str) -> bool:
    """Whether an Appointment may come from one status to another, or stay."""
    return before == after or after in MOVES[before]


def is_correction(before: Resource | None, after: Resource | None) -> bool:
    """Whether this says that a missed visit was none."""
    return bool(before and after and before["status"] == "noshow" and after["status"] in CORRECTIONS)


def lapsed(appointment: Resource) -> bool:
    """Whether this has ended by itself, a hold or what no EHR has confirmed in time: it may be held or booked while
    nobody took its slots."""
    marked = extension(appointment, HOLD_UNTIL) or extension(appointment, CONFIRM_BY)
    return appointment["status"] == "cancelled" and bool(marked) and not extension(appointment, CANCELLED_BY)


def refuse_jump(before: Resource | None, after: Resource) -> None:
    """Raise Invalid for a status that cannot follow, naming those that can."""
    now = after["status"]
    if before is None:
        if now not in FIRST:
            raise _wrong(f"A new Appointment is none of {now}; it is one of {', '.join(FIRST)}.")
        return
    was = before["status"]
    if is_move(was, now) or (lapsed(before) and now in ("pending", "booked")):
        return
    allowed = ", ".join(MOVES[was])
    text = f"{was} does not become {now}; " + (f"it becomes one of {allowed}." if allowed else "it stays what it is.")
    anew = was == "cancelled" and now in ("pending", "booked")
    raise _wrong(text + (" $hold or $book the Slots anew, without this Appointment's id." if anew else ""))


def _wrong(text: str) -> Invalid:
    return Invalid(text, code="business-rule", expression="Appointment.status")

"""Booking: an Appointment takes its slots and its actors, and gives them back, in the transaction that writes it.

A seat of a slot is a claim that the database lets exist once; a slot has as many as its capacity, and its status
follows them: `busy` while none is left, `free` again afterwards. Actors are compared while their calendars are locked.
A hold that is over is ended by whoever meets it. What an EHR tells is kept as it is told: it is never refused over a
slot or an actor that is already taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from carethread.core.clock import to_micros
from carethread.core.errors import Conflict, Invalid, Issue
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Occupied, Resource
from carethread.core.ports.calendar import FOREVER
from carethread.core.service import Ruling, Unit
from carethread.scheduling.rules import (
    HOLDING,
    busy_rows,
    cancelled_by,
    capacity,
    hold_until,
    is_ours,
    overridden,
    slot_status,
    slots_held,
    verb,
)
from carethread.scheduling.transitions import refuse_jump
from carethread.scheduling.visiting import marked
from carethread.scheduling.waitlist.offers import is_offer, withdrawn

_SLOT = "slot"
"""The kind of claim; its key is a seat (`7d1`, `7d1#1`, ...), its holder the Appointment's reference."""

_OPEN = ("free", "busy-tentative")
"""Statuses in which a Slot can be booked."""


def seats(slot: str, count: int) -> list[str]:
    """The keys of a slot's seats; `#` stands in no id."""
    return [slot, *(f"{slot}#{number}" for number in range(1, count))]


def _slot_of(seat: str) -> str:
    return seat.partition("#")[0]


def appointment_leaves(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Free the slots that the Appointment no longer wants, so that others in the same transaction may take them."""
    had, wanted = slots_held(before, unit.base_url), slots_held(after, unit.base_url)
    left = sorted(set(had) - set(wanted))
    if not left:
        return
    for slot in left:  # as who takes a seat does: first the slot
        unit.find(("Slot", slot))
    holder = f"Appointment/{id_}"
    kept = [seat for seat in unit.session.places(_SLOT, holder) if _slot_of(seat) in wanted] if wanted else []
    closes = after is not None and cancelled_by(before, after) == "provider"
    for seat in unit.session.release(_SLOT, holder, keep=kept):
        if closes:
            _mark(unit, _slot_of(seat), "busy-unavailable")
        else:
            _reopen(unit, _slot_of(seat))


def appointment_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Take the slots and actors that the Appointment holds now; name what happened.

    Raises Conflict when a slot has no seat left or is not free, and when an actor of an Appointment of ours is taken;
    Invalid when one of ours names a slot that is not here, or comes to a status that cannot follow.
    """
    told = unit.context.backfill
    ours = after if after and is_ours(after) and not told else None
    if ours:
        refuse_jump(before, ours)
    had = slots_held(before, unit.base_url)
    for slot in slots_held(after, unit.base_url):  # in one order for all: two bookings never wait for each other
        found = unit.find(("Slot", slot))  # whoever has locked it has all its seats: nobody waits for one
        count, holder = capacity(found), f"Appointment/{id_}"
        taken = (count == 1 or slot not in had) and unit.session.claim(_SLOT, slot, holder) == holder
        if not taken or found is None:
            taken = taken or _take(unit, slot, count, holder)
            found = unit.find(("Slot", slot), again=True)  # it may have been given up, or made, just now
        if not taken and not told:
            kind = "slot" if count == 1 else "capacity"
            text = f"Slot/{slot} is taken by another Appointment; choose one that is free."
            raise Conflict(issues=[Issue("conflict", text, _where(unit, after, slot), detail=kind)])
        if not taken:
            continue
        if found is None and ours:
            raise Invalid(
                f"Slot/{slot} is not here; choose one that is.", code="not-found", expression=_where(unit, after, slot)
            )
        if found and slot not in had and found["status"] not in _OPEN and not told:
            text = f"Slot/{slot} is {found['status']}; choose one that is free."
            raise Conflict(issues=[Issue("conflict", text, _where(unit, after, slot), detail="slot")])
        if found and found["status"] != "busy" and (count == 1 or _is_full(unit, slot, count)):
            unit.update({**found, "status": "busy"})
    if ours is None:
        return Ruling(verb(before, after))
    _keep_apart(unit, before, ours, id_)
    return Ruling(verb(before, ours), marked(before, ours, to_micros(unit.context.clock())))


def _take(unit: Unit, slot: str, count: int, holder: str) -> bool:
    """Take a seat unless one is taken already, if need be one whose hold is over; whether there was one."""
    places = seats(slot, count)
    held = unit.session.claimed(_SLOT, places)
    if holder in held.values():
        return True
    for other in sorted(set(held.values())):
        end_hold(unit, other.removeprefix("Appointment/"))
    return any(unit.session.claim(_SLOT, seat, holder) == holder for seat in places)


def end_hold(unit: Unit, id_: str) -> bool:
    """End a hold whose time is over: its slots are free, and the Appointment is cancelled, or waits again if it was an
    offer of the wait-list; whether it was so."""
    found = unit.find(("Appointment", id_))
    until = hold_until(found)
    if found is None or not 0 < until <= to_micros(unit.context.clock()):
        return False
    for slot in slots_held(found, unit.base_url):
        unit.find(("Slot", slot))
    for seat in unit.session.release(_SLOT, f"Appointment/{id_}"):
        slot = _slot_of(seat)
        if not _passes_on(unit, slot, id_):
            _reopen(unit, slot)
    if is_offer(found):
        unit.update(withdrawn(found, refused=False))
    else:
        over = {"status": "cancelled", "cancelationReason": {"text": "The hold ended by itself."}}
        unit.update({**found, **over}, "cancelled")
    return True


def _keep_apart(unit: Unit, before: Resource | None, after: Resource, id_: str) -> None:
    """Raise Conflict, one issue for each, when an actor is taken by another Appointment at the same time."""
    rows = busy_rows(after, id_, unit.base_url)
    had = {(row.actor, row.begin, row.end) for row in busy_rows(before, id_, unit.base_url)} if before else set()
    new = [row for row in rows if not row.actor.startswith("Slot/") and (row.actor, row.begin, row.end) not in had]
    if not new or "overlap" in overridden(after):
        return
    calendar = unit.session.calendar
    calendar.lock(row.actor for row in new)
    shared = {row.actor for row in rows if row.actor.startswith("Slot/")}
    issues = []
    for other in overlapping(unit, new, id_):
        beside = {row.actor for row in calendar.taken([other.appointment])}
        if shared & beside and not other.actor.startswith("Patient/"):
            continue  # several have seats of one slot, and those who give it are there for all of them
        issues.append(Issue("conflict", taken_text(other), _participant(unit, after, other.actor), detail="overlap"))
    if issues:
        raise Conflict(issues=issues)


def overlapping(unit: Unit, rows: list[Occupied], id_: str) -> Iterator[Occupied]:
    """What else takes the actors meanwhile; holds that are over are ended, and do not count."""
    now = to_micros(unit.context.clock())
    begin, end = min(row.begin for row in rows), max(row.end for row in rows)
    for other in unit.session.calendar.busy([row.actor for row in rows], begin, end):
        if other.appointment != id_ and (other.stands(now) or _lasts(unit, other.appointment)):
            yield other


def _lasts(unit: Unit, id_: str) -> bool:
    """Whether what was over has been held anew; else it is ended, unless this transaction did so already."""
    end_hold(unit, id_)
    found = unit.find(("Appointment", id_))
    return found is not None and found["status"] in HOLDING


def taken_text(other: Occupied) -> str:
    """Whom what takes, without saying for whom."""
    return f"{other.actor} is taken at this time by Appointment/{other.appointment}; choose another time."


def _participant(unit: Unit, appointment: Resource, actor: str) -> str:
    """The element that names the actor."""
    for number, participant in enumerate(appointment.get("participant", ())):
        if actor in (f"{kind}/{id_}" for kind, id_ in keys_at(participant, "actor", unit.base_url)):
            return f"Appointment.participant[{number}].actor"
    return "Appointment.participant"


def appointment_settled(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Give what the Appointment left, and nobody took, to another that was told as history while it was taken."""
    wanted = slots_held(after, unit.base_url)
    left = [slot for slot in slots_held(before, unit.base_url) if slot not in wanted]
    claimed = unit.session.claimed(_SLOT, left) if left else {}
    for slot in left:
        if slot not in claimed and _passes_on(unit, slot, id_):
            _mark(unit, slot, "busy")


def _reopen(unit: Unit, slot: str) -> None:
    """Free a Slot of which a seat was left, unless the provider has closed it."""
    found = unit.find(("Slot", slot))
    if found and found["status"] == "busy":
        unit.update({**found, "status": "free"})


def _mark(unit: Unit, slot: str, status: str) -> None:
    found = unit.find(("Slot", slot))
    if found and found["status"] != status:
        unit.update({**found, "status": status})


def _where(unit: Unit, appointment: Resource | None, slot: str) -> str:
    """The element that names the Slot."""
    slots = [id_ for _, id_ in keys_at(appointment or {}, "slot", unit.base_url)]
    return f"Appointment.slot[{slots.index(slot)}]"


def slot_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Keep a Slot's status in step with its claims.

    Raises Conflict for a delete, or a change of status, while Appointments hold all its seats.
    """
    full = _is_held(unit, id_, after or before, new=before is None)
    if after is None:
        if unit.session.claimed(_SLOT, seats(id_, capacity(before))):
            raise Conflict(f"Slot/{id_} is booked; cancel or move its Appointment first.")
        return Ruling()
    status = slot_status(after["status"], full)
    if status == after["status"]:
        return Ruling()
    if before is not None and not unit.context.backfill:
        raise Conflict(
            f"Slot/{id_} is booked, so its status is {status}; cancel or move its Appointment to free it.",
            expression="Slot.status",
        )
    return Ruling(resource={**after, "status": status})


def _is_full(unit: Unit, slot: str, count: int) -> bool:
    """Whether as many Appointments as that hold the Slot."""
    if count == 1:
        return bool(unit.session.claimed(_SLOT, [slot]))
    return len(unit.session.claimed(_SLOT, seats(slot, count))) >= count


def _is_held(unit: Unit, slot: str, resource: Resource | None, *, new: bool) -> bool:
    """Whether all seats of the Slot are held. Of a new one a claim is tried: a booking under way is waited for."""
    if not new:
        return _is_full(unit, slot, capacity(resource))
    probe = f"Slot/{slot}"
    if unit.session.claim(_SLOT, slot, probe) != probe:
        return True
    unit.session.release(_SLOT, probe)
    return False


def _passes_on(unit: Unit, slot: str, left_by: str) -> bool:
    """Whether the Slot goes to another Appointment, one that was told as history while the Slot was taken."""
    there = {row.appointment for row in unit.session.calendar.busy([f"Slot/{slot}"], -1, FOREVER)}
    for other in sorted(there - {left_by}):
        holder = f"Appointment/{other}"
        stands = unit.find(("Appointment", other))  # it may have been cancelled in this very transaction
        if slot in slots_held(stands, unit.base_url) and slot not in map(_slot_of, unit.session.places(_SLOT, holder)):
            return bool(unit.session.claim(_SLOT, slot, holder))
    return False

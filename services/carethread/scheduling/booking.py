"""Booking: an Appointment takes its slots, and gives them back, in the transaction that writes it.

A slot is a claim that the database lets exist once. Slot.status follows the claims: `busy` while one is held, `free`
again afterwards. What an EHR tells as history is kept as it is told: it is never refused over a slot that is already
taken.
"""

from __future__ import annotations

from carethread.core.errors import Conflict
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.scheduling.rules import HOLDING, slot_status, slots_held, verb

_SLOT = "slot"
"""The kind of claim; its key is the Slot's id, its holder the Appointment's reference."""

_RIVALS = 20
"""How many other Appointments of a freed Slot are looked at."""

_OPEN = ("free", "busy-tentative")
"""Statuses in which a Slot can be booked."""


def appointment_leaves(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Free the slots that the Appointment no longer wants, so that others in the same transaction may take them."""
    if before is None:
        return
    for slot in unit.session.release(_SLOT, f"Appointment/{id_}", keep=slots_held(after, unit.base_url)):
        _mark(unit, slot, "free")


def appointment_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Take the slots that the Appointment holds now; name what happened.

    Raises Conflict when another Appointment holds a slot, or when the slot is not free.
    """
    holder = f"Appointment/{id_}"
    told = unit.context.backfill
    had = slots_held(before, unit.base_url)
    for slot in slots_held(after, unit.base_url):  # in one order for all: two bookings never wait for each other
        taken = unit.session.claim(_SLOT, slot, holder) == holder
        if not taken and not told:
            raise Conflict(
                f"Slot/{slot} is taken by another Appointment; choose one that is free.",
                expression=_where(unit, after, slot),
            )
        found = unit.find(("Slot", slot))  # by who is told of it in vain, too: it may be given up just now
        if not taken:
            continue
        if found and slot not in had and found["status"] not in _OPEN and not told:
            raise Conflict(
                f"Slot/{slot} is {found['status']}; choose one that is free.", expression=_where(unit, after, slot)
            )
        _mark(unit, slot, "busy")
    return Ruling(verb(before, after))


def appointment_settled(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Give what the Appointment left, and nobody took, to another that was told as history while it was taken."""
    wanted = slots_held(after, unit.base_url)
    left = [slot for slot in slots_held(before, unit.base_url) if slot not in wanted]
    claimed = unit.session.claimed(_SLOT, left) if left else {}
    for slot in left:
        if slot not in claimed and _passes_on(unit, slot, id_):
            _mark(unit, slot, "busy")


def _mark(unit: Unit, slot: str, status: str) -> None:
    found = unit.find(("Slot", slot))
    if found and found["status"] != status:
        unit.update({**found, "status": status})


def _where(unit: Unit, appointment: Resource | None, slot: str) -> str:
    """The element that names the Slot."""
    slots = [id_ for _, id_ in keys_at(appointment or {}, "slot", unit.base_url)]
    return f"Appointment.slot[{slots.index(slot)}]"


def slot_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Keep a Slot's status in step with its claim.

    Raises Conflict for a delete, or a change of status, while an Appointment holds the slot.
    """
    held = _is_held(unit, id_, new=before is None)
    if after is None:
        if held:
            raise Conflict(f"Slot/{id_} is booked; cancel or move its Appointment first.")
        return Ruling()
    status = slot_status(after["status"], held)
    if status == after["status"]:
        return Ruling()
    if before is not None and not unit.context.backfill:
        raise Conflict(
            f"Slot/{id_} is booked, so its status is {status}; cancel or move its Appointment to free it.",
            expression="Slot.status",
        )
    return Ruling(resource={**after, "status": status})


def _is_held(unit: Unit, slot: str, *, new: bool) -> bool:
    """Whether an Appointment holds the Slot. Of a new one the claim is tried: a booking under way is waited for."""
    if not new:
        return slot in unit.session.claimed(_SLOT, [slot])
    probe = f"Slot/{slot}"
    if unit.session.claim(_SLOT, slot, probe) != probe:
        return True
    unit.session.release(_SLOT, probe)
    return False


def _passes_on(unit: Unit, slot: str, left_by: str) -> bool:
    """Whether the Slot goes to another Appointment, one that was told as history while the Slot was taken."""
    statuses = ",".join(sorted(HOLDING))
    others = parse_query("Appointment", [("slot", f"Slot/{slot}"), ("status", statuses), ("_sort", "_id")])
    for other in unit.session.search(others, _RIVALS).matches:
        stands = unit.find(("Appointment", other.id))  # it may have been cancelled in this very transaction
        if other.id != left_by and slot in slots_held(stands, unit.base_url):
            return bool(unit.session.claim(_SLOT, slot, f"Appointment/{other.id}"))
    return False

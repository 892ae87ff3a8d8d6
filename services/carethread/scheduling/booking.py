"""Booking: an Appointment takes its slots, and gives them back, in the transaction that writes it.

A slot is a claim that the database lets exist once. Slot.status follows the claims: `busy` while one is held, `free`
again afterwards. What an EHR tells as history is kept as it is told: it is never refused over a slot that is already
taken.
"""

from __future__ import annotations

from carethread.core.errors import Conflict
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.scheduling.rules import slot_status, slots_held, verb

_SLOT = "slot"
"""The kind of claim; its key is the Slot's id, its holder the Appointment's reference."""


def appointment_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Take the slots that the Appointment holds now, free those that it held; name what happened.

    Raises Conflict when another Appointment holds a slot, or when the slot is not free.
    """
    holder = f"Appointment/{id_}"
    wanted = slots_held(after)
    for slot in unit.session.release(_SLOT, holder, keep=wanted):
        _set_status(unit, slot, "free")
    held = unit.session.claimed(_SLOT, wanted)
    for position, slot in enumerate(wanted):
        if held.get(slot) != holder:
            _take(unit, slot, holder, f"Appointment.slot[{position}]")
    return Ruling(verb(before, after))


def _take(unit: Unit, slot: str, holder: str, where: str) -> None:
    found = unit.find(("Slot", slot))
    if found and found["status"] not in ("free", "busy-tentative") and not unit.context.backfill:
        raise Conflict(f"Slot/{slot} is {found['status']}; choose one that is free.", expression=where)
    if unit.session.claim(_SLOT, slot, holder) == holder:
        _set_status(unit, slot, "busy")
    elif not unit.context.backfill:
        raise Conflict(f"Slot/{slot} is taken by another Appointment; choose one that is free.", expression=where)


def _set_status(unit: Unit, slot: str, status: str) -> None:
    found = unit.find(("Slot", slot))
    if found and found["status"] != status:
        unit.update({**found, "status": status})


def slot_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Keep a Slot's status in step with its claim.

    Raises Conflict for a delete, or a change of status, while an Appointment holds the slot.
    """
    held = id_ in unit.session.claimed(_SLOT, [id_])
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

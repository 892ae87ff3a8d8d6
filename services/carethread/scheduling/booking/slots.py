"""The rule of Slots: how long one is and for how many, and what of it stays while it is booked.

What an EHR says of a Schedule that it is the master of is taken as it comes, and so is history; only free a Slot is not
while all its seats are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.core.errors import Conflict, Invalid, Issue
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.moments import refuse_untold
from carethread.core.ports import Resource, Session
from carethread.core.service import Ruling, Unit
from carethread.scheduling.booking.occupancy import OPEN, SEAT, seats
from carethread.scheduling.booking.telling import is_of_ehr
from carethread.scheduling.rules import CAPACITY, MOST_SEATS, capacity, slot_status


def slot_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Keep a Slot's status in step with its claims.

    Raises Invalid for one that makes no sense, Conflict for a delete, another time or another Schedule while it is
    booked, for fewer seats than are taken, and for a change of status while all are.
    """
    if after is not None:
        refuse_untold(after)
    if after is not None and not unit.context.backfill:
        _refuse_nonsense(after)
    if before is not None:
        _keep(unit, before, after, id_)
    if after is None:
        return Ruling()
    status = slot_status(after["status"], _is_held(unit, after, id_, new=before is None))
    if status == after["status"]:
        return Ruling()
    if is_of_ehr(unit.session, before or after, unit.base_url):
        return Ruling(resource={**after, "status": status} if after["status"] in OPEN else None)
    if before is not None and not unit.context.backfill:
        raise Conflict(
            f"Slot/{id_} is booked, so its status is {status}; cancel or move its Appointment to free it.",
            expression="Slot.status",
        )
    return Ruling(resource={**after, "status": status})


def _refuse_nonsense(slot: Resource) -> None:
    issues = []
    if moment(slot.get("end")) <= moment(slot.get("start")):
        issues.append(Issue("invariant", "A Slot ends after it starts.", "Slot.end"))
    for number, each in enumerate(slot.get("extension", ())):
        if each.get("url") == CAPACITY and not _is_capacity(each.get("valueInteger")):
            text = f"A Slot takes 1 to {MOST_SEATS} Appointments; it is a valueInteger."
            issues.append(Issue("value", text, f"Slot.extension[{number}]"))
    if issues:
        raise Invalid(issues=issues)


def _is_capacity(said: object) -> bool:
    return isinstance(said, int) and not isinstance(said, bool) and 1 <= said <= MOST_SEATS


def _keep(unit: Unit, before: Resource, after: Resource | None, id_: str) -> None:
    """Refuse what those who have the Slot would not find again; give those their seats who stay in fewer."""
    moved = [name for name in ("start", "end", "schedule") if after and _moved(name, before, after, unit.base_url)]
    left = seats(id_, capacity(after))
    if after is not None and not moved and len(left) >= capacity(before):
        return
    taken = unit.session.claimed(SEAT, seats(id_, capacity(before)))
    if not taken:
        return
    of_ehr = is_of_ehr(unit.session, before, unit.base_url)
    if after is None:
        if not of_ehr:
            raise Conflict(f"Slot/{id_} is booked; cancel or move its Appointment first.")
        return
    told = of_ehr or unit.context.backfill
    if moved and not told:
        text = f"Slot/{id_} is booked, so its start, end and schedule stay; cancel or move its Appointment first."
        raise Conflict(text, expression=f"Slot.{moved[0]}")
    if len(taken) > len(left) and not told:
        text = f"{len(taken)} seats of Slot/{id_} are taken, so it has as many; cancel or move Appointments first."
        raise Conflict(text, expression="Slot.extension")
    _moved_up(unit.session, taken, left)


def _moved(name: str, before: Resource, after: Resource, base_url: str) -> bool:
    """Whether a Slot is at another time, or of another Schedule."""
    if name == "schedule":
        return keys_at(before, name, base_url) != keys_at(after, name, base_url)
    return moment(before.get(name)) != moment(after.get(name))


def _moved_up(session: Session, taken: Mapping[str, str], left: Sequence[str]) -> None:
    """Give a seat of those that are left to each who had another, as long as there is one."""
    free = [seat for seat in left if seat not in taken]
    for seat, holder in sorted(taken.items()):
        if seat not in left:
            kept = [each for each in session.places(SEAT, holder) if each != seat]
            session.release(SEAT, holder, keep=kept)
            if free:
                session.claim(SEAT, free.pop(0), holder)


def is_full(session: Session, slot: str, count: int) -> bool:
    """Whether as many Appointments as that hold the Slot."""
    return len(session.claimed(SEAT, seats(slot, count))) >= count


def _is_held(unit: Unit, slot: Resource, id_: str, *, new: bool) -> bool:
    """Whether all seats of the Slot are held. Of a new one a claim is tried: a booking under way is waited for."""
    if new:
        probe = f"Slot/{id_}"
        if unit.session.claim(SEAT, id_, probe) == probe:
            unit.session.release(SEAT, probe)
            return False
    return is_full(unit.session, id_, capacity(slot))

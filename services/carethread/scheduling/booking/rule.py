"""Booking: an Appointment takes its slots and its actors, and gives them back, in the transaction that writes it.

A seat of a slot is a claim that the database lets exist once; a slot has as many as its capacity, and its status
follows them: `busy` while none is left, `free` again afterwards. Actors are compared while their calendars are locked.
A hold that is over is ended by whoever meets it. What an EHR tells is kept as it is told: it is never refused over a
slot or an actor that is already taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.core.clock import to_micros
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import without_extensions
from carethread.core.fhir.search.dates import moment
from carethread.core.moments import refuse_untold
from carethread.core.ports import Occupied, Resource
from carethread.core.ports.calendar import FOREVER
from carethread.core.service import Ruling, Unit
from carethread.scheduling.booking.aliases import locked
from carethread.scheduling.booking.closing import closed_by_provider
from carethread.scheduling.booking.occupancy import (
    OPEN,
    SEAT,
    beside,
    closed,
    full,
    is_open,
    newly,
    overlaps,
    seats,
    slot_of,
    slot_place,
)
from carethread.scheduling.booking.plain import refuse_marks, refuse_unfit
from carethread.scheduling.booking.remembering import returned
from carethread.scheduling.booking.slots import is_full
from carethread.scheduling.booking.telling import carried_on, is_told, still_ours
from carethread.scheduling.policies import OTHERWISE, late_within
from carethread.scheduling.rules import (
    HOLDING,
    PASSING,
    busy_rows,
    cancelled_by,
    capacity,
    hold_until,
    is_asked,
    is_ours,
    overridden,
    slots_held,
    takers,
    verb,
)
from carethread.scheduling.visits.transitions import refuse_jump
from carethread.scheduling.visits.visiting import marked, refuse_early
from carethread.scheduling.waitlist.offers import is_offer, withdrawn
from carethread.scheduling.waitlist.waited import followed


def appointment_leaves(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Free the slots that the Appointment no longer wants, so that others in the same transaction may take them."""
    had, wanted = slots_held(before, unit.base_url), slots_held(after, unit.base_url)
    left = sorted(set(had) - set(wanted))
    if not left:
        return
    for slot in left:  # as who takes a seat does: first the slot
        unit.find(("Slot", slot))
    holder = f"Appointment/{id_}"
    kept = [seat for seat in unit.session.places(SEAT, holder) if slot_of(seat) in wanted] if wanted else []
    by_provider = after is not None and cancelled_by(before, after) == "provider"
    shut = closed_by_provider(unit.session, after, left, unit.base_url) if after and by_provider else ()
    for slot in map(slot_of, unit.session.release(SEAT, holder, keep=kept)):
        if slot in shut and not _is_attended(unit, slot):
            _mark(unit, slot, "busy-unavailable")
        else:
            _reopen(unit, slot)


def _is_attended(unit: Unit, slot: str) -> bool:
    """Whether others come to a slot of several seats, so that it takes place without the one who left it."""
    if (count := capacity(unit.find(("Slot", slot)))) == 1:
        return False
    there = {holder.removeprefix("Appointment/") for holder in unit.session.claimed(SEAT, seats(slot, count)).values()}
    now = to_micros(unit.context.clock())
    return bool(there) and any(row.stands(now) for row in unit.session.calendar.taken(there))


def appointment_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Take the slots and actors that the Appointment holds now; name what happened.

    Raises for what is not told: Conflict when a slot has no seat left or is not free. For one of ours also Conflict
    when an actor is taken, and Invalid when it names a slot that is not here, or comes to a status that cannot follow.
    """
    if after:
        refuse_untold(after)
    told = is_told(unit, before, after)
    after = still_ours(before, after) if after and not told else after
    ours = after if after and is_ours(after) and not told else None
    if ours:
        refuse_jump(before, ours)
        refuse_early(before, ours, to_micros(unit.context.clock()))
        if not unit.own:
            refuse_marks(before, ours)
    had = slots_held(before, unit.base_url)
    for slot in slots_held(after, unit.base_url):  # in one order for all: two bookings never wait for each other
        found = unit.find(("Slot", slot))  # whoever has locked it has all its seats: nobody waits for one
        count, holder = capacity(found), f"Appointment/{id_}"
        taken = (count == 1 or slot not in had) and unit.session.claim(SEAT, slot, holder) == holder
        if not taken or found is None:
            taken = taken or _take(unit, slot, count, holder)
            found = unit.find(("Slot", slot), again=True)  # it may have been given up, or made, just now
        if not taken and not told:
            raise Conflict(issues=[full(slot, found, slot_place(after, slot, unit.base_url)).issue()])
        if not taken:
            continue
        if found is None and ours:
            where = slot_place(after, slot, unit.base_url)
            raise Invalid(f"Slot/{slot} is not here; choose one that is.", code="not-found", expression=where)
        if found and slot not in had and not told and not is_open(found):
            raise Conflict(issues=[closed(slot, found, slot_place(after, slot, unit.base_url)).issue()])
        open_ = found and (found["status"] in OPEN or (found["status"] != "busy" and slot not in had))
        if found and open_ and (count == 1 or is_full(unit.session, slot, count)):
            unit.update({**found, "status": "busy"})
    now = to_micros(unit.context.clock())
    if ours is None:
        carried = carried_on(unit, before, after) if after else None
        kept = carried and marked(before, carried, now, OTHERWISE)
        if after is None or (told and carried is None):
            return Ruling(verb(before, after))
        return Ruling(verb(before, after), _followed(unit, before, kept or carried or after, id_))
    if not unit.own:
        refuse_unfit(unit, before, ours)
    keep_apart(unit, before, ours, id_)
    late = late_within(unit.session, before, unit.base_url) if before and cancelled_by(before, ours) else OTHERWISE
    plain = without_extensions(ours, PASSING) if _is_settled(before, ours) else ours
    made = marked(before, plain, now, late) or plain
    return Ruling(verb(before, ours), _followed(unit, before, made, id_))


def _followed(unit: Unit, before: Resource | None, after: Resource, id_: str) -> Resource:
    """The Appointment with what its change says of a wait."""
    return followed(before, after, lambda: _waits_since(unit, before or {}, id_), to_micros(unit.context.clock()))


def _waits_since(unit: Unit, entry: Resource, id_: str) -> int:
    """Since when an entry waits that does not say so."""
    entered = unit.session.offers.since([id_]).get(id_)
    return moment(entry.get("created")) or entered or moment(entry["meta"]["lastUpdated"])


def _is_settled(before: Resource | None, after: Resource) -> bool:
    """Whether this has just come to be neither held nor asked for any more."""
    return before is not None and before["status"] != after["status"] != "pending"


def _take(unit: Unit, slot: str, count: int, holder: str) -> bool:
    """Take a seat unless one is taken already, if need be one whose hold is over; whether there was one."""
    places = seats(slot, count)
    held = unit.session.claimed(SEAT, places)
    if holder in held.values():
        return True
    for other in sorted(set(held.values())):
        end_hold(unit, other.removeprefix("Appointment/"))
    return any(unit.session.claim(SEAT, seat, holder) == holder for seat in places)


def end_hold(unit: Unit, id_: str) -> bool:
    """End what is held, or what no EHR has confirmed, once its time is over: its slots are free, and the Appointment
    waits again if it did before, else it is cancelled; whether it was so."""
    found = unit.find(("Appointment", id_))
    until = hold_until(found)
    if found is None or not 0 < until <= to_micros(unit.context.clock()):
        return False
    for slot in slots_held(found, unit.base_url):
        unit.find(("Slot", slot))
    for seat in unit.session.release(SEAT, f"Appointment/{id_}"):
        slot = slot_of(seat)
        if not _passes_on(unit, slot, id_):
            _reopen(unit, slot)
    if is_offer(found):
        unit.update(withdrawn(found, refused=False))
    elif waiting := returned(unit.session, found):
        unit.update(waiting)
    else:
        text = "It was not confirmed in time." if is_asked(found) else "The hold ended by itself."
        unit.update({**found, "status": "cancelled", "cancelationReason": {"text": text}}, "cancelled")
    return True


def keep_apart(unit: Unit, before: Resource | None, after: Resource, id_: str) -> None:
    """Raise Conflict, one issue for each, when an actor is taken by another Appointment at the same time.

    What the desk passes over is passed over for these actors and this time only, so it counts where it does so now.
    """
    session, base = unit.session, unit.base_url
    had = busy_rows(before, id_, base) if before else []
    slots = set(slots_held(after, base)).difference(slots_held(before, base))
    if not (slots or newly(busy_rows(after, id_, base), had)) or (unit.own and "overlap" in overridden(after)):
        return
    aliases = locked(session, takers(after, base), base)
    rows = busy_rows(after, id_, base, aliases)
    new = newly(rows, busy_rows(before, id_, base, aliases) if before else [])
    if not new:
        return
    others = list(_others(unit, new, id_))
    sharing = beside(rows, session.calendar.taken({other.appointment for other in others})) if others else ()
    if found := overlaps(after, others, sharing, aliases, base):
        raise Conflict(issues=[each.issue() for each in found])


def _others(unit: Unit, rows: Sequence[Occupied], id_: str) -> Iterator[Occupied]:
    """What else takes the actors meanwhile; holds that are over are ended, and do not count."""
    now = to_micros(unit.context.clock())
    for other in unit.session.calendar.busy({row.actor for row in rows}, rows[0].begin, rows[0].end):
        if other.appointment != id_ and (other.stands(now) or _lasts(unit, other.appointment)):
            yield other


def _lasts(unit: Unit, id_: str) -> bool:
    """Whether what was over has been held anew; else it is ended, unless this transaction did so already."""
    end_hold(unit, id_)
    found = unit.find(("Appointment", id_))
    return found is not None and found["status"] in HOLDING


def appointment_settled(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Give what the Appointment left, and nobody took, to another that was told while it was taken."""
    session, wanted = unit.session, slots_held(after, unit.base_url)
    left = [slot for slot in slots_held(before, unit.base_url) if slot not in wanted]
    for slot in left:
        count = capacity(unit.find(("Slot", slot)))
        if not is_full(session, slot, count) and _passes_on(unit, slot, id_) and is_full(session, slot, count):
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


def _passes_on(unit: Unit, slot: str, left_by: str) -> bool:
    """Whether the Slot goes to another Appointment, one that was told while the Slot was taken."""
    there = {row.appointment for row in unit.session.calendar.busy([f"Slot/{slot}"], -1, FOREVER)}
    for other in sorted((there | unit.staged("Appointment")) - {left_by}):
        holder = f"Appointment/{other}"
        stands = unit.find(("Appointment", other))  # it may have been cancelled in this very transaction
        if slot in slots_held(stands, unit.base_url) and slot not in map(slot_of, unit.session.places(SEAT, holder)):
            count = capacity(unit.find(("Slot", slot)))
            return any(unit.session.claim(SEAT, seat, holder) == holder for seat in seats(slot, count))
    return False

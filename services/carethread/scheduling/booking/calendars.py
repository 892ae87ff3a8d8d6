"""What stored Appointments and Slots say about who is taken and what is open; see `core.ports.calendar`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Opening, Resource, Session, Stored
from carethread.core.service import Runtime
from carethread.scheduling.availability.withdrawing import withdraw_unwanted
from carethread.scheduling.booking.aliases import taking
from carethread.scheduling.rules import MODALITY, PLACE, capacity
from carethread.scheduling.waitlist.freeing import left_behind


def appointments_entered(
    runtime: Runtime, session: Session, found: Iterable[tuple[Stored, Resource | None]], context: Context
) -> None:
    """Enter what the Appointments take now, in place of what they took."""
    there: dict[str, Resource] = {}
    again: dict[str, Resource | None] = {}
    for stored, appointment in found:
        if stored.version > 1:
            again[stored.id] = appointment
        if appointment:
            there[stored.id] = appointment
    rows = taking(session, there, runtime.base_url)
    left = session.calendar.occupy(rows, instead=again) if rows or again else []
    if left:
        withdraw_unwanted(runtime, session, {row.actor for row in left} - {row.actor for row in rows}, context)
        left_behind(session, left, rows, again, context)


def slot_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Enter the Slots as they are now."""
    openings: list[Opening] = []
    gone: list[str] = []
    for stored, slot in versions(session, "Slot", ids):
        if slot is None or slot["status"] == "entered-in-error":
            gone.append(stored.id)
        else:
            openings += opening(slot, stored, runtime.base_url)
    session.calendar.open(openings)
    if gone:
        session.calendar.shut(gone)


def opening(slot: Resource, stored: Stored, base_url: str) -> Iterator[Opening]:
    """A Slot as finding sees it; nothing for one whose Schedule is not here, or that ends before it begins."""
    schedule = next((id_ for kind, id_ in keys_at(slot, "schedule", base_url) if kind == "Schedule"), "")
    begin, end = moment(slot.get("start")), moment(slot.get("end"))
    if schedule and begin < end:
        named = " ".join(sorted({*kinds(slot), *_leaving(slot, base_url)}))
        row, status = stored.row, slot["status"]
        yield Opening(row, stored.id, schedule, begin, end, status, capacity(slot), f" {named} " if named else "")


def kinds(slot: Resource) -> Iterator[str]:
    """What a Slot is for: `system|code` of its services, specialties and kind of visit, `modality|phone` of each."""
    for path in ("serviceType.coding", "serviceCategory.coding", "specialty.coding", "appointmentType.coding"):
        for coding in at(slot, path):
            if isinstance(coding, dict) and "code" in coding:
                yield f"{coding.get('system', '')}|{coding['code']}"
    for each in slot.get("extension", ()):
        if each.get("url") == MODALITY and "valueCode" in each:
            yield f"modality|{each['valueCode']}"


def _leaving(slot: Resource, base_url: str) -> Iterator[str]:
    """Where a Slot is (`place:1`), if not where its Schedule is; what it leaves to that to say (`silent:specialty`)."""
    if own := extension(slot, PLACE):
        place = next(iter(keys_at(dict(own), "valueReference", base_url)), ("", "?"))
        yield f"place:{place[1]}"
    yield from (f"silent:{name}" for name in ("serviceType", "specialty") if not slot.get(name))


def versions(session: Session, type_name: str, ids: Iterable[str]) -> Iterator[tuple[Stored, Resource | None]]:
    """What stands under the ids; None for the resource of one that is deleted."""
    for stored in session.current([(type_name, id_) for id_ in ids]).values():
        yield stored, None if stored.deleted else json.restore(stored.body)

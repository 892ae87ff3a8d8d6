"""What a plain write of an Appointment of ours may not do, for the desk would not: each is refused with 422.

What a client says is no word of the service itself; who cannot come, as far as the copies here know, is not booked; and
the time is one of the Slots', and to come.
"""

from __future__ import annotations

from carethread.core.clock import to_micros
from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.core.service import Unit
from carethread.scheduling.booking.conflicting import Conflicting
from carethread.scheduling.booking.occupancy import beyond, crowded
from carethread.scheduling.booking.people import PATIENT, known_absences
from carethread.scheduling.rules import DESK_MARKS, HOLDING, PASSING

_WAIT = ("proposed", "waitlist")
_TAKE = ("pending", "booked")


def refuse_marks(before: Resource | None, after: Resource) -> None:
    """Raise Invalid for an extension that only the service itself sets, unless it stood before as it is, and for one
    that is left out though what it says still holds: a hold has its end."""
    waits = before is not None and before["status"] == after["status"] == "pending"
    said = [each.get("url") for each in after.get("extension", ())]
    issues = [
        Issue(
            "business-rule",
            f"{url.rpartition('/')[2]} is set by the operations of the desk; send it as it was, or not at all if it was"
            " not there.",
            f"Appointment.extension[{said.index(url)}]" if url in said else "Appointment.extension",
        )
        for url in DESK_MARKS
        if (url in said or (waits and url in PASSING)) and extension(after, url) != extension(before or {}, url)
    ]
    if issues:
        raise Invalid(issues=issues)


def refuse_unfit(unit: Unit, before: Resource | None, after: Resource) -> None:
    """Raise Invalid where what is wanted anew is in the past or not what its Slots are, or somebody cannot come."""
    status = after["status"]
    if status not in (*_WAIT, *_TAKE):
        return
    patients = _patients(unit, after)
    issues: list[Issue] = []
    more = patients - _patients(unit, before) if before else patients
    if before is None or before["status"] != status or more:
        issues += known_absences(unit.session, patients, unit.base_url) if patients else ()
    if status in _TAKE and (more or before is None or before["status"] not in HOLDING or _when(before) != _when(after)):
        issues += [each.issue() for each in _amiss(unit, before, after)]
    if issues:
        raise Invalid(issues=issues)


def _amiss(unit: Unit, before: Resource | None, after: Resource) -> list[Conflicting]:
    found: list[Conflicting] = []
    start = moment(after.get("start"))
    stood = before is not None and before["status"] in HOLDING and moment(before.get("start")) == start
    if start and start < to_micros(unit.context.clock()) and not stood:
        found.append(Conflicting("past", "It starts in the past; choose a time to come.", "Appointment.start"))
    if start >= moment(after.get("end")):
        found.append(Conflicting("time", "An appointment starts before it ends.", "Appointment.end"))
    found += (
        Conflicting(
            "unknown", "A slot refers to a Slot of this server, such as Slot/123.", f"Appointment.slot[{place}]"
        )
        for place, each in enumerate(after.get("slot", ()))
        if [kind for kind, _ in keys_at({"slot": each}, "slot", unit.base_url)] != ["Slot"]
    )
    slots = [slot for key in keys_at(after, "slot", unit.base_url) if key[0] == "Slot" and (slot := unit.find(key))]
    plans = [(keys_at(slot, "schedule", unit.base_url) or [("Schedule", "")])[0] for slot in slots]
    return [*found, *beyond(after, zip(plans, slots, strict=True)), *crowded(after, slots, unit.base_url)]


def _patients(unit: Unit, appointment: Resource) -> set[str]:
    named = keys_at(appointment, "participant.actor", unit.base_url)
    return {id_ for kind, id_ in named if kind == PATIENT}


def _when(appointment: Resource) -> tuple[object, ...]:
    slots = [each.get("reference") for each in appointment.get("slot", ())]
    return appointment.get("start"), appointment.get("end"), slots

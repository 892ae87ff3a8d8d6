"""What an answer means for a visit: a participant comes or not; if the only patient does not, the visit is cancelled.

Source: http://hl7.org/fhir/R4/appointmentresponse.html.
"""

from __future__ import annotations

from collections.abc import Collection

from carethread.core.clock import to_micros
from carethread.core.errors import Conflict
from carethread.core.fhir.elements import keys_at, with_extensions
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.core.service import Unit
from carethread.scheduling.booking.rule import appointment_leaves, appointment_settled, keep_apart
from carethread.scheduling.policies import late_within
from carethread.scheduling.rules import CANCELLED_BY, HOLDING, REASONS, is_hold, is_ours
from carethread.scheduling.visits.visiting import marked

_OPEN = ("proposed", "pending", "booked")
"""Statuses in which one of ours can be answered."""


def answered(unit: Unit, visit: Resource, id_: str, places: Collection[int], said: str) -> None:
    """Have the participants at these places of the visit say so. What is not ours follows, and decides nothing.

    Raises Conflict where an answer to one of ours comes too late, or who comes after all is elsewhere by now.
    """
    if is_ours(visit):
        refuse_late(visit, to_micros(unit.context.clock()))
    elif visit["status"] not in HOLDING:
        return
    people = [
        {**each, "status": said} if number in places else each for number, each in enumerate(visit["participant"])
    ]
    if people == visit["participant"]:
        return
    after: Resource = {**visit, "participant": people}
    if said == "declined" and is_ours(visit) and _is_off(unit, visit, after):
        _cancel(unit, visit, after, id_)
    else:
        if is_ours(visit):
            keep_apart(unit, visit, after, id_)  # who said no may be taken by now
        unit.update(after)


def refuse_late(visit: Resource, now: int) -> None:
    """Raise Conflict where there is nothing to answer any more."""
    if visit["status"] not in _OPEN:
        text = f"The Appointment is {visit['status']}: there is nothing to answer."
    elif 0 < moment(visit.get("start")) <= now:
        text = "The Appointment has begun: its status says what became of it, an answer does not."
    else:
        return
    raise Conflict(text, expression="AppointmentResponse.appointment")


def _is_off(unit: Unit, before: Resource, after: Resource) -> bool:
    """Whether no patient comes any more to what was booked, or asked of an EHR; a hold is for `$release`."""
    if before["status"] not in ("pending", "booked") or is_hold(before):
        return False
    return bool(_patients(unit, before)) and not _patients(unit, after)


def _patients(unit: Unit, visit: Resource) -> list[str]:
    return [
        id_
        for each in visit["participant"]
        if each.get("status") != "declined" and each.get("required") != "information-only"
        for kind, id_ in keys_at(each, "actor", unit.base_url)
        if kind == "Patient"
    ]


def _cancel(unit: Unit, before: Resource, after: Resource, id_: str) -> None:
    """Cancelled by the patient: its slots are free, and whoever waits for them is asked."""
    reason = {"coding": [{"system": REASONS, "code": "pat"}]}
    made = {**after, "status": "cancelled", "cancelationReason": reason}
    made = with_extensions(made, {CANCELLED_BY: {"valueCode": "patient"}})
    late = late_within(unit.session, before, unit.base_url)
    made = marked(before, made, to_micros(unit.context.clock()), late) or made
    appointment_leaves(unit, before, made, id_)
    unit.update(made, "cancelled")
    appointment_settled(unit, before, made, id_)

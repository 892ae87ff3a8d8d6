"""What is held or asked of an EHR remembers what it was, `proposed` or `waitlist`: that it is again if nothing comes
of it."""

from __future__ import annotations

from carethread.core.fhir import json
from carethread.core.fhir.elements import extension, with_extensions, without_extensions
from carethread.core.ports import Resource, Session
from carethread.scheduling.rules import DESK_MARKS, HELD_FROM, MODALITY, SLOT_MODALITY
from carethread.scheduling.waitlist.waited import WAITED

_WAITED = ("proposed", "waitlist")

_OF_THE_DESK = (
    "meta", "status", "start", "end", "minutesDuration", "slot", "created", "participant", "requestedPeriod",
    "serviceCategory", "serviceType", "specialty", "appointmentType",
)  # fmt: skip
"""What a hold makes of its Slots, and those of its extensions; all else that was said of it meanwhile stays."""
_MARKS = (*DESK_MARKS, MODALITY, SLOT_MODALITY, WAITED)


def remembered(made: Resource, before: Resource | None) -> Resource:
    """What is made of an Appointment, with the mark of what that was, if it has waited."""
    if before is None:
        return made
    if before["status"] in _WAITED:
        return with_extensions(made, {HELD_FROM: {"valuePositiveInt": int(before["meta"]["versionId"])}})
    mark = extension(before, HELD_FROM)
    return with_extensions(made, {HELD_FROM: {"valuePositiveInt": mark["valuePositiveInt"]}}) if mark else made


def returned(session: Session, appointment: Resource) -> Resource | None:
    """The Appointment as it waits again; None for one that has not waited before."""
    number = extension(appointment, HELD_FROM).get("valuePositiveInt", 0)
    stored = session.version(("Appointment", appointment["id"]), number) if _is_number(number) else None
    earlier: Resource = json.restore(stored.body) if stored and not stored.deleted else {}
    if earlier.get("status") not in _WAITED:
        return None
    kept = without_extensions({name: each for name, each in appointment.items() if name not in _OF_THE_DESK}, _MARKS)
    made: Resource = {**kept, **{name: earlier[name] for name in _OF_THE_DESK if name in earlier}}
    had = [each for each in earlier.get("extension", ()) if each.get("url") in _MARKS]
    return {**made, "extension": [*made.get("extension", ()), *had]} if had else made


def waits_again(appointment: Resource | None) -> bool:
    """Whether this waits again, if nothing comes of what is held for it."""
    return appointment is not None and appointment["status"] == "pending" and bool(extension(appointment, HELD_FROM))


def _is_number(number: object) -> bool:
    """Whether a version can have this number; what is no Appointment of ours may say anything."""
    return isinstance(number, int) and 0 < number < 2**31

"""What the course of a visit leaves on its Appointment: when who came, was let in and went, and what was late. Pure.

From these times anybody can tell how long people waited (fhir_profiles/StructureDefinition/visit-times.json).
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.clock import instant
from carethread.core.errors import Invalid
from carethread.core.fhir.elements import extension, with_extensions
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.scheduling.rules import CANCELLED_BY, LATE, cancelled_by

VISIT_TIMES = PROFILES + "visit-times"
"""Extension of an Appointment with the instants `arrived`, `checked-in`, `started` and `ended`, each where it is known.
"""

_STAMPED: Mapping[str, str] = {"arrived": "arrived", "checked-in": "checked-in", "fulfilled": "ended"}
"""By the status that an Appointment comes to, the time that it then has unless it is sent along.

`started`, when the practitioner begins, is nobody's status: the visit's Encounter tells it, or who knows it sends it.
"""

_OVERRUN = 4 * 3_600_000_000
"""Microseconds after a visit's planned end for which it may still go on; what is said later is said in retrospect."""

_EARLY = 24 * 3_600_000_000
"""So long before its start a visit may be over, of somebody who came early."""

_PRESENT = ("arrived", "checked-in")


def refuse_early(before: Resource | None, after: Resource, now: int) -> None:
    """Raise Invalid where an Appointment comes to a status at `now` that it cannot have before it begins.

    Nobody has missed it by then; and it is over only where the person is there, and it was to begin within a day.
    """
    status = after["status"]
    start = moment(after.get("start"))
    if start <= now or (before is not None and before["status"] == status):
        return
    came = before is not None and before["status"] in _PRESENT and start - now <= _EARLY
    if status == "noshow" or (status == "fulfilled" and not came):
        text = f"It begins at {instant(start)}, so it is not {status} yet; say so afterwards."
        raise Invalid(text, code="business-rule", expression="Appointment.status")


def marked(before: Resource | None, after: Resource, now: int, late_within: int) -> Resource | None:
    """The Appointment with what follows from its change at `now`; None: nothing does.

    Late is a patient's cancellation less than `late_within` before the start; both are microseconds. Of what is said in
    retrospect the time is not known: of a visit that is long over, and of a `noshow` that is corrected after its end.
    """
    if before is None or before["status"] == after["status"]:
        return None
    if by := cancelled_by(before, after):
        marks: dict[str, Resource] = {CANCELLED_BY: {"valueCode": by}}
        if by == "patient" and before["status"] != "noshow":
            marks[LATE] = {"valueBoolean": moment(before.get("start")) - now < late_within}
        return with_extensions(after, marks)
    name = _STAMPED.get(after["status"])
    return None if name is None or _in_retrospect(before, after, now) else with_time(after, name, now)


def with_time(appointment: Resource, name: str, at: int) -> Resource | None:
    """The Appointment with a time of its visit, in microseconds; None where it has that already."""
    parts = extension(appointment, VISIT_TIMES).get("extension", ())
    if any(part.get("url") == name for part in parts):
        return None
    told = {"extension": [*parts, {"url": name, "valueInstant": instant(at)}]}
    return with_extensions(appointment, {VISIT_TIMES: told})


def _in_retrospect(before: Resource, after: Resource, now: int) -> bool:
    end = moment(after.get("end"))
    return bool(end) and now >= end + (0 if before["status"] == "noshow" else _OVERRUN)

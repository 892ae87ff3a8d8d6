"""What the course of a visit leaves on its Appointment: when who came, was let in and went, and what was late. Pure.

From these times anybody can tell how long people waited (fhir_profiles/StructureDefinition/visit-times.json).
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.scheduling.rules import CANCELLED_BY, LATE, cancelled_by, extension, moment, with_extensions

VISIT_TIMES = PROFILES + "visit-times"
"""Extension of an Appointment with the instants `arrived`, `checked-in`, `started` and `ended`, each where it is known.
"""

LATE_WITHIN = 24 * 3_600_000_000
"""A visit that is cancelled less than so many microseconds before it starts is cancelled late."""

_STAMPED: Mapping[str, str] = {"arrived": "arrived", "checked-in": "checked-in", "fulfilled": "ended"}
"""By the status that an Appointment comes to, the time that it then has unless it is sent along.

`started`, when the practitioner begins, is nobody's status: who knows it sends it.
"""


def marked(before: Resource | None, after: Resource, now: int) -> Resource | None:
    """The Appointment with what follows from its change at `now` (microseconds); None: nothing does."""
    if before is None or before["status"] == after["status"]:
        return None
    if by := cancelled_by(before, after):
        late = by == "patient" and moment(before.get("start")) - now < LATE_WITHIN
        marks: dict[str, Resource] = {CANCELLED_BY: {"valueCode": by}}
        return with_extensions(after, marks | ({LATE: {"valueBoolean": True}} if late else {}))
    name = _STAMPED.get(after["status"])
    parts = list(extension(after, VISIT_TIMES).get("extension", ()))
    if name is None or any(part.get("url") == name for part in parts):
        return None
    return with_extensions(after, {VISIT_TIMES: {"extension": [*parts, {"url": name, "valueInstant": instant(now)}]}})

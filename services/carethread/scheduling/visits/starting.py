"""When a visit began: its Encounter tells, by http://hl7.org/fhir/R4/encounter-definitions.html#Encounter.statusHistory.

Encounters belong to `records`, and nothing of them is kept here: each is read as it comes by, and of one that names an
Appointment of ours and has begun, the Appointment gets the moment, unless it has one.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.context import Context, Principal
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Session
from carethread.core.service import Reaction, Runtime
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.rules import HOLDING, is_ours
from carethread.scheduling.visits.visiting import with_time

_BEGUN = ("in-progress", "onleave", "finished")
"""Statuses of an Encounter whose period begins with it; before, that may be when the person came."""

_NONE = ("cancelled", "entered-in-error")


def began(encounter: Resource) -> int:
    """When an Encounter came to be in progress, in microseconds; 0 where that is not told to the moment."""
    if encounter["status"] in _NONE:
        return 0
    told = [each.get("period", {}) for each in encounter.get("statusHistory", ()) if each["status"] == "in-progress"]
    if encounter["status"] in _BEGUN:
        told.append(encounter.get("period", {}))
    starts = [each["start"] for each in told if "T" in each.get("start", "")]
    return moment(starts[0]) if starts else 0


def _handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
    found: dict[tuple[str, bool], int] = {}
    for event in events:
        if event.deleted or b'"appointment"' not in event.data:
            continue
        encounter = json.parse_object(event.data)
        if at := began(encounter):
            for kind, id_ in keys_at(encounter, "appointment", runtime.base_url):
                if kind == "Appointment":
                    found.setdefault((id_, event.backfill), at)
    for (id_, backfill), at in sorted(found.items()):
        unit = WriteUnit(runtime, session, Context(Principal(runtime.service.name), backfill=backfill))
        appointment = unit.find(("Appointment", id_))
        if appointment is None or appointment["status"] not in HOLDING or not is_ours(appointment):
            continue
        if started := with_time(appointment, "started", at):
            unit.update(started)
            unit.store()


STARTED = Reaction("visit-started", "effect", ("Encounter",), _handle)

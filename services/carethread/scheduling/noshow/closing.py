"""What becomes of a visit that is past and has no outcome, where its Schedule has a policy for that.

A day after its end it is looked: if a no-show is all that is left, the visit is one, with a Provenance that says by
which policy; else it stays as it is, on the work list.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.requesting import request
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.noshow.outcomes import doubts
from carethread.scheduling.policies import NO_SHOW_POLICY, is_ruled_out

GRACE = 24 * 3_600_000_000
"""Microseconds after the end of a visit in which somebody may still say what became of it."""


def close(runtime: Runtime, session: Session, id_: str, context: Context) -> None:
    """Call a visit a no-show, if its Schedules' policy is to do so and nothing speaks against it.

    Raises Busy while the owner of Encounters is away.
    """
    unit = WriteUnit(runtime, session, context)
    appointment = unit.find(("Appointment", id_))
    if appointment is None or appointment["status"] != "booked":
        return
    slots = [unit.find(key) for key in keys_at(appointment, "slot", runtime.base_url)]
    schedules = [unit.find(key) for slot in slots if slot for key in keys_at(slot, "schedule", runtime.base_url)]
    if not schedules or not all(map(is_ruled_out, schedules)) or doubts(runtime, id_, appointment, slots):
        return
    done = unit.do(Command("Appointment", id_, {**appointment, "status": "noshow"}))
    unit.store()
    if done.stored is None:
        raise FhirError("The no-show was not stored.")
    version = f"Appointment/{id_}/_history/{done.stored.version}"
    request(session, _provenance(version, context), context, new=True)


def _provenance(version: str, context: Context) -> Resource:
    agents = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    return {
        "resourceType": "Provenance",
        "id": str(uuid5(NAMESPACE_URL, f"no-show/{version}")),
        "target": [{"reference": version}],
        "recorded": instant(to_micros(context.clock())),
        "policy": [NO_SHOW_POLICY],
        "reason": [{"text": "Past, and everything but a no-show is ruled out."}],
        "agent": [
            {
                "type": {"coding": [{"system": agents, "code": "performer"}]},
                "who": {"display": context.principal.name},
            }
        ],
    }

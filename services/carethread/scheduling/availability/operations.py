"""$stranded: the bookings of a Schedule that do not fit its hours any more."""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import NotFound
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource, Session
from carethread.core.ports.calendar import FOREVER
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.scheduling.availability.stranded import Stranded, stranded_among


def stranded(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters with those to come, in order. Raises NotFound; a Schedule that is deleted strands all that it had."""
    refuse_unknown(call, "$stranded", ())
    key, now = ("Schedule", call.id), to_micros(context.clock())

    def work(session: Session) -> list[Stranded]:
        found = session.current([key]).get(key) if is_id(call.id) else None
        if found is None:
            raise NotFound(f"This Schedule is not known here{f': Schedule/{call.id}' if is_id(call.id) else ''}.")
        return stranded_among(session, found, session.calendar.slots(call.id, now, FOREVER))

    return {"resourceType": "Parameters", "parameter": list(_parameters(runtime.store.snapshot(work)))}


def _parameters(found: list[Stranded]) -> Iterable[Resource]:
    yield {"name": "total", "valueUnsignedInt": len(found)}
    for each in sorted(found, key=lambda each: (each.begin, each.appointment)):
        period = {"start": instant(each.begin), "end": instant(each.end)}
        yield {
            "name": "stranded",
            "part": [
                {"name": "appointment", "valueReference": {"reference": f"Appointment/{each.appointment}"}},
                {"name": "slot", "valueReference": {"reference": f"Slot/{each.slot}"}},
                {"name": "period", "valuePeriod": period},
                {"name": "reason", "valueCode": each.reason},
            ],
        }


OPERATIONS = (
    Operation(
        name="stranded",
        type="Schedule",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/stranded",
        handler=stranded,
    ),
)

"""$stranded: the bookings of a Schedule that do not fit its hours any more."""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import NotFound
from carethread.core.fhir import json
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource, Session
from carethread.core.ports.calendar import FOREVER
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.scheduling.availability.stranded import Stranded, stranded_among
from carethread.scheduling.rebooking.need import by_need, need_parts
from carethread.scheduling.waitlist.entries import entry_of
from carethread.scheduling.waitlist.ranking import Ranked


def stranded(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters with those to come, by need. Raises NotFound; a Schedule that is deleted strands all that it had."""
    refuse_unknown(call, "$stranded", ())
    key, now = ("Schedule", call.id), to_micros(context.clock())

    def work(session: Session) -> list[tuple[Stranded, Ranked | None]]:
        found = session.current([key]).get(key) if is_id(call.id) else None
        if found is None:
            raise NotFound(f"This Schedule is not known here{f': Schedule/{call.id}' if is_id(call.id) else ''}.")
        there = stranded_among(session, found, session.calendar.slots(call.id, now, FOREVER))
        return _in_order(session, there, runtime.base_url, now)

    return {"resourceType": "Parameters", "parameter": list(_parameters(runtime.store.snapshot(work)))}


def _in_order(session: Session, found: list[Stranded], base_url: str, now: int) -> list[tuple[Stranded, Ranked | None]]:
    """Those first who need it most, with the reasons; those without a patient last."""
    stored = session.current({("Appointment", each.appointment) for each in found})
    entries = (entry_of(one, json.parse_object(one.body), base_url) for one in stored.values() if not one.deleted)
    ranking = by_need(session, (entry for entry in entries if entry), now)
    places = {ranked.entry.id: (number, ranked) for number, ranked in enumerate(ranking)}
    last = (len(ranking), None)
    ordered = sorted(found, key=lambda each: (places.get(each.appointment, last)[0], each.begin, each.appointment))
    return [(each, places.get(each.appointment, last)[1]) for each in ordered]


def _parameters(found: list[tuple[Stranded, Ranked | None]]) -> Iterable[Resource]:
    yield {"name": "total", "valueUnsignedInt": len(found)}
    for each, ranked in found:
        period = {"start": instant(each.begin), "end": instant(each.end)}
        yield {
            "name": "stranded",
            "part": [
                {"name": "appointment", "valueReference": {"reference": f"Appointment/{each.appointment}"}},
                {"name": "slot", "valueReference": {"reference": f"Slot/{each.slot}"}},
                {"name": "period", "valuePeriod": period},
                {"name": "reason", "valueCode": each.reason},
                *(need_parts(ranked) if ranked else ()),
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

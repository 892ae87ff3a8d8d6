"""`Appointment/[id]/$no-show-score` and `Appointment/$unresolved`."""

from __future__ import annotations

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read
from carethread.scheduling.noshow.facts import facts_of
from carethread.scheduling.noshow.outcomes import OPEN, Doubt, doubts
from carethread.scheduling.noshow.scoring import Reason, score
from carethread.scheduling.rules import moment
from carethread.scheduling.standing import present

_MOST = 100
_COUNT = ("_count",)


def no_show_score(runtime: Runtime, call: Call, context: Context) -> Resource:
    """How likely the visit is to be missed, why, and what helps. Raises Busy while the owner of Conditions is away."""
    refuse_unknown(call, "a score", ())
    stored = read(runtime, ("Appointment", call.id), context)
    found = score(facts_of(runtime, stored, json.parse_object(stored.body)))
    parameters: list[Resource] = [
        {"name": "points", "valueUnsignedInt": found.points},
        {"name": "level", "valueCode": found.level},
        *map(_reason, found.reasons),
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


def _reason(reason: Reason) -> Resource:
    parts: list[Resource] = [
        {"name": "code", "valueCode": reason.code},
        {"name": "points", "valueUnsignedInt": reason.points},
        {"name": "text", "valueString": reason.text},
        {"name": "help", "valueString": reason.help},
    ]
    return {"name": "reason", "part": parts}


def unresolved(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The visits that are past and have no outcome, the oldest first, each with what speaks against a no-show.

    Raises Busy while the owner of Encounters is away.
    """
    authorize("search-type", "Appointment", context)
    refuse_unknown(call, "the work list", _COUNT)
    count, now = _count(call), to_micros(context.clock())

    def past(session: Session) -> tuple[int, list[tuple[Stored, Resource, list[Resource | None]]]]:
        params = [("status", ",".join(OPEN)), ("date", f"lt{instant(now)}")]
        total = session.count(parse_query("Appointment", params))
        found = session.search(parse_query("Appointment", [*params, ("_sort", "date")]), count).matches
        read = [(stored, json.parse_object(stored.body)) for stored in found]
        return total, [(stored, one, _slots(session, one, runtime.base_url)) for stored, one in read]

    total, found = runtime.store.snapshot(past)
    items = [
        _item(stored, [_doubt(each) for each in doubts(runtime, stored.id, one, slots)])
        for stored, one, slots in found
        if moment(one.get("end")) <= now
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "total", "valueUnsignedInt": total}, *items]}


def _item(stored: Stored, doubts: list[Resource]) -> Resource:
    reference = {"name": "appointment", "valueReference": {"reference": f"Appointment/{stored.id}"}}
    return {"name": "visit", "part": [reference, *doubts]}


def _doubt(doubt: Doubt) -> Resource:
    parts: list[Resource] = [{"name": "code", "valueCode": doubt.code}, {"name": "text", "valueString": doubt.text}]
    return {"name": "doubt", "part": parts}


def _slots(session: Session, appointment: Resource, base_url: str) -> list[Resource | None]:
    keys = [key for key in keys_at(appointment, "slot", base_url) if key[0] == "Slot"]
    found = present(session, keys)
    return [found.get(key) for key in keys]


def _count(call: Call) -> int:
    given = call.params.get("_count", ["50"])
    if len(given) != 1 or not given[0].isdigit() or not 1 <= int(given[0]) <= _MOST:
        raise Malformed(f"_count is a number from 1 to {_MOST}.", code="value", expression="_count")
    return int(given[0])


_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/Appointment-"

OPERATIONS = (
    Operation("no-show-score", "Appointment", ("instance",), f"{_DEFINITION}no-show-score", no_show_score),
    Operation("unresolved", "Appointment", ("type",), f"{_DEFINITION}unresolved", unresolved, parameters=_COUNT),
)

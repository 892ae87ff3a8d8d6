"""`Appointment/[id]/$no-show-score` and `Appointment/$unresolved`."""

from __future__ import annotations

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize, restrict
from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import moment
from carethread.core.fhir.search.query import SearchQuery
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read
from carethread.interactions.standing import present
from carethread.scheduling.narrowing import ACTORS, FROM, OFFSET, TO, actors_asked, offset_of, span_of
from carethread.scheduling.noshow.facts import facts_of
from carethread.scheduling.noshow.outcomes import OPEN, Doubt, doubts
from carethread.scheduling.noshow.scoring import Reason, score

_MOST, _MOST_READ = 100, 5_000
"""Visits in an answer, and in a work list."""

_NARROWING = (FROM, TO, *ACTORS)
_TAKES = (*_NARROWING, COUNT, OFFSET)


def no_show_score(runtime: Runtime, call: Call, context: Context) -> Resource:
    """How likely the visit is to be missed, why, and what helps. Raises Busy while the owner of Conditions is away."""
    refuse_unknown(call, "a score", ())
    stored = read(runtime, ("Appointment", call.id), context)
    facts = facts_of(runtime, stored, json.parse_object(stored.body), to_micros(context.clock()))
    found = score(facts)
    parameters: list[Resource] = [
        {"name": "points", "valueUnsignedInt": found.points},
        {"name": "level", "valueCode": found.level},
        {"name": "visits", "valueUnsignedInt": facts.visits},
        {"name": "missed", "valueUnsignedInt": facts.missed},
        {"name": "unresolved", "valueUnsignedInt": facts.unresolved},
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

    Raises Malformed for the parameters, TooCostly where there are too many, Busy while the owner of Encounters is away.
    """
    authorize("search-type", "Appointment", context)
    refuse_unknown(call, "the work list", _TAKES)
    count, offset, now = count_of(call, _MOST), offset_of(call), to_micros(context.clock())
    query = restrict(_query(call, now, runtime.base_url), context)

    def past(session: Session) -> tuple[int, list[tuple[Stored, Resource, list[Resource | None]]]]:
        found = session.search(query, _MOST_READ + 1).matches
        if len(found) > _MOST_READ:
            raise TooCostly(f"That is more than {_MOST_READ} visits; ask for some by {', '.join(_NARROWING)}.")
        read = [(stored, json.parse_object(stored.body)) for stored in found]
        ended = [(stored, one) for stored, one in read if moment(one.get("end")) <= now]
        page = ended[offset : offset + count]
        return len(ended), [(stored, one, _slots(session, one, runtime.base_url)) for stored, one in page]

    total, found = runtime.store.snapshot(past)
    parameters: list[Resource] = [{"name": "total", "valueUnsignedInt": total}]
    if offset + count < total:
        parameters.append({"name": "next-offset", "valueUnsignedInt": offset + count})
    for stored, one, slots in found:
        parameters.append(_item(stored, [_doubt(each) for each in doubts(runtime, stored.id, one, slots)]))
    return {"resourceType": "Parameters", "parameter": parameters}


def _query(call: Call, now: int, base_url: str) -> SearchQuery:
    """Those that had begun by now, in the period that is asked for, with those who are asked for."""
    begin, end = span_of(call, FROM, (0, 0))[0], span_of(call, TO, (0, now))[1]
    params = [("status", ",".join(OPEN)), ("date", f"lt{instant(min(end, now))}"), ("_sort", "date")]
    params += [("date", f"ge{instant(begin)}")] if begin else []
    params += [("actor", ",".join(some)) for some in actors_asked(call)]
    return parse_query("Appointment", params, base=base_url)


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


_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/Appointment-"

OPERATIONS = (
    Operation("no-show-score", "Appointment", ("instance",), f"{_DEFINITION}no-show-score", no_show_score),
    Operation("unresolved", "Appointment", ("type",), f"{_DEFINITION}unresolved", unresolved, parameters=_TAKES),
)

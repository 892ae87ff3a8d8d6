"""`Appointment/$to-rebook`: the people whose visits the provider cancelled, until they have another, by need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Busy, Malformed
from carethread.core.fhir import json
from carethread.core.moments import DAY
from carethread.core.ports import Request, Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.scheduling.narrowing import ACTORS, FROM, TO, actors_asked, span_of
from carethread.scheduling.rebooking.bumped import Asked, Bumped, Reader
from carethread.scheduling.rebooking.need import by_need, need_parts
from carethread.scheduling.waitlist.ranking import Ranked

_BACK, _AHEAD = 92 * DAY, 366 * DAY
"""From when to when visits are looked for, around now, where it is not said."""

_LONGEST = 732 * DAY
_MOST = 1000
_TAKES = (FROM, TO, *ACTORS, COUNT)

_OWNER, _CHUNK = "careteams", 100
_DONE = frozenset({"completed", "cancelled", "rejected", "failed", "entered-in-error"})
"""Statuses of a Task that nobody has to do any more."""


def to_rebook(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: `total`, and the first of the visits in order.

    Raises Malformed for the parameters, TooCostly for a period with too many visits, Busy while the owner of Tasks is
    away.
    """
    authorize("search-type", "Appointment", context)
    refuse_unknown(call, "the list", _TAKES)
    now, count = to_micros(context.clock()), count_of(call, _MOST)
    asked = Asked(*_period(call, now), actors_asked(call))

    def find(session: Session) -> list[Bumped]:
        return Reader(session, runtime.base_url, context).bumped(asked)

    found = runtime.store.snapshot(find)
    tasks = _tasks(runtime, sorted({each.task for each in found if each.task}), context)
    left = {(each.entry.id, each.entry.patient): each for each in found if tasks.get(each.task) not in _DONE}
    entries = [each.entry for each in left.values()]
    ranking = runtime.store.snapshot(lambda session: by_need(session, entries, now))
    parts = [
        _part(ranked, left[ranked.entry.id, ranked.entry.patient], tasks) for ranked in ranking[:count]
    ]  # fmt: skip
    return {"resourceType": "Parameters", "parameter": [{"name": "total", "valueUnsignedInt": len(ranking)}, *parts]}


def _part(ranked: Ranked, bumped: Bumped, tasks: Mapping[str, str]) -> Resource:
    parts: list[Resource] = [
        {"name": "appointment", "valueReference": {"reference": f"Appointment/{bumped.entry.id}"}},
        {"name": "patient", "valueReference": {"reference": bumped.entry.patient}},
        {"name": "period", "valuePeriod": {"start": instant(bumped.begin), "end": instant(bumped.end)}},
        {"name": "cancelled", "valueInstant": instant(bumped.cancelled)},
        *({"name": "service", "valueCodeableConcept": each} for each in bumped.service),
    ]
    if bumped.task:
        parts.append({"name": "task", "valueReference": {"reference": f"Task/{bumped.task}"}})
    if status := tasks.get(bumped.task):
        parts.append({"name": "task-status", "valueCode": status})
    return {"name": "visit", "part": [*parts, *need_parts(ranked)]}


def _tasks(runtime: Runtime, ids: list[str], context: Context) -> dict[str, str]:
    """How far the Tasks are, by id; one that its owner has not made yet is not among them."""
    found: dict[str, str] = {}
    form = {"content-type": "application/x-www-form-urlencoded", "traceparent": context.traceparent}
    for start in range(0, len(ids) if runtime.peer.knows(_OWNER) else 0, _CHUNK):
        wanted = {"_id": ",".join(ids[start : start + _CHUNK]), "_count": str(_CHUNK), "_elements": "status"}
        answer = runtime.peer.call(_OWNER, Request("POST", "Task/_search", (), form, urlencode(wanted).encode()))
        if answer.status != 200:
            raise Busy(f"The owner of Tasks answers {answer.status}.")
        entries: Iterable[Resource] = json.parse_object(answer.body).get("entry", ())
        found |= {each["resource"]["id"]: str(each["resource"]["status"]) for each in entries}
    return found


def _period(call: Call, now: int) -> tuple[int, int]:
    """From and to in microseconds; a day that `to` names is in the period."""
    begin = span_of(call, FROM, (now - _BACK, 0))[0]
    end = span_of(call, TO, (0, now + _AHEAD))[1]
    if not 0 < end - begin <= _LONGEST:
        raise Malformed(
            f"from comes before to, by {_LONGEST // DAY} days at most.", code="value", expression=TO
        )  # fmt: skip
    return begin, end


OPERATIONS = (
    Operation(
        name="to-rebook",
        type="Appointment",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Appointment-to-rebook",
        handler=to_rebook,
        parameters=_TAKES,
    ),
)

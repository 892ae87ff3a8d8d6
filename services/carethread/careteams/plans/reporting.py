"""`CarePlan/[id]/$adherence`: how far each activity of a plan is kept to, and since when it is overdue."""

from __future__ import annotations

from carethread.careteams.plans.keepers import Kept, begin_of, kept, observed, recorded
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read

_SHOWN = 20
"""Times that are told of each activity, the last."""


def report(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: the plan's whole, and a part for each activity. Raises NotFound and Gone for the plan,
    Busy while the owner of Observations is away."""
    refuse_unknown(call, "$adherence", ())
    now = to_micros(context.clock())
    plan = json.parse_object(read(runtime, ("CarePlan", call.id), context).body)

    asked = observed(runtime, plan, plan.get("activity", ()))

    def look(session: Session) -> list[Kept]:
        return kept(plan, recorded(session, plan, runtime.base_url) | asked, now, runtime.base_url)

    found = runtime.store.snapshot(look)
    needed = sum(each.adherence.needed for each in found)
    done = sum(each.adherence.done for each in found if each.adherence.needed)
    parts: list[Resource] = [
        {"name": "from", "valueInstant": instant(begin_of(plan))},
        {"name": "to", "valueInstant": instant(now)},
        {"name": "needed", "valueUnsignedInt": needed},
        {"name": "done", "valueUnsignedInt": done},
        {"name": "overdue", "valueUnsignedInt": sum(bool(each.adherence.overdue) for each in found)},
    ]
    if needed:
        parts.append({"name": "percent", "valueUnsignedInt": 100 * done // needed})
    return {"resourceType": "Parameters", "parameter": [*parts, *map(_activity, found)]}


def _activity(each: Kept) -> Resource:
    state = each.adherence
    parts: list[Resource] = [{"name": "number", "valueUnsignedInt": each.number}]
    if each.id:
        parts.append({"name": "id", "valueString": each.id})
    parts += [
        {"name": "title", "valueString": each.title},
        {"name": "state", "valueCode": state.state},
        {"name": "needed", "valueUnsignedInt": state.needed},
        {"name": "done", "valueUnsignedInt": state.done},
    ]
    if state.percent is not None:
        parts.append({"name": "percent", "valueUnsignedInt": state.percent})
    if state.overdue:
        parts.append({"name": "overdue-since", "valueInstant": instant(state.overdue)})
    if state.due:
        parts.append({"name": "due", "valueInstant": instant(state.due)})
    parts += [{"name": "done-at", "valueInstant": instant(moment)} for moment in each.times[-_SHOWN:]]
    return {"name": "activity", "part": parts}


OPERATIONS = (
    Operation(
        name="adherence",
        type="CarePlan",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/CarePlan-adherence",
        handler=report,
    ),
)

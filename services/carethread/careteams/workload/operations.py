"""`PractitionerRole/[id]/$workload` and `CareTeam/$workload`: what lies on a member, or on those of a department."""

from __future__ import annotations

from collections.abc import Iterator

from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.navigation.asking import moment, reference
from carethread.careteams.navigation.caseload import OFFSET, offset_of
from carethread.careteams.navigation.finding import found
from carethread.careteams.navigation.navigators import role_of
from carethread.careteams.teams.working import works
from carethread.careteams.workload.limits import AFTER_HOURS
from carethread.careteams.workload.measuring import load_of, member
from carethread.careteams.workload.watching import WATCH, WEEK, workload_due
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of
from carethread.interactions.operations.parameters import refuse_unknown

OF_ONE = ("start", "end")
OF_ALL = ("department", *OF_ONE, COUNT, OFFSET)
_LONGEST = 31 * DAY
_MOST, _MOST_ROLES = 100, 2000


def workload(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters of one member. Raises Malformed, NotFound, Busy."""
    authorize("read", "PractitionerRole", context)
    refuse_unknown(call, "the workload", OF_ONE)
    now = to_micros(context.clock())
    begin, end = _period(call, now)
    role = role_of(runtime, call.id)

    def work(session: Session) -> Resource:
        parts = list(_parts(session, role, begin, end, now, runtime.base_url))
        return {"resourceType": "Parameters", "parameter": parts}

    return runtime.store.snapshot(work)


def workloads(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: total, and a page of the members of a department. Raises Malformed, Invalid, Busy."""
    authorize("search-type", "PractitionerRole", context)
    refuse_unknown(call, "the overview", OF_ALL)
    department = reference(call, "department", ("Organization",), runtime.base_url, needed=True)
    now, count, offset = to_micros(context.clock()), count_of(call, _MOST), offset_of(call)
    begin, end = _period(call, now)
    refuse_unknown_people(runtime, [(department, "department")], context)

    def work(session: Session) -> Resource:
        asked = [("organization", department), ("_sort", "_id")]
        roles = found(session, "PractitionerRole", asked, runtime.base_url, _MOST_ROLES)
        held = [role for role in roles if works(role, now)]
        parts: list[Resource] = [{"name": "total", "valueUnsignedInt": len(held)}]
        if offset + count < len(held):
            parts.append({"name": "next-offset", "valueUnsignedInt": offset + count})
        parts += [
            {"name": "workload", "part": list(_parts(session, role, begin, end, now, runtime.base_url))}
            for role in held[offset : offset + count]
        ]
        return {"resourceType": "Parameters", "parameter": parts}

    return runtime.store.snapshot(work)


def _parts(session: Session, role: Resource, begin: int, end: int, now: int, base_url: str) -> Iterator[Resource]:
    one = member(session, role, now, base_url)
    load = load_of(session, one, begin, end, now, base_url)
    yield {"name": "member", "valueReference": {"reference": one.name}}
    if one.practitioner:
        yield {"name": "practitioner", "valueReference": {"reference": one.practitioner}}
    yield {"name": "period", "valuePeriod": {"start": instant(begin), "end": instant(end)}}
    yield {"name": "hours", "valueCode": "known" if AFTER_HOURS in load.facts else "unknown"}
    for code, number in load.facts.items():
        parts: list[Resource] = [{"name": "code", "valueCode": code}, {"name": "count", "valueUnsignedInt": number}]
        if code in load.limits:
            parts.append({"name": "limit", "valueUnsignedInt": load.limits[code]})
        yield {"name": "fact", "part": parts}
    if flag := session.claimed(WATCH, [one.practitioner]).get(one.practitioner, ""):
        yield {"name": "flag", "valueReference": {"reference": flag}}


def _period(call: Call, now: int) -> tuple[int, int]:
    """From and to in microseconds: the last seven days where it is not said."""
    end = moment(call, "end", now)
    begin = moment(call, "start", end - WEEK)
    if not 0 < end - begin <= _LONGEST:
        raise Malformed("start comes before end, by 31 days at most.", code="value", expression="start")
    return begin, end


_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/"

OPERATIONS = (
    Operation(
        "workload", "PractitionerRole", ("instance",), f"{_DEFINITION}PractitionerRole-workload", workload,
        parameters=OF_ONE,
    ),
    Operation("workload", "CareTeam", ("type",), f"{_DEFINITION}CareTeam-workload", workloads, parameters=OF_ALL),
)  # fmt: skip

TIMERS = {WATCH: workload_due}

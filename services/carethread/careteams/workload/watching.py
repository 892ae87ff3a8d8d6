"""Each member is looked at once a day: what lies on them becomes a fact for metrics, and a Flag where it is too much.

The timer of a PractitionerRole is due after its local midnight. The Flag is about the Practitioner, for whoever leads;
it ends by itself when nothing is over its limit any more. There is one for each person, and it tells nobody whom they
care for. The facts are a MeasureReport of the Measure `workload`, requested of its owner: an Observation could not be
about a Practitioner in R4. Source: http://hl7.org/fhir/R4/measurereport.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.daytime import zone_of_role
from carethread.careteams.navigation.navigators import reference
from carethread.careteams.navigation.terms import FLAGS, concept
from carethread.careteams.tasks import refer
from carethread.careteams.teams.working import works
from carethread.careteams.workload.limits import wording
from carethread.careteams.workload.measuring import Load, Member, load_of, member
from carethread.core.clock import from_micros, instant, to_micros
from carethread.core.context import Context
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import PROFILES, Runtime
from carethread.interactions.requesting import request
from carethread.interactions.standing import here, present
from carethread.interactions.writing.unit import WriteUnit

WATCH = "workload"
"""The kind of timer, whose key is a PractitionerRole's id, and of the places: `Practitioner/1` has the `Flag/1`."""

WEEK = 7 * DAY
"""For how long back what was after hours counts, in microseconds."""

_MEASURE = "https://carethread.dev/fhir/Measure/workload|1.0.0"
_FACTS = "https://carethread.dev/fhir/CodeSystem/workload-fact"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/flag-category"


def member_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have PractitionerRoles looked at from now on, if they are held."""
    now = to_micros(context.clock())
    known = present(session, [("PractitionerRole", id_) for id_ in ids])
    for id_ in ids:
        role = known.get(("PractitionerRole", id_))
        who = reference(role or {}, "practitioner", "Practitioner", runtime.base_url)
        if works(role, now):
            session.timers.set(WATCH, id_, _after_midnight(session, role, now, runtime.base_url))
        elif who and session.claimed(WATCH, [who]):
            session.timers.set(WATCH, id_, now)  # the Flag may have to end


def workload_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Look at a member, and again the next day."""
    now = to_micros(context.clock())
    role = here(session, ("PractitionerRole", timer.key))
    if role is None:
        return
    unit = WriteUnit(runtime, session, context)
    one = member(session, role, now, runtime.base_url)
    if works(role, now):
        session.timers.set(WATCH, timer.key, _after_midnight(session, role, now, runtime.base_url))
        load = load_of(session, one, now - WEEK, now, now, runtime.base_url)
        _settle(unit, one, load.over, now)
        if timer.key == one.roles[0][0]["id"]:  # of several roles of one person the first tells for all
            today = load_of(session, one, now - DAY, now, now, runtime.base_url)
            request(session, _report(one, today, now), context, new=True)
    elif all(not works(each, now) for each, _ in one.roles):
        _settle(unit, one, [], now)
    unit.store()


def _after_midnight(session: Session, role: Resource | None, now: int, base_url: str) -> int:
    """A quarter past the next local midnight."""
    zone = zone_of_role(session, role, base_url)
    tomorrow = from_micros(now).astimezone(zone).date() + timedelta(days=1)
    return to_micros(datetime.combine(tomorrow, time(0, 15), zone))


def _settle(unit: WriteUnit, one: Member, codes: Sequence[str], now: int) -> None:
    """Have one active Flag while something is over its limit."""
    if not one.practitioner:
        return
    unit.session.lock([f"{WATCH}/{one.practitioner}"])
    name = unit.session.claimed(WATCH, [one.practitioner]).get(one.practitioner, "")
    flag = unit.find(("Flag", name.removeprefix("Flag/"))) if name else None
    active = flag is not None and flag.get("status") == "active"
    if codes and not active:
        made = _flag(unit.context.new_id(), one, codes, now)
        unit.update(made)
        unit.session.release(WATCH, name)
        unit.session.claim(WATCH, one.practitioner, f"Flag/{made['id']}")
    elif codes and flag and flag["code"].get("text") != wording(codes):
        unit.update({**flag, "code": concept(FLAGS, "workload", wording(codes))})
    elif not codes and name:
        unit.session.release(WATCH, name)
        if flag and active:
            ended = {**flag.get("period", {}), "end": instant(now)}
            unit.update({**flag, "status": "inactive", "period": ended})


def _flag(id_: str, one: Member, codes: Sequence[str], now: int) -> Resource:
    department = _department(one)
    return {
        "resourceType": "Flag",
        "id": id_,
        "status": "active",
        "category": [concept(_CATEGORY, "admin")],
        "code": concept(FLAGS, "workload", wording(codes)),
        "subject": refer(one.practitioner),
        "period": {"start": instant(now)},
        **({"author": refer(department)} if department else {}),
    }


def _department(one: Member) -> str:
    return f"Organization/{one.departments[0]['id']}" if one.departments else ""


def _report(one: Member, load: Load, now: int) -> Resource:
    """The facts of a member, of the day that is over; repeated it is the same."""
    department = _department(one)
    name = f"{_MEASURE}/{one.name}/{instant(now)[:10]}"
    population = concept("http://terminology.hl7.org/CodeSystem/measure-population", "initial-population")
    return {
        "resourceType": "MeasureReport",
        "id": str(uuid5(NAMESPACE_URL, name)),
        "meta": {"profile": [PROFILES + "measure-report"]},
        "status": "complete",
        "type": "individual",
        "measure": _MEASURE,
        "subject": refer(one.practitioner or one.name),
        "date": instant(now),
        **({"reporter": refer(department)} if department else {}),
        "period": {"start": instant(now - DAY), "end": instant(now)},
        "group": [
            {"code": concept(_FACTS, code), "population": [{"code": population, "count": count}]}
            for code, count in load.facts.items()
        ],
    }

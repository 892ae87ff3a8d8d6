"""A plan looked at: how far each of its activities is kept to, by all that was recorded of the person.

What was recorded is searched in the service's own types and in its copies of others', so it may lag a little. There are
copies of a part of the Observations only: those with the code of an activity are asked of their owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from carethread.careteams.plans.adhering import Adherence, adherence
from carethread.careteams.plans.evidence import KINDS, times_done, tokens
from carethread.careteams.plans.schedules import schedule_of
from carethread.core.clock import instant
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import present

MOST = 1000
"""Resources of each type that are looked at for one person, the newest."""

_ENDED = {"completed": "done", "cancelled": "stopped", "stopped": "stopped", "entered-in-error": "stopped"}
_WAITING = frozenset({"on-hold", "unknown"})


@dataclass(frozen=True, slots=True)
class Kept:
    """An activity (its number in the plan, and id if it has one) and how far it is kept to."""

    number: int
    id: str
    activity: Resource
    adherence: Adherence
    times: Sequence[int]

    @property
    def name(self) -> str:
        """By what it is told from the plan's others, also when some are added."""
        return self.id or f"#{self.number}"

    @property
    def title(self) -> str:
        """What it is, in words; a code where there are none."""
        detail = self.activity.get("detail", {})
        code = detail.get("code", {})
        coded: Resource = next(iter(code.get("coding", ())), {})
        return str(
            detail.get("description") or code.get("text") or coded.get("display") or coded.get("code") or self.name
        )


def begin_of(plan: Resource) -> int:
    """When a plan began, in microseconds: by its period, else since it was made or is known here."""
    texts = (plan.get("period", {}).get("start"), plan.get("created"), plan.get("meta", {}).get("lastUpdated"))
    return next((span[0] for text in texts if text and (span := date_range(text))), 0)


def patient_of(plan: Resource, base_url: str) -> str:
    """The reference of the plan's Patient; empty where it is for a group."""
    return next((f"Patient/{id_}" for kind, id_ in keys_at(plan, "subject", base_url) if kind == "Patient"), "")


def recorded(session: Session, plan: Resource, base_url: str) -> dict[Key, Resource]:
    """What was recorded of the person since the plan began, and what its activities name as outcomes."""
    patient, since = patient_of(plan, base_url), instant(begin_of(plan))
    found = present(session, set(keys_at(plan, "activity.outcomeReference", base_url)))
    for type_name in KINDS if patient else ():
        params = [("patient", patient), ("_lastUpdated", f"ge{since}"), ("_sort", "-_lastUpdated")]
        for one in session.search(parse_query(type_name, params, base=base_url), MOST).matches:
            found[type_name, one.id] = json.parse_object(one.body)
    return found


def observed(runtime: Runtime, plan: Resource, activities: Iterable[Resource]) -> dict[Key, Resource]:
    """The Observations since the plan began that have the code of one of the activities. Raises Busy, and TooCostly."""
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == "Observation")
    codes = {code for activity in activities for code in tokens(activity.get("detail", {}), ("code",))}
    askable = sorted(code for code in codes if not code.startswith("|") and not set(code) & set(",$\\"))
    patient = patient_of(plan, runtime.base_url)
    if not (askable and patient and runtime.peer.knows(owner)):
        return {}
    params = [("patient", patient), ("code", ",".join(askable)), ("date", f"ge{instant(begin_of(plan))}")]
    found = runtime.owners.search(owner, "Observation", params)
    return {("Observation", one.id): json.parse_object(one.body) for one in found}


def kept(plan: Resource, known: Mapping[Key, Resource], now: int, base_url: str) -> list[Kept]:
    """Each activity that has details; one that is led by a request elsewhere is not looked at here."""
    begin, key, found = begin_of(plan), ("CarePlan", plan["id"]), []
    for number, activity in enumerate(plan.get("activity", ())):
        detail = activity.get("detail")
        if detail is None or detail.get("doNotPerform"):
            continue
        times = times_done(activity, key, known, begin, now, base_url)
        status = detail.get("status", "")
        if status in _ENDED:
            state = Adherence(_ENDED[status], done=len(times))
        elif status in _WAITING:
            state = Adherence("not-due", done=len(times))
        else:
            state = adherence(schedule_of(detail, begin), times, now)
        found.append(Kept(number, str(activity.get("id", "")), activity, state, times))
    return found

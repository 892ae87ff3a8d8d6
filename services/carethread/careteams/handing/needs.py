"""What makes that somebody has to answer for a person: an active plan, something to be done, a high risk.

Kept with the moments at which each came and went (`core.ports.needs`), so that it can be asked of any past day. A risk
that is said to be over at a moment ends then by itself: a timer notes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from carethread.careteams.handing.following import survivors
from carethread.careteams.levels import HIGH, level
from carethread.careteams.tasks import NO_NEED, OPEN, TASKS
from carethread.careteams.teams.alarming import TAKE_OVER
from carethread.careteams.teams.awaiting import have_seen_to, needs_changed
from carethread.careteams.teams.reading import ends, ref
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import FOREVER, Resource, Session, Stored, Timer
from carethread.core.service import Runtime, StoredHook, TimerHandler
from carethread.interactions.standing import here

OVER = "need-over"
"""The kind of timer that notes that a need is over by itself; its key is the need (`RiskAssessment/1`)."""

FLAG_KIND, HIGH_RISK = "https://carethread.dev/fhir/CodeSystem/flag-kind", "high-risk"

_TO_DO = frozenset(OPEN) - {"draft"}


def _has(resource: Resource, path: str, system: str, code: str) -> bool:
    codings = (each for each in at(resource, path) if isinstance(each, dict))
    return any((each.get("system"), each.get("code")) == (system, code) for each in codings)


def _flagged(flag: Resource) -> bool:
    return flag["status"] == "active" and _has(flag, "code.coding", FLAG_KIND, HIGH_RISK)


def _is_no_need(task: Resource) -> bool:
    """Also what people do themselves, such as fill in a form: by that they need nobody who answers for them."""
    theirs = ref(task, "owner", None, "Patient", "RelatedPerson")
    return bool(theirs) or any(_has(task, "code.coding", TASKS, code) for code in (TAKE_OVER, *NO_NEED))


_NEEDS: Mapping[str, tuple[str, Callable[[Resource, int], bool]]] = {
    "CarePlan": ("subject", lambda plan, now: plan["status"] == "active"),
    "Task": ("for", lambda task, now: task["status"] in _TO_DO and not _is_no_need(task)),
    "Flag": ("subject", lambda flag, now: _flagged(flag)),
    "RiskAssessment": ("subject", lambda assessment, now: bool(level(assessment, now, HIGH))),
}
"""By type: whose the need is, and when it is open. That somebody takes over is what needs ask for, not one itself;
and feedback asks for an answer, which is its department's to give."""


def needing(resource: Resource, now: int, base: str | None = None) -> str:
    """The person (`Patient/1`) who needs somebody by a resource, at a moment (microseconds); empty where nobody is."""
    path, is_open = _NEEDS[resource["resourceType"]]
    return ref(resource, path, base, "Patient") if is_open(resource, now) else ""


def needs_kept(type_name: str) -> StoredHook:
    """The hook by which needs of a type are kept."""

    def stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        found = session.current([(type_name, id_) for id_ in ids]).values()
        whose = {
            one.id: "" if one.deleted else needing(json.parse_object(one.body), one.updated, runtime.base_url)
            for one in found
        }
        people = survivors(session, {each for each in whose.values() if each}, runtime.base_url)
        states = {f"{type_name}/{one.id}": (people.get(whose[one.id], ""), one.updated) for one in found}
        session.needs.keep(states)
        if not context.backfill:
            _seen_to(session, type_name, found, states, runtime.base_url)
        for one in found:
            if whose[one.id] and (end := _end(json.parse_object(one.body))) < FOREVER:
                session.timers.set(OVER, f"{type_name}/{one.id}", end)

    return stored


def _seen_to(
    session: Session, type_name: str, found: Collection[Stored], states: Mapping[str, tuple[str, int]], base: str
) -> None:
    """Have it looked at whether somebody answers for those whose needs these are, or were until now."""
    path, _ = _NEEDS[type_name]
    gone = {
        one.id: ref(json.parse_object(one.body), path, base, "Patient")
        for one in found
        if not one.deleted and not states[f"{type_name}/{one.id}"][0]
    }
    people = survivors(session, {each for each in gone.values() if each}, base)
    over = {people[each]: "" for each in gone.values() if each}
    open_ = {whose: need for need, (whose, _) in states.items() if whose}
    needs_changed(session, over | open_, max((one.updated for one in found), default=0))


def _end(resource: Resource) -> int:
    """When a need is over by itself."""
    return ends(resource.get("occurrencePeriod", {}).get("end")) if "prediction" in resource else FOREVER


def need_over(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Note that a need was over when its time was, unless it says otherwise by now."""
    resource = here(session, key_of(timer.key))
    if resource is not None and _end(resource) <= timer.due:
        session.needs.keep({timer.key: ("", _end(resource))})
        if patient := ref(resource, _NEEDS[timer.key.partition("/")[0]][0], runtime.base_url, "Patient"):
            have_seen_to(session, patient, "", timer.due)


TIMERS: Mapping[str, TimerHandler] = {OVER: need_over}

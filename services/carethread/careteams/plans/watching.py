"""An activity that is overdue is a finding: opened when its time is over, closed when it is done or the plan has ended.

A timer for each active plan is due when the next window of an activity ends; so nobody has to ask. What may show that
an overdue activity was done has the plan looked at again at once; of Observations there are few copies here, so what is
overdue is looked at again each day too. Risk rules read the finding as a fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

from carethread.careteams.plans.detecting import patients_of
from carethread.careteams.plans.issues import OVERDUE, Finding, issues_of, say
from carethread.careteams.plans.keepers import Kept, kept, observed, patient_of, recorded
from carethread.careteams.teams.people import person
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.elements import keys_at
from carethread.core.moments import DAY
from carethread.core.ports import Key, Resource, Session, Store, Timer
from carethread.core.service import AskFirst, Runtime, StoredHook
from carethread.interactions.operations.once import derived
from carethread.interactions.standing import present
from carethread.interactions.writing.unit import WriteUnit

TIMER = "activity"
"""The kind of timer by which a plan's activities are looked at; its key is the CarePlan's id."""

_LATE = "overdue-plan"
"""The kind of places: the plans (keys) of a person (holder) of which an activity is overdue."""


_Question = tuple[object, ...]
_ANSWERS: WeakKeyDictionary[Store, dict[_Question, Mapping[Key, Resource]]] = WeakKeyDictionary()
"""What the owner of Observations has answered, by database, until the transaction that lacked it is begun anew."""

_MOST_ANSWERS = 100
"""Then those that nobody has come for are forgotten."""


def _seen(runtime: Runtime, plan: Resource, doubtful: Sequence[Kept], due: int) -> Mapping[Key, Resource]:
    """The Observations that may show that activities were done, for the timer that was due then. Raises AskFirst."""
    question = (plan["id"], plan["meta"]["versionId"], due, *(each.number for each in doubtful))
    answers = _ANSWERS.setdefault(runtime.store, {})
    if (found := answers.pop(question, None)) is not None:
        return found

    def ask() -> None:
        told = observed(runtime, plan, [each.activity for each in doubtful])
        if len(answers) >= _MOST_ANSWERS:
            answers.clear()
        answers[question] = told

    raise AskFirst(ask)


def plan_watched(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have the plans that were just stored looked at, but not those of history."""
    if not context.backfill:
        for id_ in ids:
            session.timers.set(TIMER, id_, to_micros(context.clock()))


def shown(type_name: str) -> StoredHook:
    """The hook of a type that may show that an activity was done: overdue plans of its people are looked at again."""

    def stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        if not context.backfill:
            plans = session.places(_LATE, *_whose(session, type_name, ids, runtime.base_url))
            now = to_micros(context.clock())
            session.timers.set_all(TIMER, {plan.removeprefix("CarePlan/"): now for plan in plans})

    return stored


def _whose(session: Session, type_name: str, ids: Sequence[str], base_url: str) -> set[str]:
    """All ids of the people whom the resources are about."""
    found = patients_of(session, type_name, ids, base_url)
    for resource in present(session, [(type_name, id_) for id_ in ids]).values():
        for path in ("for", "participant.actor"):
            found |= {f"Patient/{id_}" for kind, id_ in keys_at(resource, path, base_url) if kind == "Patient"}
    return {f"Patient/{id_}" for id_ in session.kin(each.removeprefix("Patient/") for each in found)}


def activities_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Look at a plan's activities, say which are overdue, and be back when the next one's time is over.

    Raises AskFirst where something is overdue that an Observation could show to be done.
    """
    key, base_url = ("CarePlan", timer.key), runtime.base_url
    about, now = f"CarePlan/{timer.key}", to_micros(context.clock())
    session.lock([f"activities {about}"])
    unit = WriteUnit(runtime, session, context)
    plan = present(session, [key]).get(key)
    named = patient_of(plan, base_url) if plan else next(iter(session.claimed(_LATE, [about]).values()), "")
    if not named:
        return
    patient = person(session, named, base_url)
    found: list[Kept] = []
    if plan and plan.get("status") == "active":
        known = recorded(session, plan, base_url)
        found = kept(plan, known, now, base_url)
        doubtful = [each for each in found if each.adherence.overdue]
        if seen := _seen(runtime, plan, doubtful, timer.due) if doubtful else {}:
            found = kept(plan, {**known, **seen}, now, base_url)
    overdue = [each for each in found if each.adherence.overdue]
    late = {derived("DetectedIssue", f"{OVERDUE}/{about}/{each.name}"): _late(each, about) for each in overdue}
    say(unit, patient, late, issues_of(session, patient, [OVERDUE], about, base_url))
    unit.store()
    _remember(session, about, patient, late=bool(late))
    moments = [each.adherence.due for each in found if each.adherence.due > now]
    if moments or late:
        session.timers.set(TIMER, timer.key, min([*moments, *([now + DAY] if late else [])]))


def _late(each: Kept, about: str) -> Finding:
    since = instant(each.adherence.overdue)[:10]
    return Finding(OVERDUE, "moderate", (about,), f"{each.title}: overdue since {since}.")


def _remember(session: Session, about: str, patient: str, *, late: bool) -> None:
    """Keep the place of a plan that is late, for as long as it is."""
    holder = session.claimed(_LATE, [about]).get(about, "")
    if holder and (not late or holder != patient):
        session.release(_LATE, holder, [each for each in session.places(_LATE, holder) if each != about])
    if late:
        session.claim(_LATE, about, patient)

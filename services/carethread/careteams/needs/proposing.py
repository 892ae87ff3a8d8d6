"""Answers lead to needs: where an Observation tells of one, a Condition is proposed, and a person is asked whether it
is so; in the transaction in which the Observation comes here.

A person has one open need of a category, however often it is told: what tells of it again is further evidence. What was
told as history proposes too, but is given to nobody: it stands on a list. Taken back, it goes with all that nobody has
confirmed; what somebody has confirmed is theirs to judge. What a need is to be is worked out from what stands, whatever
has come first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from carethread.careteams.needs.asking import give, is_for_nobody, open_tasks, settle
from carethread.careteams.needs.judged import is_confirmed, withdraw
from carethread.careteams.needs.need import (
    Need,
    adopted,
    answered,
    begin,
    is_open,
    is_over,
    known,
    link,
    links,
    needs_of,
    new,
    open_of,
    unlink,
)
from carethread.careteams.needs.offering import offer
from carethread.careteams.needs.shapes import CONFIRM, REVIEW, condition
from carethread.careteams.needs.told import Told, category_in, told_by
from carethread.careteams.needs.witnessing import witness
from carethread.careteams.searching import every
from carethread.careteams.teams.people import person, persons
from carethread.careteams.teams.reading import begins, ref
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Runtime
from carethread.interactions.requesting import request, request_change
from carethread.interactions.writing.unit import WriteUnit

OBSERVATION = "Observation"

COUNTS = 365 * DAY
"""For how long what history tells is worth asking about."""


def answers_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have needs follow from Observations that were just kept."""
    stored = list(session.current([(OBSERVATION, id_) for id_ in ids]).values())
    told = {one.id for one in stored if not one.deleted and told_by(json.parse_object(one.body))}
    changed = [f"{OBSERVATION}/{one.id}" for one in stored if one.version > 1 and one.id not in told]
    linked = needs_of(session, changed) if changed else {}
    wanted = [one for one in stored if one.id in told or f"{OBSERVATION}/{one.id}" in linked]
    if wanted:
        weigh(WriteUnit(runtime, session, context), wanted)


def weigh(unit: WriteUnit, observations: Iterable[Stored]) -> None:
    """Have needs be as these Observations tell of them, and store it."""
    found = {one.id: (one, None if one.deleted else json.parse_object(one.body)) for one in observations}
    whose = {ref(each, "subject", unit.base_url, "Patient") for _, each in found.values() if each}
    whose |= {need.patient for need in needs_of(unit.session, [f"{OBSERVATION}/{id_}" for id_ in found]).values()}
    people = {person(unit.session, each, unit.base_url) for each in whose if each}
    unit.session.lock(sorted(f"needs {each}" for each in people))
    for _, (stored, each) in sorted(found.items()):
        _weigh(unit, stored, each)
    unit.store()


def _weigh(unit: WriteUnit, stored: Stored, observation: Resource | None) -> None:
    session, path = unit.session, f"{OBSERVATION}/{stored.id}"
    told = told_by(observation) if observation else None
    subject = ref(observation or {}, "subject", unit.base_url, "Patient")
    before = needs_of(session, [path]).get(path)
    if before and told and subject and _is_of(session, before, told, subject, unit.base_url):
        _live(unit, before, path)
        return
    if before:
        _take_back(unit, before, path)
    if told and subject and observation and not (unit.context.backfill and is_old(observation, unit.now)):
        _tell(unit, stored, observation, told, subject)


def _is_of(session: Session, need: Need, told: Told, subject: str, base: str) -> bool:
    return need.category == told.category and need.patient in persons(session, subject, base)


def _live(unit: WriteUnit, need: Need, path: str) -> None:
    """What history told, and is told now: somebody is asked."""
    if unit.context.backfill:
        return
    listed = [task for task in open_tasks(unit, need, REVIEW) if is_for_nobody(task)]
    if listed and not is_confirmed(unit, need):
        settle(unit, need, "It is told now, and somebody is asked.", REVIEW, status="cancelled")
        give(unit, need, CONFIRM, "live", source=path)


def _tell(unit: WriteUnit, stored: Stored, observation: Resource, told: Told, subject: str) -> None:
    session, path = unit.session, f"{OBSERVATION}/{stored.id}"
    need = _standing(unit, subject, told)
    if need is None:
        need = begin(session, new(session, subject, told.category, f"{path}/{stored.version}"))
        made = condition(need, told, [path], ref(observation, "encounter", unit.base_url, "Encounter"), unit.now)
        request(session, made, unit.context, need.key, new=True)
        link(session, need, path)
        witness(unit, need, [need.path], [path])
        give(unit, need, REVIEW if unit.context.backfill else CONFIRM, "", source=need.path)
    else:
        link(session, need, path)
        _strengthen(unit, need, path)
        _live(unit, need, path)
        if not unit.context.backfill and is_confirmed(unit, need):
            offer(unit, need, path)
    answered(session, need, responses_of(observation, unit.base_url))


def is_old(observation: Resource, now: int) -> bool:
    """Whether an answer was given so long ago that it says nothing of today; one without a date was."""
    said = observation.get("effectiveDateTime") or observation.get("effectivePeriod", {}).get("start")
    return begins(said or observation.get("issued")) < now - COUNTS


def responses_of(observation: Resource, base: str) -> list[str]:
    """The responses (`QuestionnaireResponse/1`) that an Observation is from."""
    keys = keys_at(observation, "derivedFrom", base)
    return [f"{kind}/{id_}" for kind, id_ in keys if kind == "QuestionnaireResponse"]


def _standing(unit: WriteUnit, subject: str, told: Told) -> Need | None:
    """The open need of this category that the person has, of whomever it is known."""
    session, base = unit.session, unit.base_url
    if found := open_of(session, subject, told.category, base):
        return found[0]
    whose = ",".join(each.partition("/")[2] for each in persons(session, subject, base))
    for stored in every(
        session, "Condition", [("patient", whose), ("clinical-status", "active,recurrence,relapse")], base
    ):
        theirs = json.parse_object(stored.body)
        if category_in(theirs) != told.category or is_over(theirs) or known(session, f"Condition/{stored.id}"):
            continue
        if need := adopted(session, theirs, base):
            if not is_confirmed(unit, need):
                give(unit, need, REVIEW if unit.context.backfill else CONFIRM, "", source=need.path)
            return need
    return None


def _strengthen(unit: WriteUnit, need: Need, path: str) -> None:
    """Have a Condition that we proposed name further evidence."""
    first = next((each for each in links(unit.session, need, OBSERVATION) if each != path), "")
    if not first:
        return
    patch = [{"op": "add", "path": "/evidence/-", "value": {"detail": [{"reference": path}]}}]
    target = "Condition", need.id
    request_change(unit.session, target, patch, unit.context, key=need.key, condition=f"evidence-detail={first}")
    witness(unit, need, [need.path], [path], what="UPDATE")


def _take_back(unit: WriteUnit, need: Need, path: str) -> None:
    """An answer does not tell of a need any more."""
    session = unit.session
    unlink(session, need, path)
    if links(session, need, OBSERVATION) or not is_open(session, need):
        return
    if is_confirmed(unit, need):
        if not unit.context.backfill:
            cause = f"taken-back/{path}"
            give(unit, need, REVIEW, cause, source=path, why="The answer that told of it was taken back.")
        return
    withdraw(unit, need, "The answer that told of it was taken back.", path)


def retold(runtime: Runtime, session: Session, patients: Collection[str], context: Context) -> None:
    """Weigh all that tells of needs of persons anew: who was merged may have one need twice, or none."""
    whose = ",".join(sorted(each.partition("/")[2] for each in patients))
    asked = [("patient", whose), ("category", "sdoh")]
    weigh(WriteUnit(runtime, session, context), list(every(session, OBSERVATION, asked, runtime.base_url)))

"""Everybody at high risk has an active Flag and a navigator, or an alarm says that there is none.

What changes that (a RiskAssessment, a Patient who dies, is merged or comes back, a contact that is closed by itself)
sets a timer in the transaction that stores it, and there is one for when a risk is over by itself; its handler looks at
what is so now, and puts right what is not. So it may come late or twice, and for many people at once. What is imported
as history sets none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from carethread.careteams.contact import why_no_contact
from carethread.careteams.levels import HIGH, highest, level, over_at
from carethread.careteams.navigation.alarming import is_open_outreach
from carethread.careteams.navigation.assigning import assign
from carethread.careteams.navigation.attempts import was_tried
from carethread.careteams.navigation.contacting import plan
from carethread.careteams.navigation.finding import foretelling
from carethread.careteams.navigation.joining import around, decider
from carethread.careteams.navigation.navigators import reference
from carethread.careteams.navigation.shapes import flag, task
from carethread.careteams.navigation.stopping import is_navigated, stop
from carethread.careteams.navigation.terms import (
    ASSIGNED,
    AWAITED,
    CONTACT,
    FLAGGED,
    NAVIGATORS,
    PRIORITIES,
    REVIEW,
    REVIEWED,
    SETTLED,
    STOPPED,
    pace,
)
from carethread.careteams.navigation.turn import Turn, begin
from carethread.careteams.tasks import OPEN
from carethread.careteams.teams.people import person
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.merges import survivor
from carethread.core.fhir.targets import key_of
from carethread.core.ports import FOREVER, Resource, Session, Stored, Timer
from carethread.core.service import Runtime

log = logging.getLogger(__name__)

ATTEND = "attend"
"""The kind of timer that has somebody looked at; its key is the Patient's id."""

_PLACES = (FLAGGED, NAVIGATORS, ASSIGNED, CONTACT, REVIEWED)

UNKNOWN = "unknown"
"""Why somebody is not looked at of whom there is no copy, and may never be."""

_AUTHORS = ("Practitioner", "PractitionerRole", "Device", "Organization")
"""Who may have assessed a risk, of those who may be the author of a Flag."""


def risk_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have those looked at whose risk is said to be high, or who are navigated, or have stepped down."""
    if context.backfill:
        return
    now = to_micros(context.clock())
    for stored in session.current([("RiskAssessment", id_) for id_ in ids]).values():
        before = session.version((stored.type, stored.id), stored.version - 1) if stored.version > 1 else None
        versions = [json.parse_object(each.body) for each in (stored, before) if each and not each.deleted]
        is_high = not stored.deleted and bool(level(versions[0], now, HIGH))
        named = [reference(each, "subject", "Patient", runtime.base_url) for each in versions]
        for patient in {person(session, each, runtime.base_url) for each in named if each}:
            if is_high or session.claimed(FLAGGED, [patient]) or session.places(SETTLED, patient):
                session.timers.set(ATTEND, patient.removeprefix("Patient/"), now)


def patient_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have those looked at who are contacted no more, if they are navigated, and those who are so again: who was in
    their place too."""
    now, names = to_micros(context.clock()), [f"Patient/{id_}" for id_ in ids]
    before, flagged = session.claimed(STOPPED, names), session.claimed(FLAGGED, names)
    awaited = session.claimed(AWAITED, names)
    for stored in session.current([("Patient", id_) for id_ in ids]).values():
        name = f"Patient/{stored.id}"
        was, is_ = before.get(name, ""), _stopped(stored, runtime.base_url)
        if was != is_:
            session.release(STOPPED, was)
            if is_:
                session.claim(STOPPED, name, is_)
        if name in awaited:
            session.release(AWAITED, name)
            session.timers.set(ATTEND, stored.id, now)
        back = was and was != is_ and not context.backfill
        if back or (is_ and name in flagged):
            for each in {stored.id, was.partition("|Patient/")[2]} - {""}:
                session.timers.set(ATTEND, each, now)


def _stopped(stored: Stored, base_url: str) -> str:
    """The holder of the place of somebody who is contacted no more; empty for who is."""
    patient = None if stored.deleted else json.parse_object(stored.body)
    why = why_no_contact(patient, base_url) if patient else "deleted"
    into = f"Patient/{survivor(patient, base_url)}" if why == "merged" else why
    return f"Patient/{stored.id}|{into}" if why else ""


def attend(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Put right what is not as it should be with people."""
    turn = begin(runtime, session, context)
    people = [f"Patient/{timer.key}" for timer in timers]
    turn.look(_PLACES, people)
    for named in people:
        _see_to(turn, named)
    turn.unit.store()


def _see_to(turn: Turn, named: str) -> None:
    session = turn.session
    why = _why_not(turn, named)
    patient = person(session, named, turn.base_url)
    if why == UNKNOWN:
        session.claim(AWAITED, named, named)
    elif why and is_navigated(turn, named):
        stop(turn, named, why)
    if not why or (patient != named and not _why_not(turn, patient)):
        _attend(turn, patient)


def _why_not(turn: Turn, patient: str) -> str:
    """Why somebody is not contacted: `unknown`, `deleted`, or as `contact` says; empty where they may be."""
    stored = turn.session.current([key_of(patient)]).get(key_of(patient))
    if stored is None:
        return UNKNOWN
    return "deleted" if stored.deleted else why_no_contact(json.parse_object(stored.body), turn.base_url)


def _attend(turn: Turn, patient: str) -> None:
    foretold = list(foretelling(turn.session, patient, turn.base_url))
    assessed = {each["id"]: said for each in foretold if (said := level(each, turn.now, HIGH))}
    over = min((over_at(each) for each in foretold if each["id"] in assessed), default=FOREVER)
    if over < FOREVER:
        turn.session.timers.set(ATTEND, patient.removeprefix("Patient/"), over)
    settled = set(turn.session.places(SETTLED, patient))
    still = {f"RiskAssessment/{id_}|{said}" for id_, said in assessed.items()}
    if settled - still:
        turn.session.release(SETTLED, patient, sorted(settled & still))
    new = [id_ for id_, said in assessed.items() if f"RiskAssessment/{id_}|{said}" not in settled]
    flagged = turn.held(FLAGGED, patient)
    if new:
        priority = PRIORITIES[highest(assessed.values())]
        if flagged is None or flagged.get("status") != "active":
            _raise_flag(turn, patient, sorted(new))
        turn.close(REVIEWED, patient, "cancelled", note="The risk is high again.")
        _see_to_navigator(turn, patient, priority)
    elif flagged and not assessed:
        _ask_to_review(turn, patient, f"Flag/{flagged['id']}")
    _keep_in_touch(turn, patient)


def _keep_in_touch(turn: Turn, patient: str) -> None:
    """Plan the contact after one that was closed by a plain write: whoever stops contact declines, or steps down."""
    closed = turn.held(CONTACT, patient)
    if closed is None or is_open_outreach(closed) or was_tried(closed):
        return
    owner = turn.holder(NAVIGATORS, patient) or str(closed.get("owner", {}).get("reference", ""))
    wait = pace(closed).after if closed.get("status") == "completed" else pace(closed).again
    priority = str(closed.get("priority", "urgent"))
    plan(turn, patient, owner, priority, turn.now + wait, after=closed)


def _raise_flag(turn: Turn, patient: str, assessments: Iterable[str]) -> None:
    details = [f"RiskAssessment/{id_}" for id_ in assessments]
    first = turn.unit.find(("RiskAssessment", details[0].partition("/")[2])) or {}
    performers = (f"{kind}/{id_}" for kind, id_ in keys_at(first, "performer", turn.base_url) if kind in _AUTHORS)
    author = next(performers, "") or around(turn, patient).department
    turn.put(FLAGGED, patient, flag(turn.new_id(), patient, turn.said, author, details))


def _see_to_navigator(turn: Turn, patient: str, priority: str) -> None:
    """Have somebody assigned who has no navigator, and whose Task for that nobody has closed."""
    if turn.holder(NAVIGATORS, patient):
        return
    task_ = turn.held(ASSIGNED, patient)
    if (task_ is None or task_.get("status") in OPEN) and not assign(turn, patient, priority):
        log.warning("no_navigator", extra={"priority": priority})


def _ask_to_review(turn: Turn, patient: str, focus: str) -> None:
    """Have somebody decide on stepping down, for it does not happen by itself."""
    if turn.holder(REVIEWED, patient):
        return
    owner = turn.holder(NAVIGATORS, patient) or decider(turn, around(turn, patient))
    made: Resource = task(turn.new_id(), REVIEW, patient, turn.said, priority="routine", owner=owner, focus=focus)
    turn.put(REVIEWED, patient, made)

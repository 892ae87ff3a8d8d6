"""Everybody at high risk has an active Flag and a navigator, or an alarm says that there is none.

What changes that (a RiskAssessment, a Patient who dies or is merged, a contact that is closed by itself) sets a timer
in the transaction that stores it; its handler looks at what is so now, and puts right what is not. So it may come late
or twice, and for many people at once. What is imported as history sets none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from carethread.careteams.levels import HIGH, highest, level
from carethread.careteams.navigation.alarming import is_open_outreach
from carethread.careteams.navigation.assigning import assign
from carethread.careteams.navigation.attempts import was_tried
from carethread.careteams.navigation.contacting import plan
from carethread.careteams.navigation.finding import standing
from carethread.careteams.navigation.joining import around, decider
from carethread.careteams.navigation.navigators import reference
from carethread.careteams.navigation.people import known, why_no_contact
from carethread.careteams.navigation.shapes import flag, task
from carethread.careteams.navigation.stopping import is_navigated, stop
from carethread.careteams.navigation.terms import (
    ASSIGNED,
    CONTACT,
    FLAGGED,
    NAVIGATORS,
    PRIORITIES,
    REVIEW,
    REVIEWED,
    SETTLED,
    pace,
)
from carethread.careteams.navigation.turn import Turn, begin
from carethread.careteams.tasks import OPEN
from carethread.careteams.teams.people import person
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime

log = logging.getLogger(__name__)

ATTEND = "attend"
"""The kind of timer that has somebody looked at; its key is the Patient's id."""

_PLACES = (FLAGGED, NAVIGATORS, ASSIGNED, CONTACT, REVIEWED)

_AUTHORS = ("Practitioner", "PractitionerRole", "Device", "Organization")
"""Who may have assessed a risk, of those who may be the author of a Flag."""


def risk_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have those looked at whose risk is said to be high, or who are navigated, or have stepped down."""
    if context.backfill:
        return
    now = to_micros(context.clock())
    for stored in session.current([("RiskAssessment", id_) for id_ in ids]).values():
        told = session.version((stored.type, stored.id), stored.version - 1) if stored.deleted else stored
        assessment = json.parse_object(told.body) if told and not told.deleted else {}
        patient = reference(assessment, "subject", "Patient", runtime.base_url)
        if not patient:
            continue
        patient = person(session, patient, runtime.base_url)
        is_high = not stored.deleted and bool(level(assessment, now, HIGH))
        if is_high or session.claimed(FLAGGED, [patient]) or session.places(SETTLED, patient):
            session.timers.set(ATTEND, patient.removeprefix("Patient/"), now)


def patient_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have those looked at who are contacted no more, if they are navigated."""
    found = session.current([("Patient", id_) for id_ in ids])
    for stored in found.values():
        patient = None if stored.deleted else json.parse_object(stored.body)
        name = f"Patient/{stored.id}"
        if (patient is None or why_no_contact(patient, runtime.base_url)) and session.claimed(FLAGGED, [name]):
            session.timers.set(ATTEND, stored.id, to_micros(context.clock()))


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
    why = why_no_contact(known(session, named), turn.base_url)
    patient = person(session, named, turn.base_url)
    if why and is_navigated(turn, named):
        stop(turn, named, why)
    if not why or (patient != named and not why_no_contact(known(session, patient), turn.base_url)):
        _attend(turn, patient)


def _attend(turn: Turn, patient: str) -> None:
    assessed = standing(turn.session, patient, turn.now, turn.base_url)
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

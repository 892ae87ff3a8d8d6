"""A yes that holds no more ends what was asked of others by it: it was taken back, is over, or was made another, or the
person refuses it by another Consent.

Where they have not taken it back themselves, somebody asks them again.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.needs.asking import give, open_tasks, settle
from carethread.careteams.needs.need import Need, is_open, links, of_person, of_resource
from carethread.careteams.needs.shapes import ARRANGE, OFFER, REFERRAL, code
from carethread.careteams.needs.told import categories
from carethread.careteams.needs.yes import LAPSED, WITHDRAWN, has_yes, held_until, why_not
from carethread.careteams.tasks import over
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.fhir.targets import key_of
from carethread.core.ports import FOREVER, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.standing import here, present
from carethread.interactions.writing.unit import WriteUnit

YES = "need-yes"
"""The kind of timer that looks at a yes when its time is over; its key is the Consent's id."""


def consent_follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """End what was asked of others by a yes that these Consents make none."""
    unit = WriteUnit(runtime, session, context)
    for id_ in sorted(ids):
        said = here(session, ("Consent", id_))
        if need := of_resource(session, f"Consent/{id_}"):
            if said and said["status"] == "active" and unit.now < held_until(said) < FOREVER:
                session.timers.set(YES, id_, held_until(said))
            _end_unconsented(unit, need)
        elif said and said["status"] == "active" and (whose := ref(said, "patient", unit.base_url, "Patient")):
            needs = of_person(session, whose, categories(), unit.base_url)
            _lock(unit, needs)  # who asks somebody meanwhile has not read this Consent
            for need in needs:
                _end_unconsented(unit, need)
    unit.store()


def yes_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """End what was asked by a yes whose time is over."""
    unit = WriteUnit(runtime, session, context)
    if need := of_resource(session, f"Consent/{timer.key}"):
        _lock(unit, [need])
        _end_unconsented(unit, need)
        unit.store()


def _lock(unit: WriteUnit, needs: Sequence[Need]) -> None:
    whose = {person(unit.session, need.patient, unit.base_url) for need in needs}
    unit.session.lock(sorted(f"needs {each}" for each in whose))


def _end_unconsented(unit: WriteUnit, need: Need) -> None:
    tasks = open_tasks(unit, need, ARRANGE, REFERRAL)
    asked = [task for task in tasks if code(task) == REFERRAL]
    reasons = {task["id"]: why_not(unit, need, task) for task in asked}
    for task in asked:
        if why := reasons[task["id"]]:
            unit.update({**over(task, why), "status": "cancelled", "lastModified": instant(unit.now)})
    source = links(unit.session, need, "Consent")[-1] if tasks else ""
    if not any(reasons.values()) and len(asked) == len(tasks):
        return
    if has_yes(unit, need):
        if len(asked) == len(tasks):
            give(unit, need, ARRANGE, f"ended/{unit.now}", source=source)
        return
    if len(asked) < len(tasks):
        reasons[ARRANGE] = _why_none(unit, need)
        settle(unit, need, reasons[ARRANGE], ARRANGE, status="cancelled")
    if LAPSED in reasons.values() and all(reasons.values()) and is_open(unit.session, need):
        give(unit, need, OFFER, f"lapsed/{unit.now}", source=source)


def _why_none(unit: WriteUnit, need: Need) -> str:
    """Why there is no yes: the newest was taken back, or holds no more."""
    said = present(unit.session, map(key_of, links(unit.session, need, "Consent")))
    return LAPSED if any(each["status"] == "active" for each in said.values()) else WITHDRAWN

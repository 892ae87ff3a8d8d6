"""Help is offered to the person, who says yes or no: a Consent tells it, and for whom it holds.

Who says no is not asked again until that is over, unless they come back to it themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.needs.asking import give, open_tasks, settle
from carethread.careteams.needs.need import Need
from carethread.careteams.needs.shapes import ARRANGE, LASTS, OFFER, REFERRAL, RESTS, consent
from carethread.careteams.needs.witnessing import witness
from carethread.careteams.needs.yes import consents_of, held_until
from carethread.careteams.teams.people import person
from carethread.interactions.writing.unit import WriteUnit


def offer(unit: WriteUnit, need: Need, cause: str, *, by: str = "") -> None:
    """Have help offered, unless that is under way, or the person has said no and is not to be asked again yet."""
    if open_tasks(unit, need, OFFER, ARRANGE, REFERRAL) or rests_until(unit, need):
        return
    give(unit, need, OFFER, cause, source=cause, by=by)


def rests_until(unit: WriteUnit, need: Need) -> int:
    """Until when the person is not asked, for they have said no (microseconds); 0: they may be asked."""
    said = next(iter(consents_of(unit, need)), None)
    if said is None or said["status"] != "rejected":
        return 0
    end = held_until(said)
    return end if end > unit.now else 0


def answer(unit: WriteUnit, need: Need, id_: str, *, says_yes: bool, actors: Sequence[str], by: str, until: int) -> str:
    """Note what the person has said to an offer under an id; returns the Consent's path. `until`: 0 where not said."""
    path, now = f"Consent/{id_}", unit.now
    whose = person(unit.session, need.patient, unit.base_url)
    before = consents_of(unit, need)
    made = consent(
        need, id_, whose, says_yes=says_yes, actors=actors, now=now, until=until or now + (LASTS if says_yes else RESTS)
    )
    unit.update(made)
    tasks = settle(
        unit, need, "The person has answered.", OFFER, decision="accepted" if says_yes else "declined", output=path
    )
    witness(unit, need, [path], tasks or [need.path], by=by)
    if says_yes:
        if not open_tasks(unit, need, ARRANGE):
            give(unit, need, ARRANGE, path, source=path, by=by)
        return path
    for each in before:
        if each["status"] == "active":
            unit.update({**each, "status": "inactive"})
    settle(unit, need, "The person wants no help.", ARRANGE, status="cancelled")
    return path

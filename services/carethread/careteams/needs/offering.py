"""Help is offered to the person, who says yes or no: a Consent tells it, and for whom it holds.

Who says no is not asked again until that is over, unless they come back to it themselves. A yes that is taken back ends
what was asked of others by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.needs.asking import give, open_tasks, settle
from carethread.careteams.needs.need import Need, links, of_resource
from carethread.careteams.needs.shapes import ARRANGE, LASTS, OFFER, REFERRAL, RESTS, consent
from carethread.careteams.needs.witnessing import witness
from carethread.careteams.tasks import over
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import ends, ref
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import here
from carethread.interactions.writing.unit import WriteUnit

WITHDRAWN = "The person has taken back their yes."


def offer(unit: WriteUnit, need: Need, cause: str, *, by: str = "") -> None:
    """Have help offered, unless that is under way, or the person has said no and is not to be asked again yet."""
    if open_tasks(unit, need, OFFER, ARRANGE, REFERRAL) or rests_until(unit, need):
        return
    give(unit, need, OFFER, cause, source=cause, by=by)


def consents_of(unit: WriteUnit, need: Need) -> list[Resource]:
    """What the person has said to offers of help with a need, locked, the newest first."""
    keys = [key_of(path) for path in links(unit.session, need, "Consent")]
    unit.load(keys)
    found = [each for key in keys if (each := unit.find(key))]
    return sorted(found, key=lambda each: (each.get("dateTime", ""), each["id"]), reverse=True)


def rests_until(unit: WriteUnit, need: Need) -> int:
    """Until when the person is not asked, for they have said no (microseconds); 0: they may be asked."""
    said = next(iter(consents_of(unit, need)), None)
    if said is None or said["status"] != "rejected":
        return 0
    end = ends(said.get("provision", {}).get("period", {}).get("end"))
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


def by_consent(task: Resource) -> str:
    """The Consent (`Consent/1`) by which somebody was asked for help."""
    return ref(task, "input.valueReference", None, "Consent")


def consent_follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """End what was asked of others by a yes that holds no more."""
    unit = WriteUnit(runtime, session, context)
    for id_ in sorted(ids):
        path, said = f"Consent/{id_}", here(session, ("Consent", id_))
        need = of_resource(session, path)
        if need is None or (said is not None and said["status"] in ("active", "rejected")):
            continue
        for task in open_tasks(unit, need, REFERRAL):
            if by_consent(task) == path:
                unit.update({**over(task, WITHDRAWN), "status": "cancelled", "lastModified": instant(unit.now)})
        if not any(each["status"] == "active" for each in consents_of(unit, need)):
            settle(unit, need, WITHDRAWN, ARRANGE, status="cancelled")
    unit.store()

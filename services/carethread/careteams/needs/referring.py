"""Somebody is asked for help: a ServiceRequest says what for, a Task who is asked, until when, and what comes of it.

Only by Consent: the newest answer of the person to an offer of help with this need is a yes that names who is asked and
holds, and no Consent refuses it. The Consent is held while it is decided, so that who takes it back meanwhile is heard.
Source: http://hl7.org/fhir/us/sdoh-clinicalcare (referral workflow).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from carethread.careteams.handing.fitness import why_gone
from carethread.careteams.needs.asking import lead_of, open_tasks, settle
from carethread.careteams.needs.need import Need, condition_of
from carethread.careteams.needs.offering import consents_of
from carethread.careteams.needs.shapes import ARRANGE, COORDINATION, REFERRAL, TERMS, referral, service_request
from carethread.careteams.needs.witnessing import witness
from carethread.careteams.person.gathering import known_here
from carethread.careteams.person.summary import known_as, refused_as
from carethread.careteams.sharing.categories import CATEGORIES
from carethread.careteams.sharing.consenting import Asked, may_go
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import behind, members, person
from carethread.careteams.teams.reading import ends, ref
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource
from carethread.interactions.requesting import request
from carethread.interactions.writing.unit import WriteUnit

RECEIVERS = ("Organization", "HealthcareService", "CareTeam", "PractitionerRole", "Practitioner")
"""Who can be asked for help."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A referral: to whom (`Organization/1`), who asks, how urgently, for what (a CodeableConcept), and what else is
    said. `due` is until when an answer is awaited, in microseconds; 0: by priority. `whose`: for a HealthcareService,
    the Organization that provides it."""

    to: str
    by: str
    priority: str
    service: Resource
    note: str = ""
    due: int = 0
    whose: str = ""


def refer_to(unit: WriteUnit, need: Need, id_: str, wanted: Wanted) -> str:
    """Ask somebody for help under an id, in a transaction; returns the Task's path.

    Raises Invalid without a Consent, or for a person who is gone; Conflict where the same was asked already.
    """
    session, now, base = unit.session, unit.now, unit.base_url
    whose = person(session, need.patient, base)
    if why := why_gone(session, whose, base):
        raise Invalid(f"The person is {why}, and nobody is asked for help.", code="business-rule", expression="to")
    said = _permitting(unit, need, whose, wanted)
    if any(ref(task, "owner", base) == wanted.to for task in open_tasks(unit, need, REFERRAL)):
        raise Conflict(
            f"{wanted.to} is asked already, and has not said what came of it.", code="duplicate", expression="to"
        )
    due = wanted.due or now + TERMS[wanted.priority][0]
    _, department = lead_of(session, whose, now, base)
    asked = service_request(
        need, unit.context.new_id(), whose,
        to=wanted.to, by=wanted.by, consent=said, priority=wanted.priority, service=wanted.service, now=now,
    )  # fmt: skip
    request_ = f"ServiceRequest/{asked['id']}"
    task = referral(
        need, id_, whose,
        request=request_, consent=said, to=wanted.to, by=wanted.by, priority=wanted.priority, note=wanted.note,
        department=department, now=now, due=due,
    )  # fmt: skip
    path = f"Task/{id_}"
    request(session, asked, unit.context, need.key, new=True)
    unit.update(task)
    witness(unit, need, [request_], [need.path, said], by=wanted.by)
    witness(unit, need, [path], [request_], by=wanted.by)
    settle(unit, need, "Somebody was asked for help.", ARRANGE, output=path)
    return path


def _permitting(unit: WriteUnit, need: Need, patient: str, wanted: Wanted) -> str:
    """The Consent (`Consent/1`) by which somebody may be told of a need. Raises Invalid where there is none."""
    said = next(iter(consents_of(unit, need)), None)
    if said is None or said["status"] != "active":
        text = "The person has not said yes to help with this need, or not any more; offer it first ($offer-help)."
        raise Invalid(text, code="business-rule", expression="to")
    period = said.get("provision", {}).get("period", {})
    if ends(period.get("end")) <= unit.now:
        raise Invalid("The Consent is over; offer help again ($offer-help).", code="business-rule", expression="to")
    known = known_here(unit.session, patient, unit.now, unit.base_url, people=[wanted.to])
    recipients = {*known_as(known, wanted.to), *_beside(unit, patient, wanted)} - {""}
    named = {"/".join(key) for key in keys_at(said, "provision.actor.reference", unit.base_url)}
    asked = Asked(_told(unit, need), "", recipients, COORDINATION, unit.now, base=unit.base_url)
    asked = replace(asked, also=refused_as(known, wanted.to))
    if not named & recipients or not all(may_go(replace(asked, category=each), known.consents) for each in CATEGORIES):
        text = f"The person has not consented that {wanted.to} is told of this need; ask them ($offer-help, to)."
        raise Invalid(text, code="business-rule", expression="to")
    return f"Consent/{said['id']}"


def _beside(unit: WriteUnit, patient: str, wanted: Wanted) -> Collection[str]:
    """By what somebody is known beside their own references: who provides a service, and the team that answers for the
    person, for those who are on it."""
    session, now, base = unit.session, unit.now, unit.base_url
    standing = accountable(session, patient, now, base)
    team = standing.team if standing else ""
    who = behind(session, wanted.to, now, base) or wanted.to
    of_team = members(session, team, now, base) if team else []
    on_it = {behind(session, each.ref, now, base) or each.ref for each in of_team}
    return [wanted.whose, *([team] if who in on_it else [])]


def _told(unit: WriteUnit, need: Need) -> Resource:
    """The Condition, as far as it is known here: what who is asked is told."""
    return condition_of(unit.session, need) or {"resourceType": "Condition", "id": need.id}

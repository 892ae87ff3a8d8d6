"""Somebody is asked for help: a ServiceRequest says what for, a Task who is asked, until when, and what comes of it.

Only by Consent: the newest answer of the person to an offer of help with this need is a yes that names who is asked and
holds, and no Consent refuses it. The Consent is held while it is decided, so that who takes it back meanwhile is heard.
Source: http://hl7.org/fhir/us/sdoh-clinicalcare (referral workflow).
"""

from __future__ import annotations

from dataclasses import dataclass

from carethread.careteams.handing.fitness import why_gone
from carethread.careteams.needs.asking import lead_of, open_tasks, settle
from carethread.careteams.needs.need import Need
from carethread.careteams.needs.shapes import ARRANGE, REFERRAL, TERMS, referral, service_request
from carethread.careteams.needs.witnessing import witness
from carethread.careteams.needs.yes import consents_of, goes_to, is_over
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import ref
from carethread.core.errors import Conflict, Invalid
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
    said = _permitting(unit, need, wanted)
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
        department=department, now=now, due=due, whose=wanted.whose,
    )  # fmt: skip
    path = f"Task/{id_}"
    request(session, asked, unit.context, need.key, new=True)
    unit.update(task)
    witness(unit, need, [request_], [need.path, said], by=wanted.by)
    witness(unit, need, [path], [request_], by=wanted.by)
    settle(unit, need, "Somebody was asked for help.", ARRANGE, output=path)
    return path


def _permitting(unit: WriteUnit, need: Need, wanted: Wanted) -> str:
    """The Consent (`Consent/1`) by which somebody may be told of a need. Raises Invalid where there is none."""
    said = next(iter(consents_of(unit, need)), None)
    if said is None or said["status"] != "active":
        text = "The person has not said yes to help with this need, or not any more; offer it first ($offer-help)."
        raise Invalid(text, code="business-rule", expression="to")
    if is_over(unit, said):
        raise Invalid("The Consent is over; offer help again ($offer-help).", code="business-rule", expression="to")
    if not goes_to(unit, need, said, wanted.to, wanted.whose):
        text = f"The person has not consented that {wanted.to} is told of this need; ask them ($offer-help, to)."
        raise Invalid(text, code="business-rule", expression="to")
    return f"Consent/{said['id']}"

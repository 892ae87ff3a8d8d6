"""Who can take part in a hand-off: who is asked or accepts works here, and the person is one who is cared for."""

from __future__ import annotations

from carethread.careteams.contact import why_no_contact
from carethread.careteams.handing.answerers import is_person
from carethread.careteams.person.gathering import Gathered
from carethread.careteams.teams.people import behind, has_left, person
from carethread.core.errors import Busy, Invalid
from carethread.core.fhir import json
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Session, Stored
from carethread.core.service import Unit
from carethread.interactions.standing import here


def refuse_who_is_not_here(unit: Unit, owner: str, now: int, then: str) -> None:
    """Raise Invalid where somebody (`PractitionerRole/1`) is not known here, or does not work here at a moment.

    `then` says what to do. The copies are locked: who leaves meanwhile is seen to once this has been stored.
    """
    session, base = unit.session, unit.base_url
    who = behind(session, owner, now, base) if is_person(owner) else ""
    known = session.current([key_of(each) for each in dict.fromkeys((owner, who)) if each], lock=True)
    if key_of(owner) not in known:
        text = f"{owner} is not known here. {then}"
        raise Invalid(text, code="not-found", expression="Task.owner")
    if has_left(session, owner, now, base):
        text = f"{owner} does not work here now (inactive, or outside their period). {then}"
        raise Invalid(text, code="business-rule", expression="Task.owner")


def refuse_who_is_on_the_way(session: Session, known: Gathered, owner: str) -> None:
    """Raise Busy for somebody whom their owner has, and of whom no copy has come yet."""
    if key_of(owner) in known.known and here(session, key_of(owner)) is None:
        raise Busy(f"{owner} is new, and not known here yet. Send the same again in a moment.")


def refuse_who_is_gone(unit: Unit, patient: str) -> None:
    """Raise Invalid for a person (`Patient/1`) who is deceased or inactive."""
    if why := why_gone(unit.session, patient, unit.base_url):
        text = f"The person is {why}, and is handed over no more."
        raise Invalid(text, code="business-rule", expression="Task.for")


def why_gone(session: Session, patient: str, base: str) -> str:
    """Why somebody is cared for no more: `deceased` or `inactive`; empty where they are, or were only merged."""
    found = here(session, key_of(person(session, patient, base)))
    why = why_no_contact(found, base)
    return "" if why == "merged" else why


def is_gone(stored: Stored, base: str) -> bool:
    """The same of a copy of a Patient."""
    found = None if stored.deleted else json.parse_object(stored.body)
    return why_no_contact(found, base) in ("deceased", "inactive")

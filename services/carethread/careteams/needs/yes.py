"""Whether what a person has said to an offer of help is a yes: theirs, now, and for whom.

A Consent can be changed by whoever may write it. So it is read anew whenever something rests on it, when somebody is
asked for help and at each step of theirs, and is a yes as long as it is the person's own, in force, and permits by
itself that who is asked is told of this need for coordination of care; and no other Consent of theirs refuses it.
Source: http://hl7.org/fhir/R4/consent.html.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from carethread.careteams.needs.need import Need, condition_of, links
from carethread.careteams.needs.shapes import COORDINATION, by_consent, provider
from carethread.careteams.person.gathering import receivers_here
from carethread.careteams.person.summary import known_as, refused_as
from carethread.careteams.sharing.categories import CATEGORIES
from carethread.careteams.sharing.consenting import Asked, decided, may_go
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import behind, members, persons
from carethread.careteams.teams.reading import begins, ends, ref
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.core.service import Unit
from carethread.interactions.standing import here, present

WITHDRAWN = "The person has taken back their yes."
LAPSED = "The person's yes holds no more: it is over, or is about something else by now."
REFUSED = "The person refuses it by another Consent."


def consents_of(unit: Unit, need: Need) -> list[Resource]:
    """What the person has said to offers of help with a need, locked, the newest first; what has become somebody
    else's Consent since, or of a day to come, is none of it."""
    found = (unit.find(key_of(path)) for path in links(unit.session, need, "Consent"))
    theirs = [each for each in found if each and is_theirs(unit, need, each) and _was_said(each, unit.now)]
    return sorted(theirs, key=lambda each: (each.get("dateTime", ""), each["id"]), reverse=True)


def is_theirs(unit: Unit, need: Need, said: Resource) -> bool:
    """Whether a Consent is of the person who has the need, under whichever of their ids."""
    return ref(said, "patient", unit.base_url) in persons(unit.session, need.patient, unit.base_url)


def _was_said(consent: Resource, now: int) -> bool:
    return begins(consent.get("dateTime")) <= now


def is_yes(unit: Unit, need: Need, said: Resource) -> bool:
    """Whether a Consent is a yes of the person to help with a need now, to whomever it names."""
    return is_theirs(unit, need, said) and _permits(unit, need, said, _named(said, unit.base_url))


def has_yes(unit: Unit, need: Need) -> bool:
    """Whether the person has said yes to somebody who can be asked now."""
    consents = present(unit.session, map(key_of, links(unit.session, need, "Consent")))
    return any(is_yes(unit, need, each) for each in consents.values())


def is_over(unit: Unit, said: Resource) -> bool:
    """Whether the time is over for which a Consent was given."""
    return held_until(said) <= unit.now


def held_until(said: Resource) -> int:
    """Until when a Consent holds, in microseconds; FOREVER where it does not say."""
    return ends(said.get("provision", {}).get("period", {}).get("end"))


def goes_to(unit: Unit, need: Need, said: Resource, to: str, whose: str = "") -> bool:
    """Whether a Consent is a yes by which somebody (`Organization/1`) is told of a need, and none refuses it.

    `whose`: for a HealthcareService, the Organization that provides it.
    """
    return is_theirs(unit, need, said) and not _refusal(unit, need, said, to, whose)


def why_not(unit: Unit, need: Need, task: Resource) -> str:
    """Why the yes by which somebody was asked for help is none any more, as a sentence; empty: it still is.

    The Consent is read, and not locked: whoever changes it looks at the Tasks that rest on it.
    """
    said = here(unit.session, key_of(by_consent(task))) if by_consent(task) else None
    if said is None or said["status"] != "active":
        return WITHDRAWN
    if not is_theirs(unit, need, said):
        return LAPSED
    return _refusal(unit, need, said, ref(task, "owner", unit.base_url), provider(task))


def _refusal(unit: Unit, need: Need, said: Resource, to: str, whose: str) -> str:
    """`LAPSED` where a Consent permits nothing, or not this one, `REFUSED` where another refuses them; else empty."""
    session, now, base = unit.session, unit.now, unit.base_url
    known = receivers_here(session, need.patient, now, base, [to])
    recipients = ({*known_as(known, to), whose} - {""}) | _teams(unit, need, to)
    if not _permits(unit, need, said, recipients & _named(said, base)):
        return LAPSED
    asked = replace(_asked(unit, need, recipients), also=refused_as(known, to))
    denied = any(decided(replace(asked, category=each), known.consents) == "deny" for each in CATEGORIES)
    return REFUSED if denied else ""


def _permits(unit: Unit, need: Need, said: Resource, recipients: Collection[str]) -> bool:
    if not recipients or is_over(unit, said):
        return False
    asked = _asked(unit, need, recipients)
    return all(may_go(replace(asked, category=each), [said]) for each in CATEGORIES)


def _asked(unit: Unit, need: Need, recipients: Collection[str]) -> Asked:
    """What who is asked is told: the Condition, as far as it is known here."""
    told = condition_of(unit.session, need) or {"resourceType": "Condition", "id": need.id}
    return Asked(told, "", recipients, COORDINATION, unit.now, base=unit.base_url)


def _named(said: Resource, base: str) -> set[str]:
    return {"/".join(key) for key in keys_at(said, "provision.actor.reference", base)}


def _teams(unit: Unit, need: Need, to: str) -> set[str]:
    """The team that answers for the person, for those who are on it."""
    session, now, base = unit.session, unit.now, unit.base_url
    standing = accountable(session, need.patient, now, base)
    if standing is None or not standing.team:
        return set()
    who = behind(session, to, now, base) or to
    on_it = {behind(session, each.ref, now, base) or each.ref for each in members(session, standing.team, now, base)}
    return {standing.team} if who in on_it else set()

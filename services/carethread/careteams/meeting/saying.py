"""What minutes say of a person goes to all who were there, or are told of it, and so only by Consent.

It is judged as any other text that is sent, by what this service's own database knows, for each who attends, who hears
it as a member of the team; not for the person, nor for who was asked to do something and reads only that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from carethread.careteams.meeting.minutes import Discussed, Minutes
from carethread.careteams.person.gathering import Gathered, known_here
from carethread.careteams.person.referring import untold
from carethread.core.errors import Invalid, Issue, TooCostly
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Session

WHY = (
    "This may stand in minutes only with a Consent of the person that names the team, or all who attend, and this kind."
)
_TOO_MUCH = "There is so much about the person that nobody can tell whether this may stand in minutes: leave it out."


def refuse_unsayable(session: Session, team: str, minutes: Minutes, at: int, base: str) -> None:
    """Raise Invalid naming the places of what may not be said to those of a huddle of a team (`CareTeam/1`)."""
    issues = [each for one in minutes.people for each in _judged(session, team, minutes, one, at, base)]
    if issues:
        raise Invalid(issues=issues)


def _judged(session: Session, team: str, minutes: Minutes, person: Discussed, at: int, base: str) -> Iterator[Issue]:
    said: dict[str, dict[str, Any]] = {
        person.where: {"note": person.note, "about": [{"reference": each} for each in person.about]}
    }
    said |= {
        each.where: {"description": each.text, **({"focus": {"reference": each.about}} if each.about else {})}
        for each in person.decisions
    }
    if not any(value for parts in said.values() for value in parts.values()):
        return
    readers = [each for each in dict.fromkeys((*minutes.present, *minutes.absent)) if each != person.patient]
    wanted = [key_of(each) for each in (*person.about, *(one.about for one in person.decisions)) if each]
    try:
        known = known_here(session, person.patient, at, base, people=[*readers, team], wanted=wanted)
    except TooCostly:
        yield Issue("too-costly", _TOO_MUCH, person.where)
        return
    some = readers if known.consents else readers[:1]  # without Consents it is the same for all
    for where, parts in said.items():
        if any(_withheld(known, parts, each, team, at) for each in some):
            yield Issue("business-rule", WHY, where)


def _withheld(known: Gathered, parts: Mapping[str, Any], reader: str, team: str, at: int) -> bool:
    return bool(untold(known, parts, recipient=reader, at=at, within=team))

"""What is wrong with a CareTeam of ours, by itself: from now on exactly one leads it at each moment, and those who
stand in for each other are no circle. Each issue names the participant, and from when.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

from carethread.careteams.teams.reading import (
    BACKUP,
    COORDINATOR,
    LEAD,
    Member,
    codes_of,
    ends,
    in_role,
    members_of,
    of_department,
    team_span,
)
from carethread.core.clock import instant
from carethread.core.errors import Issue
from carethread.core.fhir.search.dates import EARLIEST
from carethread.core.ports import FOREVER, Resource

MOST = 500
"""Participants of a team of ours from a moment on."""


def problems(team: Resource, now: int, base: str | None = None) -> list[Issue]:
    """The issues of an active team, as it is from a moment on."""
    if too_many := list(_too_many(team, now)):
        return too_many
    return [
        *_nobody(team, base),
        *_at_once(in_role(team, LEAD, base), now, "are accountable"),
        *([] if of_department(team) else _at_once(in_role(team, COORDINATOR, base), now, "coordinate")),
        *_gaps(team, now, base),
        *_circles(team, base),
    ]


def _participant(place: int, element: str = "") -> str:
    return f"CareTeam.participant[{place}]{element}"


def _too_many(team: Resource, now: int) -> Iterator[Issue]:
    """Who is behind the last that a team may have; those whose time is over are its past, and do not count."""
    here = (
        place
        for place, participant in enumerate(team.get("participant", ()))
        if ends(participant.get("period", {}).get("end")) > now
    )
    for place in islice(here, MOST, MOST + 1):
        said = f"A team has at most {MOST} participants whose time is not over."
        yield Issue("too-long", said, _participant(place))


def _nobody(team: Resource, base: str | None) -> Iterator[Issue]:
    """Who leads or coordinates is named by a reference that can be followed."""
    known = {each.place for each in members_of(team, base)}
    for place, participant in enumerate(team.get("participant", ())):
        if {LEAD, COORDINATOR} & codes_of(participant) and place not in known:
            said = "Name them by a reference to this server, such as PractitionerRole/1."
            yield Issue("business-rule", said, _participant(place, ".member"))


def _ends(lead: Member) -> int:
    return min(lead.end, lead.until)


def _at_once(members: list[Member], now: int, what: str) -> Iterator[Issue]:
    in_turn = sorted((each for each in members if each.begin < each.end), key=lambda each: (each.begin, each.place))
    for first, second in pairwise(in_turn):
        since = max(first.begin, second.begin)
        if _ends(first) > max(since, now):
            said = f"From {_told(max(since, now))} on two {what}; one's period ends where the next one's begins."
            yield Issue("business-rule", said, _participant(second.place, ".period"))


def _gaps(team: Resource, now: int, base: str | None) -> Iterator[Issue]:
    """The moments from now on at which nobody leads, but those at which a lead who was to end is relieved."""
    first, last = team_span(team)
    reached, place, relieved = max(first, now), -1, False
    leads = in_role(team, LEAD, base)
    for lead in sorted(leads, key=lambda each: (each.begin, each.place)):
        if lead.end <= lead.begin:
            continue
        if lead.begin > reached and not relieved:
            break
        if max(lead.begin, _ends(lead)) >= reached or relieved:
            reached, place, relieved = max(reached, _ends(lead)), lead.place, lead.until < FOREVER
    if reached < last and not relieved:
        said = f"From {_told(reached)} on nobody is accountable: have another's begin there, or give this one no end."
        yield Issue("business-rule", said, _participant(place, ".period") if place >= 0 else "CareTeam.participant")


def _circles(team: Resource, base: str | None) -> Iterator[Issue]:
    """Backups who lead back to whom they stand in for: one walk, for each has one."""
    of = {each.ref: each for each in reversed(members_of(team, base)) if each.backup}
    seen: set[str] = set()
    for start in of:
        chain: dict[str, Member] = {}
        ref = start
        while ref in of and ref not in seen:
            seen.add(ref)
            chain[ref] = of[ref]
            ref = of[ref].backup
        if ref in chain:
            circle = list(chain)[list(chain).index(ref) :]
            place = _participant(min(of[each].place for each in circle), f".extension('{BACKUP}').value")
            said = "Those who stand in for each other would do so in a circle; end it with somebody who has no backup."
            yield Issue("business-rule", said, place)


def _told(moment: int) -> str:
    return instant(moment) if EARLIEST <= moment < FOREVER else "the beginning"

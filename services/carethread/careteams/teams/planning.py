"""Who is to answer for a person from a moment on, by the teams that the person has.

Of the teams that have a lead at a moment the first in their order answers: the one that the person was handed to last,
else the one that answers already, else the oldest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from carethread.careteams.teams.reading import LEADING, Member, begins, leads_of
from carethread.core.fhir.elements import extension
from carethread.core.ports import FOREVER, Answering, Resource


@dataclass(frozen=True, slots=True)
class Leads:
    """The leads of one team of a person, without overlap, in order; `row` tells older teams from younger ones, and
    `leading` since when this one was put before others, 0: it was not."""

    team: str
    row: int
    leading: int
    members: tuple[Member, ...]


def leads(team: Resource, id_: str, row: int, base: str | None = None) -> Leads:
    """The leads of a CareTeam as they follow each other; none where it is not active."""
    since = extension(team, LEADING).get("valueInstant")
    return Leads(f"CareTeam/{id_}", row, begins(since) if since else 0, tuple(leads_of(team, base)))


def planned(patient: str, teams: Sequence[Leads], leading: str, begin: int) -> list[Answering]:
    """Who answers for a person from `begin` on; `leading` is the team that answers until then, empty: none does."""
    bounds = {moment for team in teams for one in team.members for moment in (one.begin, one.end)}
    moments = [begin, *sorted(moment for moment in bounds if begin < moment < FOREVER), FOREVER]
    found: list[Answering] = []
    for since, until in pairwise(moments):
        standing = [(team, one) for team in teams for one in team.members if one.stands(since)]
        if not standing:
            leading = ""
            continue
        team, lead = min(standing, key=lambda each: (-each[0].leading, each[0].team != leading, each[0].row))
        leading = team.team
        last = found[-1] if found else None
        if last and (last.until, last.member, last.team) == (since, lead.ref, leading):
            found[-1] = replace(last, until=until)
        else:
            found.append(Answering(patient, since, until, lead.ref, leading, lead.cause))
    return found

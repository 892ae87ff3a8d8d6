"""Who is meant: a seat for each who has to be free together, and what at least one of them has to be.

A seat is taken by one of some Schedules, or by somebody without one, who is free unless known to be taken. Whoever is
named by a word (a role, a place, a language) is looked up here; what a time is for is said by its Slots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from carethread.core.errors import Issue, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import TokenValue
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Runtime
from carethread.scheduling.finding.asking import MOST_SEATS, Asked, Token
from carethread.scheduling.finding.suiting import Need

MOST = 2000
"""Actors, or Schedules, that a word may mean."""

_ROLE_OF = "PractitionerRole.practitioner"


@dataclass(frozen=True, slots=True)
class Seat:
    """Who may take a seat: one of the Schedules (None: any), or one of these, with the numbers of their resources."""

    schedules: frozenset[str] | None = None
    bare: tuple[tuple[Key, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Seating:
    """The seats, of which the first says how long it takes; what is needed; what the caller should be told."""

    seats: Sequence[Seat]
    needs: Sequence[Need] = ()
    issues: Sequence[Issue] = ()


class People:
    """Who is who: the questions that are asked of the store. Each raises TooCostly for more than `MOST`."""

    def __init__(self, session: Session, base_url: str) -> None:
        self.session = session
        self.base = base_url

    def referring(self, keys: Iterable[Key], *params: str) -> set[Key]:
        """What refers to one of the keys by one of the parameters."""
        wanted = sorted(set(keys))
        found = self.session.referring(wanted, params, MOST + 1) if wanted else []
        _bound(found)
        return set(found)

    def matching(self, type_name: str, *params: tuple[str, str]) -> set[Key]:
        """What a search finds."""
        found = self.session.search(parse_query(type_name, params, base=self.base), MOST + 1).matches
        _bound(found)
        return {(type_name, stored.id) for stored in found}

    def with_roles(self, keys: Iterable[Key]) -> set[Key]:
        """The keys, and the roles of the practitioners among them."""
        wanted = set(keys)
        people = {key for key in wanted if key[0] == "Practitioner"}
        return wanted | self.referring(people, _ROLE_OF)

    def saying(self, tokens: Iterable[Token], *params: str, most: int = MOST) -> set[Key]:
        """What has one of the codes by one of the parameters."""
        found = self.session.having([TokenValue(*token) for token in tokens], params, most + 1)
        _bound(found, most)
        return set(found)

    def schedules(self, keys: Iterable[Key]) -> frozenset[str]:
        """The Schedules of the actors, in whatever role."""
        wanted = sorted(set(keys))
        found = self.session.referring(wanted, ["Schedule.actor"], MOST + 1, through=[_ROLE_OF]) if wanted else []
        _bound(found)
        return frozenset(id_ for _, id_ in found)

    def living(self, keys: Iterable[Key]) -> dict[Key, tuple[int, Resource]]:
        """Those of the resources that are here, with their numbers."""
        found = self.session.current(keys)
        return {key: (stored.row, json.parse(stored.body)) for key, stored in found.items() if not stored.deleted}


def _bound(found: Sequence[Any], most: int = MOST) -> None:
    if len(found) > most:
        raise TooCostly(f"More than {most} are meant by this; ask for fewer.")


def seating(runtime: Runtime, session: Session, asked: Asked) -> Seating:
    """Who is asked for. Raises TooCostly."""
    people = People(session, runtime.base_url)
    issues: list[Issue] = []
    seats = [_seat_of(people, keys, issues) for keys in asked.seats]
    seats += [_seat_of(people, _in_role(people, tokens), issues) for tokens in asked.roles]
    for team in asked.teams:
        seats += [_seat_of(people, [member], issues) for member in _members(runtime, people, team, issues)]
    if len(seats) > MOST_SEATS:
        raise TooCostly(f"At most {MOST_SEATS} can be looked for at once; this team has more.", expression="team")
    seats = seats or [Seat()]
    if asked.arrangement == "parallel":
        leading = next((seat for seat in seats if seat.schedules is None or seat.schedules), seats[0])
        seats += [leading] * (len(asked.patients) - 1)
    needs = list(_needs(people, asked))
    if len(seats) == 1 and not seats[0].bare:  # it is this one who has to be all that is needed
        seats = [Seat(_common(seats[0].schedules, [need for need in needs if need.places is None]))]
        needs = [need for need in needs if need.places is not None]
    return Seating(seats, needs, issues)


def _common(schedules: frozenset[str] | None, needs: Iterable[Need]) -> frozenset[str] | None:
    for need in needs:
        schedules = need.schedules if schedules is None else schedules & need.schedules
    return schedules


def _seat_of(people: People, keys: Iterable[Key], issues: list[Issue]) -> Seat:
    """Who of the keys has a Schedule, and the others as they are; those are named who are not here."""
    wanted = set(keys)
    plans = people.schedules(wanted)
    alone = wanted if not plans else _without(people, wanted, plans) if len(wanted) > 1 else set()
    here = people.living(alone) if alone else {}
    for kind, id_ in sorted(alone - here.keys()):
        issues.append(Issue("not-found", f"{kind}/{id_} is not known here.", severity="warning"))
    bare = tuple(sorted((key, row) for key, (row, _) in here.items()))
    return Seat(plans, bare)


def _without(people: People, wanted: set[Key], plans: Iterable[str]) -> set[Key]:
    """Those of whom none of the Schedules is, in whatever role."""
    planned: set[Key] = set()
    for _, schedule in people.living(("Schedule", id_) for id_ in plans).values():
        planned.update(keys_at(schedule, "actor", people.base))
    for _, role in people.living(key for key in planned if key[0] == "PractitionerRole").values():
        planned.update(keys_at(role, "practitioner", people.base))
    return wanted - planned


def _in_role(people: People, tokens: Iterable[Token]) -> set[Key]:
    """Who has one of the roles."""
    text = ",".join(token.text() for token in tokens)
    found = people.matching("PractitionerRole", ("role", text), ("active:not", "false"))
    roles = people.living(found)
    named = {key: keys_at(role, "practitioner", people.base) for key, (_, role) in roles.items()}
    return {person for key, persons in named.items() for person in (persons or [key])}


def _members(runtime: Runtime, people: People, team: Key, issues: list[Issue]) -> Iterator[Key]:
    """The clinicians of a care team."""
    found = people.living([team]).get(team)
    stored = None if found else runtime.owners.read("careteams", team)
    resource = found[1] if found else json.parse(stored.body) if stored else None
    if resource is None:
        issues.append(Issue("not-found", f"{team[0]}/{team[1]} is not known here.", severity="warning"))
    else:
        yield from clinicians(resource, people.base)


def clinicians(team: Resource, base_url: str) -> list[Key]:
    """Those of a CareTeam whose time can be planned, in its order."""
    members = keys_at(team, "participant.member", base_url)
    return list(dict.fromkeys(key for key in members if key[0] in ("Practitioner", "PractitionerRole")))


def _needs(people: People, asked: Asked) -> Iterator[Need]:
    """Where, of whom, in which language and how accessible it has to be."""
    places = set(asked.locations)
    for text in asked.places:
        places |= people.matching("Location", ("name:contains", text))
        places |= people.matching("Location", ("address:contains", text))
    if asked.locations or asked.places:
        yield _where(people, places)
    if asked.organizations:
        of = people.referring(
            asked.organizations,
            "HealthcareService.organization",
            "PractitionerRole.organization",
            "Location.organization",
        )
        yield _need(people, of)
    if asked.languages:
        text = ",".join(token.text() for token in asked.languages)
        yield _need(people, people.with_roles(people.matching("Practitioner", ("communication", text))))
    if asked.accessibility:
        text = ",".join(token.text() for token in asked.accessibility)
        services = people.matching("HealthcareService", ("characteristic", text))
        there = {key for _, each in people.living(services).values() for key in keys_at(each, "location", people.base)}
        who = services | people.referring(services, "PractitionerRole.service")
        yield _where(people, there, who) if there else _need(people, who)


def _where(people: People, places: set[Key], others: Collection[Key] = ()) -> Need:
    """To be at one of the places, or a part of it, or to be one of the others, wherever they are."""
    new = places = {key for key in places if key[0] == "Location"}
    while new := people.referring(new, "Location.partof") - places:
        places |= new
        _bound([*places])
    at = people.referring(places, "PractitionerRole.location", "HealthcareService.location")
    return replace(_need(people, places | at | set(others)), places=frozenset(id_ for _, id_ in places))


def _need(people: People, actors: set[Key]) -> Need:
    return Need(people.schedules(actors), frozenset(actors))

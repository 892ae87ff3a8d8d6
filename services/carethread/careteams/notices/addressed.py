"""Whom a notice reaches: those who work in a department then, or in one of its departments, the members of a team, and
those whom it names; each person once, by themselves and not by their role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from carethread.careteams.meeting.people import STAFF, Reader, aliases
from carethread.careteams.teams.known import why_not
from carethread.careteams.teams.reading import members_of
from carethread.core.errors import TooCostly
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.interactions.standing import present

MOST = 5_000
"""Readers of one notice."""

_LYING, _IN = ("PractitionerRole/", "Organization/"), ("organization", "partOf")
"""What lies in a department, and the elements that say in which."""

_AT_ONCE = 200
"""References of which one search asks."""

_DEEPEST = 10
"""How far departments and teams lie in each other."""


def readers_of(reader: Reader, addressed: Sequence[str], now: int) -> dict[str, str]:
    """Who is to read what is addressed so at a moment (microseconds), each with the first that leads to them.

    Raises TooCostly for more than MOST.
    """
    causes: dict[str, str] = {}
    for each in addressed:
        for reference in _staff(reader, each, now):
            causes.setdefault(reference, each)
    found: dict[str, str] = {}
    for reference, who in _persons(reader, causes, now).items():
        found.setdefault(who, causes[reference])
    if len(found) > MOST:
        raise TooCostly(f"A notice has {MOST} readers at most; this has {len(found)}.")
    return found


def leading_to(reader: Reader, named: str) -> set[str]:
    """Somebody (`PractitionerRole/1`), and the departments and teams through which a notice comes to them.

    Raises TooCostly where these are more than can be looked through.
    """
    found = aliases(reader, [named]) | {named}
    layer = found
    for _ in range(_DEEPEST):
        known = present(reader.session, [key_of(each) for each in layer if each.startswith(_LYING)])
        up = {each for one in known.values() for name in _IN for each in reader.keys(one, name)}
        teams = {
            f"CareTeam/{one.id}"
            for some in batched(layer)
            for one in reader.search("CareTeam", ("participant", some), ("status", "active"))
        }
        layer = (teams | {each for each in up if each.startswith("Organization/")}) - found
        if not layer:
            break
        found |= layer
    return found


def batched(references: Iterable[str]) -> Iterator[str]:
    """References as the values of a search parameter, some at once."""
    in_order = sorted(references)
    for start in range(0, len(in_order), _AT_ONCE):
        yield ",".join(in_order[start : start + _AT_ONCE])


def _staff(reader: Reader, addressed: str, now: int) -> list[str]:
    departments: set[str] = set()
    named: set[str] = set()
    layer, seen = {addressed}, set[str]()
    for _ in range(_DEEPEST):
        seen |= layer
        departments |= {each for each in layer if each.startswith("Organization/")}
        named |= {each for each in layer if each.startswith(STAFF)}
        teams = present(reader.session, [key_of(each) for each in layer if each.startswith("CareTeam/")])
        layer = {
            member.ref
            for team in teams.values()
            if team.get("status") == "active"
            for member in members_of(team, reader.base_url)
            if member.stands(now) and member.ref.startswith((*STAFF, "CareTeam/", "Organization/"))
        } - seen
        if not layer:
            break
    return sorted(named | _roles(reader, departments))


def _roles(reader: Reader, departments: set[str]) -> set[str]:
    """The roles in the departments and in what is part of them."""
    found, layer = set(departments), set(departments)
    for _ in range(_DEEPEST if departments else 0):
        below = reader.search("Organization", ("partof", ",".join(sorted(layer))))
        layer = {f"Organization/{one.id}" for one in below} - found
        found |= layer
        if not layer:
            break
    if not found:
        return set()
    roles = reader.search("PractitionerRole", ("organization", ",".join(sorted(found))), most=2 * MOST)
    return {f"PractitionerRole/{one.id}" for one in roles}


def _persons(reader: Reader, references: Iterable[str], now: int) -> dict[str, str]:
    """Who reads for each reference, of those who are active: behind a role the Practitioner, where one is known."""
    some = list(references)
    known = present(reader.session, map(key_of, some))
    behind: dict[str, str] = {}
    for reference in some:
        one = known.get(key_of(reference))
        if one is None or why_not(one, now):
            continue
        persons = reader.keys(one, "practitioner") if reference.startswith("PractitionerRole/") else []
        behind[reference] = persons[0] if persons else reference
    people = set(behind.values())
    gone = {
        f"{kind}/{id_}"
        for (kind, id_), one in present(reader.session, map(key_of, people)).items()
        if why_not(one, now)
    }
    return {reference: who for reference, who in behind.items() if who not in gone}


def in_order(addressed: Resource, base_url: str) -> list[str]:
    """Whom a notice is addressed to, as it lists them."""
    return [f"{kind}/{id_}" for kind, id_ in keys_at(addressed, "recipient", base_url)]

"""Who is a navigator now: an active PractitionerRole with that code and a caseload limit, of an active person.

PractitionerRole.code has `navigator` of our care team roles; how many people it may have is an extension. Its copies
are kept here. Source: http://hl7.org/fhir/R4/practitionerrole.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.careteams.navigation.choosing import Navigator
from carethread.careteams.navigation.terms import CASELOAD_LIMIT, NAVIGATOR, NAVIGATORS, ROLES, is_coded
from carethread.careteams.searching import every
from carethread.careteams.teams.working import works
from carethread.core.errors import NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import here, present

MOST_PEOPLE = 1000
"""What a limit may be."""


def is_navigator(role: Resource | None) -> bool:
    """Whether a PractitionerRole says that somebody is a navigator, at whatever time."""
    return any(is_coded(each, ROLES, NAVIGATOR) for each in (role or {}).get("code", ()))


def limit_of(role: Resource) -> int:
    """How many people a PractitionerRole may have; 0 where it says nothing, or nonsense."""
    said = extension(role, CASELOAD_LIMIT).get("valueInteger", 0)
    return said if isinstance(said, int) and 0 <= said <= MOST_PEOPLE else 0


def reference(resource: Resource, path: str, kind: str, base_url: str) -> str:
    """The first reference at a path to a type, `Practitioner/1`; empty without one."""
    return next((f"{name}/{id_}" for name, id_ in keys_at(resource, path, base_url) if name == kind), "")


def role_of(runtime: Runtime, id_: str) -> Resource:
    """A PractitionerRole: the copy, and where there is none yet, what its owner has. Raises NotFound, Busy."""
    known = runtime.store.glance(lambda session: here(session, ("PractitionerRole", id_)))
    if known is None:
        owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == "PractitionerRole")
        stored = runtime.owners.read(owner, ("PractitionerRole", id_))
        if stored is None or stored.deleted:
            raise NotFound(f"PractitionerRole/{id_} is not known here.")
        known = json.parse_object(stored.body)
    return known


def navigators(session: Session, now: int, base_url: str) -> list[Navigator]:
    """All who are navigators now, with the places that they have taken."""
    asked = [("role", f"{ROLES}|{NAVIGATOR}"), ("active:not", "false"), ("_sort", "_id")]
    known = (json.parse_object(each.body) for each in every(session, "PractitionerRole", asked, base_url))
    return _navigators(session, [each for each in known if works(each, now)], now, base_url)


def navigator(session: Session, id_: str, now: int, base_url: str) -> Navigator | None:
    """A PractitionerRole as a navigator; None where it is none now."""
    role = here(session, ("PractitionerRole", id_))
    if role is None or not is_navigator(role) or not works(role, now):
        return None
    return next(iter(_navigators(session, [role], now, base_url)), None)


def _practitioner(role: Resource, base_url: str) -> Key:
    return "Practitioner", reference(role, "practitioner", "Practitioner", base_url).removeprefix("Practitioner/")


def _navigators(session: Session, roles: Sequence[Resource], now: int, base_url: str) -> list[Navigator]:
    """Those of whom the person has not left."""
    known = present(session, {key for role in roles if (key := _practitioner(role, base_url))[1]})
    people = [(role, known.get(_practitioner(role, base_url))) for role in roles]
    there = [(role, person or {}) for role, person in people if person is None or works(person, now)]
    loads = session.occupied(NAVIGATORS, [f"PractitionerRole/{role['id']}" for role, _ in there])
    return [_navigator(role, person, loads, base_url) for role, person in there]


def _navigator(role: Resource, person: Resource, loads: Mapping[str, int], base_url: str) -> Navigator:
    name = f"PractitionerRole/{role['id']}"
    tongues = (each for each in at(person, "communication.coding.code") if isinstance(each, str))
    return Navigator(
        name,
        reference(role, "practitioner", "Practitioner", base_url),
        reference(role, "organization", "Organization", base_url),
        limit_of(role),
        loads.get(name, 0),
        frozenset(tongues),
    )

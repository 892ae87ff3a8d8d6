"""Who is a navigator now: an active PractitionerRole with that code and a caseload limit, of an active person.

PractitionerRole.code has `navigator` of our care team roles; how many people it may have is an extension. Its copies
are kept here. Source: http://hl7.org/fhir/R4/practitionerrole.html.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.careteams.navigation.choosing import Navigator
from carethread.careteams.navigation.finding import found
from carethread.careteams.navigation.terms import CASELOAD_LIMIT, NAVIGATOR, NAVIGATORS, ROLES, is_coded
from carethread.core.errors import NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import FOREVER, Key, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import here, present

MOST = 2000
"""Active PractitionerRoles that are navigators; of more, those with the lowest ids count."""

MOST_PEOPLE = 1000
"""What a limit may be."""


def is_navigator(role: Resource | None) -> bool:
    """Whether a PractitionerRole says that somebody is a navigator, at whatever time."""
    return any(is_coded(each, ROLES, NAVIGATOR) for each in (role or {}).get("code", ()))


def limit_of(role: Resource) -> int:
    """How many people a PractitionerRole may have; 0 where it says nothing, or nonsense."""
    said = extension(role, CASELOAD_LIMIT).get("valueInteger", 0)
    return said if isinstance(said, int) and 0 <= said <= MOST_PEOPLE else 0


def begins_and_ends(role: Resource) -> tuple[int, int]:
    """From when to when a PractitionerRole is held, in microseconds."""
    period = role.get("period", {})
    begin, end = (date_range(period.get(name, "")) for name in ("start", "end"))
    return begin[0] if begin else 0, end[1] if end else FOREVER


def is_held(role: Resource | None, now: int) -> bool:
    """Whether a PractitionerRole is active now."""
    if role is None or role.get("active") is False:
        return False
    begin, end = begins_and_ends(role)
    return begin <= now < end


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
    roles = [each for each in found(session, "PractitionerRole", asked, base_url, MOST) if is_held(each, now)]
    people = _people(session, roles, base_url)
    return [
        each
        for role in roles
        if (each := _navigator(session, role, people.get(_practitioner(role, base_url)), base_url))
    ]


def navigator(session: Session, id_: str, now: int, base_url: str) -> Navigator | None:
    """A PractitionerRole as a navigator; None where it is none now."""
    role = here(session, ("PractitionerRole", id_))
    if role is None or not is_navigator(role) or not is_held(role, now):
        return None
    people = _people(session, [role], base_url)
    return _navigator(session, role, people.get(_practitioner(role, base_url)), base_url)


def _practitioner(role: Resource, base_url: str) -> Key:
    return "Practitioner", reference(role, "practitioner", "Practitioner", base_url).removeprefix("Practitioner/")


def _people(session: Session, roles: Iterable[Resource], base_url: str) -> dict[Key, Resource]:
    keys = {key for role in roles if (key := _practitioner(role, base_url))[1]}
    return present(session, keys) if keys else {}


def _navigator(session: Session, role: Resource, person: Resource | None, base_url: str) -> Navigator | None:
    """None where the person has left."""
    if person is not None and person.get("active") is False:
        return None
    name = f"PractitionerRole/{role['id']}"
    tongues = (each for each in at(person or {}, "communication.coding.code") if isinstance(each, str))
    return Navigator(
        name,
        reference(role, "practitioner", "Practitioner", base_url),
        reference(role, "organization", "Organization", base_url),
        limit_of(role),
        len(session.places(NAVIGATORS, name)),
        frozenset(tongues),
    )

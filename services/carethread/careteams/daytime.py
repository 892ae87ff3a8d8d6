"""When people are asked for something that can wait: by day, where they work.

Night is that of the department (or the PractitionerRole) by its extension `timezone`; without one, UTC.
"""

from __future__ import annotations

from datetime import UTC, tzinfo

from carethread.careteams.teams.reading import ref
from carethread.core.clock import from_micros, to_micros
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource, Session
from carethread.core.quiet import awake
from carethread.core.zones import zone_named
from carethread.interactions.standing import here

TIMEZONE = "http://hl7.org/fhir/StructureDefinition/timezone"
"""Extension of an Organization or a PractitionerRole: the IANA zone of its local times (HL7's, younger than R4)."""


def zone_of(session: Session, named: str, base_url: str) -> tzinfo:
    """Where somebody works: a department, a team of one, or a PractitionerRole."""
    kind, _, id_ = named.partition("/")
    if kind == "Organization":
        return zone_of_department(session, named)
    found = here(session, (kind, id_)) if id_ else None
    if kind == "CareTeam":
        return zone_of_department(session, ref(found or {}, "managingOrganization", base_url, "Organization"))
    return zone_of_role(session, found, base_url)


def zone_of_role(session: Session, role: Resource | None, base_url: str) -> tzinfo:
    """Where the holder of a PractitionerRole works."""
    return _said(role) or zone_of_department(session, ref(role or {}, "organization", base_url, "Organization"))


def zone_of_department(session: Session, organization: str) -> tzinfo:
    """Where a department (`Organization/1`) is."""
    if not organization:
        return UTC
    return _said(here(session, ("Organization", organization.removeprefix("Organization/")))) or UTC


def by_day(moment: int, zone: tzinfo) -> int:
    """The moment, or where it is at night, the morning after; microseconds."""
    return to_micros(awake(from_micros(moment), zone))


def _said(resource: Resource | None) -> tzinfo | None:
    name = extension(resource or {}, TIMEZONE).get("valueCode")
    return zone_named(name) if isinstance(name, str) else None

"""The practice's directory as FHIR: organizations, locations with their time zone, services, clinicians and roles."""

from __future__ import annotations

from collections.abc import Iterator

from carethread.demo.departments import CLINICIANS, DEPARTMENTS, Clinician, Role
from carethread.demo.fhir import HL7, HOUSE, SNOMED, TEST_DATA, TIMEZONE, Resource, concept, ref
from carethread.demo.names import STREETS, TOWN, phone

PRACTICE = "demo-practice"
DAYS = ("mon", "tue", "wed", "thu", "fri")


def organizations() -> Iterator[Resource]:
    """The practice, then its departments."""
    yield {
        "resourceType": "Organization", "id": PRACTICE, "meta": TEST_DATA, "active": True,
        "identifier": [{"system": HOUSE + "sid/demo-organization", "value": PRACTICE}],
        "type": [concept(HL7 + "organization-type", "prov", "Healthcare Provider")],
        "name": "CareThread Demo Practice",
        "telecom": [{"system": "phone", "value": phone(0), "use": "work"}],
    }  # fmt: skip
    for d in DEPARTMENTS:
        yield {
            "resourceType": "Organization", "id": d.organization, "meta": TEST_DATA,
            "extension": [{"url": TIMEZONE, "valueCode": d.zone}],
            "active": True,
            "identifier": [{"system": HOUSE + "sid/demo-organization", "value": d.key}],
            "type": [concept(HL7 + "organization-type", "dept", "Hospital Department")],
            "name": d.name,
            "partOf": ref("Organization", PRACTICE, "CareThread Demo Practice"),
        }  # fmt: skip


def locations() -> Iterator[Resource]:
    """Where each department sees people, with its IANA time zone."""
    for number, d in enumerate(DEPARTMENTS):
        yield {
            "resourceType": "Location", "id": d.location,
            "extension": [{"url": TIMEZONE, "valueCode": d.zone}],
            "status": "active", "name": f"{d.name} clinic", "mode": "instance",
            "telecom": [{"system": "phone", "value": phone(number + 1), "use": "work"}],
            "address": {
                "use": "work", "line": [f"{number + 1} {STREETS[number]}"], "city": TOWN,
                "postalCode": d.postal_code, "country": "US",
            },
            "physicalType": concept(HL7 + "location-physical-type", "si", "Site"),
            "managingOrganization": ref("Organization", d.organization, d.name),
        }  # fmt: skip


def services() -> Iterator[Resource]:
    """What can be booked: one HealthcareService a department."""
    for d in DEPARTMENTS:
        yield {
            "resourceType": "HealthcareService", "id": d.service, "active": True,
            "providedBy": ref("Organization", d.organization, d.name),
            "category": [concept(HL7 + "service-category", *d.category)],
            "type": [concept(HL7 + "service-type", *d.service_type)],
            **({"specialty": [concept(SNOMED, *d.specialty)]} if d.specialty else {}),
            "location": [ref("Location", d.location)],
            "name": f"{d.name} visits",
            "communication": [concept("urn:ietf:bcp:47", "en-US", "English (United States)"),
                              concept("urn:ietf:bcp:47", "es", "Spanish")],
            "appointmentRequired": True,
        }  # fmt: skip


def practitioners() -> Iterator[Resource]:
    """The twenty clinicians."""
    for c in CLINICIANS:
        yield {
            "resourceType": "Practitioner", "id": c.id, "meta": TEST_DATA,
            "identifier": [{"system": HOUSE + "sid/demo-practitioner", "value": f"DEMO-C{c.number:02d}"}],
            "active": True,
            "name": [{"use": "official", "family": c.family, "given": [c.given],
                      **({"prefix": ["Dr."]} if c.role.code == "doctor" else {})}],
            "telecom": [{"system": "email", "value": f"practitioner-{c.number:02d}@example.org", "use": "work"}],
            "gender": ("female", "male")[c.number % 2],
            "communication": [concept("urn:ietf:bcp:47", "en-US", "English (United States)"),
                              *([concept("urn:ietf:bcp:47", "es", "Spanish")] if c.number % 3 == 0 else [])],
        }  # fmt: skip


def practitioner_roles() -> Iterator[Resource]:
    """Which clinician works where, as what, and when by the local clock."""
    for c in CLINICIANS:
        d = c.department
        yield {
            "resourceType": "PractitionerRole", "id": f"demo-role-{c.number:02d}", "active": True,
            "practitioner": c.reference,
            "organization": ref("Organization", d.organization, d.name),
            "code": [_role_concept(c.role)],
            **({"specialty": [concept(SNOMED, *d.specialty)]} if d.specialty else {}),
            "location": [ref("Location", d.location)],
            "healthcareService": [ref("HealthcareService", d.service)],
            "availableTime": list(_available_times(c)),
        }  # fmt: skip


def _available_times(c: Clinician) -> Iterator[Resource]:
    for starts, end in ((c.department.morning, "12:30:00"), (c.department.afternoon, "17:00:00")):
        days = [DAYS[day] for day in c.weekdays if c.starts(day) is starts]
        if days:
            yield {"daysOfWeek": days, "availableStartTime": starts[0].isoformat(), "availableEndTime": end}


def _role_concept(role: Role) -> Resource:
    if role.code == "social-worker":
        return concept(SNOMED, role.snomed, role.snomed_display, text=role.title)
    return concept(HL7 + "practitioner-role", role.code, role.code.capitalize(), text=role.title)

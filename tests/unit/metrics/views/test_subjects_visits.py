"""The views of visits, slots and encounters: a resource, and the rows that it is."""

from __future__ import annotations

from typing import Any

from support.viewing import DEPARTMENT, coded, parts, rows, told

SERVICE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "165"}]}
REASON = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"


def actor(reference: str, **more: Any) -> dict[str, Any]:
    return {"actor": {"reference": reference}, "status": "accepted", **more}


def appointment(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": "visit",
        "status": "booked",
        "start": "2031-03-30T02:30:00+02:00",
        "end": "2031-03-30T03:15:00+02:00",
        "participant": [actor("Patient/one")],
        **members,
    }


PLAIN = {
    "id": "visit",
    "status": "booked",
    "patient_id": "one",
    "start_at": "2031-03-30T00:30:00.000Z",
    "end_at": "2031-03-30T01:15:00.000Z",
}


def test_appointments_with_what_stands_everywhere():
    assert rows("appointments", appointment()) == [PLAIN]


def test_appointments_whole():
    resource = appointment(
        meta={"lastUpdated": "2031-03-28T08:00:00.123Z"},
        extension=[
            DEPARTMENT,
            told("modality", valueCode="video"),
            told("cancelled-by", valueCode="patient"),
            told("late-cancellation", valueBoolean=True),
            parts(
                "visit-times",
                "valueInstant",
                {
                    "arrived": "2031-03-30T00:20:00Z",
                    "checked-in": "2031-03-30T02:22:00+02:00",
                    "started": "2031-03-30T00:40:00.5Z",
                    "ended": "2031-03-30T01:00:00.000Z",
                },
            ),
        ],
        status="cancelled",
        cancelationReason=coded(REASON, "pat"),
        serviceType=[SERVICE],
        appointmentType=coded("http://terminology.hl7.org/CodeSystem/v2-0276", "FOLLOWUP"),
        priority=2,
        minutesDuration=45,
        created="2031-01",
        slot=[{"reference": "Slot/a"}, {"reference": "Slot/b"}],
        participant=[
            {
                "type": [coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "ATND")],
                "status": "accepted",
            },
            actor("PractitionerRole/doctor"),
            actor("Location/room"),
            actor("Patient/one"),
            actor("Patient/two"),
            actor("Practitioner/nurse"),
            actor("HealthcareService/clinic"),
        ],
    )
    assert rows("appointments", resource) == [
        PLAIN
        | {
            "status": "cancelled",
            "practitioner_id": "nurse",
            "practitioner_role_id": "doctor",
            "location_id": "room",
            "healthcare_service_id": "clinic",
            "department_id": "ward",
            "created_at": "2031-01-01T00:00:00.000Z",
            "minutes": 45,
            "service_system": "http://terminology.hl7.org/CodeSystem/service-type",
            "service_code": "165",
            "kind_code": "FOLLOWUP",
            "hl7_kind_code": "FOLLOWUP",
            "priority": 2,
            "slot_id": "a",
            "cancelled_by": "patient",
            "cancellation_code": "pat",
            "late_cancellation": True,
            "modality": "video",
            "came_at": "2031-03-30T00:20:00.000Z",
            "checked_in_at": "2031-03-30T00:22:00.000Z",
            "started_at": "2031-03-30T00:40:00.500Z",
            "ended_at": "2031-03-30T01:00:00.000Z",
            "last_updated_at": "2031-03-28T08:00:00.123Z",
        }
    ]


def test_appointments_refer_to_what_is_here():
    elsewhere = ["https://other.example/fhir/Patient/1", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"]
    people = [*map(actor, elsewhere), actor("Patient/here/_history/3")]
    assert rows("appointments", appointment(participant=people))[0]["patient_id"] == "here"


def test_each_participant_is_a_row():
    people = [
        actor("Patient/one"),
        actor("Patient/two", status="declined"),
        actor("Practitioner/nurse"),
        actor("PractitionerRole/doctor", status="tentative"),
    ]
    assert rows("appointment_participants", appointment(participant=people)) == [
        {"id": "visit", "number": 0, "patient_id": "one", "status": "accepted"},
        {"id": "visit", "number": 1, "patient_id": "two", "status": "declined"},
        {"id": "visit", "number": 2, "practitioner_id": "nurse", "status": "accepted"},
        {"id": "visit", "number": 3, "practitioner_role_id": "doctor", "status": "tentative"},
    ]


def test_who_waits_is_a_row_and_stays_one():
    waiting = {
        "resourceType": "Appointment",
        "id": "entry",
        "status": "waitlist",
        "created": "2031-01-02",
        "priority": 3,
        "extension": [told("declined-slot", valueReference={"reference": f"Slot/{slot}"}) for slot in "ab"],
        "participant": [actor("Patient/one")],
    }
    assert rows("waits", waiting) == [
        {
            "id": "entry",
            "status": "waitlist",
            "patient_id": "one",
            "created_at": "2031-01-02T10:00:00.000Z",
            "priority": 3,
            "declined_slot_id": "a",
        }
    ]
    waited = parts("waited", "valueInstant", {"since": "2031-01-02T00:00:00Z", "offered": "2031-02-01T08:00:00Z"})
    (row,) = rows("waits", appointment(extension=[waited, told("offer", valueInstant="2031-03-01T09:00:00+01:00")]))
    assert row == PLAIN_WAIT
    assert rows("waits", appointment()) == []


PLAIN_WAIT = {
    "id": "visit",
    "status": "booked",
    "patient_id": "one",
    "start_at": "2031-03-30T00:30:00.000Z",
    "waiting_since_at": "2031-01-02T00:00:00.000Z",
    "first_offer_at": "2031-02-01T08:00:00.000Z",
    "offered_at": "2031-03-01T08:00:00.000Z",
}


ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "stay",
    "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
}


def test_encounters():
    assert rows("encounters", ENCOUNTER) == [{"id": "stay", "status": "finished", "class_code": "IMP"}]
    resource = ENCOUNTER | {
        "type": [coded("http://snomed.info/sct", "32485007")],
        "subject": {"reference": "Patient/one"},
        "participant": [
            {"individual": {"reference": "RelatedPerson/sister"}},
            {"individual": {"reference": "Practitioner/doctor"}},
            {"individual": {"reference": "Practitioner/nurse"}},
            {"individual": {"reference": "PractitionerRole/role"}},
        ],
        "appointment": [{"reference": "Appointment/visit"}],
        "period": {"start": "2031-03-04", "end": "2031-03-09T23:30:00-05:00"},
        "reasonCode": [{"text": "Chest pain"}, coded("http://snomed.info/sct", "29857009")],
        "diagnosis": [{"condition": {"reference": "Condition/heart"}}],
        "priority": coded("http://terminology.hl7.org/CodeSystem/v3-ActPriority", "EM"),
        "hospitalization": {
            "admitSource": coded("http://terminology.hl7.org/CodeSystem/admit-source", "emd"),
            "reAdmission": coded("http://terminology.hl7.org/CodeSystem/v2-0092", "R"),
            "dischargeDisposition": coded("http://terminology.hl7.org/CodeSystem/discharge-disposition", "home"),
        },
        "location": [{"location": {"reference": "Location/bed"}}],
        "serviceProvider": {"reference": "Organization/hospital"},
        "partOf": {"reference": "Encounter/whole"},
    }
    assert rows("encounters", resource) == [
        {
            "id": "stay",
            "status": "finished",
            "class_code": "IMP",
            "patient_id": "one",
            "practitioner_id": "doctor",
            "practitioner_role_id": "role",
            "organization_id": "hospital",
            "location_id": "bed",
            "start_at": "2031-03-04T10:00:00.000Z",
            "begun_by_at": "2031-03-05T00:00:00.000Z",
            "end_at": "2031-03-10T04:30:00.000Z",
            "until_at": "2031-03-10T04:30:00.000Z",
            "appointment_id": "visit",
            "type_system": "http://snomed.info/sct",
            "type_code": "32485007",
            "condition_id": "heart",
            "priority_code": "EM",
            "admit_source_code": "emd",
            "discharge_code": "home",
            "readmission_code": "R",
            "part_of_id": "whole",
        }
    ]


def test_schedules_and_slots():
    schedule = {
        "resourceType": "Schedule",
        "id": "clinic",
        "active": False,
        "extension": [told("schedule-master", valueCode="ehr"), DEPARTMENT],
        "serviceType": [SERVICE],
        "actor": [{"reference": f"{kind}/x"} for kind in ("Location", "PractitionerRole", "HealthcareService")],
    }
    assert rows("schedules", schedule) == [
        {
            "id": "clinic",
            "active": False,
            "practitioner_role_id": "x",
            "healthcare_service_id": "x",
            "location_id": "x",
            "service_system": "http://terminology.hl7.org/CodeSystem/service-type",
            "service_code": "165",
            "master": "ehr",
            "department_id": "ward",
        }
    ]
    slot = {
        "resourceType": "Slot",
        "id": "nine",
        "status": "free",
        "schedule": {"reference": "Schedule/clinic"},
        "start": "2031-03-04T09:00:00.000Z",
        "end": "2031-03-04T09:30:00Z",
        "overbooked": False,
        "extension": [
            told("modality", valueCode="home"),
            {"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity", "valueInteger": 8},
        ],
    }
    assert rows("slots", slot) == [
        {
            "id": "nine",
            "status": "free",
            "schedule_id": "clinic",
            "start_at": "2031-03-04T09:00:00.000Z",
            "end_at": "2031-03-04T09:30:00.000Z",
            "modality": "home",
            "capacity": 8,
            "overbooked": False,
        }
    ]


def test_services_places_organizations_and_roles():
    zone = {"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": "Europe/Vienna"}
    service: dict[str, Any] = {
        "resourceType": "HealthcareService",
        "id": "s",
        "active": True,
        "type": [SERVICE],
        "name": "Heart",
    }
    service |= {"providedBy": {"reference": "Organization/ward"}, "location": [{"reference": "Location/room"}]}
    assert rows("healthcare_services", service) == [
        {
            "id": "s",
            "active": True,
            "organization_id": "ward",
            "type_system": "http://terminology.hl7.org/CodeSystem/service-type",
            "type_code": "165",
            "location_id": "room",
            "name": "Heart",
        }
    ]
    organization: dict[str, Any] = {
        "resourceType": "Organization",
        "id": "ward",
        "extension": [zone],
        "name": "The ward",
    }
    organization |= {
        "partOf": {"reference": "Organization/hospital"},
        "type": [coded("http://terminology.hl7.org/CodeSystem/organization-type", "dept")],
    }
    assert rows("organizations", organization) == [
        {
            "id": "ward",
            "part_of_id": "hospital",
            "type_system": "http://terminology.hl7.org/CodeSystem/organization-type",
            "type_code": "dept",
            "name": "The ward",
            "zone": "Europe/Vienna",
        }
    ]
    role: dict[str, Any] = {"resourceType": "PractitionerRole", "id": "r", "active": True, "period": {"start": "2030"}}
    role |= {"practitioner": {"reference": "Practitioner/p"}, "organization": {"reference": "Organization/ward"}}
    role |= {"code": [coded("urn:x", "nurse")], "specialty": [coded("http://snomed.info/sct", "394579002")]}
    assert rows("practitioner_roles", role) == [
        {
            "id": "r",
            "active": True,
            "practitioner_id": "p",
            "organization_id": "ward",
            "role_system": "urn:x",
            "role_code": "nurse",
            "specialty_code": "394579002",
            "start_at": "2030-01-01T00:00:00.000Z",
        }
    ]
    place: dict[str, Any] = {"resourceType": "Location", "id": "room", "status": "active", "name": "Room 3"}
    place |= {"managingOrganization": {"reference": "Organization/ward"}, "partOf": {"reference": "Location/floor"}}
    assert rows("locations", place) == [
        {"id": "room", "status": "active", "organization_id": "ward", "part_of_id": "floor", "name": "Room 3"}
    ]


def test_each_appointment_of_an_encounter_is_a_row():
    named = [{"reference": "Appointment/a"}, {"reference": "https://elsewhere.example/Appointment/b"}]
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}}
    found = rows("encounter_appointments", {**visit, "appointment": named})
    assert found[0] == {"id": "e", "number": 0, "appointment_id": "a"}
    assert [each["number"] for each in found] == [0, 1]

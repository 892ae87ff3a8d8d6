"""The types that scheduling owns, what their writes mean, and what it mirrors."""

from carethread.core.service import PROFILES, Mirror, ResourceType
from carethread.scheduling.booking import (
    appointment_leaves,
    appointment_settled,
    appointment_written,
    slot_written,
)
from carethread.scheduling.calendars import appointment_stored, slot_stored

TYPES = (
    ResourceType("HealthcareService"),
    ResourceType("Schedule", profile=PROFILES + "schedule"),
    ResourceType("Slot", rule=slot_written, profile=PROFILES + "slot", stored=slot_stored),
    ResourceType(
        "Appointment",
        appointment_written,
        gives_up=appointment_leaves,
        settles=appointment_settled,
        profile=PROFILES + "appointment",
        stored=appointment_stored,
    ),
    ResourceType("AppointmentResponse"),
)

MIRRORS = (
    Mirror("Patient", owner="records"),
    Mirror("Practitioner", owner="records"),
    Mirror("PractitionerRole", owner="records"),
    Mirror("Location", owner="records"),
)

"""The types that scheduling owns, what their writes mean, and what it mirrors."""

from carethread.core.service import Mirror, ResourceType
from carethread.scheduling.booking import appointment_written, slot_written

TYPES = (
    ResourceType("HealthcareService"),
    ResourceType("Schedule"),
    ResourceType("Slot", rule=slot_written),
    ResourceType("Appointment", rule=appointment_written),
    ResourceType("AppointmentResponse"),
)

MIRRORS = (
    Mirror("Patient", owner="records"),
    Mirror("Practitioner", owner="records"),
    Mirror("PractitionerRole", owner="records"),
    Mirror("Location", owner="records"),
)

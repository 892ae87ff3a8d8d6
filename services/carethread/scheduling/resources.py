"""The types that scheduling owns, what their writes mean, and what it mirrors."""

from carethread.core.service import PROFILES, Mirror, ResourceType
from carethread.scheduling.availability.checking import schedule_written
from carethread.scheduling.availability.remaking import schedule_stored
from carethread.scheduling.booking.aliases import role_kept
from carethread.scheduling.booking.calendars import slot_stored
from carethread.scheduling.booking.rule import (
    appointment_leaves,
    appointment_settled,
    appointment_written,
)
from carethread.scheduling.booking.slots import slot_written
from carethread.scheduling.visits.following import appointment_follows
from carethread.scheduling.waitlist.answering import response_written

TYPES = (
    ResourceType("HealthcareService"),
    ResourceType("Schedule", schedule_written, profile=PROFILES + "schedule", stored=schedule_stored),
    ResourceType("Slot", rule=slot_written, profile=PROFILES + "slot", stored=slot_stored),
    ResourceType(
        "Appointment",
        appointment_written,
        gives_up=appointment_leaves,
        settles=appointment_settled,
        profile=PROFILES + "appointment",
        stored=appointment_follows,
    ),
    ResourceType("AppointmentResponse", rule=response_written),
)

MIRRORS = (
    Mirror("Patient", owner="records"),
    Mirror("Practitioner", owner="records"),
    Mirror("PractitionerRole", owner="records", stored=role_kept),
    Mirror("Location", owner="records"),
    Mirror("CareTeam", owner="careteams", params=frozenset({"patient"})),
    Mirror("Flag", owner="careteams", params=frozenset({"patient"})),
)

"""The types that metrics owns and mirrors. Adding a type is adding it here."""

from carethread.core.service import Mirror, ResourceType

TYPES = (
    ResourceType("Measure"),
    ResourceType("MeasureReport"),
    ResourceType("Library"),
)

MIRRORS = (Mirror("Appointment", owner="scheduling"),)

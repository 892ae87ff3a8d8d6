"""The types that metrics owns and mirrors. Adding a type is adding it here."""

from carethread.core.service import PROFILES, Mirror, ResourceType

TYPES = (
    ResourceType("Measure"),
    ResourceType("MeasureReport", profile=PROFILES + "measure-report"),
    ResourceType("Library"),
)

MIRRORS = (Mirror("Appointment", owner="scheduling", params=frozenset({"date", "patient", "status"})),)
"""By what evaluating a Measure adds to each population, and the measures of ours ask."""

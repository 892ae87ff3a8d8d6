"""The types that subscriptions owns. Adding a type is adding it here."""

from carethread.core.service import ResourceType

TYPES = (
    ResourceType("Subscription"),
    ResourceType("Basic"),
)

"""Department systems that want to be told."""

from carethread.core.service import Service
from carethread.subscriptions.resources import TYPES

SERVICE = Service(
    name="subscriptions",
    about="Department systems that want to be told.",
    types=TYPES,
)

"""Department systems that want to be told."""

from carethread.core.service import Service
from carethread.subscriptions.operations import OPERATIONS
from carethread.subscriptions.reactions import REACTIONS
from carethread.subscriptions.resources import TYPES, topics_as_basic
from carethread.subscriptions.topics import catalogue

SERVICE = Service(
    name="subscriptions",
    about="Department systems that want to be told.",
    types=TYPES,
    operations=OPERATIONS,
    reactions=REACTIONS,
    publishes=topics_as_basic,
    topics=tuple(catalogue()),
)

"""The practice's numbers, each traceable to its resources."""

from carethread.core.service import Service
from carethread.metrics.operations import OPERATIONS
from carethread.metrics.resources import MIRRORS, TYPES

SERVICE = Service(
    name="metrics",
    about="The practice's numbers, each traceable to its resources.",
    types=TYPES,
    mirrors=MIRRORS,
    operations=OPERATIONS,
    definitions=("measures",),
)

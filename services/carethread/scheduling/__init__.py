"""One front desk for all departments."""

from carethread.core.service import Service
from carethread.scheduling.resources import MIRRORS, TYPES

SERVICE = Service(
    name="scheduling",
    about="One front desk for all departments.",
    types=TYPES,
    mirrors=MIRRORS,
)

"""Who cares for whom, hand-offs, huddles, shared decisions."""

from carethread.careteams.resources import MIRRORS, TYPES
from carethread.core.service import Service

SERVICE = Service(
    name="careteams",
    about="Who cares for whom, hand-offs, huddles, shared decisions.",
    types=TYPES,
    mirrors=MIRRORS,
)

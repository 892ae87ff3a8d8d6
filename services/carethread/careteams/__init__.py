"""Who cares for whom, hand-offs, huddles, shared decisions."""

from carethread.core.service import Service
from carethread.careteams.resources import TYPES

SERVICE = Service(
    name="careteams",
    about="Who cares for whom, hand-offs, huddles, shared decisions.",
    types=TYPES,
)

"""The operations that look for free time."""

from __future__ import annotations

from carethread.core.service import Operation
from carethread.scheduling.finding.finding import find
from carethread.scheduling.finding.given import NAMES
from carethread.scheduling.finding.third import NAMES as OF_THIRD
from carethread.scheduling.finding.third import third_next_available

_NOT_IN_A_URL = ("patient-resource", "_cursor")

OPERATIONS = (
    Operation(
        name="find",
        type="Appointment",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Appointment-find",
        handler=find,
        parameters=tuple(name for name in NAMES if name not in _NOT_IN_A_URL),
    ),
    Operation(
        name="third-next-available",
        type="Schedule",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Schedule-third-next-available",
        handler=third_next_available,
        parameters=OF_THIRD,
    ),
)

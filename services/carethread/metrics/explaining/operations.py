"""What opens a number: $explain of a MeasureReport, and $care-gaps of a person."""

from __future__ import annotations

from carethread.core.service import Operation
from carethread.metrics.explaining import explain, gaps

OPERATIONS = (
    Operation(
        name="explain",
        type="MeasureReport",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/MeasureReport-explain",
        handler=explain.explain,
        parameters=explain.PARAMETERS,
    ),
    Operation(
        name="care-gaps",
        type="Measure",
        levels=("type",),
        definition="http://hl7.org/fhir/OperationDefinition/Measure-care-gaps",
        handler=gaps.care_gaps,
        parameters=gaps.PARAMETERS,
    ),
)

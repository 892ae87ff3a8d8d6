"""The operations of care teams."""

from __future__ import annotations

from carethread.careteams.teams.asking import AT, who_answers
from carethread.careteams.teams.listing import DEPARTMENT, list_gaps
from carethread.core.fhir.search.query import CURSOR
from carethread.core.service import Operation
from carethread.interactions.operations.counting import COUNT

_DEFINITIONS = "https://carethread.dev/fhir/OperationDefinition/"

OPERATIONS = (
    Operation(
        "accountable", "Patient", ("instance",), f"{_DEFINITIONS}Patient-accountable", who_answers, parameters=(AT,)
    ),
    Operation(
        "gaps",
        "CareTeam",
        ("type",),
        f"{_DEFINITIONS}CareTeam-gaps",
        list_gaps,
        parameters=(DEPARTMENT, COUNT, CURSOR),
    ),
)

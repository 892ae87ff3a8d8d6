"""The operations of care teams, and what is done when their timers are due."""

from __future__ import annotations

from carethread.careteams.teams.asking import AT, who_answers
from carethread.careteams.teams.leaving import LEAVER, leaver_due
from carethread.careteams.teams.listing import DEPARTMENT, list_gaps
from carethread.careteams.teams.merging import MERGED, merge_due
from carethread.careteams.teams.relieving import LEAD_TIMER, lead_due
from carethread.careteams.teams.unanswered import UNANSWERED, unanswered_due
from carethread.core.fhir.search.query import CURSOR
from carethread.core.service import Operation, TimerHandler
from carethread.interactions.operations.counting import COUNT

TIMERS: dict[str, TimerHandler] = {
    LEAD_TIMER: lead_due,
    LEAVER: leaver_due,
    MERGED: merge_due,
    UNANSWERED: unanswered_due,
}

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

"""The operations and timers of navigation, as data."""

from __future__ import annotations

from carethread.careteams.navigation.alarming import OVERDUE, outreach_due
from carethread.careteams.navigation.attempts import PARAMETERS as ATTEMPT
from carethread.careteams.navigation.attempts import outreach
from carethread.careteams.navigation.attending import ATTEND, attend
from carethread.careteams.navigation.caseload import CASELOAD, CASELOADS, caseload, caseloads
from carethread.careteams.navigation.staffing import STAFF, staff_due
from carethread.careteams.navigation.stepping import PARAMETERS as STEP
from carethread.careteams.navigation.stepping import step_down
from carethread.core.service import Operation

_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/"

OPERATIONS = (
    Operation(
        "outreach", "Task", ("instance",), f"{_DEFINITION}Task-outreach", outreach, affects_state=True,
        parameters=ATTEMPT,
    ),
    Operation(
        "caseload", "PractitionerRole", ("instance",), f"{_DEFINITION}PractitionerRole-caseload", caseload,
        parameters=CASELOAD,
    ),
    Operation(
        "caseloads", "CareTeam", ("type",), f"{_DEFINITION}CareTeam-caseloads", caseloads, parameters=CASELOADS
    ),
    Operation(
        "step-down", "Patient", ("instance",), f"{_DEFINITION}Patient-step-down", step_down, affects_state=True,
        parameters=STEP,
    ),
)  # fmt: skip

TIMERS = {STAFF: staff_due, OVERDUE: outreach_due}
TOGETHER = {ATTEND: attend}

"""The operations of huddles, on CareTeam; see fhir_profiles/OperationDefinition/careteam-huddle*.json."""

from carethread.careteams.meeting.deciding import DECISION_TIMER, decision_due
from carethread.careteams.meeting.holding import MINUTES_OPERATION
from carethread.careteams.meeting.huddle import HUDDLE_OPERATION

OPERATIONS = (HUDDLE_OPERATION, MINUTES_OPERATION)

TIMERS = {DECISION_TIMER: decision_due}

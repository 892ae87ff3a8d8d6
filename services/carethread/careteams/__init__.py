"""Who cares for whom, hand-offs, huddles, shared decisions."""

from carethread.careteams.alerting.escalating import TIMERS as ALERTING
from carethread.careteams.feedback.escalating import TIMERS as FEEDBACK_TIMERS
from carethread.careteams.feedback.leaving import TIMERS as FEEDBACK_LEAVING
from carethread.careteams.feedback.operations import OPERATIONS as FEEDBACK
from carethread.careteams.feedback.reviewing import TIMERS as REVIEWING
from carethread.careteams.feedback.stopping import TIMERS as STOPPING
from carethread.careteams.handing.ceasing import TIMERS as CEASING
from carethread.careteams.handing.needs import TIMERS as NEEDS
from carethread.careteams.handing.operations import AT_ONCE, DEADLINES
from carethread.careteams.handing.operations import OPERATIONS as HANDING
from carethread.careteams.measures import GAUGES
from carethread.careteams.meeting.operations import OPERATIONS as MEETING
from carethread.careteams.meeting.operations import TIMERS as MEETING_TIMERS
from carethread.careteams.navigation.operations import OPERATIONS as NAVIGATION
from carethread.careteams.navigation.operations import TIMERS as NAVIGATING
from carethread.careteams.navigation.operations import TOGETHER as ATTENDING
from carethread.careteams.needs.operations import OPERATIONS as HELPING
from carethread.careteams.needs.operations import TIMERS as HELP_TIMERS
from carethread.careteams.needs.operations import TOGETHER as HELP_DUE
from carethread.careteams.notices.operations import OPERATIONS as NOTICES
from carethread.careteams.notices.operations import TIMERS as NOTICE_TIMERS
from carethread.careteams.person.operations import OPERATIONS as PERSON
from carethread.careteams.plans.operations import OPERATIONS as PLANS
from carethread.careteams.plans.operations import TIMERS as PLAN_TIMERS
from carethread.careteams.relief.operations import TIMERS as RELIEVING
from carethread.careteams.resources import MIRRORS, TYPES
from carethread.careteams.risk.following import LAST, TOGETHER
from carethread.careteams.risk.following import TIMERS as RISK
from carethread.careteams.risk.trying import OPERATIONS as TRYING
from carethread.careteams.sharing.operations import OPERATIONS as SHARING
from carethread.careteams.teams.operations import OPERATIONS as TEAMS
from carethread.careteams.workload.operations import OPERATIONS as WORKLOAD
from carethread.careteams.workload.operations import TIMERS as WORKING
from carethread.core.service import Service

SERVICE = Service(
    name="careteams",
    about="Who cares for whom, hand-offs, huddles, shared decisions.",
    types=TYPES,
    mirrors=MIRRORS,
    timers={
        **MEETING_TIMERS,
        **NOTICE_TIMERS,
        **RELIEVING,
        **CEASING,
        **NEEDS,
        **NAVIGATING,
        **WORKING,
        **PLAN_TIMERS,
        **REVIEWING,
        **STOPPING,
        **FEEDBACK_LEAVING,
        **RISK,
        **HELP_TIMERS,
    },
    timers_together={**ALERTING, **FEEDBACK_TIMERS, **DEADLINES, **ATTENDING, **TOGETHER, **HELP_DUE},
    timers_at_once=AT_ONCE,
    timers_last=LAST,
    operations=(
        *TEAMS,
        *HANDING,
        *PERSON,
        *SHARING,
        *PLANS,
        *MEETING,
        *NOTICES,
        *NAVIGATION,
        *WORKLOAD,
        *TRYING,
        *FEEDBACK,
        *HELPING,
    ),
    definitions=("plans", "rules", "programmes"),
    gauges=GAUGES,
)

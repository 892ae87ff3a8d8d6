"""One front desk for all departments."""

from carethread.core.service import Service
from carethread.scheduling.availability.operations import OPERATIONS as AVAILABILITY
from carethread.scheduling.availability.remaking import TIMER, slots_due
from carethread.scheduling.booking.aliases import ROLE_TIMER, role_due
from carethread.scheduling.booking.rebuilding import CALENDAR, enter_anew
from carethread.scheduling.desk.operations import OPERATIONS as DESK
from carethread.scheduling.feeds.operations import OPERATIONS as FEEDS
from carethread.scheduling.feeds.operations import PAGES
from carethread.scheduling.finding.operations import OPERATIONS as FINDING
from carethread.scheduling.huddles.operations import OPERATIONS as HUDDLES
from carethread.scheduling.noshow.operations import OPERATIONS as NO_SHOW
from carethread.scheduling.noshow.watching import VISIT, visit_due
from carethread.scheduling.rebooking.operations import OPERATIONS as REBOOKING
from carethread.scheduling.reconciling.operations import OPERATIONS as RECONCILING
from carethread.scheduling.resources import MIRRORS, TYPES
from carethread.scheduling.series.operations import OPERATIONS as SERIES
from carethread.scheduling.visits.following import HOLD_TIMER, hold_over
from carethread.scheduling.visits.starting import STARTED
from carethread.scheduling.waitlist.freeing import OFFER_TIMER
from carethread.scheduling.waitlist.history import OPERATIONS as OFFER_HISTORY
from carethread.scheduling.waitlist.messages import TELL_TIMER, tell_due
from carethread.scheduling.waitlist.offering import offer_slots
from carethread.scheduling.waitlist.report import OPERATIONS as OFFER_REPORT
from carethread.scheduling.waitlist.seeking import WAIT_TIMER, seek
from carethread.scheduling.waitlist.turns import OPERATIONS as WAITING

TIMERS = {
    HOLD_TIMER: hold_over,
    TIMER: slots_due,
    TELL_TIMER: tell_due,
    VISIT: visit_due,
    CALENDAR: enter_anew,
    ROLE_TIMER: role_due,
}

TIMERS_TOGETHER = {OFFER_TIMER: offer_slots, WAIT_TIMER: seek}

SERVICE = Service(
    name="scheduling",
    about="One front desk for all departments.",
    types=TYPES,
    mirrors=MIRRORS,
    operations=(
        *DESK,
        *FINDING,
        *AVAILABILITY,
        *FEEDS,
        *RECONCILING,
        *OFFER_REPORT,
        *OFFER_HISTORY,
        *WAITING,
        *SERIES,
        *NO_SHOW,
        *HUDDLES,
        *REBOOKING,
    ),
    reactions=(STARTED,),
    timers=TIMERS,
    pages=PAGES,
    timers_together=TIMERS_TOGETHER,
)

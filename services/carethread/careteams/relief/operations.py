"""What is done when somebody's time is over, and when those who are one person are others."""

from __future__ import annotations

from carethread.careteams.relief.leaving import LEAVER, leaver_due
from carethread.careteams.relief.merging import MERGED, merge_due
from carethread.careteams.relief.relieving import LEAD_TIMER, lead_due
from carethread.careteams.relief.unanswered import unanswered_due
from carethread.careteams.teams.awaiting import UNANSWERED
from carethread.core.service import TimerHandler

TIMERS: dict[str, TimerHandler] = {
    LEAD_TIMER: lead_due,
    LEAVER: leaver_due,
    MERGED: merge_due,
    UNANSWERED: unanswered_due,
}

"""What care teams show of themselves to whoever watches over them: how much waits for somebody, and of nobody whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from carethread.careteams.alerting.call import CALL, NOBODY
from carethread.careteams.alerting.call import OPEN as UNSEEN
from carethread.careteams.feedback import terms as feedback
from carethread.careteams.handing.alarms import UNANSWERED
from carethread.careteams.handing.states import KIND
from carethread.careteams.needs import shapes as needs
from carethread.careteams.tasks import OPEN, TASKS
from carethread.careteams.teams.alarming import FLAGS, TAKE_OVER
from carethread.core.fhir.search import parse_query
from carethread.core.metric_names import (
    COMMENTS_UNCODED,
    CRITICAL_ANSWERS_NOBODY,
    CRITICAL_ANSWERS_WAITING,
    FEEDBACK_NOBODY,
    FEEDBACK_OPEN,
    FEEDBACK_OVERDUE,
    FEEDBACK_UNTOLD,
    FEEDBACK_WAITING,
    HAND_OFFS_EXPIRED,
    HAND_OFFS_WAITING,
    NEED_REFERRALS_WAITING,
    NEEDS_NOBODY,
    NEEDS_WAITING,
    TAKE_OVERS,
)
from carethread.core.ports import Session

_MOST = 100_000
"""Counting ends here: more than that is no news."""


def _tasks(code: str, *statuses: str, also: tuple[str, str] | None = None) -> Callable[[Session], float]:
    query = parse_query("Task", [("code", code), ("status", ",".join(statuses)), *([also] if also else ())])
    return lambda session: session.count(query, _MOST)


_STEPS = ",".join(f"{TASKS}|{each}" for each in needs.STAFF)
_FEEDBACK = f"{TASKS}|{feedback.ANSWER}"

GAUGES: Mapping[str, Callable[[Session], float]] = {
    HAND_OFFS_WAITING: _tasks(f"{KIND}|", "requested", "received"),
    HAND_OFFS_EXPIRED: _tasks(f"{TASKS}|{UNANSWERED}", *OPEN),
    CRITICAL_ANSWERS_WAITING: _tasks(f"{TASKS}|{CALL}", *UNSEEN),
    CRITICAL_ANSWERS_NOBODY: _tasks(f"{TASKS}|{CALL}", *UNSEEN, also=("business-status", f"{FLAGS}|{NOBODY}")),
    FEEDBACK_WAITING: _tasks(_FEEDBACK, *UNSEEN),
    FEEDBACK_NOBODY: _tasks(_FEEDBACK, *UNSEEN, also=("business-status", f"{feedback.STATES}|{feedback.NOBODY}")),
    FEEDBACK_OPEN: _tasks(_FEEDBACK, *OPEN),
    FEEDBACK_OVERDUE: _tasks(_FEEDBACK, *OPEN, also=("_tag", f"{feedback.STATES}|overdue")),
    FEEDBACK_UNTOLD: _tasks(
        _FEEDBACK,
        *OPEN,
        also=(
            "business-status",
            ",".join(f"{feedback.STATES}|{each}" for each in (feedback.RESOLVED, feedback.NOT_TOLD)),
        ),
    ),
    COMMENTS_UNCODED: _tasks(f"{TASKS}|{feedback.CODE}", *OPEN),
    NEEDS_WAITING: _tasks(_STEPS, *UNSEEN),
    NEEDS_NOBODY: _tasks(_STEPS, *UNSEEN, also=("owner:missing", "true")),
    NEED_REFERRALS_WAITING: _tasks(f"{TASKS}|{needs.REFERRAL}", *UNSEEN),
    TAKE_OVERS: _tasks(f"{TASKS}|{TAKE_OVER}", *OPEN),
}

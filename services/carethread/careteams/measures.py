"""What care teams show of themselves to whoever watches over them: how much waits for somebody, and of nobody whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from carethread.careteams.alerting.call import CALL
from carethread.careteams.alerting.call import OPEN as UNSEEN
from carethread.careteams.handing.alarms import UNANSWERED
from carethread.careteams.handing.states import KIND
from carethread.careteams.tasks import OPEN, TASKS
from carethread.careteams.teams.alarming import TAKE_OVER
from carethread.core.fhir.search import parse_query
from carethread.core.metric_names import CRITICAL_ANSWERS_WAITING, HAND_OFFS_EXPIRED, HAND_OFFS_WAITING, TAKE_OVERS
from carethread.core.ports import Session

_MOST = 100_000
"""Counting ends here: more than that is no news."""


def _tasks(code: str, *statuses: str) -> Callable[[Session], float]:
    query = parse_query("Task", [("code", code), ("status", ",".join(statuses))])
    return lambda session: session.count(query, _MOST)


GAUGES: Mapping[str, Callable[[Session], float]] = {
    HAND_OFFS_WAITING: _tasks(f"{KIND}|", "requested", "received"),
    HAND_OFFS_EXPIRED: _tasks(f"{TASKS}|{UNANSWERED}", *OPEN),
    CRITICAL_ANSWERS_WAITING: _tasks(f"{TASKS}|{CALL}", *UNSEEN),
    TAKE_OVERS: _tasks(f"{TASKS}|{TAKE_OVER}", *OPEN),
}

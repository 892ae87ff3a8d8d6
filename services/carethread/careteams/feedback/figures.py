"""How soon feedback is taken and answered, and how often the person learns of it, as numbers. Pure.

| figure | is |
|---|---|
| said | feedback of the time |
| open | of these, what is not over |
| overdue | of these open, what should have been answered by now |
| answered | what somebody has taken |
| closed | what is over with a resolution |
| told, told-openly, untold | of these closed: the person was told; it was told openly; neither, with the reason |
| withdrawn | there was nothing to answer; it counts in nothing else but `said` |

Hours are from when it was said (or asked again) to when it was taken, or over. The median and the 90th percentile are
nearest ranks: the least value that so many are not above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carethread.careteams.feedback.terms import TOLD, TOLD_OPENLY, WHY_UNTOLD, WITHDRAWN, state_of
from carethread.careteams.teams.reading import begins, ends
from carethread.core.ports import Resource

SAID, OPENED, OVERDUE, ANSWERED, CLOSED = "said", "open", "overdue", "answered", "closed"
COUNTS = (SAID, OPENED, OVERDUE, ANSWERED, CLOSED, TOLD, TOLD_OPENLY, WHY_UNTOLD, WITHDRAWN)
TO_ANSWER, TO_CLOSE = "hours-to-answer", "hours-to-close"
RANKS: Mapping[str, int] = {"median": 50, "p90": 90}
SHARE = "share-told"

_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts; hours by figure and rank, to two decimals, for as far as there are any; and which share of what is
    closed was told, by name or openly (None: nothing is closed)."""

    counts: Mapping[str, int]
    hours: Mapping[str, Mapping[str, float]]
    share_told: float | None


def figures(tasks: Sequence[Resource], now: int) -> Figures:
    """The figures of the Tasks of a time, at a moment (microseconds)."""
    counts = dict.fromkeys(COUNTS, 0)
    counts[SAID] = len(tasks)
    took: list[int] = []
    closed: list[int] = []
    for task in tasks:
        status, state, since = task["status"], state_of(task), _since(task)
        period = task.get("executionPeriod", {})
        if status == "cancelled":
            counts[WITHDRAWN] += 1
            continue
        if "start" in period:
            counts[ANSWERED] += 1
            took.append(begins(period["start"]) - since)
        if status == "completed":
            counts[CLOSED] += 1
            counts[state] += state in (TOLD, TOLD_OPENLY, WHY_UNTOLD)
            closed.append(begins(period.get("end")) - since)
        else:
            counts[OPENED] += 1
            counts[OVERDUE] += ends(task.get("restriction", {}).get("period", {}).get("end")) <= now
    told = counts[TOLD] + counts[TOLD_OPENLY]
    share = round(told / counts[CLOSED], 4) if counts[CLOSED] else None
    return Figures(
        counts, {name: ranked(each) for name, each in ((TO_ANSWER, took), (TO_CLOSE, closed)) if each}, share
    )


def ranked(lengths: Sequence[int]) -> dict[str, float]:
    """The ranks of lengths (microseconds, at least one), in hours."""
    in_order = sorted(lengths)
    return {name: round(in_order[-(-len(in_order) * rank // 100) - 1] / _HOUR, 2) for name, rank in RANKS.items()}


def _since(task: Resource) -> int:
    """When what is to be answered was said, or asked again."""
    return begins(task.get("restriction", {}).get("period", {}).get("start", task.get("authoredOn")))

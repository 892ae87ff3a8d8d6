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

Where numbers of few people are not told, `people` says who stands behind each Task, and what is masked is said; of a
department by what is said of the `others` too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from carethread.careteams.feedback.hiding import NOBODY, Apart, Others, Standing, behind, masked_apart
from carethread.careteams.feedback.terms import TOLD, TOLD_OPENLY, WHY_UNTOLD, WITHDRAWN, state_of
from carethread.careteams.teams.reading import begins, ends
from carethread.core.few import is_few
from carethread.core.ports import Resource

SAID, OPENED, OVERDUE, ANSWERED, CLOSED = "said", "open", "overdue", "answered", "closed"
COUNTS = (SAID, OPENED, OVERDUE, ANSWERED, CLOSED, TOLD, TOLD_OPENLY, WHY_UNTOLD, WITHDRAWN)
TO_ANSWER, TO_CLOSE = "hours-to-answer", "hours-to-close"
RANKS: Mapping[str, int] = {"median": 50, "p90": 90}
SHARE = "share-told"

_SPLITS = (
    (SAID, frozenset({SAID})),
    (SAID, frozenset({WITHDRAWN, OPENED, CLOSED, ANSWERED})),
    (OPENED, frozenset({OVERDUE})),
    (CLOSED, frozenset({SHARE})),
    (CLOSED, frozenset({TOLD, TOLD_OPENLY, WHY_UNTOLD})),
)
"""What is told apart: nothing, so that all of it is one part; and how feedback stands."""

_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts; hours by figure and rank, to two decimals, for as far as there are any; and which share of what is
    closed was told, by name or openly (None: nothing is closed). `masked` are those of them that are not told."""

    counts: Mapping[str, int]
    hours: Mapping[str, Mapping[str, float]]
    share_told: float | None
    masked: Set[str] = frozenset()


def figures(
    tasks: Sequence[Resource], now: int, people: Sequence[str] = (), others: Others = NOBODY, department: str = ""
) -> Figures:
    """The figures of the Tasks of a time, at a moment (microseconds); `people` where few are not told, and where they
    are one department's the Tasks and people of each of the others."""
    standing = [_counting(task, now) for task in tasks]
    counts = {name: sum(name in each for each in standing) for name in COUNTS}
    took = [begins(task["executionPeriod"]["start"]) - _since(task) for task in _of(ANSWERED, tasks, standing)]
    closed = [
        begins(task.get("executionPeriod", {}).get("end")) - _since(task) for task in _of(CLOSED, tasks, standing)
    ]
    told = sum(SHARE in each for each in standing)
    share = round(told / counts[CLOSED], 4) if counts[CLOSED] else None
    hours = {name: ranked(each) for name, each in ((TO_ANSWER, took), (TO_CLOSE, closed)) if each}
    if not people:
        return Figures(counts, hours, share)
    apart: dict[str, list[Standing]] = {department: list(zip(people, standing, strict=True))}
    for each, (some, whose) in others.items():
        apart[each] = [(who, _counting(task, now)) for who, task in zip(whose, some, strict=True)]
    return Figures(counts, hours, share, _masked(apart, department))


def _counting(task: Resource, now: int) -> frozenset[str]:
    """The figures that count a Task, by its status, its state and its times; `SHARE` of what was told."""
    if task["status"] == "cancelled":
        return frozenset({SAID, WITHDRAWN})
    found = {SAID, ANSWERED} if "start" in task.get("executionPeriod", {}) else {SAID}
    state = state_of(task)
    if task["status"] == "completed":
        found |= {CLOSED} | {state} & {TOLD, TOLD_OPENLY, WHY_UNTOLD}
        return frozenset(found | {SHARE} if state in (TOLD, TOLD_OPENLY) else found)
    is_overdue = ends(task.get("restriction", {}).get("period", {}).get("end")) <= now
    return frozenset(found | ({OPENED, OVERDUE} if is_overdue else {OPENED}))


def _of(name: str, tasks: Sequence[Resource], standing: Sequence[Set[str]]) -> list[Resource]:
    return [task for task, names in zip(tasks, standing, strict=True) if name in names]


def _masked(apart: Apart, department: str) -> frozenset[str]:
    """Hours are told of many people, however many these are."""
    asked = ((TO_ANSWER, ANSWERED), (TO_CLOSE, CLOSED))
    few = {name for name, of in asked if is_few(len(behind(apart[department], of)))}
    return frozenset(masked_apart(apart, _SPLITS)[department] | few)


def ranked(lengths: Sequence[int]) -> dict[str, float]:
    """The ranks of lengths (microseconds, at least one), in hours."""
    in_order = sorted(lengths)
    return {name: round(in_order[-(-len(in_order) * rank // 100) - 1] / _HOUR, 2) for name, rank in RANKS.items()}


def _since(task: Resource) -> int:
    """When what is to be answered was said, or asked again."""
    return begins(task.get("restriction", {}).get("period", {}).get("start", task.get("authoredOn")))

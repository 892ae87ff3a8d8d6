"""Hand-offs answered in time, minutes to acceptance, results in time; from the definition in the Measure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from support.measures.plain import (
    CODES,
    NOW,
    Practice,
    Resource,
    Unit,
    code_in,
    extended,
    moment,
    observed,
    proportion,
    standing,
)


def units(practice: Practice) -> Iterator[Unit]:
    for task in practice.of("Task"):
        offered = standing(task.get("authoredOn"))
        if not code_in(task.get("code"), CODES + "hand-off-kind") or offered is None:
            continue
        if task["status"] in ("draft", "entered-in-error"):
            continue
        accepted = standing(task.get("executionPeriod", {}).get("start"))
        minutes = None
        if accepted is not None and accepted >= offered:
            minutes = (accepted - offered).total_seconds() / 60
        yield Unit(
            f"Task/{task['id']}",
            practice.person(task.get("for")),
            offered,
            practice.department(task, task.get("owner")),
            (_answer(task, accepted), observed(minutes), _result(task, accepted)),
        )


def _answer(task: Resource, accepted: datetime | None) -> tuple[frozenset[str], None]:
    due = moment(task.get("restriction", {}).get("period", {}).get("end"), last=True)
    over = standing(task.get("executionPeriod", {}).get("end"))
    if due is None:
        return proportion(denominator=False, numerator=False)
    if accepted is not None:
        return proportion(denominator=True, numerator=accepted <= due)
    if task["status"] == "rejected":
        return proportion(denominator=over is not None, numerator=over is not None and over <= due)
    if task["status"] == "cancelled":
        return proportion(denominator=True, numerator=False, exclusion=over is None or over <= due)
    if task["status"] in ("requested", "received"):
        return proportion(denominator=due <= NOW, numerator=False)
    expired = code_in(task.get("businessStatus"), CODES + "hand-off-status") == "expired"
    return proportion(denominator=task["status"] == "failed" and expired, numerator=False)


def _result(task: Resource, accepted: datetime | None) -> tuple[frozenset[str], None]:
    due = moment(extended(task, "result-by").get("valueInstant"))
    over = standing(task.get("executionPeriod", {}).get("end"))
    if due is None or accepted is None:
        return proportion(denominator=False, numerator=False)
    if task["status"] in ("completed", "failed"):
        in_time = task["status"] == "completed" and over is not None and over <= due
        return proportion(denominator=over is not None, numerator=in_time)
    return proportion(denominator=due <= NOW, numerator=False)

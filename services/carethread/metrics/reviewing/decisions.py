"""What reviews have decided, as it stands: the Tasks of this review, and of earlier ones those that are open, and those
that were done since its month began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from carethread.core.ports.analytics import Glimpse
from carethread.metrics.reviewing.asking import Review

_OVER = ("completed", "cancelled", "rejected", "failed", "entered-in-error")
_STANDS = {"requested": "not begun", "received": "not begun", "on-hold": "on hold", "in-progress": "under way"}

_SQL = """
SELECT id, status, review, words, about, owner, owner_name, due_at, authored_at,
  coalesce(ended_at, last_updated_at) AS ended_at
FROM review_decisions
WHERE department_id = $department AND status <> 'entered-in-error' AND review <= $review
ORDER BY due_at, id
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """`month` is that of the review; `owner` is a reference, `owner_name` what they are called, or empty; `ended` is
    None for what is open; `overdue` says that it is, and past its day."""

    id: str
    status: str
    month: str
    words: str
    measure: str
    owner: str
    owner_name: str
    due: date | None
    decided: datetime | None
    ended: date | None
    overdue: bool

    @property
    def stands(self) -> str:
        """Its status in words."""
        return stands(self.status)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Of earlier reviews what is open and what was done (or given up) since, and what this review has decided."""

    open: Sequence[Decision]
    done: Sequence[Decision]
    new: Sequence[Decision]


def decisions(facts: Glimpse, review: Review, today: date) -> Decisions:
    """Those of a department by a day. Raises TooCostly, Busy."""
    asked = {"department": review.department, "review": review.name}
    found = [_decision(row, today) for row in facts.query(_SQL, asked).dicts()]
    earlier = [each for each in found if each.month < review.month]
    return Decisions(
        open=[each for each in earlier if each.ended is None],
        done=[each for each in earlier if each.ended and each.ended >= review.days.first],
        new=[each for each in found if each.month == review.month],
    )


def _decision(row: dict[str, object], today: date) -> Decision:
    due, ended, decided = (_moment(row[name]) for name in ("due_at", "ended_at", "authored_at"))
    is_over = row["status"] in _OVER
    by = due.date() if due else None
    return Decision(
        id=str(row["id"]),
        status=str(row["status"]),
        month=str(row["review"]).rpartition("/")[2],
        words=str(row["words"] or ""),
        measure=str(row["about"] or "").removeprefix("Measure/"),
        owner=str(row["owner"] or ""),
        owner_name=str(row["owner_name"] or ""),
        due=by,
        decided=decided,
        ended=ended.date() if ended and is_over else None,
        overdue=not is_over and by is not None and by < today,
    )


def stands(status: str) -> str:
    """The status of a Task in words."""
    return _STANDS.get(status, status)


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None

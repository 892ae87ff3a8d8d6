"""What a person is on a huddle's agenda for, and how much it counts. Change a row and the order changes.

A reason counts once for each thing that it is about, up to `MOST` of a kind; one that is new since the last huddle
counts `NEW` more, once for each kind. The texts tell nothing about anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NEW = 5
MOST = 3


@dataclass(frozen=True, slots=True)
class Weight:
    """The points of a kind of reason, and what it says to people."""

    points: int
    text: str


WEIGHTS: Mapping[str, Weight] = {
    "risk-certain": Weight(60, "A risk that is certain"),
    "risk-high": Weight(50, "High risk"),
    "hand-off-escalated": Weight(45, "A hand-off that nobody has answered"),
    "hand-off-expired": Weight(40, "A hand-off that has expired"),
    "hand-off-overdue": Weight(40, "A hand-off past its time"),
    "decision-overdue": Weight(40, "A decision of a huddle past its date"),
    "task-urgent": Weight(35, "An urgent task"),
    "hand-off-declined": Weight(35, "A hand-off that was declined"),
    "complaint": Weight(30, "A complaint"),
    "conflict-high": Weight(30, "Plans that contradict each other gravely"),
    "task-overdue": Weight(20, "A task past its time"),
    "plan-overdue": Weight(20, "An activity of a care plan past its time"),
    "risk-moderate": Weight(20, "Moderate risk"),
    "conflict": Weight(20, "Plans that contradict each other"),
    "need": Weight(15, "A social need that is not met"),
    "decision": Weight(10, "A decision of a huddle that is still to be done"),
    "hand-off": Weight(10, "A hand-off that is offered"),
    "flag": Weight(5, "A flag"),
}

"""How long an answer and a result are waited for, by how urgent it is. Pure; lengths are minutes.

The table is ours: FHIR's priorities only order (http://hl7.org/fhir/R4/valueset-request-priority.html).
"""

from __future__ import annotations

from collections.abc import Mapping

HOUR, DAY = 60, 24 * 60

ANSWER: Mapping[str, int] = {"stat": 15, "asap": HOUR, "urgent": 4 * HOUR, "routine": 3 * DAY}
"""For the first answer."""

NEXT: Mapping[str, int] = {"stat": 10, "asap": 30, "urgent": 2 * HOUR, "routine": DAY}
"""For the answer of each to whom silence leads."""

RESULT: Mapping[str, int] = {"stat": DAY, "asap": 3 * DAY, "urgent": 7 * DAY, "routine": 30 * DAY}
"""For the result, from the offer on."""

URGENCIES = tuple(ANSWER)


def answer_due(urgency: str, now: int) -> int:
    """Until when the first answer is waited for, in microseconds."""
    return now + ANSWER.get(urgency, ANSWER["routine"]) * 60_000_000


def next_due(urgency: str, now: int) -> int:
    """Until when the answer of the next in the chain is waited for, in microseconds."""
    return now + NEXT.get(urgency, NEXT["routine"]) * 60_000_000


def result_due(urgency: str, now: int) -> int:
    """Until when the result is waited for, in microseconds."""
    return now + RESULT.get(urgency, RESULT["routine"]) * 60_000_000

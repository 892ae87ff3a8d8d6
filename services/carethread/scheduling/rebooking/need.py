"""In which order people are booked again: by need, with the reasons for which a freed slot would be offered to them.

Reasons, points and the longest wait of a priority are those of the wait-list (`waitlist.ranking`).
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.ports import Resource, Session
from carethread.scheduling.waitlist.entries import Entry
from carethread.scheduling.waitlist.ranking import Ranked, rank
from carethread.scheduling.waitlist.risk import at_risk


def by_need(session: Session, entries: Iterable[Entry], now: int) -> list[Ranked]:
    """All of them, whoever needs it most first; `now` is in microseconds."""
    some = list(entries)
    return rank(some, now, at_risk(session, {entry.patient for entry in some}), "", ())


def need_parts(ranked: Ranked) -> list[Resource]:
    """Why somebody ranks where they do, as parts of a Parameters: the score, and each reason with its points."""
    parts: list[Resource] = [{"name": "score", "valueDecimal": ranked.score}]
    for reason in ranked.reasons:
        code, points = {"name": "code", "valueCode": reason.code}, {"name": "points", "valueDecimal": reason.points}
        parts.append({"name": "why", "part": [code, points]})
    return parts

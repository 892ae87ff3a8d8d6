"""In which order a freed slot is offered: a sum of weighted reasons, each of them named, and nothing random.

Who has waited longer than the longest wait of their priority comes before all who have not, so that nobody waits for
ever. Whether someone answered an earlier offer does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from carethread.scheduling.waitlist.entries import Entry

_DAY = 24 * 3600 * 1_000_000

LONGEST_DAYS: Mapping[int, int] = {1: 2, 2: 7, 3: 14, 4: 28, 5: 42, 6: 60, 7: 90, 8: 120, 9: 180}
"""The longest wait for each priority, in days; beyond it someone comes before all others."""

URGENCY, RISK, WAITING, MODALITY, PERSON, OVERDUE = 10.0, 15.0, 20.0, 5.0, 5.0, 1000.0
"""Points: for each step of priority above the lowest, for a high-risk flag, for a wait as long as the longest, for the
wanted modality, for a person who was asked for, and for a wait that is longer than the longest."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why someone ranks where they do."""

    code: str
    points: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """Someone in their place."""

    entry: Entry
    score: float
    reasons: tuple[Reason, ...]


def reasons(entry: Entry, now: int, at_risk: Collection[str], modality: str, people: Collection[str]) -> list[Reason]:
    """What counts for someone, of a slot of this modality with these people."""
    longest = LONGEST_DAYS[entry.priority] * _DAY
    waited = max(0, now - entry.since)
    found = {
        "priority": URGENCY * (9 - entry.priority),
        "high-risk": RISK if entry.patient in at_risk else 0.0,
        "waiting": round(WAITING * min(1.0, waited / longest), 3),
        "modality": MODALITY if entry.modality and entry.modality == modality else 0.0,
        "wanted-person": PERSON if entry.wanted & set(people) else 0.0,
        "longest-wait": OVERDUE if waited > longest else 0.0,
    }
    return [Reason(code, points) for code, points in found.items() if points]


def rank(
    entries: Iterable[Entry], now: int, at_risk: Collection[str], modality: str, people: Collection[str]
) -> list[Ranked]:
    """Everyone in the order of the offers; of equals, who has waited longer."""
    ranked = []
    for entry in entries:
        why = tuple(reasons(entry, now, at_risk, modality, people))
        ranked.append(Ranked(entry, round(sum(reason.points for reason in why), 3), why))
    return sorted(ranked, key=lambda each: (-each.score, each.entry.since, each.entry.id))

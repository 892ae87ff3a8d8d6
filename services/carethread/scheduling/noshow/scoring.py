"""How likely somebody is to miss a visit: a sum of reasons anybody can check, each with what helps against it. Pure.

It only ever adds help; finding and booking do not know it. That past no-shows and a long lead time foretell most is
well known (Dantas et al., No-shows in appointment scheduling: a systematic literature review, Health Policy 2018,
doi:10.1016/j.healthpol.2018.02.002); the points are ours, and are to be judged on one's own data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_DAY = 24 * 3_600_000_000

HISTORY, LEAD, LONG_LEAD, TRANSPORT, UNCONFIRMED = 40, 10, 20, 20, 10
"""Points of 100: when all past visits were missed, over 14 days ahead, over 30 days ahead, an unmet transport need, and
no confirmation."""

FEWEST = 2
"""Past visits without which history says nothing."""

HIGH, MODERATE = 45, 20

_HELP = {
    "history": "Call, ask what was in the way, offer another time or a video visit.",
    "lead-time": "Remind once more, offer an earlier slot.",
    "transport": "Offer a lift or a video visit.",
    "unconfirmed": "Call and ask.",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a visit and of the one who is to come. Moments are microseconds."""

    booked: int
    start: int
    visits: int = 0
    missed: int = 0
    transport_needs: Sequence[str] = ()
    """References of what says that transport is a problem."""
    confirmed: bool = False
    unresolved: int = 0
    """Past visits of which nobody said whether the person came; they count for nothing."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, how much it counts, and what helps."""

    code: str
    points: int
    text: str
    help: str


@dataclass(frozen=True, slots=True)
class Score:
    points: int
    level: str
    reasons: tuple[Reason, ...]


def score(facts: Facts) -> Score:
    """The reasons that hold, and their sum."""
    found = tuple(_reasons(facts))
    points = sum(reason.points for reason in found)
    return Score(points, "high" if points >= HIGH else "moderate" if points >= MODERATE else "low", found)


def _reasons(facts: Facts) -> list[Reason]:
    found = []
    if facts.visits >= FEWEST and facts.missed:
        text = f"{facts.missed} of the last {facts.visits} visits were missed."
        points = round(HISTORY * facts.missed / facts.visits)
        found.append(Reason("history", points, text, _HELP["history"]))
    days = (facts.start - facts.booked) // _DAY
    if days > 14:
        text = f"The visit was booked {days} days ahead."
        found.append(Reason("lead-time", LONG_LEAD if days > 30 else LEAD, text, _HELP["lead-time"]))
    if facts.transport_needs:
        found.append(Reason("transport", TRANSPORT, "Transport is known to be a problem.", _HELP["transport"]))
    if not facts.confirmed:
        found.append(Reason("unconfirmed", UNCONFIRMED, "The visit is not confirmed.", _HELP["unconfirmed"]))
    return found

"""When somebody is navigated no more: they step down, have died, are inactive or were merged into another.

The Flag ends, the Tasks are cancelled, the navigator leaves the team, and the place goes to the first who waits for
one, all in one transaction. What was stays: the Tasks say who was the navigator, from when to when, and why it ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from carethread.careteams.navigation.assigning import fill, unseat
from carethread.careteams.navigation.terms import ALARM, CONTACT, FLAGGED, REVIEWED
from carethread.careteams.navigation.turn import Turn

_TEXTS = {
    "deceased": "The person has died.",
    "inactive": "The person's record is not active any more.",
    "deleted": "The person's record was deleted.",
    "merged": "The person's record was merged into another.",
}
"""Why contact stops by itself."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What ended: the Flag and the navigator, empty where there was none, and how many who waited have a place now."""

    flag: str
    navigator: str
    seated: int


def is_navigated(turn: Turn, patient: str) -> bool:
    """Whether somebody has a Flag of ours, a navigator, or a contact that is planned."""
    return any(turn.holder(kind, patient) for kind in (FLAGGED, CONTACT))


def stop(turn: Turn, patient: str, why: str, author: str = "") -> Stopped:
    """End somebody's navigation; `why` is a code of ours, or what somebody says."""
    text = _TEXTS.get(why, why)
    flag = turn.held(FLAGGED, patient)
    turn.give_up(FLAGGED, patient)
    if flag and flag.get("status") == "active":
        ended = {**flag, "status": "inactive", "period": {**flag.get("period", {}), "end": turn.said}}
        turn.unit.update(ended)
    role = unseat(turn, patient, text, author)
    for kind in (CONTACT, ALARM):
        turn.close(kind, patient, "cancelled", note=text)
    turn.close(REVIEWED, patient, "completed", note=text)
    turn.unit.store()
    return Stopped(f"Flag/{flag['id']}" if flag else "", role, fill(turn, 1) if role else 0)

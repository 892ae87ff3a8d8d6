"""It is to be looked at whether somebody answers for a person; what follows: `relief.unanswered`."""

from __future__ import annotations

from collections.abc import Mapping

from carethread.careteams.teams.alarming import are_raised
from carethread.careteams.teams.knowing import counts, unknown
from carethread.core.ports import Session

UNANSWERED = "unanswered"
"""The kind of timer that looks whether somebody answers for a person (`Patient/1`); it carries the team's id, or the
need (`CarePlan/1`) for which that is asked."""


def have_seen_to(session: Session, patient: str, team: str, now: int) -> None:
    """Have it looked at whether somebody answers for a person (`Patient/1`), whom a team (its id) leaves; empty: who
    was merged, or is so no longer, or needs nobody."""
    session.timers.set(UNANSWERED, patient, now, team.encode())


def needs_changed(session: Session, needs: Mapping[str, str], now: int) -> None:
    """Have those looked at (`Patient/1`, the ones to use) whose needs have come or gone: by which one came
    (`CarePlan/1`), empty: it went."""
    if not needs:
        return
    raised, answers = are_raised(session, needs), session.register.at(list(needs), now)
    nobody = unknown(session, {each.member for each in answers.values()})
    for patient, need in needs.items():
        found = answers.get(patient)
        alone = found is None or not counts(found, now, nobody)
        if (patient in raised) != (alone and bool(need)):
            session.timers.set(UNANSWERED, patient, now, need.encode())

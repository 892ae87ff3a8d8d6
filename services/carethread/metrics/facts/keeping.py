"""Facts are kept as events arrive: a version becomes rows in the transaction that moves past its event.

A higher version takes the place of a lower one, whichever comes first; one that deletes leaves a fact without rows, so
that what is late does not come back. At first all comes from the owner's snapshot (`interactions.mirror`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carethread.core.ports import Session, Stored
from carethread.core.ports.facts import Fact
from carethread.core.service import Keeper, Mirror
from carethread.metrics.facts.making import fact
from carethread.metrics.facts.subjects import Subject


def mirrors(subjects: Iterable[Subject]) -> tuple[Mirror, ...]:
    """What feeds the facts."""
    return tuple(Mirror(subject.type, subject.owner, keeper=keeper(subject)) for subject in subjects)


def keeper(subject: Subject) -> Keeper:
    """What keeps the facts of a type."""

    def made(stored: Stored) -> Fact:
        return fact(stored, subject.made)

    def keep(session: Session, given: Sequence[Fact]) -> None:
        session.facts.keep(given)

    def reached(session: Session, through: int) -> None:
        session.facts.tell(subject.owner, {subject.type: through})

    def forget(session: Session, count: int) -> int:
        return session.facts.forget(subject.type, subject.mirror, count)

    return Keeper(subject.mirror, made, keep, reached, forget)

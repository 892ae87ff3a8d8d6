"""What becomes of dead letters: tried again or given up when somebody asks, and told of when nobody does.

Whoever is let go by it follows in order. What still depends on something else that was put aside goes on waiting
behind that; what fails in its turn is a dead letter then.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from carethread.core.aside import alone, publish, told_buried
from carethread.core.errors import Busy
from carethread.core.metric_names import CONSUMER_ESCALATED
from carethread.core.ports import DeadLetter, Session, Waiting
from carethread.core.reacting import Reader, attempt, names, outcome_of

log = logging.getLogger(__name__)

_BATCH = 100


def attend(reader: Reader, patience: float) -> None:
    """See to the dead letters that somebody asked for, and to those that are there for more than `patience` seconds.

    Raises Busy when the database is away; a letter that has to wait for something else is tried again next time.
    """
    overdue = reader.now() - round(patience * 1_000_000)
    if not reader.runtime.store.glance(lambda session: session.held.due(reader.name, overdue)):
        return
    _escalate(reader, overdue)
    for letter in reader.runtime.store.glance(lambda session: session.held.letters(reader.name, asked=True)):
        try:
            _settle(reader, letter.number)
        except Busy as error:
            log.warning("letter_waits", extra={**_told(reader, letter), "reason": str(error)})


def _settle(reader: Reader, number: int) -> None:
    for letter in reader.runtime.store.glance(lambda session: session.held.letters(number=number)):
        _do(reader, letter)


def _do(reader: Reader, letter: DeadLetter) -> None:
    if letter.state == "retry" and not _retry(reader, letter):
        return
    if letter.state == "discard":
        _discard(reader, letter)
    while _drain(reader, letter.number):
        pass


def _retry(reader: Reader, letter: DeadLetter) -> bool:
    """Whether it has succeeded, or has been seen to meanwhile."""
    record = letter.waiting.record
    event = attempt(lambda: reader.read(record))

    def work(session: Session) -> None:
        if not _is_still(session, reader, letter):
            return
        if isinstance(event, Exception):
            raise event
        reader.react(session, [event])
        session.held.release(letter.number)

    failed = attempt(lambda: reader.runtime.store.transact(work))
    if not isinstance(failed, Exception):
        log.info("letter_retried", extra=_told(reader, letter))
        return True
    _worsen(reader, letter.waiting, failed, publish_it=False)
    return False


def _discard(reader: Reader, letter: DeadLetter) -> None:
    event = attempt(lambda: reader.read(letter.waiting.record))

    def work(session: Session) -> None:
        if _is_still(session, reader, letter):
            reader.forgo(session, letter.waiting.record, None if isinstance(event, Exception) else event)
            session.held.release(letter.number)

    reader.runtime.store.transact(work)
    log.warning("letter_discarded", extra=_told(reader, letter))


def _is_still(session: Session, reader: Reader, letter: DeadLetter) -> bool:
    """Whether the letter stands as it did; another process of this service may be seeing to it."""
    alone(session, reader)
    return any(found.state == letter.state for found in session.held.letters(number=letter.number))


def _drain(reader: Reader, letter: int) -> bool:
    """Let some of what waits behind a letter go, in order; False when nothing is left, and the letter is gone too."""
    some = attempt(lambda: _let_go(reader, letter, _BATCH))
    if not isinstance(some, Exception):
        return some
    one = attempt(lambda: _let_go(reader, letter, 1))
    if not isinstance(one, Exception):
        return one
    for first in reader.runtime.store.glance(lambda session: session.held.behind(letter, 1)):
        _worsen(reader, first, one, publish_it=True)
    return True


def _let_go(reader: Reader, letter: int, limit: int) -> bool:
    """All of the first `limit`, in one transaction. Raises whatever one of them makes a reaction raise."""

    def work(session: Session) -> bool:
        alone(session, reader)
        waiting = session.held.behind(letter, limit)
        if not waiting:
            session.held.drop([letter])
            return False
        free = _free(session, reader, waiting)
        reader.react(session, [reader.read(each.record) for each in free])
        session.held.drop([each.number for each in free])
        return True

    return reader.runtime.store.transact(work)


def _free(session: Session, reader: Reader, waiting: Sequence[Waiting]) -> list[Waiting]:
    """Those that depend on nothing that was put aside before them; the others go behind what they depend on."""
    wanted = {key for each in waiting for key in (*each.about.keys, *each.about.needs)}
    blocking = session.held.blocking(reader.name, wanted)
    gone: set[int] = set()
    moved: dict[int, int] = {}
    for each in waiting:
        letters = [
            moved.get(number, letter)
            for key in (*each.about.keys, *each.about.needs)
            for number, letter in blocking.get(key, ())
            if number < each.number and number not in gone
        ]
        if letters:
            moved[each.number] = max(letters)
            session.held.move(each.number, moved[each.number])
        else:
            gone.add(each.number)
    return [each for each in waiting if each.number in gone]


def _worsen(reader: Reader, waiting: Waiting, error: Exception, *, publish_it: bool) -> None:
    outcome = outcome_of(error)

    def work(session: Session) -> None:
        alone(session, reader)
        session.held.worsen(reader.name, waiting.number, outcome)
        if publish_it:
            publish(session, reader, waiting.number, waiting.record, outcome)
            if reader.refused:
                reader.refused(session, waiting.record, outcome)

    reader.runtime.store.transact(work)
    told_buried(reader, waiting.number, waiting.record, error)


def _escalate(reader: Reader, overdue: int) -> None:
    for letter in reader.runtime.store.transact(
        lambda session: session.held.escalate(reader.name, overdue, reader.now())
    ):
        reader.observe(CONSUMER_ESCALATED, 1)
        log.error("letter_escalated", extra={**_told(reader, letter), "holds": letter.holds})


def _told(reader: Reader, letter: DeadLetter) -> dict[str, object]:
    return {"consumer": reader.name, "letter": letter.number, **names(letter.waiting.record)}

"""What becomes of dead letters: tried again or given up when somebody asks, and told of when nobody does.

Whoever is let go by it follows in order. What still depends on something else that was put aside goes on waiting
behind that; what fails in its turn is a dead letter then.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from carethread.core.consuming.aside import alone, publish, told_buried
from carethread.core.consuming.reacting import Reader, attempt, names, outcome_of
from carethread.core.errors import Busy
from carethread.core.events import Event
from carethread.core.metric_names import CONSUMER_ESCALATED
from carethread.core.ports import DeadLetter, LetterState, Session, Waiting

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
    see_to = _SEE_TO.get(letter.state)
    if see_to is None or see_to(reader, letter):
        while _drain(reader, letter.number):
            pass


def _retry(reader: Reader, letter: DeadLetter) -> bool:
    """Whether it was ours to try, and has succeeded."""
    record = letter.waiting.record
    event = attempt(lambda: reader.read(record))

    def work(session: Session) -> bool:
        if _state(session, reader, letter.number) != "retry":
            return False
        if isinstance(event, Exception):
            raise event
        reader.react(session, [event])
        session.held.release(letter.number)
        return True

    done = attempt(lambda: reader.transact(work))
    if isinstance(done, Exception):
        _failed_again(reader, letter, done)
        return False
    if done:
        log.info("letter_retried", extra=_told(reader, letter))
    return done


def _discard(reader: Reader, letter: DeadLetter) -> bool:
    """Whether it was ours to give up."""
    event = attempt(lambda: reader.read(letter.waiting.record))

    def give_up(known: Event | None) -> bool:
        def work(session: Session) -> bool:
            if _state(session, reader, letter.number) != "discard":
                return False
            reader.forgo(session, letter.waiting.record, known)
            session.held.release(letter.number)
            return True

        return reader.runtime.store.transact(work)

    done = attempt(lambda: give_up(None if isinstance(event, Exception) else event))
    if isinstance(done, Exception):
        done = give_up(None)  # an id that the inbox cannot hold will never be in it
    if done:
        log.warning("letter_discarded", extra=_told(reader, letter))
    return done


_SEE_TO = {"retry": _retry, "discard": _discard}


def _state(session: Session, reader: Reader, letter: int) -> LetterState | None:
    """What a letter's state is now, and stays until this transaction ends: another process may see to it as well."""
    alone(session, reader)
    return next((found.state for found in session.held.letters(number=letter)), None)


def _drain(reader: Reader, letter: int) -> bool:
    """Let some of what waits behind a letter go, in order; False when nothing is left, and the letter is gone too."""
    some = attempt(lambda: _let_go(reader, letter, _BATCH))
    if not isinstance(some, Exception):
        return some
    for first in reader.runtime.store.glance(lambda session: session.held.behind(letter, 1)):
        one = attempt(partial(_let_go, reader, letter, 1, first.number))
        if isinstance(one, Exception):
            _fails_too(reader, first, one)
    return True


def _let_go(reader: Reader, letter: int, limit: int, only: int = 0) -> bool:
    """All of the first `limit`, in one transaction, if `only` is told and is not the first of them nothing.

    False when there is nothing to let go any more. Raises whatever one of them makes a reaction raise.
    """

    def work(session: Session) -> bool:
        if _state(session, reader, letter) != "released":
            return False
        waiting = session.held.behind(letter, limit)
        if only and [each.number for each in waiting] != [only]:
            return True
        if not waiting:
            session.held.drop([letter])
            return False
        free = _free(session, reader, waiting)
        reader.react(session, [reader.read(each.record) for each in free])
        session.held.drop([each.number for each in free])
        return True

    return reader.transact(work)


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


def _failed_again(reader: Reader, letter: DeadLetter, error: Exception) -> None:
    """A letter that was tried again stays one, with the newer reason."""

    def work(session: Session) -> bool:
        if _state(session, reader, letter.number) != "retry":
            return False
        session.held.worsen(reader.name, letter.number, outcome_of(error))
        return True

    if reader.runtime.store.transact(work):
        told_buried(reader, letter.number, letter.waiting.record, error)


def _fails_too(reader: Reader, waiting: Waiting, error: Exception) -> None:
    """What had waited, and fails now that it is let go, is a dead letter in its turn."""
    outcome, record = outcome_of(error), waiting.record

    def work(session: Session) -> bool:
        alone(session, reader)
        if [each.number for each in session.held.behind(waiting.behind, 1)] != [waiting.number]:
            return False
        session.held.worsen(reader.name, waiting.number, outcome)
        publish(session, reader, waiting.number, record, outcome)
        if reader.put_aside:
            reader.put_aside(session, record, outcome, 0)
        return True

    if reader.runtime.store.transact(work):
        told_buried(reader, waiting.number, record, error)


def _escalate(reader: Reader, overdue: int) -> None:
    for letter in reader.runtime.store.transact(
        lambda session: session.held.escalate(reader.name, overdue, reader.now())
    ):
        reader.observe(CONSUMER_ESCALATED, 1)
        log.error("letter_escalated", extra={**_told(reader, letter), "holds": letter.holds})


def _told(reader: Reader, letter: DeadLetter) -> dict[str, object]:
    return {"consumer": reader.name, "letter": letter.number, **names(letter.waiting.record)}

"""Putting aside: what can never succeed becomes a dead letter, and what depends on it waits behind it.

A dead letter is kept in the database and published with its original bytes, in one transaction with the position that
moves past it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from carethread.core.consuming.reacting import NOTHING, Reader, attempt, names, outcome_of
from carethread.core.context import new_id
from carethread.core.errors import Busy, FhirError, Issue
from carethread.core.events import DEAD_LETTER, Event
from carethread.core.faults import told
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.metric_names import CONSUMER_BURIED, CONSUMER_HELD
from carethread.core.ports import About, Record, Session

log = logging.getLogger(__name__)

_LONGEST_OUTCOME = 32 * 1024
"""Bytes of an OperationOutcome that go into a header."""

_LONGEST_KEY = 1024
"""Characters; a longer one stays in the database only."""

_LONGEST_HEADERS = 64 * 1024
"""Bytes of a record's own headers that go along; the database keeps all of them."""


def alone(session: Session, reader: Reader) -> None:
    """Let no other transaction see to what this consumer has put aside, until this one ends."""
    session.lock([f"held {reader.name}"])


class Sifted(NamedTuple):
    """What may happen now, and what has to wait: each record with the number of the dead letter it waits behind."""

    free: Sequence[Event]
    held: Sequence[tuple[Record, int]] = ()


def sift(session: Session, reader: Reader, arrivals: Sequence[tuple[Record, Event]]) -> Sifted:
    """Let wait what depends on something that was put aside; all keep their order.

    What was itself put aside already, and comes again, is dropped; what had its effect need not wait for anything.
    """
    alone(session, reader)
    concerns = [reader.concerning(reader.runtime, event) for _, event in arrivals]
    known = session.held.known(reader.name, {about.id for about in concerns if about.id})
    repeated = reader.repeated(session, [event for _, event in arrivals])
    wanted = {key for about in concerns for key in (*about.keys, *about.needs)}
    letters = {key: there[-1][1] for key, there in session.held.blocking(reader.name, wanted).items()}
    free: list[Event] = []
    held: list[tuple[Record, int]] = []
    for (record, event), about in zip(arrivals, concerns, strict=True):
        if about.id in known:
            continue
        behind = max((letters.get(key, 0) for key in (*about.keys, *about.needs)), default=0)
        if not behind or event.id in repeated:
            free.append(event)
            continue
        session.held.hold(reader.name, record, about, behind, reader.now())
        if reader.put_aside:
            waits = Issue("informational", f"It waits behind {reader.name}-{behind}.", severity="information")
            reader.put_aside(session, record, outcome_bytes(FhirError(issues=[waits])), behind)
        letters |= dict.fromkeys(about.keys, behind)
        held.append((record, behind))
        known.add(about.id)
    return Sifted(free, held)


def told_held(reader: Reader, held: Sequence[tuple[Record, int]]) -> None:
    """Log and count what waits, now that it is committed."""
    for record, behind in held:
        log.warning("event_held", extra={"consumer": reader.name, "behind": behind, **names(record)})
        reader.observe(CONSUMER_HELD, 1)


def buried(reader: Reader, record: Record, error: Exception, expected: int) -> bool:
    """Whether a record became a dead letter and the position, which is to be `expected`, has moved past it: as one that
    concerns nothing, where that itself is what cannot be kept. Raises Busy."""

    def work(about: About) -> bool:
        def moved(session: Session) -> int | None:
            if session.advance(reader.name, *record.place, expected, record.position + 1) is None:
                return None
            return 0 if reader.forgone(session, record) else bury(session, reader, record, about, error)

        number = reader.runtime.store.transact(moved)
        if number:
            told_buried(reader, number, record, error)
        return number is not None

    about = reader.about(record)
    kept = attempt(lambda: work(about))
    if isinstance(kept, Exception):
        kept = attempt(lambda: work(NOTHING))
    if isinstance(kept, Exception):
        raise Busy(f"The event cannot be put aside: {type(kept).__name__}.") from kept
    return kept


def bury(session: Session, reader: Reader, record: Record, about: About, error: Exception) -> int:
    """Make a record a dead letter, and have it published; returns its number."""
    alone(session, reader)
    outcome = outcome_of(error)
    number = session.held.bury(reader.name, record, about, outcome, reader.now())
    publish(session, reader, number, record, outcome)
    if reader.put_aside:
        reader.put_aside(session, record, outcome, 0)
    return number


def told_buried(reader: Reader, number: int, record: Record, error: Exception) -> None:
    """Log and count a dead letter, now that it is committed."""
    reader.observe(CONSUMER_BURIED, 1)
    log.error("event_buried", extra={"consumer": reader.name, "letter": number, **names(record), **told(error)})


def _original(record: Record) -> list[tuple[str, bytes]]:
    """The record's own headers, in order, as far as they fit."""
    sizes = accumulate(len(name) + len(value) for name, value in record.headers)
    named = ((f"original-{name}", value) for name, value in record.headers)
    return [each for each, size in zip(named, sizes, strict=True) if size <= _LONGEST_HEADERS]


def publish(session: Session, reader: Reader, number: int, record: Record, outcome: bytes) -> None:
    """Post a dead letter: its value as it came, its headers as `original-…`, its place and the reason.

    A value that is over the limit of an event stays in the database only; `dead-bytes` tells how long it is.
    """
    told_outcome = outcome if len(outcome) <= _LONGEST_OUTCOME else outcome_of(ValueError())
    fits = len(record.value) <= reader.runtime.limits.event_bytes
    original = dict(record.headers)
    extra = {
        "dead-consumer": reader.name.encode(),
        "dead-letter": str(number).encode(),
        "dead-topic": record.topic.encode(),
        "dead-partition": str(record.partition).encode(),
        "dead-offset": str(record.position).encode(),
        "dead-bytes": str(len(record.value)).encode(),
        "dead-outcome": told_outcome,
        "content-type": original.get("content-type", b"application/octet-stream"),
    }
    session.post(
        Event(
            id=new_id(),
            service=reader.runtime.service.name,
            verb="created",
            resource_type=DEAD_LETTER,
            resource_id=f"{reader.runtime.service.name}-{number}",
            version=1,
            time=reader.now(),
            key=record.key if len(record.key) <= _LONGEST_KEY else "",
            data=record.value if fits else b"",
            extra=(*extra.items(), *_original(record)),
        )
    )

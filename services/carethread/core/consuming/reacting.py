"""What a service makes of events: each reaction gets those of its types, an effect only what is new to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from carethread.core.clock import Clock, to_micros
from carethread.core.consuming.reading import Concerning, Reading
from carethread.core.errors import Busy, FhirError, Malformed
from carethread.core.events import Event
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.metric_names import Observe
from carethread.core.ports import About, Record, Session, Store
from carethread.core.service import AskFirst, Reaction, Runtime

T = TypeVar("T")

PutAside = Callable[[Session, Record, bytes, int], None]
"""Told of a record that becomes a dead letter, and its OperationOutcome, in the same transaction; or of one that waits
behind the dead letter of a number."""


NOTHING = About("", ())
"""What a record concerns of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One consumer's parts: whose it is, under which name it keeps what it remembers, and what it makes of a record."""

    runtime: Runtime
    name: str
    reactions: Sequence[Reaction]
    reading: Reading
    concerning: Concerning
    clock: Clock
    observe: Observe
    put_aside: PutAside | None = None

    def read(self, record: Record) -> Event:
        try:
            return self.reading(self.runtime, record)
        except UnicodeDecodeError:
            raise Malformed("A header of the event is not UTF-8.", code="structure") from None

    def about(self, record: Record) -> About:
        """What a record concerns: nothing that we know of, where it cannot be read. Raises Busy."""
        about = attempt(lambda: self.concerning(self.runtime, self.read(record)))
        return NOTHING if isinstance(about, Exception) else about

    def now(self) -> int:
        return to_micros(self.clock())

    def transact(self, work: Callable[[Session], T]) -> T:
        """Do work in which reactions happen, in a transaction. Raises Busy."""
        return transact(self.runtime.store, work)

    def react(self, session: Session, events: Sequence[Event]) -> None:
        """Let all reactions happen, in the transaction of `session`."""
        for reaction in self.reactions:
            theirs = [event for event in events if event.resource_type in reaction.types]
            if theirs and reaction.kind == "effect":
                first = {event.id: event for event in reversed(theirs)}
                fresh = session.first_time(reaction.name, list(first))
                theirs = [event for event in theirs if event is first[event.id] and event.id in fresh]
            if theirs:
                reaction.handle(self.runtime, session, theirs)

    def repeated(self, session: Session, events: Sequence[Event]) -> set[str]:
        """The ids of events that had an effect, or will never have one: they come again."""
        found: set[str] = set()
        for reaction in self.reactions:
            if reaction.kind == "effect":
                ids = [event.id for event in events if event.resource_type in reaction.types]
                found |= session.happened(reaction.name, ids)
        return found

    def forgo(self, session: Session, record: Record, event: Event | None) -> None:
        """Let no effect of a record's event happen any more, however often it comes again."""
        session.first_time(_given_up(self.name), [_mark(record)])
        for reaction in self.reactions:
            if event and reaction.kind == "effect" and event.resource_type in reaction.types:
                session.first_time(reaction.name, [event.id])

    def forgone(self, session: Session, record: Record) -> bool:
        """Whether the record at this place was given up."""
        return forgone(session, self.name, record)


def transact(store: Store, work: Callable[[Session], T]) -> T:
    """Do work in a transaction; what a reaction must ask others before is asked between two tries. Raises Busy."""
    while True:
        try:
            return store.transact(work)
        except AskFirst as error:
            error.ask()


def forgone(session: Session, consumer: str, record: Record) -> bool:
    """Whether a consumer's record was given up."""
    return bool(session.happened(_given_up(consumer), [_mark(record)]))


def _given_up(consumer: str) -> str:
    return f"discarded:{consumer}"


def _mark(record: Record) -> str:
    """A record's place, as short as an event's id, and behind all of these: it does not grow old with them."""
    place = f"{record.topic}/{record.partition}/{record.position}/{record.time}"  # a bus that began anew has it again
    return "g" + sha256(place.encode()).hexdigest()[:32]


def attempt(work: Callable[[], T]) -> T | Exception:
    """The result, or the error that tells that it can never succeed. Raises Busy, after which it may."""
    try:
        return work()
    except Busy:
        raise
    except Exception as error:  # noqa: BLE001  # whatever one event does to a reaction must not stop those behind it
        return error


def outcome_of(error: Exception) -> bytes:
    """What is wrong with an event; of an unforeseen error only its kind, for its message could quote the resource."""
    if isinstance(error, FhirError):
        return outcome_bytes(error)
    return outcome_bytes(FhirError(f"Handling the event failed with {type(error).__name__}."))


def names(record: Record) -> dict[str, object]:
    """What a log may say of a record: where it lies and which version of which resource it is, nothing that it says."""
    subject = next((value for name, value in record.headers if name == "ce_subject"), b"")
    where = {"topic": record.topic, "partition": record.partition, "position": record.position}
    return {**where, "subject": subject.decode("utf-8", "replace")}

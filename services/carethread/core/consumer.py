"""The consumer: what happens when events arrive. An event's effect and the position behind it are one transaction.

Delivered again, an event finds its id in the inbox of each effect; a projection has to stand repetition by itself. What
fails because something is away pauses only its place on the bus. What can never succeed is put aside, alone, with an
OperationOutcome, so that the events behind it go on; an error that nobody foresaw counts as such when it comes again
for the event alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from threading import Event as Signal

from carethread.core.clock import Clock, system_clock, to_micros
from carethread.core.errors import Busy, FhirError
from carethread.core.events import Event, from_headers
from carethread.core.faults import told
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.metric_names import (
    CONSUMER_BURIED,
    CONSUMER_EVENTS,
    CONSUMER_LAG,
    CONSUMER_RETRIES,
    Observe,
    unobserved,
)
from carethread.core.ports import Place, Record, Session, Subscription
from carethread.core.service import Reaction, Runtime

log = logging.getLogger(__name__)

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_POLL_SECONDS = 1.0


class Consumer:
    """One service's reader of the bus; its name in the database is the service's."""

    def __init__(
        self,
        runtime: Runtime,
        subscription: Subscription,
        reactions: Sequence[Reaction],
        *,
        clock: Clock = system_clock,
        observe: Observe = unobserved,
    ) -> None:
        self._runtime = runtime
        self._name = runtime.service.name
        self._subscription = subscription
        self._reactions = tuple(reactions)
        self._clock = clock
        self._observe = observe
        self._stored: dict[Place, int] = {}
        """The stored positions as this consumer last saw them; one that another has moved makes its next batch fail."""
        self._failures: Counter[Place] = Counter()

    def step(self, seconds: float = _POLL_SECONDS) -> int:
        """Work off what arrives within `seconds`; returns how many records. Raises Busy when nothing can be read."""
        done = 0
        for place, records in self._subscription.poll(seconds).items():
            try:
                done += self._work(place, records)
                del self._failures[place]
            except Busy as error:
                self._put_off(place, error)
        return done

    def run(self, stop: Signal) -> None:
        """Step until `stop` is set."""
        pause = 0.0
        try:
            while not stop.is_set():
                try:
                    self.step()
                    pause = 0.0
                except Busy as error:
                    pause = _longer(pause)
                    log.warning("consumer_waits", extra={"consumer": self._name, "reason": str(error)})
                    stop.wait(pause)
        finally:
            self._subscription.close()

    def _work(self, place: Place, records: Sequence[Record]) -> int:
        """All of a place's records at once, or one by one when that fails; returns how many moved the position."""
        expected = self._position(place)
        records = [record for record in records if record.position >= expected]
        if not records:
            return 0
        kept = self._try(records, expected)
        if kept is True:
            self._moved(place, records)
            return len(records)
        if kept is False:
            return self._lost(place)
        for number, record in enumerate(records):
            kept = self._try([record], self._stored[place])
            if isinstance(kept, Exception):
                kept = self._bury(record, kept, self._stored[place])
            if not kept:
                return number + self._lost(place)
            self._moved(place, [record])
        return len(records)

    def _try(self, records: Sequence[Record], expected: int) -> bool | Exception:
        """Whether the records were kept: False when the position is another's by now, or what went wrong."""
        try:
            return self._keep(records, expected)
        except Busy:
            raise
        except Exception as error:  # noqa: BLE001  # whatever one event does to a reaction must not stop those behind it
            return error

    def _keep(self, records: Sequence[Record], expected: int) -> bool:
        events = [self._read(record) for record in records]
        (topic, partition), end = records[0].place, records[-1].position + 1

        def work(session: Session) -> bool:
            if not session.advance(self._name, topic, partition, expected, end):
                return False
            for reaction in self._reactions:
                theirs = [event for event in events if event.resource_type in reaction.types]
                if theirs and reaction.kind == "effect":
                    first = {event.id: event for event in reversed(theirs)}
                    fresh = session.first_time(reaction.name, list(first))
                    theirs = [event for event in theirs if event is first[event.id] and event.id in fresh]
                if theirs:
                    reaction.handle(self._runtime, session, theirs)
            return True

        return self._runtime.store.transact(work)

    def _read(self, record: Record) -> Event:
        """The event; a body that did not fit into it is asked of its owner, who may have a newer version by now."""
        event = from_headers(record.headers, record.key, record.value)
        if event.dataref:
            newest = self._runtime.owners.read(event.service, (event.resource_type, event.resource_id))
            if newest is not None and not newest.deleted:
                return replace(event, data=newest.body, version=newest.version)
        return event

    def _bury(self, record: Record, error: Exception, expected: int) -> bool:
        outcome = _outcome(error)

        def work(session: Session) -> bool:
            if not session.advance(self._name, *record.place, expected, record.position + 1):
                return False
            session.bury(self._name, record, outcome)
            return True

        buried = self._runtime.store.transact(work)
        if buried:
            self._observe(CONSUMER_BURIED, 1)
            log.error("event_buried", extra={"consumer": self._name, **_names(record), **told(error)})
        return buried

    def _position(self, place: Place) -> int:
        if place not in self._stored:
            self._stored[place] = self._runtime.store.positions(self._name).get(place, 0)
        return self._stored[place]

    def _moved(self, place: Place, records: Sequence[Record]) -> None:
        self._stored[place] = records[-1].position + 1
        self._observe(CONSUMER_EVENTS, len(records))
        self._observe(CONSUMER_LAG, (to_micros(self._clock()) - records[0].time) / 1_000_000)

    def _lost(self, place: Place) -> int:
        """Another consumer has moved the position: forget ours and look where it is."""
        del self._stored[place]
        self._subscription.rewind(place)
        return 0

    def _put_off(self, place: Place, error: Busy) -> None:
        pause = min(_SHORTEST_PAUSE * 2 ** min(self._failures[place], 10), _LONGEST_PAUSE)
        self._failures[place] += 1
        self._stored.pop(place, None)
        self._subscription.rewind(place, pause)
        self._observe(CONSUMER_RETRIES, 1)
        log.warning("consumer_puts_off", extra={"consumer": self._name, "topic": place[0], "reason": str(error)})


def _longer(pause: float) -> float:
    return min(max(_SHORTEST_PAUSE, pause * 2), _LONGEST_PAUSE)


def _outcome(error: Exception) -> bytes:
    """What is wrong with the event; of an unforeseen error only its kind, for its message could quote the resource."""
    if isinstance(error, FhirError):
        return outcome_bytes(error)
    return outcome_bytes(FhirError(f"Handling the event failed with {type(error).__name__}."))


def _names(record: Record) -> dict[str, object]:
    """What a log may say of a record: where it lies and which version of which resource it is, nothing that it says."""
    subject = next((value for name, value in record.headers if name == "ce_subject"), b"")
    where = {"topic": record.topic, "partition": record.partition, "position": record.position}
    return {**where, "subject": subject.decode("utf-8", "replace")}

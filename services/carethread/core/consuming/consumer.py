"""The consumer: what happens when events arrive. An event's effect and the position behind it are one transaction,
which those that came together share as long as that succeeds.

Delivered again, an event finds its id in the inbox of each effect; a projection has to stand repetition by itself. What
fails because something is away pauses only its place on the bus. What can never succeed is put aside, and what depends
on it waits behind it, so that all else goes on; an error that nobody foresaw counts as such when it comes again for the
event alone. When it comes for many events in a row, the fault is ours and not theirs: their place waits.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Event as Signal

from carethread.core.clock import Clock, system_clock, to_micros
from carethread.core.consuming.aside import Sifted, buried, sift, told_held
from carethread.core.consuming.beginnings import Beginnings
from carethread.core.consuming.letters import attend
from carethread.core.consuming.reacting import PutAside, Reader, attempt, names
from carethread.core.consuming.reading import Concerning, Reading, about_resource, resource_event
from carethread.core.consuming.replaying import Replaying
from carethread.core.errors import Busy, FhirError
from carethread.core.faults import told
from carethread.core.metric_names import (
    CONSUMER_EVENTS,
    CONSUMER_LAG,
    CONSUMER_RETRIES,
    CONSUMER_STALLED,
    Observe,
    unobserved,
)
from carethread.core.pauses import SHORTEST, longer
from carethread.core.ports import Place, Record, Session, Subscription
from carethread.core.service import Reaction, Runtime

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 3600.0
"""How long a dead letter may be there before somebody is told."""

UNFORESEEN_AT_MOST = 20
"""Events in a row at one place that may fail for no foreseen reason, and are put aside."""

Beat = Callable[[Place, float | None], None]
"""Told how late a place is that moves on, in seconds; None for one that is put off."""

_LONGEST_PAUSE = 5.0
_POLL_SECONDS = 1.0
_TOGETHER = 500
"""Records of several places that share a transaction: of more, each place has one of its own, which costs no more."""

_LOOK_SECONDS = 1.0
"""Between two looks at what people ask for: retries, discards, replays."""

_LOOKS_PASSED_OVER = 15
"""So many at most while nothing was written to the database: some things are due by themselves."""


class _Lost(Exception):
    """One of several places is another's by now: nothing is kept of the others either."""


class Consumer:
    """One reader of the bus. `name` is how it is called in its service's database: unless told, as the service.

    A service that has two reads different topics with them; dead letters and replays are each one's own. `read` and
    `about` are for topics of something else than resources. After `patience` seconds a dead letter is logged and
    counted once more. `most` is how many records are kept in one transaction, where what is done for one is expensive.
    `rests` is for how many seconds more of them gather after a few were worked off, where nobody waits for each.
    `attended` is called each time that it comes round.
    """

    def __init__(
        self,
        runtime: Runtime,
        subscription: Subscription,
        reactions: Sequence[Reaction],
        *,
        name: str = "",
        read: Reading = resource_event,
        about: Concerning = about_resource,
        put_aside: PutAside | None = None,
        clock: Clock = system_clock,
        observe: Observe = unobserved,
        patience: float = PATIENCE_SECONDS,
        look: float = _LOOK_SECONDS,
        most: int | None = None,
        rests: float = 0.0,
        beat: Beat = lambda place, late: None,
        attended: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = Reader(
            runtime, name or runtime.service.name, tuple(reactions), read, about, clock, observe, put_aside
        )
        self._store = runtime.store
        self._name = self._reader.name
        self._subscription = subscription
        self._clock = clock
        self._observe = observe
        self._patience = patience
        self._most = most
        self._rests = rests
        self._beat = beat
        self._attended = attended
        self._replaying = Replaying(self._reader, subscription)
        self._beginnings = Beginnings(self._reader, subscription)
        self._look = look
        self._looked = self._seen_to = float("-inf")
        self._stored: dict[Place, int] = {}
        """The stored positions as this consumer last saw them; one that another has moved makes its next batch fail."""
        self._failures: Counter[Place] = Counter()
        self._unforeseen: Counter[Place] = Counter()
        """How many events in a row have failed at a place for no foreseen reason."""

    def step(self, seconds: float = _POLL_SECONDS) -> int:
        """Work off what arrives within `seconds`; returns how many records. Raises Busy when nothing can be read."""
        self._attend()
        arrived = self._subscription.poll(seconds)
        done = self._work_together(arrived)
        for place, records in arrived.items() if not done else ():
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
                    if 0 < self.step() < _TOGETHER:
                        stop.wait(self._rests)
                    pause = 0.0
                except Busy as error:
                    pause = longer(pause, _LONGEST_PAUSE)
                    log.warning("consumer_waits", extra={"consumer": self._name, "reason": str(error)})
                    stop.wait(pause)
        finally:
            self._subscription.close()

    def _attend(self) -> None:
        """See to what people ask for, now and then. Raises Busy."""
        now = time.monotonic()
        if now - self._looked < self._look:
            return
        self._attended()
        self._looked = now
        if not self._store.written() and now - self._seen_to < self._look * _LOOKS_PASSED_OVER:
            return
        attend(self._reader, self._patience)
        for place in [*self._replaying.attend(), *self._beginnings.attend(self._stored)]:
            self._stored.pop(place, None)
            self._subscription.rewind(place)
        self._seen_to = now

    def _work_together(self, arrived: Mapping[Place, Sequence[Record]]) -> int:
        """Work off what is there of several places in one transaction, which costs about as much as each of their own;
        returns how many records, 0 where nothing was done, so that each place is worked off by itself."""
        count, several = sum(map(len, arrived.values())), len(arrived) > 1 and not self._most
        if not several or count > _TOGETHER or not all(map(self._goes_on, arrived, arrived.values())):
            return 0
        batches = [(arrived[place], self._stored[place]) for place in sorted(arrived)]
        try:
            if attempt(lambda: self._keep(*batches)) is not True:
                return 0
        except Busy:
            return 0
        for place, records in arrived.items():
            self._unforeseen.pop(place, None)
            self._moved(place, records)
        return count

    def _goes_on(self, place: Place, records: Sequence[Record]) -> bool:
        """Whether records follow what was worked off, and nothing had failed there."""
        return not self._failures[place] and records[0].position >= self._stored.get(place, records[-1].position + 1)

    def _work(self, place: Place, records: Sequence[Record]) -> int:
        """Work off a place's records, at most so many together; returns how many moved the position."""
        expected = self._position(place)
        records = [record for record in records if record.position >= expected]
        done = 0
        while done < len(records):
            some = records[done : done + self._most] if self._most else records
            moved = self._work_some(place, some)
            done += moved
            if moved < len(some):
                break
        return done

    def _work_some(self, place: Place, records: Sequence[Record]) -> int:
        """All of the records at once, or one by one when that fails; returns how many moved the position."""
        expected = self._stored[place]
        kept = attempt(lambda: self._keep((records, expected)))
        if kept is True:
            self._unforeseen.pop(place, None)
            self._moved(place, records)
            return len(records)
        if kept is False:
            return self._lost(place)
        for number, record in enumerate(records):
            if not self._keep_or_bury(record):
                return number + self._lost(place)
            self._moved(place, [record])
        return len(records)

    def _keep_or_bury(self, record: Record) -> bool:
        """Whether the record is behind us; False when the position is another's by now. Raises Busy."""
        expected = self._stored[record.place]
        kept = attempt(lambda: self._keep(([record], expected)))
        if not isinstance(kept, Exception):
            self._unforeseen.pop(record.place, None)
            return kept
        if not isinstance(kept, FhirError):
            self._suspect(record, kept)
        return buried(self._reader, record, kept, expected)

    def _suspect(self, record: Record, error: Exception) -> None:
        """Count an error that nobody foresaw. Raises Busy when there are so many that the events are not to blame."""
        if self._unforeseen[record.place] < UNFORESEEN_AT_MOST:
            self._unforeseen[record.place] += 1
            return
        self._observe(CONSUMER_STALLED, 1)
        log.error("consumer_stalls", extra={"consumer": self._name, **names(record), **told(error)})
        raise Busy(f"{UNFORESEEN_AT_MOST} events in a row have failed for no foreseen reason.") from error

    def _keep(self, *batches: tuple[Sequence[Record], int]) -> bool:
        """Whether records were kept, each place's with its expected position: False when that is another's by now.
        Raises _Lost where it is one of several."""
        arrivals = [(record, self._reader.read(record)) for records, _ in batches for record in records]

        def work(session: Session) -> Sifted | None:
            has_letters = False
            for records, expected in batches:
                end = records[-1].position + 1
                found = session.advance(self._name, *records[0].place, expected, end)
                if found is None:
                    if len(batches) > 1:
                        raise _Lost
                    return None
                has_letters |= found
            sifted = sift(session, self._reader, arrivals) if has_letters else Sifted([event for _, event in arrivals])
            self._reader.react(session, sifted.free)
            return sifted

        sifted = self._reader.transact(work)
        if sifted:
            told_held(self._reader, sifted.held)
        return sifted is not None

    def _position(self, place: Place) -> int:
        if place not in self._stored:
            self._stored[place] = self._store.positions(self._name).get(place, 0)
        return self._stored[place]

    def _moved(self, place: Place, records: Sequence[Record]) -> None:
        self._stored[place] = records[-1].position + 1
        self._observe(CONSUMER_EVENTS, len(records))
        if self._replaying.again(place, records[0].position):
            self._beat(place, 0.0)
            return
        late = (to_micros(self._clock()) - records[0].time) / 1_000_000
        self._observe(CONSUMER_LAG, late)
        self._beat(place, late)

    def _lost(self, place: Place) -> int:
        """Another consumer has moved the position: forget ours and look where it is."""
        del self._stored[place]
        self._subscription.rewind(place)
        return 0

    def _put_off(self, place: Place, error: Busy) -> None:
        pause = min(SHORTEST * 2 ** min(self._failures[place], 10), _LONGEST_PAUSE)
        self._failures[place] += 1
        self._stored.pop(place, None)
        self._subscription.rewind(place, pause)
        self._observe(CONSUMER_RETRIES, 1)
        self._beat(place, None)
        log.warning("consumer_puts_off", extra={"consumer": self._name, "topic": place[0], "reason": str(error)})

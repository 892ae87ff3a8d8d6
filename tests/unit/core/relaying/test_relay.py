"""The relay against a bus and an outbox in memory: whatever fails between two steps, nothing is lost or reordered."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from carethread.core.errors import Busy
from carethread.core.events import Event
from carethread.core.metric_names import RELAY_OUTAGES, RELAY_SENT
from carethread.core.ports import Fenced
from carethread.core.relaying.relay import Relay


class Killed(BaseException):
    """The process ends here."""


def event(sequence: int) -> Event:
    return Event(f"e{sequence}", "s", "created", "Task", f"t{sequence}", 1, 0, "k", b"{}", sequence)


@dataclass
class Memory:
    """An outbox whose lease ends when a test says so."""

    committed: int = 0
    sent: int = 0
    epoch: int = 0
    holder: str = ""
    over: bool = True
    away: bool = False

    def lead(self, holder: str, seconds: float) -> int | None:
        self._check()
        if not self.over and self.holder != holder:
            return None
        self.epoch, self.holder, self.over = self.epoch + 1, holder, False
        return self.epoch

    def take(self, epoch: int, sent_through: int, limit: int, seconds: float) -> list[Event] | None:
        self._check()
        if epoch != self.epoch:
            return None
        self.over = False
        self.sent = max(self.sent, sent_through)
        return [event(n) for n in range(self.sent + 1, min(self.sent + limit, self.committed) + 1)]

    def resign(self, epoch: int) -> None:
        self._check()
        self.over = self.over or epoch == self.epoch

    def _check(self) -> None:
        if self.away:
            raise Busy("away")


@dataclass
class Log:
    """A bus that remembers the order of what it took; `trap` says how the next sending ends."""

    records: list[Event] = field(default_factory=list)
    fence: int = 0
    trap: str = ""


@dataclass
class Sender:
    log: Log
    mine: int = 0

    def fence(self, service: str, epoch: int) -> None:
        """Like Kafka's: whoever comes last is the one who may send, whatever his epoch."""
        if self.log.trap == "away":
            raise Busy("away")
        self.log.fence += 1
        self.mine = self.log.fence

    def send(self, events: Sequence[Event]) -> None:
        trap, self.log.trap = self.log.trap, self.log.trap if self.log.trap == "away" else ""
        if trap == "away" or not self.mine:
            self.mine = 0
            raise Busy("away")
        if self.mine != self.log.fence:
            raise Fenced("newer")
        if trap == "killed before":
            raise Killed
        self.log.records += events
        if trap == "killed after":
            raise Killed
        if trap == "unanswered":
            self.mine = 0
            raise Busy("no answer")

    def close(self) -> None:
        self.mine = 0


def relay(outbox: Memory, log: Log, holder: str = "one", batch: int = 100) -> Relay:
    return Relay(outbox, Sender(log), "s", holder, batch=batch)


def first_seen(log: Log) -> list[int]:
    return list(dict.fromkeys(e.sequence for e in log.records))


def test_sends_in_order_and_marks_with_the_next_take() -> None:
    outbox, log = Memory(committed=5), Log()
    one = relay(outbox, log, batch=3)
    assert [one.step(), one.step(), one.step()] == [3, 2, 0]
    assert first_seen(log) == [1, 2, 3, 4, 5]
    assert outbox.sent == 5


def test_sends_nothing_while_another_leads() -> None:
    outbox, log = Memory(committed=5), Log()
    one, two = relay(outbox, log), relay(outbox, log, "two")
    assert one.step() == 5
    assert two.step() == 0
    assert not two.leads


def test_keeps_the_lease_and_resends_the_same_while_the_bus_is_away() -> None:
    outbox, log = Memory(committed=3), Log()
    one = relay(outbox, log)
    log.trap = "unanswered"
    with pytest.raises(Busy):
        one.step()
    log.trap = "away"
    for _ in range(3):
        outbox.over = True
        with pytest.raises(Busy):
            one.step()
        assert not outbox.over, "the lease was renewed"
    outbox.committed = 4
    log.trap = ""
    assert one.step() == 4
    assert [e.id for e in log.records] == ["e1", "e2", "e3", "e1", "e2", "e3", "e4"]
    assert outbox.epoch == 1


def test_one_that_slept_through_its_lease_fences_nobody() -> None:
    outbox, log = Memory(committed=3), Log()
    one, two = relay(outbox, log), relay(outbox, log, "two")
    log.trap = "unanswered"
    with pytest.raises(Busy):
        one.step()
    outbox.over = True
    assert two.step() == 3
    fences = log.fence
    assert one.step() == 0
    assert log.fence == fences
    outbox.committed = 5
    assert two.step() == 2


def test_one_that_loses_the_lease_while_it_fences_sends_nothing() -> None:
    outbox, log = Memory(committed=3), Log()

    @dataclass
    class Slow(Sender):
        def fence(self, service: str, epoch: int) -> None:
            outbox.over = True
            assert two.step() == 3
            super().fence(service, epoch)

    two = relay(outbox, log, "two")
    one = Relay(outbox, Slow(log), "s", "one")
    assert one.step() == 0
    assert not one.leads
    outbox.committed = 4
    assert two.step() == 0, "it was fenced by mistake"
    assert two.step() == 1, "and leads again at once"
    assert first_seen(log) == [1, 2, 3, 4]


def test_run_ends_with_everything_marked_and_the_lease_free() -> None:
    outbox, log, stop = Memory(committed=3), Log(), threading.Event()
    seen: list[tuple[str, float]] = []
    one = Relay(outbox, Sender(log), "s", "one", observe=lambda name, value: seen.append((name, value)))
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            outbox.committed, outbox.away = 4, True
            threading.Timer(0.2, lambda: setattr(outbox, "away", False)).start()
        else:
            stop.set()

    one.run(stop, wait)
    assert first_seen(log) == [1, 2, 3, 4]
    assert (outbox.sent, outbox.over) == (4, True)
    assert sum(value for name, value in seen if name == RELAY_SENT) == 4
    assert sum(value for name, value in seen if name == RELAY_OUTAGES) >= 1


def test_run_ends_quietly_without_a_database() -> None:
    outbox, log, stop = Memory(committed=1), Log(), threading.Event()
    one = relay(outbox, log)

    def wait(seconds: float) -> None:
        outbox.away = True
        stop.set()

    one.run(stop, wait)
    assert not one.leads


class Relays(RuleBasedStateMachine):
    """Three candidates that are killed, frozen and cut off at any moment; readers see each event first in its place."""

    @initialize()
    def begin(self) -> None:
        self.outbox, self.log = Memory(), Log()
        self.relays = [self.fresh(n) for n in range(3)]

    def fresh(self, n: int) -> Relay:
        return relay(self.outbox, self.log, f"r{n}", batch=4)

    @rule(count=st.integers(1, 6))
    def commit(self, count: int) -> None:
        self.outbox.committed += count

    @rule(n=st.integers(0, 2), trap=st.sampled_from(["", "", "killed before", "killed after", "unanswered", "away"]))
    def step(self, n: int, trap: str) -> None:
        self.log.trap = trap
        try:
            self.relays[n].step()
        except Busy:
            pass
        except Killed:
            self.relays[n] = self.fresh(n)
        self.log.trap = ""

    @rule()
    def lease_ends(self) -> None:
        self.outbox.over = True

    @rule(away=st.booleans())
    def database(self, away: bool) -> None:
        self.outbox.away = away

    @invariant()
    def first_seen_in_order(self) -> None:
        if hasattr(self, "log"):
            seen = first_seen(self.log)
            assert seen == list(range(1, len(seen) + 1)), "nothing is skipped, nothing new comes before something old"
            assert self.outbox.sent <= len(seen), "what is marked was sent"

    @invariant()
    def never_back_beyond_a_mark(self) -> None:
        """A duplicate repeats the unmarked tail only."""
        if hasattr(self, "log"):
            highest = 0
            for e in self.log.records:
                assert e.sequence > highest - 4, "no more than a batch comes again"
                highest = max(highest, e.sequence)

    def teardown(self) -> None:
        if not hasattr(self, "log"):
            return
        self.outbox.away, self.outbox.over, self.log.trap = False, True, ""
        for _ in range(10 + self.outbox.committed):
            for one in self.relays:
                one.step()
        assert first_seen(self.log) == list(range(1, self.outbox.committed + 1)), "in the end everything is sent"
        assert self.outbox.sent == self.outbox.committed


TestRelays = Relays.TestCase

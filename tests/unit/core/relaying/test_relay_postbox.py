"""What a relay sends beside events: only what leads sends it, nothing is lost, and it does not hurry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from carethread.core.errors import Busy
from carethread.core.events import DEAD_LETTER, Event
from carethread.core.ports import Fenced, Post
from carethread.core.relaying.relay import Relay


@dataclass
class Box:
    posts: list[Post] = field(default_factory=list)
    looks: int = 0

    def waiting(self, limit: int) -> list[Post]:
        self.looks += 1
        return self.posts[:limit]

    def sent(self, numbers: Sequence[int]) -> None:
        self.posts = [post for post in self.posts if post.number not in numbers]


@dataclass
class Lead:
    """An outbox without events, or with ever more of them."""

    free: bool = True
    events: list[Event] = field(default_factory=list)

    def lead(self, holder: str, seconds: float) -> int | None:
        return 1 if self.free else None

    def take(self, epoch: int, sent_through: int, limit: int, seconds: float) -> list[Event] | None:
        return self.events[:limit]

    def resign(self, epoch: int) -> None:
        self.free = True


@dataclass
class Bus:
    taken: list[str] = field(default_factory=list)
    error: Exception | None = None
    fences: int = 0

    def fence(self, service: str, epoch: int) -> None:
        self.fences += 1

    def send(self, events: Sequence[Event]) -> None:
        error, self.error = self.error, None
        if error:
            raise error
        self.taken += [e.id for e in events]

    def close(self) -> None:
        """Nothing to give back."""


def post(number: int) -> Post:
    return Post(number, Event(f"e{number}", "s", "created", DEAD_LETTER, f"s-{number}", 1, 0, "k", b"{}"))


def world(count: int, *, free: bool = True, batch: int = 2, busy: bool = False) -> tuple[Relay, Bus, Box]:
    bus, box = Bus(), Box([post(n) for n in range(count)])
    lead = Lead(free, [post(-1).event] if busy else [])
    return Relay(lead, bus, "s", "me", batch=batch, postbox=box), bus, box


def test_all_is_sent_in_order_and_taken_away() -> None:
    relay, bus, box = world(5)
    relay.step()
    assert bus.taken == ["e0", "e1", "e2", "e3", "e4"]
    assert box.posts == []


def test_while_there_are_events_it_looks_now_and_then_only() -> None:
    relay, _, box = world(0, busy=True)
    for _ in range(5):
        relay.step()
    assert box.looks == 1


def test_in_silence_it_looks_whenever_it_is_woken() -> None:
    relay, _, box = world(0)
    for _ in range(5):
        relay.step()
    assert box.looks == 5


def test_who_does_not_lead_sends_nothing() -> None:
    relay, bus, box = world(2, free=False)
    relay.step()
    assert (bus.taken, box.looks) == ([], 0)


def test_what_the_bus_did_not_take_is_sent_again_behind_a_new_fence() -> None:
    relay, bus, box = world(3)
    bus.error = Busy("away")
    with pytest.raises(Busy):
        relay.step()
    assert len(box.posts) == 3
    relay.step()
    assert (bus.taken, bus.fences, box.posts) == (["e0", "e1", "e2"], 2, [])


def test_one_that_was_fenced_steps_down_and_leaves_it_to_the_next() -> None:
    relay, bus, box = world(1)
    bus.error = Fenced("newer")
    assert relay.step() == 0
    assert not relay.leads
    assert len(box.posts) == 1

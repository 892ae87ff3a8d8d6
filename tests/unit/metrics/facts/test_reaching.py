"""Up to which moment events are in: only what the stored positions have passed, whatever the consumer does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from carethread.core.errors import Busy
from carethread.core.ports import Kept, Place
from carethread.metrics.facts.reaching import Horizon

VISITS, PEOPLE = ("visits", 0), ("people", 0)
FIRST = 1_800_000_000_000_000


class World:
    """A bus, positions and a clock that passes a second with each question."""

    def __init__(self) -> None:
        self.kept_: dict[Place, Kept] = {VISITS: Kept(0, 8), PEOPLE: Kept(3, 3)}
        self.positions: dict[Place, int] = {}
        self.error: Exception | None = None
        self.looks = self.seconds = 0
        self.horizon = Horizon(self, lambda: self.positions, self.now, steady=lambda: self.seconds)

    def now(self) -> datetime:
        return datetime.fromtimestamp(FIRST / 1e6, UTC) + timedelta(seconds=self.seconds)

    def kept(self, since: int) -> dict[Place, Kept]:
        assert since == 0
        self.looks += 1
        if self.error:
            raise self.error
        return self.kept_

    def ask(self) -> int | None:
        """The seconds up to which all is in."""
        self.seconds += 1
        found = self.horizon()
        return None if found is None else (found - FIRST) // 1_000_000


def test_a_backlog_is_not_claimed_before_it_is_read() -> None:
    world = World()
    assert [world.ask(), world.ask()] == [None, None], "the consumer has not begun"
    world.positions = {VISITS: 7}
    assert world.ask() is None
    world.kept_ = {VISITS: Kept(0, 30), PEOPLE: Kept(3, 3)}
    world.positions = {VISITS: 8}
    assert world.ask() == 1, "what has come since is not claimed"
    assert world.ask() is None
    world.positions = {VISITS: 30}
    assert world.ask() == 5
    assert world.ask() == 7, "nothing new has come"


def test_under_steady_load_the_moment_moves_on() -> None:
    world = World()
    found = []
    for number in range(10, 30):
        world.kept_ = {VISITS: Kept(0, number)}
        world.positions = {VISITS: number - 1}
        found.append(world.ask())
    told = [each for each in found if each is not None]
    assert len(told) >= 9
    assert told == sorted(told)


def test_every_place_counts() -> None:
    world = World()
    world.kept_[PEOPLE] = Kept(3, 4)
    world.positions = {VISITS: 8}
    assert world.ask() is None
    world.positions[PEOPLE] = 4
    assert world.ask() == 1


@pytest.mark.parametrize("seconds", [1, 9])
def test_a_bus_that_is_away_gives_no_claim_and_is_asked_seldom(seconds: int) -> None:
    world = World()
    world.positions, world.error = {VISITS: 8}, Busy("away")
    assert world.ask() is None
    world.error = None
    world.seconds += seconds - 1
    assert world.ask() is None
    assert world.looks == 1
    world.seconds += 10
    assert world.ask() is not None


def test_a_bus_that_began_anew_gives_no_claim() -> None:
    world = World()
    world.positions = {VISITS: 99}
    assert world.ask() is None


def test_a_place_set_back_by_a_rebuild_gives_no_claim() -> None:
    world = World()
    world.positions = {VISITS: 8}
    assert world.ask() == 1
    world.positions = {VISITS: 2}
    assert [world.ask(), world.ask()] == [None, None]
    world.positions = {VISITS: 8}
    assert world.ask() == 2

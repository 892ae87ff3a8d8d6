"""Bookings and holds of one group, on both databases: each is decided in sight of those before it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pytest

from support.desk import Desk, desk, patient, schedule, slot, wish
from support.gate import Gate
from support.stores import put as stored

HOURS = {"one-0": 1.0, "one-1": 1.5, "two-0": 1.0, "two-1": 1.25}
"""Two practitioners; what the second gives overlaps with the first's."""

PEOPLE = ("ann", "ben", "cay")


class Asked(NamedTuple):
    operation: str
    slot: str
    person: str

    def bars(self, other: Asked) -> bool:
        """Whether one of both can be."""
        apart = HOURS[self.slot] + 0.5 <= HOURS[other.slot] or HOURS[other.slot] + 0.5 <= HOURS[self.slot]
        return self.slot == other.slot or (not apart and (self.person == other.person or self.giver == other.giver))

    @property
    def giver(self) -> str:
        return self.slot.partition("-")[0]


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in PEOPLE:
            made.put(patient(name), service="records")
        for name in ("one", "two"):
            made.put(schedule(name, f"Practitioner/{name}"))
        for id_, hour in HOURS.items():
            made.put(slot(id_, id_.partition("-")[0], hour))
        yield made


@pytest.mark.parametrize("seed", range(6))
def test_a_group_is_decided_as_one_after_the_other(front: Desk, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    asked = [
        Asked(chance.choice(["book", "hold"]), chance.choice(sorted(HOURS)), chance.choice(PEOPLE)) for _ in range(10)
    ]
    gate = Gate(front.runtime, len(asked) - 1, monkeypatch, "desk")
    with ThreadPoolExecutor(len(asked)) as pool:
        statuses = list(pool.map(lambda one: front.call(one.operation, *wish([one.slot], one.person)).status, asked))
    assert gate.transactions == 2, "the first by itself, and all others together"
    done = [one for one, status in zip(asked, statuses, strict=True) if status == 200]
    refused = [one for one, status in zip(asked, statuses, strict=True) if status == 409]
    assert len(done) + len(refused) == len(asked), statuses
    assert not any(one.bars(other) for one, other in combinations(done, 2))
    assert all(any(one.bars(other) for other in done) for one in refused)
    taken = {one.slot for one in done}
    assert {id_: front.status(f"Slot/{id_}") for id_ in HOURS} == {
        id_: "busy" if id_ in taken else "free" for id_ in HOURS
    }


def test_who_was_merged_is_one_person_in_a_group_too(front: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ids at the same time, with two practitioners: one visit can be."""
    into = [{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]
    stored(front.stores["scheduling"], [patient("ann"), patient("ben", active=False, link=into)])
    wanted = [("one-0", "cay"), ("one-1", "ann"), ("two-1", "ben")]
    gate = Gate(front.runtime, len(wanted) - 1, monkeypatch, "desk")
    with ThreadPoolExecutor(len(wanted)) as pool:
        statuses = list(pool.map(lambda one: front.call("book", *wish([one[0]], one[1])).status, wanted))
    assert statuses[0] == 200
    assert sorted(statuses[1:]) == [200, 409], gate.transactions


def test_what_needs_more_than_is_in_sight_is_done_alone(front: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold that is over is ended by who wants its time; the others of the group do not notice."""
    front.done("hold", *wish(["one-0"], "ann"))
    front.pass_time(minutes=6)
    wanted = [("one-0", "ben"), ("one-1", "ann"), ("two-1", "cay")]
    gate = Gate(front.runtime, len(wanted) - 1, monkeypatch, "desk")
    with ThreadPoolExecutor(len(wanted)) as pool:
        statuses = list(pool.map(lambda one: front.call("book", *wish([one[0]], one[1])).status, wanted))
    assert statuses == [200] * 3
    assert gate.transactions == 3

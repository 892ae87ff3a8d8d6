"""The wait-list in any order of events: each freed slot is with one person at most, and each person with one slot.

A state machine books, cancels, answers and lets time pass; after each step what is stored has to agree with itself, and
no slot may be free that somebody waits for who was not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from carethread.core.errors import Conflict
from carethread.core.ports import Resource
from support.stores import open_store
from support.waiting import Desk

PEOPLE, SLOTS = [f"p{n}" for n in range(4)], [f"s{n}" for n in range(3)]

people, slots = st.sampled_from(PEOPLE), st.sampled_from(SLOTS)


class Waiting(RuleBasedStateMachine):
    """People who wait for slots that others give up."""

    fresh: ClassVar[Callable[[], Desk]]

    @initialize(priorities=st.lists(st.integers(1, 9), min_size=len(PEOPLE), max_size=len(PEOPLE)))
    def open(self, priorities: list[int]) -> None:
        self.desk = type(self).fresh()
        self.booked = self.answered = 0
        self.freed: set[str] = set()
        for number, slot in enumerate(SLOTS):
            self.desk.slot(slot, 24 * 60 + number)
        for person, priority in zip(PEOPLE, priorities, strict=True):
            self.desk.wait(person, priority=priority)

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.store.close()

    def entry(self, person: str) -> Resource:
        return self.desk.get(f"Appointment/{person}")

    def holder(self, slot: str) -> str:
        """Who has the slot, by its claim."""
        return self.desk.store.glance(lambda session: session.claimed("slot", [slot])).get(slot, "")

    @rule(slot=slots)
    def given_up(self, slot: str) -> None:
        """Somebody else books the slot if it is free, and cancels."""
        if self.desk.get(f"Slot/{slot}")["status"] == "free":
            self.booked += 1
            self.desk.book(f"other{self.booked}", slot)
            self.desk.book(f"other{self.booked}", slot, "cancelled")
            self.freed.add(slot)
        self.desk.work()

    @rule(person=people, said=st.sampled_from(["accepted", "declined"]))
    def answers(self, person: str, said: str) -> None:
        before = self.entry(person)["status"]
        self.answered += 1
        response = f"answer{self.answered}"
        try:
            self.desk.answer(person, said, response)
        except Conflict:
            assert before == "waitlist", "only who has no offer is told that it is over"
        else:
            assert before != "waitlist"
            after = self.entry(person)["status"]
            assert before != "pending" or after == ("booked" if said == "accepted" else "waitlist")
        self.desk.work()

    @precondition(lambda self: self.desk.now.year == 2026)
    @rule(hours=st.sampled_from([0.1, 1.5, 13]))
    def later(self, hours: float) -> None:
        self.desk.work(hours)

    @rule(person=people)
    def gives_back(self, person: str) -> None:
        """Who has booked cancels."""
        entry = self.entry(person)
        if entry["status"] == "booked":
            self.desk.put({**entry, "status": "cancelled"})
            self.freed.add(entry["slot"][0]["reference"].removeprefix("Slot/"))
            self.desk.work()

    @invariant()
    def each_slot_has_one_and_each_person_one(self) -> None:
        if not hasattr(self, "desk"):
            return
        entries = {person: self.entry(person) for person in PEOPLE}
        held = [e["slot"][0]["reference"] for e in entries.values() if e["status"] in ("pending", "booked")]
        assert len(held) == len(set(held))
        for person, entry in entries.items():
            if entry["status"] in ("pending", "booked"):
                slot = entry["slot"][0]["reference"].removeprefix("Slot/")
                assert self.holder(slot) == f"Appointment/{person}"
                assert self.desk.get(f"Slot/{slot}")["status"] == "busy"
            elif entry["status"] == "waitlist":
                assert "slot" not in entry and "start" not in entry
        still_open = [offer.entry for offer in self.desk.offers() if offer.outcome == "open"]
        assert sorted(still_open) == sorted(p for p, e in entries.items() if e["status"] == "pending")

    @invariant()
    def nothing_free_is_wanted_by_someone_who_was_not_asked(self) -> None:
        if not hasattr(self, "desk"):
            return
        offers = self.desk.offers()
        for slot in self.freed:
            mine = [offer for offer in offers if offer.slot == slot]
            if self.desk.get(f"Slot/{slot}")["status"] != "free":
                continue
            since = max((n + 1 for n, offer in enumerate(mine) if offer.outcome == "accepted"), default=0)
            asked = {offer.entry for offer in mine[since:]}
            waiting = {person for person in PEOPLE if self.entry(person)["status"] == "waitlist"}
            assert self.desk.now + timedelta(hours=2) > _start(self.desk, slot) or waiting <= asked


def _start(desk: Desk, slot: str) -> datetime:
    return datetime.fromisoformat(desk.get(f"Slot/{slot}")["start"])


@pytest.mark.timeout(300)
def test_in_any_order(tmp_path: Path) -> None:
    numbers = iter(range(10**6))

    class OnDisk(Waiting):
        fresh = staticmethod(lambda: Desk(open_store(f"sqlite:///{tmp_path}/{next(numbers)}.db", "scheduling")))

    run_state_machine_as_test(
        OnDisk,
        settings=settings(
            max_examples=15,
            stateful_step_count=15,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )

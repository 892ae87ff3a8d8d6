"""The wait-list in any order of events: each freed slot is with one person at most, and each person with one slot.

A state machine books, cancels, answers, lets time pass, and kills the process at its work; after each step what is
stored has to agree with itself, and no slot may be free that somebody waits for who was not asked, unless it will be
looked at again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

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
from sqlalchemy import select

from carethread.adapters.sql.tables import timers
from carethread.core.clock import from_micros
from carethread.core.errands.timing import Timing
from carethread.core.errors import Conflict
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.quiet import SLEEPS, WAKES
from carethread.scheduling import SERVICE
from carethread.scheduling.waitlist.freeing import OFFER_TIMER
from support import postgres
from support.stores import open_store, runtime
from support.waiting import Desk

PEOPLE, SLOTS = [f"p{n}" for n in range(4)], [f"s{n}" for n in range(3)]
ENTRIES = [*PEOPLE, "p3-again"]
"""The last of the people waits for two things."""

people, slots = st.sampled_from(PEOPLE), st.sampled_from(SLOTS)


class Waiting(RuleBasedStateMachine):
    """People who wait for slots that others give up."""

    database: ClassVar[Callable[[], AbstractContextManager[str]]]
    """An empty database, by its URL."""

    @initialize(priorities=st.lists(st.integers(1, 9), min_size=len(ENTRIES), max_size=len(ENTRIES)))
    def open(self, priorities: list[int]) -> None:
        self.stack = ExitStack()
        self.url = self.stack.enter_context(type(self).database())
        self.desk = Desk(open_store(self.url, "scheduling"))
        self.booked = self.answered = 0
        self.freed: set[str] = set()
        for number, slot in enumerate(SLOTS):
            self.desk.slot(slot, 24 * 60 + number)
        for entry, priority in zip(ENTRIES, priorities, strict=True):
            person = {"actor": {"reference": f"Patient/{entry[:2]}"}, "status": "needs-action"}
            self.desk.wait(entry, priority=priority, participant=[person])

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.store.close()
            self.stack.close()

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

    @rule(person=st.sampled_from(ENTRIES), said=st.sampled_from(["accepted", "declined"]))
    def answers(self, person: str, said: str) -> None:
        before = self.entry(person)["status"]
        self.answered += 1
        try:
            self.desk.answer(person, said, f"answer{self.answered}", person[:2])
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

    @precondition(lambda self: self.desk.now.year == 2026)
    @rule(hours=st.sampled_from([0, 1.5, 13]), count=st.integers(1, 3), committed=st.booleans())
    def killed_at_work(self, hours: float, count: int, committed: bool) -> None:
        """Another process does what is due, and is killed, at the latest when it is done; this one starts anew."""
        now = self.desk.now + timedelta(hours=hours)
        self.desk.store.close()
        child = os.fork()
        if child == 0:
            _die_at_work(self.url, now, count, committed=committed)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        self.desk = Desk(open_store(self.url, "scheduling"), now)
        self.desk.work()

    @rule(person=st.sampled_from(ENTRIES))
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
        entries = {person: self.entry(person) for person in ENTRIES}
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
    def nobody_has_two_offers(self) -> None:
        if hasattr(self, "desk"):
            asked = [offer.patient for offer in self.desk.offers() if offer.outcome == "open"]
            assert len(asked) == len(set(asked))

    @invariant()
    def the_first_of_the_ranking_was_asked(self) -> None:
        """For nobody here has something else to do; and every offer was told, once."""
        if not hasattr(self, "desk"):
            return
        offers = self.desk.offers()
        assert all(json.parse(offer.ranking)["ranking"][0]["entry"] == offer.entry for offer in offers)
        wanted = [asked.wanted.type for asked in self.desk.store.glance(lambda session: session.requests.all())]
        at_day = [offer for offer in offers if WAKES <= from_micros(offer.offered).hour < SLEEPS]
        assert len(at_day) <= wanted.count("Communication") <= len(offers), "what is offered at night is told later"

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
            waiting = {person for person in ENTRIES if self.entry(person)["status"] == "waitlist"}
            over = self.desk.now + timedelta(hours=2) > _start(self.desk, slot)
            assert over or waiting <= asked or slot in self.looked_at_again()

    def looked_at_again(self) -> set[str]:
        """The slots for which a timer is set that is ahead, and soon."""
        now = self.desk.now.timestamp() * 1e6
        with self.desk.store.engine.connect() as connection:
            soon = select(timers.c.key).where(timers.c.kind == OFFER_TIMER, timers.c.due.between(now, now + 15 * 60e6))
            return set(connection.execute(soon).scalars())


def _die_at_work(url: str, now: datetime, count: int, *, committed: bool) -> None:
    """Do what is due at the moment, and be killed at the timer of that number, before its commit or behind it."""
    try:
        left = iter(range(count))

        def mortal(handler: Callable[..., None]) -> Callable[..., None]:
            def work(*given: Any) -> None:
                handler(*given)
                if next(left, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)

            return work

        store = open_store(url, "scheduling")
        service = replace(
            SERVICE,
            timers={kind: mortal(each) for kind, each in SERVICE.timers.items()},
            timers_together={kind: mortal(each) for kind, each in SERVICE.timers_together.items()},
        )
        timing = Timing(runtime(store, SERVICE if committed else service), lambda: now)
        steps = count if committed else 100
        while steps and timing.step():
            steps -= 1
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


def _start(desk: Desk, slot: str) -> datetime:
    return datetime.fromisoformat(desk.get(f"Slot/{slot}")["start"])


EXAMPLES = int(os.environ.get("CARETHREAD_TEST_EXAMPLES", "12"))


@pytest.mark.timeout(300 + 10 * EXAMPLES)
def test_in_any_order(tmp_path: Path) -> None:
    numbers = iter(range(10**6))

    class OnDisk(Waiting):
        database = staticmethod(lambda: nullcontext(f"sqlite:///{tmp_path}/{next(numbers)}.db"))

    _run(OnDisk, EXAMPLES)


@pytest.mark.servers
@pytest.mark.timeout(300 + 10 * EXAMPLES)
def test_in_any_order_on_postgresql(postgres_url: str) -> None:
    class OnServer(Waiting):
        database = staticmethod(lambda: postgres.database(postgres_url))

    _run(OnServer, EXAMPLES // 3)


def _run(machine: type[Waiting], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=15,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )

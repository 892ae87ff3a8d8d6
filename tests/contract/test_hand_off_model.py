"""Hand-offs in any order of events: at every moment one member answers for each person, and the ledger tells the same.

A state machine offers, answers, withdraws and returns, by operations, plain writes, patches and transactions; changes
who is on call, lets people leave and shifts, roles and teams end; merges people and parts them; has history told; lets
time pass, and starts the service anew. After each step what is stored has to agree with itself, and who answers, and
who needed somebody and had nobody, with a plain reading of all that was ever written. CARETHREAD_TEST_EXAMPLES says how
often it begins.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from carethread.careteams.handing.replaying import replay
from carethread.careteams.handing.states import is_moving, position
from carethread.careteams.teams.people import has_left
from carethread.core.clock import to_micros
from carethread.core.errands.timing import Timing
from carethread.core.ports import FOREVER
from support import postgres
from support.care import NAMES, Care, care
from support.handing_over import HAPPENS, PEOPLE, STAFF, World
from support.standing import Gap, Span_, answered, joined, needs, orphans, read

LEGAL = {
    None: {"offered"},
    "offered": {"escalated", "passed-on", "accepted", "declined", "withdrawn", "expired"},
    "escalated": {"escalated", "passed-on", "accepted", "declined", "withdrawn", "expired"},
    "passed-on": {"escalated", "passed-on", "accepted", "declined", "withdrawn", "expired"},
    "accepted": {"overdue", "returned", "failed"},
    "overdue": {"returned", "failed"},
}
IDS = [f"Patient/{person}" for person in PEOPLE]
NOBODY = "nobody-accountable"


class HandingOver(World, RuleBasedStateMachine):
    """What happens, and what has to be so after it."""

    opened: ClassVar[Callable[[], AbstractContextManager[Care]]]

    @initialize(on_call=st.sampled_from(STAFF))
    def open(self, on_call: str) -> None:
        self.stack = ExitStack()
        self.past: dict[str, list[Span_]] = {}
        self.answered: set[str] = set()
        self.begin(self.stack.enter_context(type(self).opened()), on_call)

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(data=st.data())
    def happens(self, data: st.DataObject) -> None:
        """One rule for all that can happen, so that no run does without some of it."""
        name = data.draw(st.sampled_from(list(HAPPENS)))
        given = {each: data.draw(values, each) for each, values in HAPPENS[name].items()}
        getattr(self, name)(**given)

    def fire(self) -> None:
        """Do what is due, one thing at a time, and look after each."""
        self.nobody_has_two()
        while Timing(self.care.runtime, lambda: self.care.now).step():
            self.nobody_has_two()

    def registered(self) -> dict[str, list[Span_]]:
        rows = self.care.store.glance(lambda session: session.register.between(IDS, 0, FOREVER))
        return {
            each: [(row.since, row.until, row.member, row.team) for row in rows if row.patient == each] for each in IDS
        }

    def nobody_has_two(self) -> None:
        """At no moment do two answer for one person, and what was so stays what was so."""
        now = self.care.micros
        for person, spans in self.registered().items():
            assert all(one[0] < one[1] and one[2] for one in spans)
            assert all(one[1] <= other[0] for one, other in pairwise(spans))
            over = joined([(begin, min(end, now), *who) for begin, end, *who in spans if begin < now])  # type: ignore[misc]
            known = self.past.get(person, [])
            last = known[-1][1] if known else 0
            assert joined([(b, min(e, last), *w) for b, e, *w in over if b < last]) == known, "what is past stays"  # type: ignore[misc]
            self.past[person] = over

    @invariant()
    def who_answers_is_what_the_histories_say(self) -> None:
        if not hasattr(self, "care"):
            return
        self.fire()
        now, past = self.care.micros, read(self.care, self.merges)
        answers = answered(past, IDS, self.begun)
        rows = {person: joined(spans) for person, spans in self.registered().items()}
        assert rows == answers
        for person in IDS:
            member, team = next((one[2:] for one in rows[person] if one[0] <= now < one[1]), ("", ""))
            assert not member or team in self.unwatched or not self.has_left(member)
        if now > self.begun:
            told = orphans(past, answers, self.begun, now, now)
            assert self.told_orphans(self.begun, now) == told
        wanted = needs(past, now)
        flagged = {
            past.last(flag["subject"]["reference"], now)
            for flag in past.known("Flag", now).values()
            if flag["status"] == "active" and flag["code"]["coding"][0]["code"] == NOBODY
        }
        alone = {each for each in IDS if not any(one[0] <= now < one[1] for one in rows[each])}
        assert flagged <= alone, "who has somebody has no alarm"
        assert self.was_told or {*wanted} & alone & self.answered <= flagged, "who is left has one"
        self.was_told = False
        self.answered = {past.last(each, now) for each in (*IDS, *flagged)} - alone | flagged

    def has_left(self, member: str) -> bool:
        return self.care.store.glance(lambda session: has_left(session, member, self.care.micros))

    def told_orphans(self, begin: int, end: int) -> dict[str, list[Gap]]:
        """What `$orphans` says of a time."""
        span = "&".join(f"{name}={_instant(at)}" for name, at in (("start", begin), ("end", end)))
        found: dict[str, list[Gap]] = {}
        for person in self.care.operate("GET", f"CareTeam/$orphans?{span}")["parameter"]:
            if person["name"] != "person":
                continue
            name = next(each["valueReference"]["reference"] for each in person["part"] if each["name"] == "patient")
            assert name not in found, "each is told of once"
            found[name] = []
            for gap in (each["part"] for each in person["part"] if each["name"] == "gap"):
                period = next(each["valuePeriod"] for each in gap if each["name"] == "period")
                some = tuple(each["valueReference"]["reference"] for each in gap if each["name"] == "need")
                found[name].append((_moment(period["start"]), _moment(period["end"]), some))
        return found

    @invariant()
    def the_ledger_says_what_the_tasks_do(self) -> None:
        if not hasattr(self, "care"):
            return
        moving: dict[str, set[str]] = {}
        for id_ in [*self.offers, *self.imported]:
            task, entries = self.task(id_), self.entries(id_)
            assert replay(entries) == position(task)
            assert [entry.turn for entry in entries] == list(range(1, len(entries) + 1))
            steps = [entry.step for entry in entries]
            if id_ in self.offers:
                legal = zip([None, *steps], steps, strict=False)
                assert all(after in LEGAL.get(before, ()) for before, after in legal), steps
            assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
            if id_ in self.offers and task["status"] == "requested" and is_moving(task):
                whose = self.last(task["for"]["reference"].removeprefix("Patient/"))
                moving.setdefault(whose, set()).add(f"Task/{id_}")
        for person in {self.last(each) for each in PEOPLE}:
            held, offered = set(self.open_ones(person)), moving.get(person, set())
            told = {f"Task/{id_}" for id_ in self.imported if self.task(id_)["status"] == "requested"}
            assert bool(offered) <= len(held) <= 1, "who is moved is held by one"
            assert held <= offered | told

    @invariant()
    def no_task_is_lost_or_made_twice(self) -> None:
        if hasattr(self, "care"):
            kind = "https://carethread.dev/fhir/CodeSystem/hand-off-kind|"
            found = {each["id"] for each in self.care.found(f"Task?code={kind}&_count=500")}
            assert found == {*self.offers, *self.imported}
            alarms = [
                each["focus"]["reference"] for each in self.care.found("Task?code=unanswered-hand-off&_count=500")
            ]
            known = [*self.offers, *self.imported]
            expired = [id_ for id_ in known if self.entries(id_)[-1].step == "expired"]
            assert {each.removeprefix("Task/") for each in alarms} == set(expired)


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> int:
    return to_micros(datetime.fromisoformat(text))


EXAMPLES = int(os.environ.get("CARETHREAD_TEST_EXAMPLES", "6"))


@pytest.mark.timeout(300 + 20 * EXAMPLES)
def test_in_any_order(tmp_path: Path) -> None:
    numbers = iter(range(10**6))

    def opened() -> AbstractContextManager[Care]:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return care(folder, f"sqlite:///{folder}/x.db", NAMES[:1] + NAMES[2:3])

    _run(opened, EXAMPLES)


@pytest.mark.servers
@pytest.mark.timeout(300 + 20 * EXAMPLES)
def test_in_any_order_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    stack = ExitStack()

    def opened() -> AbstractContextManager[Care]:
        return care(tmp_path, stack.enter_context(postgres.database(postgres_url)), NAMES[:1] + NAMES[2:3])

    with stack:
        _run(opened, max(1, EXAMPLES // 3))


def _run(opened: Callable[[], AbstractContextManager[Care]], examples: int) -> None:
    machine = type("Machine", (HandingOver,), {"opened": staticmethod(opened)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            derandomize="CARETHREAD_TEST_EXAMPLES" not in os.environ,
        ),
    )

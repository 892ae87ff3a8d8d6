"""Critical answers in any order of events: somebody is called until a person says that they see to it.

A state machine has people save, correct, withdraw and restore answers, here and as history, for one person and another;
has calls acknowledged, given back, ended and passed on by hand; has people leave and come back and shifts change; and
lets time pass. After each step what is stored has to agree with a plain reading of what was said and done.
CARETHREAD_TEST_EXAMPLES says how often it begins.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from carethread.careteams.alerting.call import OPEN, OVER, SEEN, due
from carethread.careteams.alerting.following import TIMER
from carethread.core.ports import Resource
from support.calling import DEPARTMENT, called_practice, phq, save
from support.care import Care, department_team, part, practitioner

RESPONSES = ("r1", "r2")
STAFF = ("duty", "second", "lead", "above", "doctor")
"""Who is called in the clinic; `doctor` answers for Ann, and for nobody else."""

CLINIC = [{"url": DEPARTMENT, "valueReference": {"reference": "Organization/clinic"}}]
EHR = {"source": "urn:example:ehr"}


def calls(practice: Care, code: str = "critical-answer") -> list[Resource]:
    return practice.found(f"Task?code={code}&_count=1000&_sort=_id")


@dataclass
class Said:
    """What stands of one response: of whom, how bad, and whether it was said here, not told as history."""

    who: str
    level: int
    here: bool


class Calling(RuleBasedStateMachine):
    """What happens, and what has to be so after it."""

    opened: ClassVar[Callable[[], AbstractContextManager[Care]]]

    @initialize()
    def open(self) -> None:
        self.stack = ExitStack()
        self.care = self.stack.enter_context(type(self).opened())
        self.said: dict[str, Said] = {}
        self.before: dict[str, set[str]] = {id_: set() for id_ in RESPONSES}
        """The calls of each response that were there before what stands was said."""
        self.touched: set[str] = set()
        """Calls that a person has acknowledged or ended."""
        self.left: set[str] = set()
        self.on_call = ["duty"]

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    def of(self, id_: str) -> list[Resource]:
        about = {"reference": f"QuestionnaireResponse/{id_}"}
        return [each for each in calls(self.care) if each["reasonReference"] == about]

    @rule(
        id_=st.sampled_from(RESPONSES),
        harm=st.sampled_from([None, 0, 1, 2, 3]),
        who=st.sampled_from(["ann", "ann", "ben"]),
        status=st.sampled_from(["in-progress", "completed", "amended", "entered-in-error"]),
        history=st.sampled_from([False, False, True]),
    )
    def answers(self, id_: str, harm: int | None, who: str, status: str, history: bool) -> None:
        there = {each["id"] for each in self.of(id_)}
        subject = {"reference": f"Patient/{who}"}
        given = phq(harm=harm, id_=id_, status=status, meta=EHR, subject=subject, extension=CLINIC)
        save(self.care, given, backfill=history)
        level = 0 if status == "entered-in-error" else harm or 0
        known = self.said.get(id_)
        if not level:
            self.said.pop(id_, None)
            return
        same = known if known is not None and known.who == who else None
        is_new = not same or (not same.here and not history)
        rises = not history and (not same or not same.here or level > same.level)
        if is_new:
            self.before[id_] = there
            self.said[id_] = Said(who, level, here=not history)
        elif same and level > same.level and not (history and same.here):
            same.level = level
        if rises:
            assert any(each["status"] in OPEN for each in self.of(id_)), "what is new, or worse, calls"
        elif is_new:
            assert {each["id"] for each in self.of(id_)} == there, "history calls nobody"

    @rule(id_=st.sampled_from(RESPONSES))
    def deletes(self, id_: str) -> None:
        self.care.ask("DELETE", f"QuestionnaireResponse/{id_}", service="questionnaires")
        self.care.send("questionnaires")
        self.said.pop(id_, None)

    @rule(
        which=st.integers(0, 5),
        status=st.sampled_from(["accepted", "accepted", "in-progress", "completed", "cancelled", "requested"]),
        by=st.sampled_from([*STAFF, "stranger", "nobody"]),
    )
    def steps(self, which: int, status: str, by: str) -> None:
        moving = [each for each in calls(self.care) if each["status"] not in OVER]
        if not moving:
            return
        task = moving[which % len(moving)]
        word = {"statusReason": {"text": "Reached."}}
        sent = {**task, "status": status, "owner": {"reference": f"Practitioner/{by}"}, **word}
        answer = self.care.ask("PUT", f"Task/{task['id']}", sent)
        assert answer.status in (200, 422), answer.body
        if by == "nobody" or by in self.left:
            assert answer.status == 422 or status == "cancelled" or task["status"] in SEEN
        if answer.status == 200 and status != "requested":
            self.touched.add(task["id"])

    @rule(who=st.sampled_from(STAFF))
    def leaves_or_comes_back(self, who: str) -> None:
        self.left ^= {who}
        self.care.tell(practitioner(who, active=who not in self.left))

    @rule(on_call=st.lists(st.sampled_from(["duty", "second"]), max_size=2, unique=True))
    def shift_changes(self, on_call: list[str]) -> None:
        parts = [part(f"Practitioner/{each}", "on-call") for each in on_call]
        team = department_team("clinics", "clinic", part("Practitioner/lead"), *parts, up="CareTeam/houses")
        status = self.care.ask("PUT", "CareTeam/clinics", team).status
        assert status == 200 or self.left, "who has left is not named anew"
        self.on_call = on_call if status == 200 else self.on_call

    @rule(minutes=st.sampled_from([1, 4, 5, 6, 20, 61, 600]))
    def time_passes(self, minutes: int) -> None:
        waiting = {each["id"]: each for each in calls(self.care) if each["status"] in OPEN}
        self.care.pass_time(minutes=minutes)
        self.care.fire()
        for task in (each for each in calls(self.care) if each["id"] in waiting):
            was = waiting[task["id"]]
            turned = task["meta"]["versionId"] != was["meta"]["versionId"]
            assert turned is (due(was) <= self.care.micros), "silence, and nothing else, has the next called"
            there = self.there(task)
            if turned and len(there) > 1:
                assert task["owner"] != was.get("owner"), "who was silent is not called again at once"

    def there(self, task: Resource) -> set[str]:
        """Who can be called to a Task now."""
        doctor = {"doctor"} if task["for"]["reference"] == "Patient/ann" else set()
        return {*self.on_call, "lead", "above", *doctor} - self.left

    @invariant()
    def whoever_needs_somebody_has_them_or_somebody_is_called(self) -> None:
        if not hasattr(self, "care"):
            return
        self.care.fire()
        for id_ in RESPONSES:
            tasks, said = self.of(id_), self.said.get(id_)
            open_ = [each for each in tasks if each["status"] in OPEN]
            own = [each for each in tasks if said and each["for"]["reference"] == f"Patient/{said.who}"]
            if said and said.here:
                now = [each for each in own if each["id"] not in self.before[id_]]
                assert any(each["status"] in OPEN or each["id"] in self.touched for each in now), "it is not forgotten"
            untouched = [each for each in open_ if each["id"] not in self.touched]
            assert len(untouched) <= 1, "one answer calls once"
            assert all(said and said.here and each in own for each in untouched), "nobody is called for nothing"
        waiting = {each.key for each in self.care.store.glance(lambda session: session.timers.ahead(TIMER, 1000))}
        for task in (each for each in calls(self.care) if each["status"] in OPEN):
            assert task["id"] in waiting
            assert due(task) > self.care.micros
            assert "owner" in task

    @invariant()
    def what_was_found_tells_the_same(self) -> None:
        if not hasattr(self, "care"):
            return
        issues = {each["id"]: each["status"] for each in self.care.found("DetectedIssue?_count=1000")}
        for task in (*calls(self.care), *calls(self.care, "review-critical-answer")):
            about = task["focus"]["reference"].removeprefix("DetectedIssue/")
            if task["code"]["coding"][0]["code"] == "critical-answer":
                assert (issues[about] == "cancelled") == (task["status"] == "cancelled")
            else:
                assert "owner" not in task


EXAMPLES = int(os.environ.get("CARETHREAD_TEST_EXAMPLES", "4"))


@pytest.mark.timeout(300 + 20 * EXAMPLES)
def test_somebody_is_called_until_a_person_sees_to_it(tmp_path: Path) -> None:
    numbers = iter(range(10**6))

    def opened() -> AbstractContextManager[Care]:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return called_practice(folder, f"sqlite:///{folder}/x.db")

    machine = type("Calling", (Calling,), {"opened": staticmethod(opened)})
    health = [HealthCheck.too_slow, HealthCheck.data_too_large]
    phases = (Phase.generate,)
    kept = settings(
        max_examples=EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=health, phases=phases,
        database=None, derandomize="CARETHREAD_TEST_EXAMPLES" not in os.environ,
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=kept)

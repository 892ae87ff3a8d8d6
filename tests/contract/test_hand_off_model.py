"""Hand-offs in any order of events: at every moment one member answers for each person, and the ledger tells the same.

A state machine offers, answers, withdraws and returns, changes who is on call, lets people leave and shifts end, lets
time pass, and starts the service anew. After each step what is stored has to agree with itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from carethread.careteams.handing.replaying import replay
from carethread.careteams.handing.rule import HANDING
from carethread.careteams.handing.states import is_moving, position
from carethread.careteams.teams.people import has_left
from carethread.core.fhir import json
from carethread.core.ports import FOREVER, Entry, Resource
from support import postgres
from support.care import (
    NAMES,
    Care,
    care,
    department_team,
    organization,
    part,
    patient,
    person_team,
    practitioner,
)
from support.desk import refer

PEOPLE = ["ann", "ben"]
STAFF = [f"s{n}" for n in range(5)]
"""The last two never leave: one leads the department, the other the one above."""

LEGAL = {
    None: {"offered"},
    "offered": {"escalated", "passed-on", "accepted", "declined", "withdrawn", "expired"},
    "escalated": {"escalated", "passed-on", "accepted", "declined", "withdrawn", "expired"},
    "passed-on": {"escalated", "passed-on", "accepted", "declined", "withdrawn", "expired"},
    "accepted": {"overdue", "returned", "failed"},
    "overdue": {"returned", "failed"},
}

people, staff = st.sampled_from(PEOPLE), st.sampled_from(STAFF)
receivers = st.sampled_from([*(f"Practitioner/{each}" for each in STAFF), "Organization/ward", "CareTeam/ward"])

HAPPENS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "offers_it": {
        "person": people,
        "to": receivers,
        "kind": st.sampled_from(["shift", "care", "referral"]),
        "urgency": st.sampled_from(["stat", "urgent"]),
        "shift": st.sampled_from([0, 0, 5, 60]),
        "result": st.booleans(),
    },
    "answers": {
        "which": st.integers(0, 2),
        "by": st.sampled_from(["", "", "", *STAFF]),
        "said": st.sampled_from(["accept", "accept", "decline"]),
        "plain": st.booleans(),
    },
    "ends": {"which": st.integers(0, 2), "how": st.sampled_from(["return", "failed", "withdraw"])},
    "another_is_on_call": {"on_call": staff},
    "leaves_or_comes_back": {"who": st.sampled_from(STAFF[:3]), "here": st.booleans()},
    "later": {"minutes": st.sampled_from([16, 6, 1, 70, 300, 60 * 24 * 8])},
    "starts_anew": {},
}
"""What can happen, and what there is to choose."""


class HandingOver(RuleBasedStateMachine):
    """Two people, a ward that hands them over, and its staff."""

    opened: ClassVar[Callable[[], AbstractContextManager[Care]]]

    @initialize(on_call=staff)
    def open(self, on_call: str) -> None:
        self.stack = ExitStack()
        self.care = self.stack.enter_context(type(self).opened())
        self.offers: list[str] = []
        self.begin = self.care.micros
        self.care.tell(organization("ward"), organization("house"), *(practitioner(name) for name in STAFF))
        self.care.put(department_team("house", "house", part("Practitioner/s4")))
        self.ward(on_call)
        for person in PEOPLE:
            self.care.tell(patient(person))
            self.care.put(person_team(f"of-{person}", person, part("Practitioner/s0"), department="ward"))
            self.care.put(
                {
                    "resourceType": "CarePlan",
                    "id": person,
                    "status": "active",
                    "intent": "plan",
                    "subject": {"reference": f"Patient/{person}"},
                }
            )
        self.care.pass_time(minutes=1)

    def teardown(self) -> None:
        if hasattr(self, "care"):
            self.nobody_was_without()
            self.stack.close()

    def ward(self, on_call: str) -> None:
        here = [part(f"Practitioner/{each}", "member") for each in STAFF[:3]]
        duty = part(f"Practitioner/{on_call}", "on-call", backup="" if on_call == "s3" else "Practitioner/s3")
        self.care.put(department_team("ward", "ward", part("Practitioner/s3"), duty, *here, up="CareTeam/house"))

    @rule(data=st.data())
    def happens(self, data: st.DataObject) -> None:
        """One rule for all that can happen, so that no run does without some of it."""
        name = data.draw(st.sampled_from(list(HAPPENS)))
        given = {each: data.draw(values, each) for each, values in HAPPENS[name].items()}
        getattr(self, name)(**given)

    def offers_it(self, person: str, to: str, kind: str, urgency: str, shift: int, result: bool) -> None:
        parts = [*refer("patient", f"Patient/{person}"), *refer("to", to), {"name": "kind", "valueCode": kind}]
        parts += [{"name": "urgency", "valueCode": urgency}, {"name": "expects-result", "valueBoolean": result}]
        if shift:
            parts.append({"name": "end-of-shift", "valueDateTime": self.care.at(minutes=shift)})
        open_ = self.open_ones(person)
        body = {"resourceType": "Parameters", "parameter": parts}
        answer = self.care.ask("POST", "Task/$hand-off", body)
        assert answer.status in (200, 409, 422), answer.body
        assert answer.status != 409 or (open_ and kind != "referral"), "only another open one is in the way"
        if answer.status == 200:
            self.offers.append(json.parse_object(answer.body)["parameter"][0]["resource"]["id"])

    def open_ones(self, person: str) -> list[str]:
        held = self.care.store.glance(lambda session: session.claimed(HANDING, [f"Patient/{person}"]))
        return list(held.values())

    def answers(self, which: int, by: str, said: str, plain: bool) -> None:
        if not self.offers:
            return
        id_ = self.offers[-1 - which % len(self.offers)]
        before, known = self.task(id_), self.entries(id_)
        asked = before["owner"]["reference"]
        who = f"Practitioner/{by}" if by else asked if asked.startswith("Practitioner/") else "Practitioner/s1"
        why = {"text": "So it is."}
        if plain:
            status = {"accept": "accepted", "decline": "rejected"}[said]
            owner = {"owner": {"reference": who}} if said == "accept" else {}
            answer = self.care.ask("PUT", f"Task/{id_}", {**before, "status": status, "statusReason": why, **owner})
        else:
            parts = [{"name": "answer", "valueCode": said}, *refer("by", who), {"name": "reason", "valueString": "No."}]
            answer = self.care.ask("POST", f"Task/{id_}/$answer", {"resourceType": "Parameters", "parameter": parts})
        assert answer.status in (200, 409, 422), answer.body
        if replay(known) and replay(known).state != "offered" and len(self.entries(id_)) > len(known):  # type: ignore[union-attr]
            raise AssertionError("what was answered is answered once")

    def ends(self, which: int, how: str) -> None:
        if not self.offers:
            return
        id_ = self.offers[-1 - which % len(self.offers)]
        parts: list[Resource] = [{"name": "reason", "valueString": "So it is."}]
        parts += (
            [*refer("output", "Observation/o"), {"name": "note", "valueString": "Done."}] if how != "withdraw" else []
        )
        parts += [{"name": "failed", "valueBoolean": True}] if how == "failed" else []
        name = "withdraw" if how == "withdraw" else "return"
        answer = self.care.ask("POST", f"Task/{id_}/${name}", {"resourceType": "Parameters", "parameter": parts})
        assert answer.status in (200, 409, 422), answer.body

    def another_is_on_call(self, on_call: str) -> None:
        self.ward(on_call)
        self.care.fire()

    def leaves_or_comes_back(self, who: str, here: bool) -> None:
        self.care.tell(practitioner(who, active=here))
        self.care.fire()

    def later(self, minutes: int) -> None:
        self.care.pass_time(minutes=minutes)
        self.care.fire()

    def starts_anew(self) -> None:
        now = self.care.now
        self.care = Care(self.care.stores)
        self.care.now = now

    def task(self, id_: str) -> Resource:
        return self.care.read(f"Task/{id_}")

    def entries(self, id_: str) -> list[Entry]:
        return self.care.store.glance(lambda session: session.ledger.of([f"Task/{id_}"]))

    @invariant()
    def one_member_answers_for_each(self) -> None:
        if not hasattr(self, "care"):
            return
        ids = [f"Patient/{person}" for person in PEOPLE]
        found = self.care.store.glance(lambda session: session.register.between(ids, self.begin, FOREVER))
        for patient_ in ids:
            theirs = [each for each in found if each.patient == patient_]
            now = [each for each in theirs if each.since <= self.care.micros < each.until]
            assert len(now) == 1 and now[0].member
            assert not self.has_left(now[0].member)
            assert all(one.until == other.since for one, other in pairwise(theirs))
            assert theirs[-1].until == FOREVER

    def has_left(self, member: str) -> bool:
        return self.care.store.glance(lambda session: has_left(session, member, self.care.micros))

    @invariant()
    def the_ledger_says_what_the_tasks_do(self) -> None:
        if not hasattr(self, "care"):
            return
        moving: dict[str, int] = {}
        for id_ in self.offers:
            task, entries = self.task(id_), self.entries(id_)
            assert replay(entries) == position(task)
            assert [entry.turn for entry in entries] == list(range(1, len(entries) + 1))
            steps = [entry.step for entry in entries]
            assert all(after in LEGAL.get(before, ()) for before, after in zip([None, *steps], steps, strict=False)), (
                steps
            )
            assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
            if task["status"] == "requested" and is_moving(task):
                whose = task["for"]["reference"]
                moving[whose] = moving.get(whose, 0) + 1
                assert self.open_ones(whose.removeprefix("Patient/")) == [f"Task/{id_}"]
        assert all(count == 1 for count in moving.values())
        for person in PEOPLE:
            assert f"Patient/{person}" in moving or not self.open_ones(person)

    @invariant()
    def no_task_is_lost_or_made_twice(self) -> None:
        if hasattr(self, "care"):
            kind = "https://carethread.dev/fhir/CodeSystem/hand-off-kind|"
            found = {each["id"] for each in self.care.found(f"Task?code={kind}&_count=500")}
            assert found == set(self.offers)
            alarms = [
                each["focus"]["reference"] for each in self.care.found("Task?code=unanswered-hand-off&_count=500")
            ]
            expired = [id_ for id_ in self.offers if self.entries(id_)[-1].step == "expired"]
            assert {each.removeprefix("Task/") for each in alarms} == set(expired)

    def nobody_was_without(self) -> None:
        self.care.pass_time(minutes=1)
        end = self.care.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        found = self.care.operate("GET", f"CareTeam/$orphans?start={self.care.at(days=-300)[:10]}&end={end}")
        told = {each["name"]: each.get("valueUnsignedInt") for each in found["parameter"]}
        assert "person" not in told
        assert told["persons"] == len(PEOPLE)


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

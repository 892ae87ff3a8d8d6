"""Rules against a slow model: whatever happens in whatever order, what is said of each person is what a plain reading
of all facts says, at every moment at which somebody looks."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.ports import Resource, Stored
from support.risk import (
    MISSED,
    OVERDUE,
    RISING,
    SILENT,
    START,
    Practice,
    copied,
    need,
    person,
    plan,
    score,
    stay,
    visit,
)

_runs = itertools.count()

EXAMPLES = int(os.environ.get("CARETHREAD_TEST_EXAMPLES", "12"))
WHO, NAME, DAYS = st.sampled_from("ab"), st.sampled_from("1234"), st.integers(-20, 120)
SECOND = timedelta(seconds=1)


class Rules(RuleBasedStateMachine):
    """`versions` is all that ever was, `here` what has arrived of other services' resources, the latest of each."""

    store: SqlStore

    def __init__(self) -> None:
        super().__init__()
        self.run = f"r{next(_runs)}"
        self.practice = Practice(self.store)
        self.numbers: dict[tuple[str, str], int] = {}
        self.first: dict[tuple[str, str], str] = {}
        self.waiting: list[Stored] = []
        self.bodies: dict[tuple[str, str, int], Resource | None] = {}
        self.here: dict[tuple[str, str], tuple[int, Resource | None]] = {}

    def id(self, name: str) -> str:
        return f"{self.run}-{name}"

    def when(self, days: int) -> str:
        return (START - timedelta(days=days)).isoformat()

    @initialize(
        days=st.lists(DAYS, min_size=8, max_size=8), values=st.lists(st.integers(4, 20), min_size=8, max_size=8)
    )
    def begin(self, days: list[int], values: list[int]) -> None:
        """Both have a past."""
        for who, some in (("a", slice(0, 4)), ("b", slice(4, 8))):
            self._send(person(self.id(who)))
            self._send(need(self.id(f"n{who}"), self.id(who)))
            for number, (day, value) in enumerate(zip(days[some], values[some], strict=True)):
                self._send(visit(self.id(f"v{number}{who}"), self.id(who), self.when(day)))
                self._send(score(self.id(f"s{number}{who}"), self.id(who), self.when(day), value))

    def _send(self, resource: Resource, *, deleted: bool = False) -> None:
        """Have a version made at its owner, of which an event will tell."""
        key = resource["resourceType"], resource["id"]
        number = self.numbers[key] = self.numbers.get(key, 0) + 1
        made = copied(resource, number, self.first.get(key, ""))
        self.first.setdefault(key, made.key)
        if deleted:
            made = Stored(made.type, made.id, number, made.updated, True, b"", "DELETE", made.key)
        self.bodies[*key, number] = None if deleted else resource
        self.waiting.append(made)

    @rule(name=NAME, of=WHO, who=WHO, days=DAYS, status=st.sampled_from(["noshow", "noshow", "booked"]))
    def visit(self, name: str, of: str, who: str, days: int, status: str) -> None:
        self._send(visit(self.id(f"v{name}{of}"), self.id(who), self.when(days), status))

    @rule(who=WHO, status=st.sampled_from(["active", "active", "resolved"]), sure=st.sampled_from(["", "unconfirmed"]))
    def need(self, who: str, status: str, sure: str) -> None:
        self._send(need(self.id(f"n{who}"), self.id(who), status=status, sure=sure))

    @rule(name=NAME, of=WHO, who=WHO, days=DAYS, value=st.integers(4, 20))
    def score(self, name: str, of: str, who: str, days: int, value: int) -> None:
        self._send(score(self.id(f"s{name}{of}"), self.id(who), self.when(days), value))

    @rule(name=NAME, who=WHO, days=DAYS, lasts=st.integers(0, 30), over=st.booleans())
    def stay(self, name: str, who: str, days: int, lasts: int, over: bool) -> None:
        end = self.when(days - lasts) if over else ""
        self._send(stay(self.id(f"e{name}"), self.id(who), self.when(days), end))

    @rule(who=WHO, days=st.integers(-100, 20), done=st.booleans(), status=st.sampled_from(["active", "completed"]))
    def plan(self, who: str, days: int, done: bool, status: str) -> None:
        activities = [("completed", self.when(300)), ("completed" if done else "scheduled", self.when(days))]
        made = plan(self.id(f"p{who}"), self.id(who), *activities, status=status)
        self.practice.put(made)
        self.here["CarePlan", made["id"]] = 1, made

    @rule(who=WHO, how=st.sampled_from([{}, {}, {}, {"deceasedBoolean": True}, {"active": False}]))
    def patient(self, who: str, how: dict[str, Any]) -> None:
        self._send(person(self.id(who), **how))

    @rule()
    def merge(self) -> None:
        other = {"reference": f"Patient/{self.id('a')}"}
        self._send(person(self.id("b"), link=[{"type": "replaced-by", "other": other}]))

    @rule(kind=st.sampled_from(["v1a", "v2b", "na", "s1a", "e1"]))
    def delete(self, kind: str) -> None:
        known = [key for key in self.numbers if key[1] == self.id(kind)]
        for type_name, id_ in known:
            self._send({"resourceType": type_name, "id": id_}, deleted=True)

    @rule(seed=st.integers(0, 999), share=st.floats(0.3, 1))
    def tell(self, seed: int, share: float) -> None:
        """Some events arrive, in any order, some of them twice."""
        chance = random.Random(seed)
        some = [each for each in self.waiting if chance.random() < share]
        told = [*some, *(each for each in some if chance.random() < 0.2)]
        chance.shuffle(told)
        for begin in range(0, len(told), 3):
            self.practice.tell_all(told[begin : begin + 3], backfill=chance.random() < 0.2)
        self.practice.fire()
        self.waiting = [each for each in self.waiting if each not in some]
        for each in some:
            key = each.type, each.id
            if each.version > self.here.get(key, (0, None))[0]:
                self.here[key] = each.version, self.bodies[*key, each.version]

    @rule(days=st.integers(0, 60), seconds=st.sampled_from([-1, 0, 1, 2]))
    def later(self, days: int, seconds: int) -> None:
        self.practice.pass_time(seconds=max(0, days * 86_400 + seconds))

    @invariant()
    def it_is_as_a_plain_reading_says(self) -> None:
        for name in "ab":
            assert self.practice.risks(self.id(name)) == self.expected(name), name

    def expected(self, name: str) -> dict[str, dict[str, str]]:
        facts = [resource for _, resource in self.here.values() if resource]
        patients = {each["id"]: each for each in facts if each["resourceType"] == "Patient"}
        into = {id_: self.id("a") for id_, each in patients.items() if "link" in each and self.id("a") in patients}
        who = patients.get(self.id(name))
        if who is None or self.id(name) in into or who.get("deceasedBoolean") or who.get("active") is False:
            return {}
        ids = {self.id(name), *(id_ for id_, last in into.items() if last == self.id(name))}
        mine = [each for each in facts if each["resourceType"] != "Patient" and _whose(each) in ids]
        return _plain(mine, self.practice.now)


def _whose(resource: Resource) -> str:
    reference = resource.get("subject") or resource["participant"][0]["actor"]
    found: str = reference["reference"].removeprefix("Patient/")
    return found


def _plain(facts: Sequence[Resource], now: datetime) -> dict[str, dict[str, str]]:
    """What the four rules say of somebody, written down as one would read them."""
    by: dict[str, list[Resource]] = {}
    for each in facts:
        by.setdefault(each["resourceType"], []).append(each)
    found: dict[str, dict[str, str]] = {}
    missed = [v for v in by.get("Appointment", ()) if v["status"] == "noshow" and _within(v["start"], now, 90)]
    found_ = [n for n in by.get("Condition", ()) if "verificationStatus" not in n]
    needs = [n for n in found_ if n["clinicalStatus"]["coding"][0]["code"] == "active"]
    if len(missed) >= 2 and needs:
        found["missed"] = {**_shared(missed, 0.5), **_shared(needs, 0.5)}
    scores = [s for s in by.get("Observation", ()) if _within(s["effectiveDateTime"], now, 180)]
    scores.sort(key=lambda s: (datetime.fromisoformat(s["effectiveDateTime"]), s["id"]))
    values = [s["valueQuantity"]["value"] for s in scores]
    if len(values) >= 2 and values[-1] >= 10 and values[-1] - values[-2] >= 5:
        found["rising"] = _shared(scores, 1)
    plans = [p for p in by.get("CarePlan", ()) if p["status"] == "active"]
    if plans and not any(_touches(e["period"], now, 60) for e in by.get("Encounter", ())):
        found["silent"] = _shared(plans, 0.25)
    late = [p for p in plans if any(_is_late(a["detail"], now) for a in p["activity"])]
    if late:
        found["overdue"] = _shared(late, 0.3)
    return found


def _within(text: str, now: datetime, days: int) -> bool:
    when = datetime.fromisoformat(text)
    return when <= now < when + SECOND + timedelta(days)


def _touches(period: Mapping[str, str], now: datetime, days: int) -> bool:
    begun = datetime.fromisoformat(period["start"]) <= now
    return begun and ("end" not in period or now < datetime.fromisoformat(period["end"]) + SECOND + timedelta(days))


def _is_late(detail: Resource, now: datetime) -> bool:
    return detail["status"] == "scheduled" and datetime.fromisoformat(detail["scheduledPeriod"]["end"]) <= now


def _shared(facts: Sequence[Resource], weight: float) -> dict[str, str]:
    each = round(weight / len(facts), 4)
    return {f"{fact['resourceType']}/{fact['id']}": f"{each:g}" for fact in facts}


@pytest.mark.timeout(600)
def test_in_any_order_it_is_what_a_plain_reading_says(store: SqlStore) -> None:
    class Run(Rules):
        pass

    Run.store = store
    practice = Practice(store)
    for each in (MISSED, RISING, SILENT, OVERDUE):
        practice.put(each)
    run_state_machine_as_test(
        Run,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )

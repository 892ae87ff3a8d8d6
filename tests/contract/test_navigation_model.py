"""In whatever order things happen, also at once: no limit is passed, and nobody waits beside a free place."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carethread.core.ports import Resource
from support.care import Care, care, part, patient, person_team, practitioner
from support.navigation import assessment, at_risk, navigator, people, staff, tasks

PEOPLE, STAFF = ("ann", "ben", "cleo", "dan", "eve"), ("nora", "omar")
numbers = count()

person = st.sampled_from(PEOPLE)
one = st.sampled_from(STAFF)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("risk"), person, st.sampled_from(["high", "certain", "high", "low"])),
        st.tuples(st.just("step"), person),
        st.tuples(st.just("dies"), person),
        st.tuples(st.just("limit"), one, st.integers(0, 3)),
        st.tuples(st.just("leaves"), one),
        st.tuples(st.just("fires")),
    ),
    max_size=14,
)


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        yield made


def step_down(home: Care, who: str) -> int:
    parts: list[Resource] = [
        {"name": "reason", "valueString": "It is over."},
        {"name": "by", "valueReference": {"reference": "Practitioner/doc"}},
    ]
    body = {"resourceType": "Parameters", "parameter": parts}
    return home.ask("POST", f"Patient/{who}/$step-down", body).status


class World:
    """What was done, and what has to be so after it."""

    def __init__(self, home: Care) -> None:
        self.home, self.number = home, next(numbers)
        self.limits: dict[str, int] = {}
        self.loads: dict[str, int] = {}
        self.risks: dict[str, str] = {}
        self.known: dict[str, str] = {}
        """At which level somebody was when they stepped down."""
        self.dead: set[str] = set()
        for name in PEOPLE:
            home.tell(patient(self.name(name)))

    def name(self, short: str) -> str:
        return f"{short}-{self.number}"

    def do(self, action: tuple[object, ...]) -> None:
        self.home.pass_time(seconds=1)
        name = self.name(str(action[1])) if len(action) > 1 else ""
        match action[0]:
            case "risk":
                self.risks[name] = str(action[2])
                self.home.put(assessment(f"risk-{name}", name, str(action[2])))
                self.fire()
                if self.known.get(name) != action[2]:
                    self.known.pop(name, None)
            case "step":
                if step_down(self.home, name) == 200:
                    self.known[name] = self.risks[name]
                    self.check()
            case "dies":
                self.dead.add(name)
                self.home.tell(patient(name, deceasedBoolean=True))
            case "limit":
                self.limits[name] = int(str(action[2]))
                self.home.tell(navigator(name, self.limits[name]))
            case "leaves":
                self.limits.pop(name, None)
                self.home.tell(navigator(name, 1, active=False))
        self.fire()

    def fire(self) -> None:
        self.home.fire()
        self.check()

    def check(self) -> None:
        home = self.home
        loads = {name: people(home, name) for name in map(self.name, STAFF)}
        waiting = [each["for"]["reference"] for each in tasks(home, "assign-navigator", status="requested")]
        for name, theirs in loads.items():
            assert len(theirs) <= max(self.limits.get(name, 0), self.loads.get(name, 0)), "no limit is passed"
            assert name in self.limits or not theirs or self.loads.get(name), "nobody is given to who has left"
        self.loads = {name: len(theirs) for name, theirs in loads.items()}
        free = [name for name, limit in self.limits.items() if self.loads[name] < limit]
        assert not waiting or not free, "nobody waits beside a free place"
        seated = [each for theirs in loads.values() for each in theirs]
        assert len({*seated, *waiting}) == len(seated) + len(waiting), "one place for each"

    def settled(self) -> None:
        """What is so once all has been done."""
        home = self.home
        seated = {each for name in map(self.name, STAFF) for each in people(home, name)}
        waiting = {each["for"]["reference"] for each in tasks(home, "assign-navigator", status="requested")}
        for name in map(self.name, PEOPLE):
            raised = [each for each in home.found(f"Flag?patient=Patient/{name}") if each["status"] == "active"]
            active = [each for each in raised if each["code"]["coding"][0]["code"] == "high-risk"]
            level = self.risks.get(name, "low")
            due = name not in self.dead and level != "low" and self.known.get(name) != level
            assert len(active) <= 1
            assert bool(active) == (f"Patient/{name}" in seated | waiting)
            assert bool(active) >= due, name
            contacts = tasks(home, "outreach", name, status="requested")
            assert len(contacts) <= 1
            assert not contacts or active
            if f"Patient/{name}" in seated:
                assert len(contacts) == 1

    def leave(self) -> None:
        """Nothing of this is left for the next."""
        for name in map(self.name, PEOPLE):
            step_down(self.home, name)
        for name in map(self.name, STAFF):
            self.home.tell(navigator(name, 0, active=False))
        self.home.fire()
        assert tasks(self.home, "assign-navigator", status="requested") == []


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions)
def test_in_any_order(home: Care, some: list[tuple[object, ...]]) -> None:
    world = World(home)
    for action in some:
        world.do(action)
    world.settled()
    world.leave()


def test_at_the_same_time(home: Care) -> None:
    """Many come to be at risk, step down and get more navigators at once."""
    many = [f"p{number}" for number in range(16)]
    for number, (name, limit) in enumerate((("nora", 3), ("omar", 2), ("pia", 4))):
        staff(home, name, limit)
        if number == 0:
            home.fire()
    home.tell(practitioner("doc"))
    for who in many:
        at_risk(home, who)
        home.put(person_team(f"of-{who}", who, part("Practitioner/doc"), department="heart"))
    with ThreadPoolExecutor(6) as pool:
        fired = [pool.submit(home.fire) for _ in range(4)]
        stepped = [pool.submit(step_down, home, who) for who in many[:8]]
        statuses = [each.result(60) for each in stepped]
        assert all(each.result(60) >= 0 for each in fired)
    assert set(statuses) <= {200, 409}
    loads = {name: len(people(home, name)) for name in ("nora", "omar", "pia")}
    waiting = tasks(home, "assign-navigator", status="requested")
    left = len(many) - statuses.count(200)
    assert sum(loads.values()) + len(waiting) == left
    assert loads == {"nora": 3, "omar": 2, "pia": 4} if left >= 9 else not waiting
    flags = [each for each in home.found("Flag?_count=200") if each["status"] == "active"]
    assert len({each["subject"]["reference"] for each in flags}) == len(flags) == left


def test_two_log_the_same_attempt(home: Care) -> None:
    staff(home, "nora", 1)
    at_risk(home, "ann")
    home.fire()
    (contact,) = tasks(home, "outreach", "ann")
    body = {"resourceType": "Parameters", "parameter": [{"name": "outcome", "valueCode": "reached"}]}
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(home.ask, "POST", f"Task/{contact['id']}/$outreach", body) for _ in range(4)]
        statuses = sorted(each.result(60).status for each in asked)
    assert statuses == [200, 409, 409, 409]
    assert len(tasks(home, "outreach", "ann")) == 2
    assert len(home.found("Communication")) == 1

"""Programmes against a slow and obvious model: events of people in any order, told several times, corrected before it
is decided, answers and time in between. Nobody is asked more often than the ceiling, nor what they have answered, and
everybody who should be asked is, once.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carethread.core.ports import Resource
from support.instruments import answering, shipped
from support.programmes import FORMS, OURS, Asking, action, asking, duration, programme, visit

EXAMPLES = int(os.environ.get("CARETHREAD_TEST_EXAMPLES", "6"))
LASTS = 9
"""Days for which a form can be answered."""

_runs = itertools.count()


@dataclass(frozen=True)
class Rule:
    """What an action of a programme says, in days."""

    department: str
    form: str
    validity: int
    ceiling: int
    urgent: bool = False


RULES = {
    "a": Rule("clinic", "trust", 20, 2),
    "b": Rule("ward", "trust", 10, 3, urgent=True),
    "c": Rule("", "collaborate", 3, 4),
    "d": Rule("ward", "phq-2", 15, 3, urgent=True),
    "e": Rule("clinic", "phq-9", 15, 3),
}
"""The programmes in order of their urls; phq-9 asks all that phq-2 asks."""

COVERED = {"phq-2": ("phq-2", "phq-9")}


@dataclass
class Given:
    form: str
    at: float
    ended: float = 0


@dataclass
class Person:
    """What the model knows of somebody: moments are days."""

    given: list[Given] = field(default_factory=list)
    answered: list[tuple[str, float]] = field(default_factory=list)
    outcomes: list[tuple[str, str]] = field(default_factory=list)

    def decide(self, rule: Rule, now: float) -> str:
        same = COVERED.get(rule.form, (rule.form,))
        if any(each.form in same and not each.ended for each in self.given):
            return "open"
        if any(form in same and at > now - rule.validity for form, at in self.answered):
            return "answered"
        if sum(each.at > now - 30 for each in self.given) >= rule.ceiling:
            return "ceiling"
        self.given.append(Given(rule.form, now))
        return "asked"


def made(name: str, rule: Rule) -> Resource:
    said = action(rule.form, validity=duration(rule.validity, "d"), priority="urgent" if rule.urgent else "routine")
    said["extension"].append({"url": OURS + "answer-within", "valueDuration": duration(LASTS, "d")})
    return programme(name, said, ceiling=rule.ceiling, department=rule.department)


VISITS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from(["clinic", "ward"]), st.booleans()), min_size=1, max_size=4
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("visits"), VISITS, st.integers(0, 999)),
        st.tuples(st.just("answer"), st.sampled_from("xyz"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.sampled_from([1, 4, 11, 31]), st.just(0)),
    ),
    min_size=2,
    max_size=12,
)


class Run:
    """One example, of people of its own."""

    def __init__(self, practice: Asking) -> None:
        self.practice, self.run, self.numbers = practice, f"r{next(_runs)}", itertools.count()
        self.people = {each: Person() for each in "xyz"}
        for each in self.people:
            practice.put({"resourceType": "Patient", "id": self.id(each)})
        practice.events()

    def id(self, name: str) -> str:
        return f"{self.run}{name}"

    @property
    def now(self) -> float:
        return self.practice.micros / 86_400_000_000

    def visits(self, some: list[tuple[str, str, bool]], seed: int) -> None:
        """Visits, each of which may be corrected before anybody is asked; told in any order, more than once."""
        chance, known = Random(seed), {}
        for who, department, stays in some:
            id_ = self.id(f"v{next(self.numbers)}")
            self.practice.put(visit(id_, self.id(who), department=department))
            if not stays:
                self.practice.put(visit(id_, self.id(who), department=department, status="noshow"))
            known[id_] = who, department, stays
        events = [each for each in self.practice.events() for _ in range(chance.randint(1, 2))]
        chance.shuffle(events)
        while events:
            self.practice.hear(events[: (cut := chance.randint(1, 3))])
            events = events[cut:]
        self.decide(known)
        self.practice.ask_people()

    def decide(self, known: dict[str, tuple[str, str, bool]]) -> None:
        """The urgent first, then by programme, whatever was heard of first."""
        wants = [
            (not rule.urgent, name, id_, rule, *known[id_])
            for id_ in known
            for name, rule in RULES.items()
            if rule.department in ("", known[id_][1])
        ]
        for *_, rule, who, _department, stays in sorted(wants, key=lambda each: each[:3]):
            person = self.people[who]
            person.outcomes.append((rule.form, person.decide(rule, self.now) if stays else "over"))

    def answer(self, who: str, choice: int) -> None:
        """Complete something that was given."""
        person = self.people[who]
        open_ = [each for each in person.given if not each.ended]
        if not open_:
            return
        chosen = open_[choice % len(open_)]
        asked = f"QuestionnaireResponse?subject=Patient/{self.id(who)}&questionnaire={FORMS}{chosen.form}"
        (draft,) = self.practice.found(asked + "&status=in-progress")
        form = shipped(chosen.form)
        items = {each.link_id: 0 for each in form.items.values() if each.options and not each.read_only}
        said = {"item": answering(form, items, id="x")["item"], "authored": self.practice.now.isoformat()}
        self.practice.put({**draft, "status": "completed", **said})
        chosen.ended = self.now
        person.answered.append((chosen.form, self.now))

    def wait(self, days: int) -> None:
        self.practice.pass_time(days=days)
        self.practice.ask_people()
        for each in (each for person in self.people.values() for each in person.given):
            if not each.ended and each.at + LASTS <= self.now:
                each.ended = self.now


def check(practice: Asking, steps: list[tuple[str, object, int]]) -> None:
    run = Run(practice)
    for step in steps:
        match step:
            case ("visits", list(some), seed):
                run.visits(some, seed)
            case ("answer", str(who), choice):
                run.answer(who, choice)
            case ("wait", int(days), _):
                run.wait(days)
    for who, person in run.people.items():
        assert sorted(practice.outcomes(run.id(who))) == sorted(person.outcomes)
        drafts = practice.found(f"QuestionnaireResponse?subject=Patient/{run.id(who)}&_count=200")
        assert len(drafts) == len(person.given), "each that was asked has one draft"


@pytest.mark.timeout(60 + 10 * EXAMPLES)
def test_whoever_should_be_asked_is_and_nobody_else(tmp_path: Path, database_url: str) -> None:
    with asking(tmp_path, database_url) as practice:
        for name, rule in RULES.items():
            practice.write_programme(made(name, rule))

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
            phases=[Phase.generate, Phase.shrink],
        )
        @given(STEPS)
        def examples(steps: list[tuple[str, object, int]]) -> None:
            check(practice, steps)

        examples()

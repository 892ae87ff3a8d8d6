"""In whatever order people say something, take it back, and others answer: every low score has exactly one Task with an
owner, none is over of which the person did not learn, and how long it took is right; against a plain model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carethread.core.clock import instant
from carethread.core.ports import Resource
from support.care import Care
from support.feedback import feedback_practice, operate, say, visit

numbers = count()
which = st.sampled_from(["a", "b"])
actions = st.lists(
    st.one_of(
        st.tuples(st.just("say"), which, st.sampled_from(["low", "low", "good", "worse"])),
        st.tuples(st.just("void"), which),
        st.tuples(st.just("take"), which),
        st.tuples(st.just("return"), which),
        st.tuples(st.just("resolve"), which, st.sampled_from(["message", "told", "untold"])),
        st.tuples(st.just("deliver"), which, st.sampled_from(["completed", "not-done"])),
        st.tuples(st.just("forge"), which),
        st.tuples(st.just("wait"), st.sampled_from([1, 25, 200])),
    ),
    max_size=16,
)

SAYS = {"low": {"overall": 3}, "good": {"overall": 9}, "worse": {"overall": 0, "contact": True}}


@dataclass
class Model:
    """What one response says, and how its Task stands: empty before there is one."""

    says: str = ""
    asked: frozenset[str] = frozenset()
    """What was asked for, as long as it is said."""
    ever: frozenset[str] = frozenset()
    """What was asked for since it was first said."""
    task: str = ""
    since: int = 0
    took: int = 0
    ended: int = 0

    def say(self, what: str, now: int) -> None:
        kinds = {"low": {"low-score"}, "good": set[str](), "worse": {"low-score", "contact-wanted"}}[what]
        self.says = what
        if not kinds:
            self.task = "withdrawn" if self.task == "waiting" else self.task
        elif kinds - self.asked:
            if self.task not in ("waiting", "taken", "not-told") or (self.task == "not-told" and kinds - self.ever):
                self.task, self.since, self.took = "waiting", now, 0
            self.ever |= kinds
        self.asked = frozenset(kinds)


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with feedback_practice(tmp_path, database_url) as made:
        yield made


class World:
    """What was done, and what has to be so after it."""

    def __init__(self, practice: Care) -> None:
        self.practice, self.number = practice, next(numbers)
        self.models = {name: Model() for name in ("a", "b")}

    def id(self, name: str) -> str:
        return f"{name}-{self.number}"

    @property
    def now(self) -> int:
        return self.practice.micros

    def task(self, name: str) -> Resource | None:
        found = self.practice.found(f"Task?code=feedback&focus=QuestionnaireResponse/{self.id(name)}")
        assert len(found) <= 1, "one Task for each"
        return found[0] if found else None

    def do(self, action: tuple[object, ...]) -> None:
        self.practice.pass_time(minutes=1)
        if action[0] == "wait":
            self.practice.pass_time(hours=int(str(action[1])))
        else:
            getattr(self, f"_{action[0]}")(str(action[1]), *map(str, action[2:]))
        self.practice.fire()
        self.check()

    def _say(self, name: str, what: str) -> None:
        model = self.models[name]
        if model.says == "void":
            return
        say(self.practice, visit(id_=self.id(name), status="amended" if model.says else "completed", **SAYS[what]))  # type: ignore[arg-type]
        model.say(what, self.now)

    def _void(self, name: str) -> None:
        model = self.models[name]
        if model.says:
            say(self.practice, visit(id_=self.id(name), status="entered-in-error"))
            model.says, model.asked = "void", frozenset()
            model.task = model.task if model.task in ("", "told", "untold") else "withdrawn"

    def _take(self, name: str) -> None:
        model, task = self.models[name], self.task(name)
        if task and model.task == "waiting":
            self.practice.put({**task, "status": "accepted"})
            model.task, model.took = "taken", self.now

    def _return(self, name: str) -> None:
        model, task = self.models[name], self.task(name)
        if task and model.task == "taken":
            self.practice.put({**task, "status": "requested"})
            model.task, model.took = "waiting", 0

    def _resolve(self, name: str, how: str) -> None:
        model, task = self.models[name], self.task(name)
        if task is None:
            return
        ways: dict[str, dict[str, object]] = {"told": {"told": True}, "untold": {"untold": "declined"}, "message": {}}
        path = f"Task/{task['id']}/$resolve-feedback"
        status, _ = operate(
            self.practice, path, by="Practitioner/fay", outcome="explained", words="Talked.", **ways[how]
        )
        if model.task not in ("waiting", "taken", "not-told"):
            assert status == 409
            return
        assert status == 200
        model.took = model.took or self.now
        model.task, model.ended = {"told": "told", "untold": "untold", "message": "resolved"}[how], self.now

    def _deliver(self, name: str, how: str) -> None:
        model, task = self.models[name], self.task(name)
        found = self.practice.found(f"Communication?status=preparation&based-on=Task/{task['id']}") if task else []
        for each in found:
            self.practice.put({**each, "status": how})
        if model.task == "resolved":
            assert len(found) == 1, "told once"
            model.task, model.ended = "told" if how == "completed" else "not-told", self.now

    def _forge(self, name: str) -> None:
        """Tell by a message of somebody's own; which tells nobody anything of it."""
        task = self.task(name)
        whom = [{"reference": "Patient/ann"}]
        about = [{"reference": f"Task/{task['id']}"}] if task else []
        if task:
            forged = {"resourceType": "Communication", "id": f"forged-{name}-{self.number}", "status": "completed"}
            self.practice.put({**forged, "recipient": whom, "basedOn": about})

    def check(self) -> None:
        for name, model in self.models.items():
            task = self.task(name)
            assert (task is None) == (model.task == "")
            if task is None:
                assert model.says in ("", "good", "void"), "every low score has a Task"
                continue
            assert task["businessStatus"]["coding"][0]["code"] == model.task
            assert task["owner"]["reference"], "with an owner"
            if model.says in ("low", "worse"):
                assert task["status"] != "cancelled"
            period = task.get("executionPeriod", {})
            if model.took and model.task != "withdrawn":
                assert period["start"] == instant(model.took), "when it was taken is right"
            if task["status"] == "completed":
                self._learned(task, model)

    def _learned(self, task: Resource, model: Model) -> None:
        said = {each["type"]["coding"][0]["code"]: each for each in task["output"]}
        assert said["resolution"]["valueCodeableConcept"]["text"]
        if model.task == "untold":
            assert said["untold"]["valueCodeableConcept"]["coding"][0]["code"] == "declined"
        else:
            told = self.practice.read(said["told"]["valueReference"]["reference"])
            assert (told["status"], told["recipient"]) == ("completed", [{"reference": "Patient/ann"}])
        assert task["restriction"]["period"]["start"] == instant(model.since), "since when it waited is right"
        assert task["executionPeriod"]["end"] == instant(model.ended), "and so is when it was over"


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(done=actions)
def test_feedback(practice: Care, done: list[tuple[object, ...]]) -> None:
    world = World(practice)
    for action in done:
        world.do(action)

"""What is requested for critical answers as a response is saved again and again, against a plain model of who is asked.

The other side is a model too: it has what it is sent once, and takes back only what nobody has seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource, Session, Stored, Wanted
from carethread.core.service import PROFILES
from carethread.questionnaires.answering.stored import saved as saved_now
from carethread.questionnaires.safety.following import critical_answers_told
from carethread.questionnaires.safety.marking import CRITICAL
from support.answers import answer, item, questionnaire

NOW = datetime(2031, 3, 3, 8, tzinfo=UTC)
CALL, REVIEW = "critical-answer", "review-critical-answer"
ANSWERS = st.fixed_dictionaries(
    {"harm": st.sampled_from([None, 0, 1, 3]), "hurt": st.lists(st.sampled_from([0, 1]), max_size=3)}
)
"""A question of which 1 and more is critical, and one in a group that repeats."""

Cause = tuple[str, int, str]
"""The kind of a critical answer, the how manyth it is, and who is in need."""


def _mark(kind: str) -> Resource:
    parts = [{"url": "kind", "valueCode": kind}, {"url": "urgency", "valueCode": "stat"}]
    return {"url": CRITICAL, "extension": [*parts, {"url": "from", "valueDecimal": 1}]}


FORM = questionnaire(
    item("harm", "integer", extension=[_mark("self-harm")]),
    item("g", "group", item("hurt", "integer", extension=[_mark("violence")]), repeats=True),
    id="form",
)


@dataclass
class Memory:
    """As much of a session as is needed: the response as it stands, places and requests."""

    stored: Stored | None = None
    held: dict[str, str] = field(default_factory=dict)
    wanted: list[Wanted] = field(default_factory=list)

    @property
    def requests(self) -> object:
        return SimpleNamespace(put=lambda *wanted: self.wanted.extend(wanted))

    def current(self, keys: Iterable[object]) -> Mapping[object, Stored]:
        return {key: self.stored for key in keys if self.stored}

    def places(self, kind: str, *holders: str) -> list[str]:
        return [key for key, holder in self.held.items() if holder in holders]

    def claim_all(self, kind: str, holders: Mapping[str, str]) -> None:
        assert not holders.keys() & self.held.keys()
        self.held |= holders

    def release(self, kind: str, holder: str, keep: Iterable[str] = ()) -> list[str]:
        kept = set(keep)
        gone = [key for key in self.held if key not in kept]
        self.held = {key: each for key, each in self.held.items() if key in kept}
        return gone

    def save(self, response: Resource | None, *, backfill: bool = False) -> list[Wanted]:
        """Store a response, or delete it; what is requested with that."""
        version = self.stored.version + 1 if self.stored else 1
        body = json.render(response) if response else b""
        self.stored = Stored("QuestionnaireResponse", "r1", version, 0, response is None, body, key="Patient/ann")
        before = len(self.wanted)
        context = Context(clock=lambda: NOW, backfill=backfill)
        session = cast("Session", self)
        critical_answers_told(session, saved_now(session, ["r1"]), context)
        return self.wanted[before:]


def saved(harm: int | None = None, hurt: Iterable[int] = (), status: str = "in-progress", **more: Any) -> Resource:
    items = [answer("harm", harm)] if harm is not None else []
    items += [{"linkId": "g", "item": [answer("hurt", each)]} for each in hurt]
    return {
        "resourceType": "QuestionnaireResponse", "contained": [FORM], "questionnaire": "#form", "status": status,
        "subject": {"reference": "Patient/ann", "display": "Ann"}, **({"item": items} if items else {}), **more,
    }  # fmt: skip


def made_by(wanted: Wanted) -> list[Resource]:
    """The DetectedIssue and the Task of one request: both or neither, and only where they are not there yet."""
    assert (wanted.type, wanted.new, wanted.writes) == ("Bundle", True, frozenset({"DetectedIssue", "Task"}))
    bundle = json.parse_object(wanted.body)
    assert [issue for issue in validate(bundle) if issue.severity in ("error", "fatal")] == []
    for entry in bundle["entry"]:
        path = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        assert entry["request"] == {"method": "PUT", "url": path, "ifNoneMatch": "*"}
    about, task = (entry["resource"] for entry in bundle["entry"])
    return [about, task]


class Saving(RuleBasedStateMachine):
    """A person fills in a form, an EHR tells of it, somebody looks: in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Memory()
        self.tasks: dict[str, Resource] = {}
        self.issues: dict[str, Resource] = {}
        self.standing: dict[Cause, list[Resource]] = {}
        self.ever: list[Resource] = []

    def deliver(self, requests: list[Wanted]) -> None:
        for each in requests:
            if each.condition:
                assert each.condition == "status=requested,received"
                if self.tasks[each.id]["status"] == "requested":
                    self.tasks[each.id] = {**self.tasks[each.id], "status": "cancelled"}
                continue
            about, task = made_by(each)
            assert (about["id"] in self.issues) == (task["id"] in self.tasks)
            if task["id"] not in self.tasks:
                before = [one["reference"].removeprefix("Task/") for one in task.get("partOf", ())]
                is_called = any(self.tasks[one]["status"] == "requested" for one in before)
                self.issues[about["id"]] = about
                self.tasks[task["id"]] = {**task, "status": "cancelled"} if is_called else task

    def expect(self, given: Mapping[Cause, int], *, backfill: bool) -> None:
        """What a reader of the rules says."""
        for cause, tasks in self.standing.items():
            gone = [each for each in tasks if cause not in given or (each["code"] == REVIEW and not backfill)]
            for task in gone:
                task["status"] = "cancelled" if task["status"] == "requested" else task["status"]
            self.standing[cause] = [each for each in tasks if each not in gone]
        for cause in sorted(given):
            known = self.standing.setdefault(cause, [])
            if given[cause] > max((each["level"] for each in known), default=0):
                code = REVIEW if backfill else CALL
                is_open = any((each["code"], each["status"]) == (code, "requested") for each in known)
                status = "cancelled" if is_open else "requested"
                known.append({"n": len(self.ever), "code": code, "kind": cause[0], "status": status})
                known[-1]["level"] = given[cause]
                self.ever.append(known[-1])

    @rule(
        answers=ANSWERS,
        status=st.sampled_from(["in-progress", "completed", "stopped"]),
        who=st.sampled_from(["ann", "ann", "ben"]),
        backfill=st.booleans(),
    )
    def save(self, answers: dict[str, Any], status: str, who: str, backfill: bool) -> None:
        subject = {"reference": f"Patient/{who}"}
        self.deliver(self.session.save(saved(**answers, status=status, subject=subject), backfill=backfill))
        given = {("violence", place, who): 1 for place in range(sum(answers["hurt"]))}
        harm = {("self-harm", 0, who): answers["harm"]} if answers["harm"] else {}
        self.expect(given | harm, backfill=backfill)

    @precondition(lambda self: self.session.stored and not self.session.stored.deleted)
    @rule(deleted=st.booleans(), backfill=st.booleans())
    def take_back(self, deleted: bool, backfill: bool) -> None:
        response = None if deleted else saved(3, [1], "entered-in-error")
        self.deliver(self.session.save(response, backfill=backfill))
        self.expect({}, backfill=backfill)

    @rule(back=st.integers(1, 6))
    def send_again(self, back: int) -> None:
        """What was made before and is sent once more is not made twice."""
        self.deliver([each for each in self.session.wanted[-back:] if each.new])

    @rule(which=st.integers(0, 20))
    def see(self, which: int) -> None:
        ids = [id_ for id_, task in self.tasks.items() if task["status"] == "requested"]
        if ids:
            id_ = ids[which % len(ids)]
            self.tasks[id_] = {**self.tasks[id_], "status": "accepted"}
            kind, code = self.kind(self.tasks[id_]), self.tasks[id_]["code"]["coding"][0]["code"]
            place = [
                each for each in self.ever if (each["kind"], each["code"], each["status"]) == (kind, code, "requested")
            ]
            order = [
                each
                for each in ids
                if self.kind(self.tasks[each]) == kind and self.tasks[each]["code"]["coding"][0]["code"] == code
            ]
            place[order.index(id_)]["status"] = "accepted"

    def kind(self, task: Resource) -> str:
        about = self.issues[task["focus"]["reference"].removeprefix("DetectedIssue/")]
        kind: str = about["code"]["coding"][0]["code"]
        return kind

    @invariant()
    def the_same_is_asked_as_a_reader_would(self) -> None:
        made = Counter((t["code"]["coding"][0]["code"], self.kind(t), t["status"]) for t in self.tasks.values())
        assert made == Counter((t["code"], t["kind"], t["status"]) for t in self.ever)


Saving.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestSaving = Saving.TestCase


def test_what_is_asked_for_is_valid_and_says_nothing_of_the_answer() -> None:
    (wanted,) = Memory().save(saved(3, encounter={"reference": "Encounter/1"}))
    about, task = made_by(wanted)
    for each in (about, task):
        assert [issue for issue in validate(each) if issue.severity in ("error", "fatal")] == []
        assert each["meta"]["security"][0]["code"] == "R"
        text = json.render(each)
        assert not any(word in text for word in (b"Ann", b"About harm", b'"harm"', b"valueInteger"))
    assert (task["priority"], task["status"], task["focus"]["reference"]) == (
        "stat", "requested", f"DetectedIssue/{about['id']}",
    )  # fmt: skip
    assert b"self-harm" not in json.render(task)
    assert task["encounter"] == {"reference": "Encounter/1"}
    assert about["implicated"] == [{"reference": "QuestionnaireResponse/r1"}]


def test_it_waits_for_nothing_else_about_the_person() -> None:
    assert {each.key for each in Memory().save(saved(3))} == {"!critical-answers/r1"}


def test_history_is_to_be_reviewed_and_calls_nobody() -> None:
    (wanted,) = Memory().save(saved(3), backfill=True)
    _, task = made_by(wanted)
    assert (wanted.backfill, task["priority"]) == (True, "routine")
    assert task["code"]["coding"][0]["code"] == "review-critical-answer"


@pytest.mark.parametrize("member", ["subject", "encounter"])
def test_whom_the_response_contains_is_left_out_for_it_is_known_only_there(member: str) -> None:
    inside = [FORM, {"resourceType": "Patient", "id": "p"}, {"resourceType": "Encounter", "id": "e"}]
    reference: dict[str, Any] = {member: {"reference": f"#{member[0].replace('s', 'p')}"}}
    (wanted,) = Memory().save(saved(3, contained=inside, **reference))
    made = made_by(wanted)
    assert [issue for each in made for issue in validate(each) if issue.severity in ("error", "fatal")] == []
    assert [each["resourceType"] for each in made] == ["DetectedIssue", "Task"]


def test_nor_does_it_name_a_department_that_is_contained() -> None:
    inside = [FORM, {"resourceType": "Organization", "id": "o", "name": "Here"}]
    mark = {"url": PROFILES + "department", "valueReference": {"reference": "#o"}}
    (wanted,) = Memory().save(saved(3, contained=inside, extension=[mark]))
    assert [each.get("extension") for each in made_by(wanted)] == [None, None]


def test_criteria_name_nobody_so_that_they_refuse_no_call() -> None:
    subject = {"reference": "Patient?identifier=urn:x|1", "identifier": {"value": "1"}}
    (wanted,) = Memory().save(saved(3, subject=subject))
    assert made_by(wanted)[1]["for"] == {"identifier": {"value": "1"}}


def test_a_form_that_is_none_refuses_nobody() -> None:
    broken = {**FORM, "item": [*FORM["item"], *FORM["item"]]}
    assert Memory().save(saved(3, contained=[broken])) == []

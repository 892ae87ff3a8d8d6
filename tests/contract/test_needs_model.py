"""Whatever people say and do, in whatever order: nobody is asked for help without a yes that names them, what comes of
it is told once, an open need is somebody's turn or rests with the person, and the chain is the same from each link.

CARETHREAD_TEST_EXAMPLES says of how many lives.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from carethread.careteams.needs.following import OUTCOME_OF
from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.care import Care, part, patient, person_team
from support.helping import (
    DOCTOR,
    PANTRY,
    SHELTER,
    TRANSPORT,
    YES,
    answer,
    chain,
    do,
    helping_practice,
    judge,
    offer,
    refer,
    settle,
)

NO = 1
VOID = "entered-in-error"
EXAMPLES = int(os.environ.get("CARETHREAD_TEST_EXAMPLES", "10"))
numbers = count()
where = st.sampled_from([PANTRY, SHELTER])
actions = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.sampled_from("abc"), st.sampled_from([YES, YES, NO]), st.booleans()),
        st.tuples(st.just("answer"), st.sampled_from("abc"), st.just(YES), st.just(False)),
        st.tuples(st.just("void"), st.sampled_from("abc")),
        st.tuples(st.just("judge"), st.sampled_from(["confirm", "confirm", "confirm", "refute", "resolve"])),
        st.tuples(st.just("yes"), where),
        st.tuples(st.just("yes"), where),
        st.tuples(st.just("no")),
        st.tuples(st.just("unsay")),
        st.tuples(st.just("refer"), where),
        st.tuples(st.just("refer"), where),
        st.tuples(st.just("outcome"), st.sampled_from(["accepted", "in-progress", "completed", "rejected", "failed"])),
        st.tuples(st.just("pass"), st.sampled_from([1, 8, 40, 200])),
    ),
    max_size=12,
)
BEGUN: tuple[tuple[Any, ...], ...] = (
    ("answer", "a", YES, False), ("judge", "confirm"), ("yes", PANTRY), ("refer", PANTRY), ("outcome", "accepted"),
)  # fmt: skip
"""How it goes well, of which some may have been done already."""


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Care]:
    with helping_practice(Path(tmp_path_factory.mktemp("needs")), "sqlite://") as made:
        yield made


class World:
    """One person, what was done for them, and what has to be so after it."""

    def __init__(self, practice: Care) -> None:
        self.practice, self.who = practice, f"p{next(numbers)}"
        practice.restart()
        practice.tell(patient(self.who))
        practice.put(person_team(f"of-{self.who}", self.who, part(DOCTOR), department="clinic"))
        self.said: dict[str, str] = {}
        self.last: dict[str, int] = {}

    def found(self, type_name: str, more: str = "") -> list[Resource]:
        return self.practice.found(f"{type_name}?patient=Patient/{self.who}&_count=500{more}")

    def needs(self) -> list[Any]:
        return chain(self.practice, f"Patient/{self.who}")

    def need(self) -> Any:
        """The open need, else any, else none."""
        found = sorted(self.needs(), key=lambda each: each["state"] in ("refuted", "withdrawn", "resolved"))
        return found[0] if found else None

    def referrals(self) -> list[Resource]:
        return self.found("Task", "&code=need-referral&_sort=authored-on,_id")

    def answer(self, name: str, option: int, history: bool) -> None:
        if self.said.get(name) == VOID:
            return
        status = "amended" if name in self.said else "completed"
        self.said[name] = status
        answer(
            self.practice, {TRANSPORT: option}, who=self.who, id_=f"{self.who}-{name}", status=status, backfill=history
        )
        if option == YES and not history and self.last.get(name) != YES:
            assert not all(map(self.over, self.needs())), "what is told anew is a need"
        self.last[name] = option

    def void(self, name: str) -> None:
        if name in self.said:
            self.said[name] = VOID
            answer(self.practice, {TRANSPORT: YES}, who=self.who, id_=f"{self.who}-{name}", status=VOID)

    def judge(self, decision: str) -> None:
        if need := self.need():
            over = need["state"] in ("refuted", "withdrawn", "resolved")
            assert judge(self.practice, need["condition"], decision)[0] == (409 if over else 200)

    def yes(self, whom: str) -> None:
        if need := self.need():
            asked = {"asked_by_person": {"valueBoolean": True}}
            status, _ = offer(self.practice, need["condition"], "accept", whom, **asked)
            assert status == (200 if self.confirmed(need) else 409 if self.over(need) else 422)

    def no(self) -> None:
        if need := self.need():
            status, _ = offer(self.practice, need["condition"], "decline", asked_by_person={"valueBoolean": True})
            assert status == (200 if self.confirmed(need) else 409 if self.over(need) else 422)

    def unsay(self) -> None:
        for consent in self.found("Consent", "&status=active"):
            self.practice.put({**consent, "status": "inactive"})
        settle(self.practice)

    def refer(self, whom: str) -> None:
        need = self.need()
        if need is None:
            return
        said = sorted(self.found("Consent"), key=lambda each: each["meta"]["lastUpdated"])
        mine = [each for each in said if each["provision"]["data"][0]["reference"]["reference"] == need["condition"]]
        newest = max(mine, key=lambda each: (each["dateTime"], each["id"]), default={})
        names = [each["reference"]["reference"] for each in newest.get("provision", {}).get("actor", ())]
        ends = newest.get("provision", {}).get("period", {}).get("end", "")
        may = newest.get("status") == "active" and whom in names and ends > self.practice.now.isoformat()
        status, _ = refer(self.practice, need["condition"], whom)
        if not self.confirmed(need) or not may:
            assert status in (409, 422), (need["state"], newest)
        else:
            assert status in (200, 409)

    def outcome(self, status: str) -> None:
        waiting = [each for each in self.referrals() if each["status"] in ("requested", "accepted", "in-progress")]
        if waiting:
            said = {"status": {"valueCode": status}}
            said |= {"outcome": {"valueCode": "partly-met"}} if status == "completed" else {}
            said |= {"reason": {"valueString": "So it is."}} if status in ("rejected", "failed") else {}
            do(self.practice, f"Task/{waiting[0]['id']}", "referral-outcome", **said)

    def let_pass(self, days: int) -> None:
        self.practice.pass_time(days=days)
        self.practice.fire()
        settle(self.practice)

    @staticmethod
    def confirmed(need: Any) -> bool:
        return bool(need["confirmed"]) and not World.over(need)

    @staticmethod
    def over(need: Any) -> bool:
        return need["state"] in ("refuted", "withdrawn", "resolved")

    def check(self) -> None:
        needs = self.needs()
        open_ = [each for each in needs if not self.over(each)]
        assert len(open_) <= 1, "one open need of a category"
        consents = {f"Consent/{each['id']}": each for each in self.found("Consent")}
        told = Counter(
            (each["about"][0]["reference"], each["recipient"][0]["reference"])
            for each in self.practice.found(f"Communication?patient=Patient/{self.who}&_count=500")
        )
        for task in self.referrals():
            path = f"Task/{task['id']}"
            by = consents[task["input"][0]["valueReference"]["reference"]]
            named = [each["reference"]["reference"] for each in by["provision"]["actor"]]
            assert task["owner"]["reference"] in named, "who is asked is named by the yes"
            assert task["status"] not in ("requested", "accepted", "in-progress") or by["status"] == "active"
            outcomes = {OUTCOME_OF[each["status"]] for each in self.versions(path) if each["status"] in OUTCOME_OF}
            assert told[path, f"Patient/{self.who}"] == len(outcomes), "each outcome is told once"
            assert told[path, DOCTOR] == len(outcomes)
        for need in open_:
            taken_back = any(each["status"] == "inactive" for each in consents.values())
            assert need["turns"] or need["state"] == "declined" or taken_back or self.rested(consents), need["state"]
        for need in needs:
            assert need["witnessed"], [each for each in need["links"] if not each.get("provenance")]
            assert {each for link in need["links"] for each in link.get("from", ())} <= {
                link["what"] for link in need["links"]
            }
            for link in need["links"]:
                if link["step"] != "answer":
                    assert chain(self.practice, link["what"]) == [need]
                else:
                    assert need in chain(self.practice, link["what"])

    @staticmethod
    def rested(consents: dict[str, Resource]) -> bool:
        """Whether the person has said no: what is told again later is offered again, and nothing before."""
        return any(each["status"] == "rejected" for each in consents.values())

    def versions(self, path: str) -> list[Resource]:
        answered = self.practice.ask("GET", f"{path}/_history?_count=100")
        return [each["resource"] for each in json.parse_object(answered.body)["entry"]]


@settings(
    max_examples=EXAMPLES,
    derandomize="CARETHREAD_TEST_EXAMPLES" not in os.environ,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@example(begun=5, done=[("outcome", "in-progress"), ("outcome", "completed"), ("refer", PANTRY), ("pass", 40)])
@example(begun=4, done=[("unsay",), ("refer", PANTRY), ("yes", SHELTER), ("refer", SHELTER), ("outcome", "rejected")])
@example(begun=5, done=[("yes", SHELTER), ("refer", SHELTER), ("no",), ("pass", 200), ("answer", "b", YES, False)])
@example(begun=4, done=[("judge", "refute"), ("answer", "b", YES, False), ("void", "b"), ("answer", "c", YES, True)])
@given(begun=st.sampled_from([0, 1, 3, 4, 5]), done=actions)
def test_whatever_is_done(practice: Care, begun: int, done: list[tuple[Any, ...]]) -> None:
    world = World(practice)
    does: dict[str, Callable[..., None]] = {
        "answer": world.answer,
        "void": world.void,
        "judge": world.judge,
        "yes": world.yes,
        "no": world.no,
        "unsay": world.unsay,
        "refer": world.refer,
        "outcome": world.outcome,
        "pass": world.let_pass,
    }
    for name, *given_ in (*BEGUN[:begun], *done):
        does[name](*given_)
    world.check()

"""What it took to fill forms in, noted with each save and worked out upon completion, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carethread.core.ports import Resource
from carethread.core.ports.efforts import Effort
from carethread.questionnaires.assigning.assignment import Assignment
from carethread.questionnaires.burden.effort import LONGEST_PAUSE
from carethread.questionnaires.burden.keeping import MOST_SAVES
from carethread.questionnaires.populating.marks import EXPRESSION, marked
from support.answers import item, questionnaire
from support.care import OURS, START, Care, care

SECOND = 1_000_000
NOTE = questionnaire(
    item("plan"),
    item("told", "group", item("more", repeats=True), repeats=True),
    item("sum", readOnly=True),
    id="note",
    meta={"profile": [OURS + "questionnaire"]},
    extension=[
        {"url": LONGEST_PAUSE, "valueDuration": {"value": 2, "system": "http://unitsofmeasure.org", "code": "min"}}
    ],
)
TYPE = "QuestionnaireResponse"


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "questionnaires")) as made:
        made.put(NOTE)
        yield made


def said(text: str, *, prefilled: bool = False) -> Resource:
    return marked({"valueString": text}, EXPRESSION) if prefilled else {"valueString": text}


def note(*items: Resource, id_: str = "one", status: str = "in-progress", **more: Any) -> Resource:
    return {
        "resourceType": TYPE, "id": id_, "meta": {"profile": [OURS + "questionnaire-response"]},
        "questionnaire": NOTE["url"], "status": status, "subject": {"reference": "Patient/ann"},
        "author": {"reference": "PractitionerRole/lee"}, "authored": "2031-03-03",
        **({"item": list(items)} if items else {}), **more,
    }  # fmt: skip


def plan(*answers: Resource) -> Resource:
    return {"linkId": "plan", "answer": list(answers)}


def told(*answers: Resource) -> Resource:
    return {"linkId": "told", "item": [{"linkId": "more", "answer": list(answers)}]}


def effort(home: Care, id_: str = "one") -> Effort | None:
    return home.stores["questionnaires"].glance(lambda session: session.efforts.of([id_])).get(id_)


def known(home: Care, id_: str = "one") -> Effort:
    found = effort(home, id_)
    assert found is not None
    return found


def at(seconds: float) -> int:
    """So many seconds after the clock began, in microseconds."""
    return int((START + timedelta(seconds=seconds)).timestamp() * SECOND)


def test_from_the_first_save_to_completion_without_pauses(home: Care) -> None:
    home.put(note(plan(said("rest", prefilled=True)), told(said("a", prefilled=True), said("b", prefilled=True))))
    assert known(home) == Effort("one", NOTE["url"], "", "PractitionerRole/lee", at(0), at(0))
    home.pass_time(seconds=50)
    home.put(note(plan(said("walk")), told(said("a", prefilled=True), said("b", prefilled=True))))
    home.pass_time(seconds=121)  # lunch
    home.put(note(plan(said("walks")), told(said("a", prefilled=True), said("b", prefilled=True))))
    home.pass_time(seconds=30)
    whole = note(
        plan(said("walks")), told(said("a", prefilled=True), said("c")), {"linkId": "sum", "answer": [said("2")]}
    )
    home.put(whole | {"status": "completed", "author": {"reference": "PractitionerRole/kim"}})
    done = Effort(
        "one", NOTE["url"], "", "PractitionerRole/kim", at(0), at(201), at(201), "completed", 80 * SECOND, 3, 3, 2
    )
    assert known(home) == done
    home.pass_time(seconds=20)
    home.put(note(plan(said("rests")), status="amended"))
    assert known(home) == done
    home.put(note(status="entered-in-error"))
    assert effort(home) is None


def test_what_comes_complete_at_once_has_no_time(home: Care) -> None:
    home.put(note(plan(said("walk", prefilled=True)), told(said("a")), status="completed"))
    found = known(home)
    assert (found.started, found.ended, found.worked) == (at(0), at(0), 0)
    assert (found.given, found.prefilled, found.changed) == (2, 1, 0)


def test_what_is_only_saved_again_is_no_work(home: Care) -> None:
    for _ in range(4):
        home.put(note(plan(said("walk"))))
        home.pass_time(seconds=60)
    home.put(note(plan(said("walk")), status="completed"))
    assert known(home).worked == 0  # the page lay open for four minutes
    assert known(home).ended - known(home).started == 240 * SECOND


def test_a_clock_that_goes_back(home: Care) -> None:
    home.pass_time(seconds=100)
    home.put(note(plan(said("a"))))
    home.restart()
    home.put(note(plan(said("b"))))
    home.pass_time(seconds=110)
    home.put(note(plan(said("c")), status="completed"))
    found = known(home)
    assert (found.started, found.ended, found.worked) == (at(100), at(110), 10 * SECOND)


def test_what_is_assigned_is_begun_by_who_answers(home: Care) -> None:
    asked = Assignment("Task/t", "Patient/ann", at(0), at(9_000), "en", "email")
    nobody = {name: value for name, value in note().items() if name != "author"}
    home.put(asked.marked(nobody))
    assert (known(home).started, known(home).author) == (0, "Patient/ann")
    home.pass_time(seconds=30)
    home.put(asked.marked(note(plan(said("rest", prefilled=True)))))
    home.pass_time(seconds=40)
    home.put(asked.marked(note(plan(said("rest", prefilled=True)), told(said("x")), status="completed")))
    found = known(home)
    assert (found.started, found.worked, found.given, found.prefilled) == (at(30), 40 * SECOND, 2, 1)


def test_a_draft_is_abandoned_and_taken_up_again(home: Care) -> None:
    home.put(note(plan(said("a"))))
    home.pass_time(seconds=20)
    home.put(note(plan(said("a")), status="stopped"))
    assert (known(home).ending, known(home).ended) == ("stopped", at(20))
    home.pass_time(seconds=20)
    home.put(note(plan(said("b"))))
    assert (known(home).ending, known(home).ended) == ("", 0)
    home.put(note(plan(said("b")), status="completed"))
    assert (known(home).ending, known(home).worked) == ("completed", 40 * SECOND)


def test_what_was_not_seen_from_the_beginning_is_not_counted(home: Care) -> None:
    home.put(note(plan(said("a")), id_="history"), backfill=True)
    home.put(note(plan(said("b")), id_="history", status="completed"))
    plain = {name: value for name, value in note(plan(said("a")), id_="plain").items() if name != "meta"}
    home.put(plain)
    home.put(note(plan(said("b")), id_="plain", status="completed"))
    home.put(note(plan(said("a")), id_="overtaken"))
    home.put(note(plan(said("b")), id_="overtaken", status="completed"), backfill=True)
    home.put(note(plan(said("a")), id_="gone"))
    home.ask("DELETE", f"{TYPE}/gone", service="questionnaires")
    home.put(note(plan(said("a")), id_="gone", status="completed"))
    home.put(note(plan(said("a")), id_="renounced"))
    home.put(plain | {"id": "renounced"})
    home.put(note(plan(said("a")), id_="renounced", status="completed"))
    assert [effort(home, id_) for id_ in ("history", "plain", "overtaken", "gone", "renounced")] == [None] * 5


def test_only_tried_is_not_counted(home: Care) -> None:
    sent = note(plan(said("a")), status="completed")
    answer = home.ask("POST", f"{TYPE}/$validate?mode=create", sent, service="questionnaires")
    assert answer.status == 200
    assert home.ask("PUT", f"{TYPE}/one", sent | {"questionnaire": "urn:none"}, service="questionnaires").status == 422
    assert effort(home) is None


def test_of_very_many_saves_the_last_are_looked_at(home: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.questionnaires.burden.keeping.MOST_SAVES", 3)
    assert MOST_SAVES == 500
    for number in range(5):
        home.put(note(plan(said(str(number), prefilled=True)), status="completed" if number == 4 else "in-progress"))
        home.pass_time(seconds=10)
    found = known(home)
    assert (found.started, found.worked, found.prefilled, found.changed) == (at(0), 20 * SECOND, 3, 2)


def test_what_is_known_stays_as_it_is(home: Care) -> None:
    one, other = Effort("x", "urn:f" * 2000, "d", "Patient/a", 1, 2), Effort("y", "urn:g", "", "", 3, 4)
    store = home.stores["questionnaires"]
    store.transact(lambda session: session.efforts.begin([one]))
    store.transact(lambda session: session.efforts.begin([replace(one, saved=9), other]))
    found = store.glance(lambda session: session.efforts.started(one.form, 0, 2, 5))
    assert [(each.response, each.saved) for each in found] == [("x", 2)]
    assert store.glance(lambda session: session.efforts.started("urn:g", 0, 3, 5)) == []
    assert known(home, "y") == other


@dataclass(frozen=True)
class Saved:
    """One save of a history: after so many seconds, with these answers (text, whether marked), how it stands."""

    after: int
    answers: tuple[tuple[str, bool], ...]
    status: str
    backfill: bool = False


ANSWERS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=3).map(tuple)
SAVES = st.lists(
    st.builds(
        Saved,
        st.sampled_from([-30, 0, 1, 60, 120, 121, 5000]),
        ANSWERS,
        st.sampled_from(["in-progress"] * 4 + ["stopped"]),
        st.sampled_from([False] * 12 + [True]),
    ),
    max_size=6,
)
LAST = st.builds(Saved, st.sampled_from([0, 5, 120, 130]), ANSWERS.filter(len), st.just("completed"))


def counted(saved: Saved) -> dict[str, int]:
    return {text: sum(1 for one in saved.answers if one == (text, True)) for text in "ab"}


def slow(saves: Sequence[Saved]) -> tuple[int, int, int, int, int] | None:
    """Started, worked, given, prefilled, changed: each asked of the whole history by itself."""
    repeated = [
        n and (each.answers, each.status) == (saves[n - 1].answers, saves[n - 1].status) for n, each in enumerate(saves)
    ]
    if any(each.backfill and not again for each, again in zip(saves, repeated, strict=True)):
        return None  # history that says nothing new makes no version
    clock, moments = 0, list[int]()
    for each in saves:
        clock += each.after
        moments.append(max([clock, *moments]))
    worked, hand = 0, moments[0]
    for number in range(1, len(saves)):
        one, other = saves[number - 1], saves[number]
        if (one.answers, one.status) != (other.answers, other.status):
            gap = moments[number] - hand
            worked += gap if gap <= 120 else 0
            hand = moments[number]
    last = counted(saves[-1])
    most = {text: max(counted(each)[text] for each in saves) for text in "ab"}
    changed = sum(most[text] - last[text] for text in "ab")
    return moments[0], worked, len(saves[-1].answers), sum(most.values()), changed


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAVES, LAST)
def test_it_is_what_the_whole_history_says(home: Care, saves: list[Saved], last: Saved) -> None:
    home.restart()
    id_ = uuid4().hex
    for each in (*saves, last):
        home.pass_time(seconds=each.after)
        answers = [said(text, prefilled=prefilled) for text, prefilled in each.answers]
        home.put(note(*([told(*answers)] if answers else []), id_=id_, status=each.status), backfill=each.backfill)
    found = effort(home, id_)
    expected = slow([*saves, last])
    assert (expected is None) == (found is None)
    if expected and found:
        started, worked, *rest = expected
        assert (found.started, found.worked) == (at(started), worked * SECOND)
        assert [found.given, found.prefilled, found.changed] == rest

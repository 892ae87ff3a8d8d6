"""Comments are given their themes by a person, and the themes are looked at regularly; how soon feedback is answered,
as numbers; on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carethread.careteams.feedback import looking
from carethread.core.few import MASKED
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Runtime
from support.care import Care
from support.feedback import (
    COMMENT,
    feedback_practice,
    notice,
    operate,
    resolve,
    say,
    tasks,
    the_task,
    values,
    visit,
)


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with feedback_practice(tmp_path, database_url) as made:
        yield made


def comment(practice: Care, number: int, **more: Any) -> None:
    say(practice, visit(9, comment=f"{COMMENT} {number}", id_=f"c{number}", **more))


def code(practice: Care, id_: str, *themes: str, **more: Any) -> tuple[int, Resource]:
    given = {"by": "Practitioner/fay", "theme": list(themes), **more}
    return operate(practice, f"Task/{id_}/$code-comment", **given)


def code_all(practice: Care, themes: Sequence[str]) -> None:
    waiting = tasks(practice, "code-comment", status="requested")
    for task, theme in zip(waiting, themes, strict=True):
        assert code(practice, task["id"], theme)[0] == 200


def counted(review: Resource) -> dict[str, Any]:
    """The inputs of a look at themes: `count waiting`, `change waiting` and so on."""
    return {
        " ".join(each["code"] for each in one["type"]["coding"]): next(
            value for name, value in one.items() if "value" in name
        )
        for one in review["input"]
    }


def test_a_comment_waits_until_a_person_has_coded_it(practice: Care) -> None:
    comment(practice, 1)
    task = the_task(practice, "code-comment")
    assert (task["status"], task["owner"]["reference"]) == ("requested", "PractitionerRole/fay-role")
    assert "for" not in task
    assert COMMENT not in str(task)
    assert tasks(practice) == [], "a comment alone asks for no answer"
    status, answer = code(practice, task["id"], "waiting", "communication", severity="medium")
    assert (status, values(answer)["severity"]) == (200, "medium")
    assert tasks(practice, "code-comment", status="requested") == []
    assert code(practice, task["id"], "respect")[0] == 200
    coded = [each for each in the_task(practice, "code-comment")["output"] if "theme" in str(each["type"])]
    assert [each["valueCodeableConcept"]["coding"][0]["code"] for each in coded] == ["respect"]


def test_a_comment_that_is_reworded_waits_again(practice: Care) -> None:
    comment(practice, 1)
    code_all(practice, ["waiting"])
    say(practice, visit(8, comment=f"{COMMENT} 1", id_="c1", status="amended"))
    assert tasks(practice, "code-comment", status="requested") == []
    say(practice, visit(8, comment="It was loud.", id_="c1", status="amended"))
    assert [each["status"] for each in tasks(practice, "code-comment")].count("requested") == 1
    assert values(operate_get(practice, "$feedback-themes"))["comments"] == "<5"
    practice.put(visit(8, comment="It was loud.", id_="c1", status="entered-in-error"))
    practice.send("questionnaires")
    assert {each["status"] for each in tasks(practice, "code-comment")} == {"cancelled"}


def operate_get(practice: Care, path: str) -> Resource:
    return practice.operate("GET", f"Task/{path}")


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"theme": []}, 400, "theme"),
    ({"theme": ["weather"]}, 400, "theme"),
    ({"theme": ["care", "safety", "waiting", "costs", "access", "other"]}, 400, "theme"),
    ({"theme": ["care"], "severity": "awful"}, 400, "severity"),
    ({"theme": ["care"], "by": "Practitioner/nobody"}, 422, "by"),
]


def test_what_is_wrong_is_said(practice: Care) -> None:
    comment(practice, 1)
    task = the_task(practice, "code-comment")
    for given, status, where in WRONG:
        answer = operate(practice, f"Task/{task['id']}/$code-comment", **{"by": "Practitioner/fay", **given})
        assert (answer[0], answer[1]["issue"][0]["expression"]) == (status, [where]), given
    assert code(practice, "nothing", "care")[0] == 404
    assert practice.refusal("PUT", f"Task/{task['id']}", {**task, "status": "completed"})[0] == 422
    assert practice.refusal("PUT", f"Task/{task['id']}", {**task, "status": "cancelled"})[0] == 422
    assert practice.refusal("GET", "Task/$feedback-themes?start=2031-01-01&end=2032-06-01")[0] == 400
    assert practice.refusal("GET", "Task/$feedback-loop?department=Organization/nowhere")[0] == 422


def test_themes_are_looked_at_together_and_a_decision_follows(practice: Care) -> None:
    for number in range(8):
        comment(practice, number)
    code_all(practice, ["waiting"] * 6 + ["respect"] * 2)
    practice.pass_time(days=30)
    practice.fire()
    (review,) = tasks(practice, "feedback-review")
    told = counted(review)
    assert review["owner"] == {"reference": "PractitionerRole/fay-role"}
    assert (told["comments"], told["uncoded"], told["count waiting"], told["count respect"]) == (8, 0, 6, "<5")
    assert (told["change waiting"], "change respect" in told) == (6, False)
    for number in range(10, 19):
        comment(practice, number)
    code_all(practice, ["waiting"] * 9)
    practice.pass_time(days=30)
    practice.fire()
    second = counted(tasks(practice, "feedback-review")[1])
    assert (second["count waiting"], second["change waiting"]) == (9, 3)
    path = f"Task/{review['id']}/$close-feedback-review"
    given = {"by": "Practitioner/lead", "decision": "changed", "words": "We say why when people wait."}
    assert operate(practice, path, **given)[1]["issue"][0]["expression"] == ["Task.output"]
    assert practice.refusal("PUT", f"Task/{review['id']}", {**review, "status": "completed"})[0] == 422
    assert practice.refusal("PUT", f"Task/{review['id']}", {**review, "status": "cancelled"})[0] == 422
    assert operate(practice, path, **given, notice=notice(practice))[0] == 200
    assert operate(practice, path, **given)[0] == 409


def test_while_there_is_nothing_it_rests(practice: Care) -> None:
    comment(practice, 1)
    code_all(practice, ["praise"])
    for _ in range(3):
        practice.pass_time(days=31)
        practice.fire()
    assert len(tasks(practice, "feedback-review")) == 1
    comment(practice, 2)
    practice.pass_time(days=31)
    practice.fire()
    assert len(tasks(practice, "feedback-review")) == 2


def test_history_is_on_the_list_and_has_nobody_look_at_it(practice: Care) -> None:
    say(practice, visit(9, comment=COMMENT), backfill=True)
    assert the_task(practice, "code-comment")["status"] == "requested"
    practice.pass_time(days=31)
    practice.fire()
    assert tasks(practice, "feedback-review") == []


def test_how_soon_it_is_answered_as_numbers(practice: Care) -> None:
    for number in range(4):
        say(practice, visit(3, id_=f"f{number}"))
        practice.pass_time(hours=2)
    say(practice, visit(3, id_="gone"))
    say(practice, visit(9, id_="gone", status="amended"))
    first, second, third, _ = (each["id"] for each in tasks(practice, status="requested"))
    assert resolve(practice, id_=first, told=True)[0] == 200
    assert resolve(practice, id_=second, untold="declined")[0] == 200
    accepted = json.parse_object(practice.ask("GET", f"Task/{third}").body) | {"status": "accepted"}
    practice.put(accepted)
    answer = operate_get(practice, "$feedback-loop?department=Organization/clinic")
    found = values(answer)
    counts = {name: found[name] for name in ("said", "open", "answered", "closed", "told", "untold", "withdrawn")}
    assert counts == {"said": 5, "open": 2, "answered": 3, "closed": 2, "told": 1, "untold": 1, "withdrawn": 1}
    assert float(found["share-told"]) == 0.5
    ranks = {
        each["name"]: {one["name"]: float(one["valueDecimal"]) for one in each["part"]}
        for each in answer["parameter"]
        if "part" in each
    }
    assert ranks == {"hours-to-answer": {"median": 6.0, "p90": 8.0}, "hours-to-close": {"median": 6.0, "p90": 8.0}}
    assert values(operate_get(practice, "$feedback-loop?department=Organization/ward"))["said"] == 0


def reported(practice: Care) -> Resource:
    """The report that is requested of its owner."""
    (report,) = reports(practice)
    return report


def reports(practice: Care) -> list[Resource]:
    """The reports that are requested of their owner."""
    kept = practice.store.glance(lambda session: session.requests.all())
    numbers = [each.number for each in kept if each.wanted.type == "MeasureReport"]
    found = practice.store.glance(lambda session: [session.requests.all(each)[0].wanted.body for each in numbers])
    return [each for body in found if "feedback-loop" in (each := json.parse_object(body))["measure"]]


def test_the_numbers_of_a_time_are_a_report(practice: Care) -> None:
    say(practice, visit(3))
    practice.pass_time(hours=3)
    assert resolve(practice, told=True)[0] == 200
    practice.pass_time(days=30)
    practice.fire()
    report = reported(practice)
    scores = {
        each["code"]["coding"][0]["code"]: float(each["measureScore"]["value"])
        for each in report["group"]
        if "measureScore" in each
    }
    assert (scores["share-told"], scores["hours-to-close-median"]) == (1.0, 3.0)
    assert (report["reporter"], report["type"]) == ({"reference": "Organization/clinic"}, "summary")
    assert report["extension"] == [{"url": PROFILES + "small-cells", "valueCode": "exact"}]


def masking(practice: Care) -> Care:
    practice.runtimes["careteams"] = replace(practice.runtimes["careteams"], small_cells="mask")
    return practice


def told_of(parameters: Resource) -> dict[str, Any]:
    """The numbers of an answer, themes by their codes; MASKED where one is not told."""
    found = {}
    for each in parameters["parameter"]:
        part = {
            one["name"]: next(value for name, value in one.items() if "value" in name) for one in each.get("part", [])
        }
        if each["name"] == "theme":
            found[part["code"]] = part["count"]
        elif part:
            found[each["name"]] = part
        else:
            found[each["name"]] = next(value for name, value in each.items() if "value" in name)
    return found


def test_numbers_of_few_people_are_in_no_report(practice: Care) -> None:
    masking(practice)
    for number in range(12):
        say(practice, visit(3, id_=f"f{number}", subject=""))
    assert resolve(practice, id_=tasks(practice)[0]["id"], untold="nameless")[0] == 200
    found = told_of(operate_get(practice, "$feedback-loop?department=Organization/clinic"))
    assert {name for name, value in found.items() if value == MASKED} == {
        "open", "answered", "closed", "withdrawn", "told", "told-openly", "untold", "overdue", "share-told",
    }  # fmt: skip
    assert (found["said"], found["hours-to-close"]) == (12, {"median": MASKED, "p90": MASKED})
    practice.pass_time(days=30)
    practice.fire()
    report = reported(practice)
    groups = {each["code"]["coding"][0]["code"]: each for each in report["group"]}
    assert groups["said"]["population"][0]["count"] == 12
    assert groups["open"]["population"][0]["_count"] == MASKED
    assert {name for name, each in groups.items() if "count" in each["population"][0]} == {
        "said", *(f"hours-to-{done}-{rank}" for done in ("answer", "close") for rank in ("median", "p90")),
    }  # fmt: skip
    assert all(each["measureScore"] == MASKED for each in report["group"] if "measureScore" in each)
    assert report["extension"] == [{"url": PROFILES + "small-cells", "valueCode": "mask"}]
    assert not [each for each in validate(report) if each.severity in ("error", "fatal")]


def test_themes_of_few_people_are_not_told(practice: Care) -> None:
    masking(practice)
    for number in range(24):
        comment(practice, number, subject="")
    code_all(practice, ["waiting"] * 12 + ["respect"] * 12)
    asked = "$feedback-themes?department=Organization/clinic"
    told = told_of(operate_get(practice, asked))
    assert (told["comments"], told["uncoded"], told["waiting"], told["respect"]) == (24, 0, 12, 12)
    comment(practice, 30, subject="")
    code_all(practice, ["costs"])
    told = told_of(operate_get(practice, asked))
    assert (told["comments"], told["waiting"], told["costs"]) == (25, MASKED, MASKED)
    assert told["respect"] == 12
    practice.pass_time(days=30)
    practice.fire()
    (review,) = tasks(practice, "feedback-review")
    inputs = counted(review)
    assert (inputs["comments"], inputs["count costs"], inputs["count respect"]) == (25, MASKED, 12)


def test_what_is_masked_of_a_department_does_not_follow_from_the_others(
    practice: Care, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All less the others would be those of the house, so the smallest of the others is masked with it."""
    masking(practice)
    looked, people = list[int](), looking._people

    def noted(runtime: Runtime, session: Session, tasks: Sequence[Resource]) -> list[str]:
        looked.extend([len(tasks)] if tasks else [])
        return people(runtime, session, tasks)

    monkeypatch.setattr(looking, "_people", noted)
    for where, number in (("clinic", 12), ("house", 3), ("ward", 13)):
        of = [{"url": PROFILES + "department", "valueReference": {"reference": f"Organization/{where}"}}]
        for i in range(number):
            say(practice, {**visit(3, comment=COMMENT, id_=f"{where}{i}", subject=""), "extension": of})
    for operation, name in (("$feedback-loop", "said"), ("$feedback-themes", "comments")):
        told = {
            where: told_of(operate_get(practice, f"{operation}?department=Organization/{where}"))[name]
            for where in ("clinic", "house", "ward")
        }
        assert told == {"clinic": MASKED, "house": MASKED, "ward": 13}
        assert looked == [28] * 3, "all at once for each department that is asked about"
        looked.clear()
        assert told_of(operate_get(practice, operation))[name] == 28
        looked.clear()
    practice.pass_time(days=31)
    practice.fire()
    said = {report["reporter"]["reference"]: report["group"][0]["population"][0] for report in reports(practice)}
    assert {where: number.get("count", MASKED) for where, number in said.items()} == {
        "Organization/clinic": MASKED, "Organization/house": MASKED, "Organization/ward": 13
    }  # fmt: skip


def test_many_comments_of_one_person_are_of_few(practice: Care) -> None:
    masking(practice)
    for number in range(12):
        comment(practice, number)
        practice.keep(visit(9, comment=COMMENT, id_=f"c{number}"))
    told = told_of(operate_get(practice, "$feedback-themes"))
    assert (told["comments"], told["uncoded"]) == (MASKED, MASKED)

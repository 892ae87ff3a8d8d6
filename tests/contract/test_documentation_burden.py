"""`$documentation-burden`: what a form takes those who fill it in, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.context import Context, Principal, new_id
from carethread.core.errors import Forbidden
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource
from carethread.core.service import Call
from carethread.questionnaires.burden.operations import documentation_burden
from carethread.questionnaires.populating.marks import EXPRESSION, marked
from support.answers import item, questionnaire
from support.care import OURS, Care, care, role
from support.instruments import answering, shipped

NOTE = questionnaire(item("plan"), item("next"), id="note", meta={"profile": [OURS + "questionnaire"]})
ASKED = f"Questionnaire/$documentation-burden?questionnaire={NOTE['url']}"
NURSE = {"coding": [{"system": "urn:roles", "code": "nurse", "display": "Nurse"}]}


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "questionnaires")) as made:
        made.put(NOTE)
        yield made


def staff(home: Care, **sizes: int) -> None:
    """Departments with so many members each, every second of them a nurse."""
    for name, size in sizes.items():
        for number in range(size):
            code = {"code": [NURSE]} if number % 2 else {}
            home.put(role(f"{name}-{number}", f"{name}-{number}", name, **code))


def note(id_: str, author: str, status: str, *answers: Resource) -> Resource:
    links = ("plan", "next")
    return {
        "resourceType": "QuestionnaireResponse", "id": id_, "meta": {"profile": [OURS + "questionnaire-response"]},
        "questionnaire": NOTE["url"], "status": status, "subject": {"reference": "Patient/ann"},
        **({"author": {"reference": author}} if author else {}), "authored": "2031-03-03",
        "item": [{"linkId": link, "answer": [each]} for link, each in zip(links, answers, strict=False)],
    }  # fmt: skip


def said(text: str) -> Resource:
    return {"valueString": text}


def written(home: Care, id_: str, author: str, seconds: float, *, kept: bool = True) -> None:
    """A note that came half filled in, and took so long."""
    filled = marked(said("rest"), EXPRESSION)
    home.put(note(id_, author, "in-progress", filled))
    home.pass_time(seconds=seconds)
    home.put(note(id_, author, "completed", filled if kept else said("walk"), said("soon")))


def asked(home: Care, path: str = ASKED) -> dict[str, Resource]:
    """The groups of a report by their codes."""
    report = home.ask("GET", path, service="questionnaires")
    assert report.status == 200, report.body
    return {group["code"]["coding"][0]["code"]: group for group in json.parse_object(report.body)["group"]}


def score(group: Resource) -> Any:
    return group["measureScore"].get("value") if "measureScore" in group else None


def strata(group: Resource) -> dict[str, Any]:
    """The scores of the parts; None where they are masked."""
    found = {}
    for each in group["stratifier"][0]["stratum"]:
        value = each["value"]
        found[value.get("text") or value["coding"][0]["code"]] = score(each)
    return found


def test_by_department(home: Care) -> None:
    staff(home, north=12, south=12)
    for name, seconds in (("north", 10), ("south", 20)):
        for number in range(12):
            written(home, f"{name}-{number}", f"PractitionerRole/{name}-{number}", seconds + number, kept=number > 2)
    home.put(note("draft", "PractitionerRole/north-1", "in-progress", said("x")))
    found = asked(home)
    assert strata(found["completed"]) == {"Organization/north": 0.9231, "Organization/south": 1}
    assert (score(found["completed"]), score(found["abandoned"])) == (0.96, 0)
    assert strata(found["seconds-median"]) == {"Organization/north": 15, "Organization/south": 25}
    assert strata(found["seconds-p90"]) == {"Organization/north": 20, "Organization/south": 30}
    assert (score(found["prefilled"]), score(found["edited"])) == (0.375, 0.25)
    home.pass_time(days=31)
    later = asked(home, f"{ASKED}&month=2031-03")
    assert (score(later["abandoned"]), strata(later["seconds-median"])) == (0.04, strata(found["seconds-median"]))
    assert [each["count"] for each in asked(home)["completed"]["population"]] == [0, 0]


def test_a_small_department_cannot_be_told_from_the_others(home: Care) -> None:
    staff(home, north=12, south=11, small=3)
    for name, size in (("north", 12), ("south", 11), ("small", 3)):
        for number in range(size):
            written(home, f"{name}-{number}", f"PractitionerRole/{name}-{number}", 10)
    found = asked(home)
    assert strata(found["completed"]) == {
        "Organization/north": 1,
        "Organization/small": None,
        "Organization/south": None,
    }
    assert "Organization/small" in str(found["completed"])
    assert score(found["completed"]) == 1


def test_by_role_and_by_what_is_known_without_one(home: Care) -> None:
    staff(home, north=22)
    for number in range(22):
        written(home, f"north-{number}", f"PractitionerRole/north-{number}", 10)
    for number in range(11):
        written(home, f"p-{number}", f"Patient/p-{number}", 30)
    found = asked(home, f"{ASKED}&by=role")
    assert strata(found["seconds-median"]) == {"nurse": 10, "practitioner": 10, "patient": 30}


def test_nobody_is_made_many(home: Care) -> None:
    """Two roles of one person are one, and who does not say who they are counts as one."""
    for number in range(11):
        written(home, f"n-{number}", "", 10)
        home.put(role(f"again-{number}", "north-1", "north"))
        written(home, f"r-{number}", f"PractitionerRole/again-{number}", 10)
    assert {score(each) for each in asked(home).values()} == {None}


def test_answers_without_a_name_count_each(home: Care) -> None:
    form = shipped("staff-pulse")
    told = {"subject": {"reference": "Organization/north"}}
    for number in range(11):
        home.put(answering(form, {"worn": 1}, id=new_id(), **told))
        if number > 8:
            found = asked(home, f"Questionnaire/$documentation-burden?questionnaire={form.url}")
            assert score(found["completed"]) == (1 if number == 10 else None)


def test_history_is_not_counted(home: Care) -> None:
    for number in range(12):
        home.put(note(f"old-{number}", f"PractitionerRole/north-{number}", "completed", said("x")), backfill=True)
    assert [each["count"] for each in asked(home)["completed"]["population"]] == [0, 0]


def test_an_author_sees_their_own(home: Care) -> None:
    written(home, "one", "PractitionerRole/small-1", 42)
    written(home, "other", "PractitionerRole/small-2", 7)
    found = asked(home, f"{ASKED}&author=PractitionerRole/small-1")
    assert (score(found["seconds-median"]), score(found["completed"])) == (42, 1)
    runtime = home.runtimes["questionnaires"]
    given = {"questionnaire": [NOTE["url"]], "author": ["PractitionerRole/small-1"]}
    call = Call("Questionnaire", "", given, None, Request("GET", "Questionnaire/$documentation-burden"))

    def as_(name: str) -> Resource:
        return documentation_burden(runtime, call, Context(Principal(name), clock=lambda: home.now))

    assert as_("PractitionerRole/small-1")["type"] == "individual"
    with pytest.raises(Forbidden):
        as_("PractitionerRole/small-2")


def test_without_those_who_know_the_roles(tmp_path: Path, database_url: str) -> None:
    with care(tmp_path, database_url, ("questionnaires",)) as home:
        home.put(NOTE)
        for number in range(11):
            written(home, f"n-{number}", f"PractitionerRole/r-{number}", 10)
        assert strata(asked(home)["completed"]) == {"unknown": 1}
        assert strata(asked(home, f"{ASKED}&by=role")["completed"]) == {"practitioner": 1}


WRONG = [
    ("Questionnaire/$documentation-burden", 400, "questionnaire"),
    (f"{ASKED}|1", 400, "questionnaire"),
    ("Questionnaire/$documentation-burden?questionnaire=urn:none", 422, "questionnaire"),
    (f"{ASKED}&month=2031", 400, "month"),
    (f"{ASKED}&month=2031-13", 400, "month"),
    (f"{ASKED}&month=2031-03-03", 400, "month"),
    (f"{ASKED}&month=9999-12", 200, ""),
    (f"{ASKED}&month=0001-01", 200, ""),
    (f"{ASKED}&month=0000-01", 400, "month"),
    (f"{ASKED}&by=person", 400, "by"),
    (f"{ASKED}&author=Organization/1", 400, "author"),
    (f"{ASKED}&author=lee", 400, "author"),
    (f"{ASKED}&since=2031-01-01", 400, "since"),
    (f"{ASKED}&month=2031-03&month=2031-04", 400, "month"),
]


def test_what_is_asked_wrongly(home: Care) -> None:
    for path, status, where in WRONG:
        found, issues = home.refusal("GET", path, service="questionnaires")
        assert (found, [each["expression"] for each in issues]) == (status, [[where]] if where else []), path

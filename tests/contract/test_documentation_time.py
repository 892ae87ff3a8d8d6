"""How long staff has worked on a form is told to metrics, and nobody by whom, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource, Session
from carethread.core.ports.requests import Asked
from carethread.questionnaires.burden.telling import AUTHORS
from support.answers import item, questionnaire
from support.care import OURS, Care, care

NOTE = questionnaire(item("plan"), id="note", meta={"profile": [OURS + "questionnaire"]})
WARD = {"url": OURS + "department", "valueReference": {"reference": "Organization/ward"}}


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "questionnaires")) as made:
        made.put(NOTE)
        yield made


def save(home: Care, id_: str, text: str, status: str = "in-progress", **more: Any) -> None:
    home.put(
        {
            "resourceType": "QuestionnaireResponse", "id": id_, "questionnaire": NOTE["url"], "status": status,
            "meta": {"profile": [OURS + "questionnaire-response"]}, "subject": {"reference": "Patient/ann"},
            "author": {"reference": "PractitionerRole/lee"}, "authored": "2031-03-03",
            "item": [{"linkId": "plan", "answer": [{"valueString": text}]}], **more,
        }
    )  # fmt: skip


def write(home: Care, id_: str, **more: Any) -> None:
    save(home, id_, "rest", **more)
    home.pass_time(seconds=42)
    save(home, id_, "walk", "completed", **more)


def told(home: Care) -> list[Any]:
    """What is requested of the owner of MeasureReports: resources, and changes of them."""

    def look(session: Session) -> list[Asked]:
        return [session.requests.all(each.number)[0] for each in session.requests.all()]

    asked = home.stores["questionnaires"].glance(look)
    return [json.parse(each.wanted.body) for each in asked if each.wanted.type == "MeasureReport"]


def test_it_says_how_long_and_where_and_not_who(home: Care) -> None:
    write(home, "one", extension=[WARD])
    (report,) = told(home)
    assert report["group"][0]["measureScore"] == {
        "value": 42, "unit": "s", "system": "http://unitsofmeasure.org", "code": "s"
    }  # fmt: skip
    assert report["extension"] == [WARD]
    assert report["period"] == {"start": report["date"], "end": report["date"]}
    assert len(report["date"]) == len("2031-03-03")
    text = json.render({name: value for name, value in report.items() if name != "meta"}).decode()
    assert not any(each in text for each in ("lee", "ann", '"one"', "QuestionnaireResponse"))


def test_an_author_has_one_name(home: Care) -> None:
    for id_, who in (("one", "lee"), ("two", "lee"), ("three", "kim")):
        write(home, id_, author={"reference": f"PractitionerRole/{who}"})
    identifiers = [each["subject"]["identifier"] for each in told(home)]
    assert {each["system"] for each in identifiers} == {AUTHORS}
    assert len(identifiers) == 3
    assert len({each["value"] for each in identifiers}) == 2


def test_it_is_told_once(home: Care) -> None:
    write(home, "one")
    home.pass_time(seconds=30)
    save(home, "one", "run", "amended")
    assert len(told(home)) == 1


@pytest.mark.parametrize("who", [{"reference": "Patient/ann"}, {"display": "somebody"}])
def test_only_of_staff(home: Care, who: Resource) -> None:
    write(home, "one", author=who)
    assert told(home) == []


def test_what_came_at_once_has_no_time(home: Care) -> None:
    save(home, "one", "rest", "completed")
    assert told(home) == []


def test_what_was_entered_in_error_is_taken_back(home: Care) -> None:
    write(home, "one")
    save(home, "one", "walk", "entered-in-error")
    save(home, "one", "walk", "entered-in-error")
    _, change = told(home)
    assert change == [{"op": "replace", "path": "/status", "value": "error"}]

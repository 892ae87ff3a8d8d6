"""Patient/$match on both databases: candidates by indexes, the likeliest first, the merged by who is in their place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from support.records import Records, link
from support.stores import BASE

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"


def person(id_: str, **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id_,
        "identifier": [{"system": "urn:mrn", "value": id_}],
        "name": [{"family": "Testperson", "given": ["Erika"]}],
        "birthDate": "1980-03-04",
        "gender": "female",
        **members,
    }


def wanted(patient: dict[str, Any], **more: Any) -> dict[str, Any]:
    parts = [{"name": "resource", "resource": {"resourceType": "Patient", **patient}}]
    for name, value in more.items():
        parts.append({"name": name, "valueBoolean" if isinstance(value, bool) else "valueInteger": value})
    return {"resourceType": "Parameters", "parameter": parts}


@pytest.fixture
def records(store: SqlStore) -> Records:
    made = Records(store)
    made.put(person("one"))
    made.put(person("two", birthDate="1980-04-03", telecom=[{"system": "phone", "value": "555,01"}]))
    made.put(person("three", name=[{"family": "Somebody", "given": ["Else"]}], birthDate="1955-01-01"))
    return made


def matches(records: Records, body: dict[str, Any]) -> list[tuple[str, str, float]]:
    """(id, grade, score) in the order of the answer, whose form is checked."""
    answer = records.ask("POST", "Patient/$match", body)
    assert answer.status == 200, answer.body
    bundle = json.loads(answer.body)
    entries = [each for each in bundle.get("entry", []) if each["search"]["mode"] == "match"]
    assert (bundle["type"], bundle["total"]) == ("searchset", len(entries))
    found = []
    for each in entries:
        (extension,) = each["search"]["extension"]
        assert (extension["url"], each["fullUrl"]) == (GRADE, f"{BASE}/Patient/{each['resource']['id']}")
        found.append((each["resource"]["id"], extension["valueCode"], each["search"]["score"]))
    assert [score for *_, score in found] == sorted((score for *_, score in found), reverse=True)
    return found


NAME = {"name": [{"family": "testperson", "given": ["ERIKA"]}]}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"identifier": [{"system": "urn:mrn", "value": "three"}]}, [("three", "certain")]),
        ({**NAME, "birthDate": "1980-03-04", "gender": "female"}, [("one", "certain"), ("two", "possible")]),
        (
            {"telecom": [{"system": "phone", "value": "555,01"}], **NAME, "birthDate": "1980-04-03"},
            [("two", "certain"), ("one", "possible")],
        ),
        ({"name": [{"family": "Nobody", "given": ["Here"]}], "birthDate": "1980-03-04"}, []),
        ({"identifier": [{"system": "urn:a|b$c,d", "value": "x\\y"}]}, []),
    ],
)  # fmt: skip
def test_who_it_may_be_with_grades(records: Records, asked: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert [(id_, grade) for id_, grade, _ in matches(records, wanted(asked))] == found


def test_the_merged_are_answered_by_who_is_in_their_place(records: Records) -> None:
    records.put(person("two", birthDate="1980-04-03", active=False) | {"link": [link("three")]})
    records.put(person("three", name=[{"family": "Somebody"}], birthDate="1955-01-01") | {"link": [link("one")]})
    assert [
        (id_, grade)
        for id_, grade, _ in matches(records, wanted({"identifier": [{"system": "urn:mrn", "value": "two"}]}))
    ] == [("one", "certain")]


def test_only_certain_matches_are_one_or_none(records: Records) -> None:
    asked = {**NAME, "birthDate": "1980-03-04", "gender": "female"}
    assert [id_ for id_, *_ in matches(records, wanted(asked, onlyCertainMatches=True))] == ["one"]
    records.put(person("again"))
    assert [id_ for id_, *_ in matches(records, wanted(asked))] == ["again", "one", "two"]
    assert matches(records, wanted(asked, onlyCertainMatches=True)) == []
    bundle = json.loads(records.ask("POST", "Patient/$match", wanted(asked, onlyCertainMatches=True)).body)
    assert bundle["entry"][0]["resource"]["issue"][0]["code"] == "multiple-matches"
    assert [id_ for id_, *_ in matches(records, wanted(asked, count=1))] == ["again"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (wanted({"gender": "female"}), 422, "required"),
        (wanted({"birthDate": "1980-03-04"}), 422, "required"),
        (wanted({"birthDate": "1980-02-30"}), 422, "value"),
        ({"resourceType": "Parameters"}, 400, "required"),
        (wanted({"resourceType": "Basic", "code": {"text": "x"}}), 400, "invalid"),
        (wanted(NAME, count=0), 400, "value"),
        (wanted(NAME, count=True), 400, "value"),
        (wanted(NAME, onlyCertainMatches=1), 400, "value"),
        (wanted(NAME, other=1), 400, "not-supported"),
        ({"resourceType": "Patient"}, 400, "invalid"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(records: Records, body: dict[str, Any], status: int, code: str) -> None:
    answer = records.ask("POST", "Patient/$match", body)
    assert (answer.status, json.loads(answer.body)["issue"][0]["code"]) == (status, code), answer.body


def test_a_get_says_what_is_needed(records: Records) -> None:
    assert records.ask("GET", "Patient/$match").status == 400


def test_the_operations_are_declared(records: Records) -> None:
    statement = json.loads(records.ask("GET", "metadata").body)
    declared = next(each for each in statement["rest"][0]["resource"] if each["type"] == "Patient")["operation"]
    assert {"match", "merge", "unmerge"} <= {each["name"] for each in declared}

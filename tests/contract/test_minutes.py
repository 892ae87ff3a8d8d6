"""The minutes of a huddle: who was there, what was decided, and who does it until when; once, and for good."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support import oracle
from support.care import Care, care, department_team, organization, part, patient, person_team, practitioner, role

FOLDER = Path(__file__).parents[2] / "fhir_profiles"
PATH = "CareTeam/home/$huddle-minutes"
IDENTIFIER = {"system": "http://care.example/huddles", "value": "7"}


@pytest.fixture
def team(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """A department with a team of two, of which Ada leads, and two people."""
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(organization("home"), practitioner("ada"), practitioner("bo"), practitioner("gone", active=False))
        made.tell(role("ada-home", "ada", "home"), role("ada-once", "ada", "home", period={"end": "2030-01-01"}))
        made.tell(patient("ann"), patient("ben"))
        made.put(person_team("of-ann", "ann", part("Practitioner/ada")))
        made.put(person_team("of-ben", "ben", part("Practitioner/ada")))
        made.put(department_team("home", "home", part("Practitioner/ada"), part("Practitioner/bo", "on-call")))
        yield made


def ref(name: str, reference: str) -> Resource:
    return {"name": name, "valueReference": {"reference": reference}}


def text(name: str, said: str) -> Resource:
    return {"name": name, "valueString": said}


def decision(said: str = "Arrange a ride", /, **changed: Any) -> Resource:
    parts = {
        "text": text("text", said),
        "owner": ref("owner", "Practitioner/bo"),
        "due": {"name": "due", "valueDate": "2031-03-05"},
        "decided-by": ref("decided-by", "Practitioner/ada"),
        **changed,
    }
    return {"name": "decision", "part": [each for each in parts.values() if each]}


def person(id_: str, *decisions: Resource, note: str = "Missed two visits.") -> Resource:
    return {"name": "person", "part": [ref("patient", f"Patient/{id_}"), text("note", note), *decisions]}


def minutes(*people: Resource, identifier: Resource | None = None) -> list[Resource]:
    """The parameters of a huddle of Ada's that Bo was not at."""
    named = [{"name": "identifier", "valueIdentifier": identifier}] if identifier else []
    return [ref("present", "Practitioner/ada"), ref("absent", "Practitioner/bo"), *named, *people]


def told(answer: Resource) -> tuple[str, list[str], bool]:
    """The minutes, the Tasks and whether they are new."""
    parts = answer["parameter"]
    named = next(each["valueReference"]["reference"] for each in parts if each["name"] == "minutes")
    tasks = [each["valueReference"]["reference"] for each in parts if each["name"] == "decision"]
    return named, tasks, next(each["valueBoolean"] for each in parts if each["name"] == "new")


def issues(of: Care, *parts: Resource, **more: Any) -> tuple[int, list[tuple[str, str]]]:
    status, found = of.refusal("POST", PATH, {"resourceType": "Parameters", "parameter": list(parts)}, **more)
    return status, [(each["code"], each.get("expression", [""])[0]) for each in found]


def test_a_huddle_is_recorded_with_a_task_for_each_decision_and_a_document(team: Care) -> None:
    answer = team.operate("POST", PATH, *minutes(person("ann", decision()), person("ben")))
    named, (task_path,), new = told(answer)
    assert new
    made, task = team.read(named), team.read(task_path)
    assert [each for one in (made, task) for each in validate(one) if each.severity == "error"] == []
    attended = {each["reference"]: each["extension"][0]["valueCode"] for each in made["recipient"][1:]}
    assert attended == {"Practitioner/ada": "present", "Practitioner/bo": "absent"}
    assert (task["owner"], task["requester"]) == ({"reference": "Practitioner/bo"}, {"reference": "Practitioner/ada"})
    assert (task["for"], task["basedOn"]) == ({"reference": "Patient/ann"}, [{"reference": named}])
    assert task["restriction"]["period"]["end"] == "2031-03-05"
    team.send()
    (bundle,) = team.found("Bundle?_id=" + made["payload"][0]["contentReference"]["reference"].partition("/")[2])
    assert [each for each in validate(bundle) if each.severity == "error"] == []
    kinds = [each["resource"]["resourceType"] for each in bundle["entry"]]
    assert (bundle["type"], kinds[:2]) == ("document", ["Composition", "Task"])


@pytest.mark.parametrize("way", ["identifier", "header"])
def test_said_again_it_is_recorded_once(team: Care, way: str) -> None:
    parts = minutes(person("ann", decision()), identifier=IDENTIFIER if way == "identifier" else None)
    headers = {"Idempotency_Key": "huddle-7"} if way == "header" else {}
    first = told(team.operate("POST", PATH, *parts, **headers))
    again = told(team.operate("POST", PATH, *parts, **headers))
    assert (first[:2], first[2], again[2]) == (again[:2], True, False)
    other = minutes(person("ann", decision("Something else")), identifier=IDENTIFIER if way == "identifier" else None)
    assert issues(team, *other, headers=headers) == (409, [("duplicate", "")])
    assert len(team.found("Task?code=huddle-decision")) == 1


def of_code(of: Care, code: str) -> list[Resource]:
    return of.found(f"Task?code={code}&_sort=_id")


def test_amended_minutes_keep_their_history_and_their_tasks(team: Care) -> None:
    key = {"name": "id", "valueString": "ride"}
    first = minutes(person("ann", decision(id=key), decision("Call her")), identifier=IDENTIFIER)
    named = told(team.operate("POST", PATH, *first))[0]
    ride, _ = sorted(of_code(team, "huddle-decision"), key=lambda each: each["description"])
    team.put({**ride, "status": "in-progress", "note": [{"text": "Asked the driver."}]})
    later = decision("Arrange a taxi", id=key, due={"name": "due", "valueDate": "2031-03-07"})
    why = [ref("amends", named), text("reason", "It was a taxi.")]
    again = minutes(person("ann", later), person("ben", decision("Write to him"))) + why
    changed, now, new = told(team.operate("POST", PATH, *again))
    assert (changed, new, len(now)) == (named, True, 3)
    found = {each["description"]: each for each in of_code(team, "huddle-decision")}
    assert {said: each["status"] for said, each in found.items()} == {
        "Arrange a taxi": "in-progress", "Call her": "cancelled", "Write to him": "requested",
    }  # fmt: skip
    taxi = found["Arrange a taxi"]
    assert (taxi["id"], taxi["note"][0]["text"]) == (ride["id"], "Asked the driver.")
    assert taxi["restriction"]["period"]["end"] == "2031-03-07"
    made = team.read(named)
    assert (made["meta"]["versionId"], made["note"][0]["text"]) == ("2", "It was a taxi.")
    assert made["identifier"] == [IDENTIFIER]
    for parts in (again, first):
        assert told(team.operate("POST", PATH, *parts)) == (named, now, False), "said again it changes nothing"
    assert team.read(named)["meta"]["versionId"] == "2"
    team.send()
    before, after = sorted(team.found("Bundle?type=document"), key=lambda each: each["timestamp"])
    assert {before["entry"][0]["resource"]["status"], after["entry"][0]["resource"]["status"]} == {"final", "amended"}


def test_the_oracle_finds_no_error_in_what_is_written(team: Care) -> None:
    oracle.needed()
    parts = [*minutes(person("ann", decision()), person("ben")), text("text", "A <quiet> week & no more.")]
    named, _, _ = told(team.operate("POST", PATH, *parts))
    why = [ref("amends", named), text("reason", "Somebody was missing.")]
    team.operate("POST", PATH, *minutes(person("ann", decision("Call her"))), *why)
    team.pass_time(days=3)
    team.fire()
    team.send()
    made = [*team.found("Communication"), *team.found("Bundle?type=document")]
    made += [*of_code(team, "huddle-decision"), *of_code(team, "overdue-decision")]
    found = oracle.judge([json.render(each) for each in made], guides=(FOLDER,))
    assert len(found) == 6
    assert [oracle.errors(each) for each in found] == [[]] * 6


def test_what_is_done_stays_done_when_minutes_are_amended(team: Care) -> None:
    named, (path,), _ = told(team.operate("POST", PATH, *minutes(person("ann", decision()))))
    team.put({**team.read(path), "status": "completed"})
    team.operate(
        "POST", PATH, *minutes(person("ann", decision())), ref("amends", named), text("reason", "A typing error.")
    )
    assert [each["status"] for each in of_code(team, "huddle-decision")] == ["completed"]


def test_a_decision_past_its_date_comes_back_and_its_lead_is_told_once(team: Care) -> None:
    _, (path,), _ = told(team.operate("POST", PATH, *minutes(person("ann", decision()))))
    team.pass_time(days=1)
    team.fire()
    assert of_code(team, "overdue-decision") == []
    assert "decision-overdue" not in str(team.operate("GET", "CareTeam/home/$huddle"))
    team.pass_time(days=2)
    team.fire()
    team.fire()
    (alarm,) = of_code(team, "overdue-decision")
    assert [each for each in validate(alarm) if each.severity == "error"] == []
    assert (alarm["owner"], alarm["priority"]) == ({"reference": "Practitioner/ada"}, "urgent")
    assert alarm["focus"]["reference"] == path
    assert "decision-overdue" in str(team.operate("GET", "CareTeam/home/$huddle"))
    team.put({**team.read(path), "status": "completed"})
    assert [each["status"] for each in of_code(team, "overdue-decision")] == ["completed"]
    assert "decision" not in str(team.operate("GET", "CareTeam/home/$huddle"))


def test_a_later_date_settles_what_the_lead_was_told(team: Care) -> None:
    _, (path,), _ = told(team.operate("POST", PATH, *minutes(person("ann", decision()))))
    team.pass_time(days=3)
    team.fire()
    team.put({**team.read(path), "restriction": {"period": {"end": "2031-03-10"}}})
    assert [each["status"] for each in of_code(team, "overdue-decision")] == ["completed"]
    team.pass_time(days=7)
    team.fire()
    assert [each["status"] for each in of_code(team, "overdue-decision")] == ["requested"], "it is late again"


def test_the_next_huddle_begins_where_the_last_was(team: Care) -> None:
    named, _, _ = told(team.operate("POST", PATH, *minutes(person("ann", decision()))))
    team.pass_time(days=1)
    answer = team.operate("GET", "CareTeam/home/$huddle")["parameter"]
    said = {each["name"]: each for each in answer if each["name"] != "person"}
    assert said["previous"]["valueReference"]["reference"] == named
    assert said["since"]["valueInstant"] == "2031-03-03T08:00:00.000Z"
    assert "huddle-minutes" not in str(team.operate("GET", "CareTeam/of-ann/$huddle"))


def test_imported_history_rings_no_bell(team: Care) -> None:
    old = [decision(due={"name": "due", "valueDate": "2030-02-01"}, owner=ref("owner", "Practitioner/gone"))]
    held = {"name": "held", "valueInstant": "2030-01-01T08:00:00Z"}
    body = {"resourceType": "Parameters", "parameter": [held, *minutes(person("ann", *old))]}
    assert team.ask("POST", PATH, body, backfill=True).status == 200
    team.pass_time(days=30)
    team.fire()
    assert of_code(team, "overdue-decision") == []
    assert len(of_code(team, "huddle-decision")) == 1


LIST, INNER = "Parameters.parameter", "Parameters.parameter[2]"
DECISION = f"{INNER}.part[2]"
WRONG: list[tuple[str, list[Resource], int, list[tuple[str, str]]]] = [
    ("nobody was there", [person("ann")], 422, [("required", LIST)]),
    ("no owner", minutes(person("ann", decision(owner=None))), 422, [("required", DECISION)]),
    ("no date", minutes(person("ann", decision(due=None))), 422, [("required", DECISION)]),
    ("no text", minutes(person("ann", decision(text=None))), 422, [("required", DECISION)]),
    ("nobody decided", minutes(person("ann", {"name": "decision", "part": decision()["part"][:3]})), 422,
     [("required", DECISION)]),
    ("who decided was absent", minutes(person("ann", decision(**{"decided-by": ref("decided-by", "Practitioner/bo")}))),
     422, [("business-rule", DECISION)]),
    ("due before", minutes(person("ann", decision(due={"name": "due", "valueDate": "2031-03-01"}))), 422,
     [("business-rule", DECISION)]),
    ("due in a month", minutes(person("ann", decision(due={"name": "due", "valueDate": "2031-04"}))), 422,
     [("value", DECISION)]),
    ("a priority of ours", minutes(person("ann", decision(p=text("priority", "soon")))), 422,
     [("code-invalid", DECISION)]),
    ("an owner who is not here", minutes(person("ann", decision(owner=ref("owner", "Practitioner/none")))), 422,
     [("business-rule", DECISION)]),
    ("an owner who has left", minutes(person("ann", decision(owner=ref("owner", "Practitioner/gone")))), 422,
     [("business-rule", DECISION)]),
    ("a role that is over", minutes(person("ann", decision(owner=ref("owner", "PractitionerRole/ada-once")))), 422,
     [("business-rule", DECISION)]),
    ("an owner of no kind", minutes(person("ann", decision(owner=ref("owner", "Location/1")))), 422,
     [("value", f"{DECISION}.part[1]")]),
    ("twice the same", minutes(person("ann", decision(), decision())), 422, [("duplicate", f"{INNER}.part[3]")]),
    ("a person twice", minutes(person("ann"), person("ann")), 422, [("duplicate", f"{LIST}[3]")]),
    ("a person who is not here", minutes(person("none")), 422, [("not-found", INNER)]),
    ("an unknown part", minutes({"name": "person", "part": [ref("patient", "Patient/ann"), text("mood", "x")]}), 422,
     [("not-supported", f"{INNER}.part[1].name")]),
    ("held tomorrow", [*minutes(), {"name": "held", "valueInstant": "2031-03-04T08:00:00Z"}], 422,
     [("business-rule", f"{LIST}[2]")]),
    ("held on some day", [*minutes(), {"name": "held", "valueDateTime": "2031-03-01"}], 422, [("value", f"{LIST}[2]")]),
    ("there and not there", [*minutes(), ref("absent", "Practitioner/ada")], 422, [("business-rule", LIST)]),
    ("somebody who is not here", [*minutes(), ref("present", "Practitioner/none")], 422, [("not-found", LIST)]),
    ("amended without a reason", [*minutes(), ref("amends", "Communication/1")], 422, [("required", LIST)]),
    ("amended what is none", [*minutes(), ref("amends", "Communication/1"), text("reason", "x")], 422,
     [("not-found", "amends")]),
    ("an identifier without a system", [*minutes(), {"name": "identifier", "valueIdentifier": {"value": "7"}}], 422,
     [("required", LIST)]),
    ("an unknown parameter", [*minutes(), text("mood", "good")], 400, [("not-supported", "mood")]),
]  # fmt: skip


def test_what_is_wrong_is_told_with_its_place_and_nothing_is_written(team: Care) -> None:
    for why, parts, status, found in WRONG:
        assert issues(team, *parts) == (status, found), why
    assert issues(team, *minutes(person("ann", decision(owner=None, due=None))))[1] == [("required", DECISION)] * 2
    assert team.found("Communication") == team.found("Task?code=huddle-decision") == []
    body = {"resourceType": "Parameters", "parameter": minutes()}
    assert team.ask("POST", "CareTeam/none/$huddle-minutes", body).status == 404
    assert team.ask("GET", PATH).status == 405


def test_two_who_record_the_same_at_once_record_it_once(team: Care) -> None:
    body = {"resourceType": "Parameters", "parameter": minutes(person("ann", decision()), identifier=IDENTIFIER)}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: team.ask("POST", PATH, body), range(4)))
    assert [each.status for each in answers] == [200] * 4
    assert sorted(told(json.parse_object(each.body))[2] for each in answers) == [False, False, False, True]
    assert len(of_code(team, "huddle-decision")) == len(team.found("Communication")) == 1

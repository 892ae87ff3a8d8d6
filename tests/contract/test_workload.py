"""How much lies on each member is counted, told once a day, and seen by whoever leads while it is too much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support.care import OURS, Care, care, patient, practitioner, role
from support.navigation import TASKS, assessment, navigator, staff

HOURS = [
    {
        "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
        "availableStartTime": "09:00:00",
        "availableEndTime": "17:00:00",
    }
]


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "scheduling", "careteams")) as made:
        yield made


def limit(code: str, most: int) -> Resource:
    parts = [{"url": "code", "valueCode": code}, {"url": "most", "valueInteger": most}]
    return {"url": OURS + "workload-limit", "extension": parts}


def task(id_: str, owner: str, **members: Any) -> Resource:
    return {
        "resourceType": "Task", "id": id_, "status": "requested", "intent": "order", "owner": {"reference": owner},
        "code": {"coding": [{"system": TASKS, "code": "activity"}]}, **members,
    }  # fmt: skip


def facts(answer: Resource) -> dict[str, int]:
    """The counts of a workload, by code."""
    found = [each["part"] for each in answer["parameter"] if each["name"] == "fact"]
    return {part[0]["valueCode"]: part[1]["valueUnsignedInt"] for part in found}


def flags(home: Care) -> list[Resource]:
    return [
        each for each in home.found("Flag?_sort=_lastUpdated") if each["subject"]["reference"] == "Practitioner/nina"
    ]


def test_what_lies_on_a_person_is_counted_over_all_their_roles(home: Care) -> None:
    home.tell(practitioner("nina"), role("one", "nina", "heart"), role("two", "nina", "eyes"))
    home.put(task("t1", "PractitionerRole/one", restriction={"period": {"end": home.at(hours=-1)}}))
    home.put(task("t2", "PractitionerRole/two", restriction={"period": {"end": home.at(hours=1)}}))
    home.put(task("t3", "Practitioner/nina"))
    home.put(task("t4", "Practitioner/nina", status="completed"))
    home.put(task("t5", "Practitioner/other"))
    answer = home.operate("GET", "PractitionerRole/one/$workload")
    assert facts(answer) == {"open-tasks": 3, "overdue-tasks": 1, "caseload": 0, "accountable": 0}
    hours = next(each["valueCode"] for each in answer["parameter"] if each["name"] == "hours")
    assert hours == "unknown", "nothing is after hours that nobody has named"
    all_ = home.operate("GET", "CareTeam/$workload?department=Organization/eyes")
    assert [each["name"] for each in all_["parameter"]] == ["total", "workload"]


def test_after_hours_is_what_was_sent_finished_or_attended_outside_of_them(home: Care) -> None:
    home.tell(practitioner("nina"), role("one", "nina", "heart", availableTime=HOURS))
    sent = {"resourceType": "Communication", "status": "completed", "sender": {"reference": "PractitionerRole/one"}}
    for number, moment in enumerate(("2031-03-03T07:30:10Z", "2031-03-03T07:30:50Z", "2031-02-28T16:00:00Z")):
        home.put({**sent, "id": f"c{number}", "sent": moment})
    home.put(task("t1", "Practitioner/nina", status="completed", executionPeriod={"end": "2031-03-01T10:00:00Z"}))
    times = {"start": "2031-02-27T16:30:00Z", "end": "2031-02-27T18:00:00Z", "status": "fulfilled"}
    who = [{"actor": {"reference": "Practitioner/nina"}, "status": "accepted"}]
    visit = {"resourceType": "Appointment", "id": "late", "participant": who, **times}
    home.tell(visit, {**visit, "id": "called-off", "status": "cancelled"})
    found = facts(home.operate("GET", "PractitionerRole/one/$workload"))
    assert (found["after-hours-writes"], found["after-hours-minutes"]) == (2, 60)
    day = facts(home.operate("GET", "PractitionerRole/one/$workload?start=2031-03-01&end=2031-03-02"))
    assert (day["after-hours-writes"], day["after-hours-minutes"]) == (1, 0)


def test_too_much_is_a_flag_about_the_person_until_it_is_over(home: Care) -> None:
    where = {"resourceType": "Organization", "id": "heart", "name": "Heart", "extension": [limit("open-tasks", 1)]}
    home.tell(where, practitioner("nina"), role("one", "nina", "heart"))
    for number in range(2):
        home.put(task(f"t{number}", "PractitionerRole/one", **{"for": {"reference": "Patient/ann"}}))
    home.pass_time(days=1)
    home.fire()
    (flag,) = flags(home)
    assert [issue for issue in validate(flag) if issue.severity == "error"] == []
    assert (flag["status"], flag["author"]["reference"]) == ("active", "Organization/heart")
    assert "Ask how they are doing" in flag["code"]["text"]
    assert b"Patient/ann" not in json.render(flag)
    answer = home.operate("GET", "PractitionerRole/one/$workload")
    assert answer["parameter"][-1]["valueReference"]["reference"] == f"Flag/{flag['id']}"
    home.pass_time(days=1)
    home.fire()
    assert len(flags(home)) == 1, "one, while it lasts"
    home.put(task("t1", "PractitionerRole/one", status="completed", **{"for": {"reference": "Patient/ann"}}))
    home.pass_time(days=1)
    home.fire()
    assert (flags(home)[0]["status"], "end" in flags(home)[0]["period"]) == ("inactive", True)


def test_who_has_more_than_is_counted_is_over_any_limit(home: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.careteams.workload.measuring.MOST", 2)
    extension = [limit("open-tasks", 100)]
    home.tell(practitioner("nina"), role("one", "nina", "heart", availableTime=HOURS, extension=extension))
    for number in range(2):
        home.put(task(f"t{number}", "PractitionerRole/one"))
    home.pass_time(days=1)
    home.fire()
    assert flags(home) == []
    for number in range(2, 5):
        home.put(task(f"t{number}", "PractitionerRole/one"))
        home.put(task(f"d{number}", "PractitionerRole/one", status="completed", executionPeriod={"end": home.at()}))
    home.pass_time(days=1)
    home.fire()
    assert [flag["status"] for flag in flags(home)] == ["active"]
    assert facts(home.operate("GET", "PractitionerRole/one/$workload"))["open-tasks"] == 3
    assert home.store.glance(lambda session: session.timers.failing(10)) == []


def test_who_leaves_has_no_flag_any_more(home: Care) -> None:
    home.tell(practitioner("nina"), role("one", "nina", "heart", extension=[limit("open-tasks", 0)]))
    home.put(task("t1", "PractitionerRole/one"))
    home.pass_time(days=1)
    home.fire()
    home.tell(role("one", "nina", "heart", active=False))
    home.fire()
    assert [each["status"] for each in flags(home)] == ["inactive"]
    home.pass_time(days=2)
    assert home.fire() == 0


def test_a_caseload_over_its_limit_is_too_much(home: Care) -> None:
    staff(home, "nina", 2)
    for who in ("ann", "ben"):
        home.tell(patient(who))
        home.put(assessment(f"risk-{who}", who))
    home.fire()
    home.tell(navigator("nina", 1))
    home.pass_time(days=1)
    home.fire()
    flagged = [each for each in home.found("Flag") if each["subject"]["reference"] == "Practitioner/who-nina"]
    assert [each["code"]["coding"][0]["code"] for each in flagged] == ["workload"]


def test_the_facts_of_a_day_are_told_once_for_each_person(home: Care) -> None:
    home.tell(practitioner("nina"), role("one", "nina", "heart", availableTime=HOURS), role("two", "nina", "eyes"))
    home.pass_time(days=1)
    home.fire()
    asked = [each.wanted for each in home.store.glance(lambda session: session.requests.all())]
    (report,) = [each for each in asked if each.type == "MeasureReport"]
    body = json.parse_object(_body(home, report.id))
    assert [issue for issue in validate(body) if issue.severity == "error"] == []
    assert body["subject"]["reference"] == "Practitioner/nina"
    assert [each["code"]["coding"][0]["code"] for each in body["group"]] == [
        "open-tasks", "overdue-tasks", "caseload", "accountable", "after-hours-writes", "after-hours-minutes",
    ]  # fmt: skip


def _body(home: Care, id_: str) -> bytes:
    def find(session: Any) -> bytes:
        number = next(each.number for each in session.requests.all() if each.wanted.id == id_)
        found: bytes = session.requests.all(number)[0].wanted.body
        return found

    return home.store.glance(find)


@pytest.mark.parametrize(
    ("path", "status", "where"),
    [
        ("PractitionerRole/absent/$workload", 404, None),
        ("PractitionerRole/one/$workload?start=2031-03-03&end=2031-03-01", 400, "start"),
        ("PractitionerRole/one/$workload?start=2030-01-01&end=2031-03-01", 400, "start"),
        ("PractitionerRole/one/$workload?start=soon", 400, "start"),
        ("PractitionerRole/one/$workload?mood=good", 400, "mood"),
        ("CareTeam/$workload", 400, "department"),
        ("CareTeam/$workload?department=Organization/heart&_count=0", 400, "_count"),
    ],
)
def test_what_cannot_be_asked_is_refused(home: Care, path: str, status: int, where: str | None) -> None:
    home.tell(practitioner("nina"), role("one", "nina", "heart"))
    found, (issue,) = home.refusal("GET", path)
    assert (found, issue.get("expression", [None])) == (status, [where])

"""Dates at the edge of the calendar, as an open end is often written: care teams answer, and their timers go on.

An offset carries such a date over the edge, where a moment has no date in UTC any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.care import Care, care, department_team, organization, part, patient, person_team, practitioner, role

ONE, TWO = "PractitionerRole/r-one", "PractitionerRole/r-two"
EDGES = ("9999-12-31", "9999-12-31T23:59:59-14:00", "0001-01-01", "0001-01-01T00:00:00+14:00")


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(organization("eyes"), patient("ann"))
        for name in ("one", "two"):
            made.tell(practitioner(name), role(f"r-{name}", name, "eyes"))
        made.put(department_team("eyes", "eyes", part(ONE)))
        made.fire()
        yield made


def subject(code: str) -> Resource:
    return {"subject": {"reference": "Patient/ann"}, "code": {"text": code}}


def teams(date: str) -> list[Resource]:
    """Leads with such an end, begin or hour; where it is one of long ago nobody leads, which is to be refused."""
    whole = {"period": {"start": date}} if date.startswith("0") else {"period": {"end": date}}
    return [
        person_team("a", "ann", part(ONE, end=date)),
        person_team("a", "ann", part(ONE, start=date)),
        person_team("a", "ann", part(ONE, end=date), part(TWO, start=date)),
        person_team("a", "ann", part(ONE), part(TWO, start=date, end=date)),
        person_team("a", "ann", part(ONE, until=date)),
        person_team("a", "ann", part(ONE)) | whole,
    ]


def plan(date: str, **timing: object) -> Resource:
    detail = {"status": "in-progress", "code": {"coding": [{"code": "1"}]}, **timing}
    return {
        "resourceType": "CarePlan", "id": "p", "status": "active", "intent": "plan", "period": {"start": date},
        "subject": {"reference": "Patient/ann"}, "activity": [{"detail": detail}],
    }  # fmt: skip


def plans(date: str) -> list[Resource]:
    weekly = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}}
    bounded = {"repeat": {**weekly["repeat"], "boundsPeriod": {"start": date, "end": date}}}
    return [
        plan("2031-03-01", scheduledTiming={"event": [date]}),
        plan("2031-03-01", scheduledTiming=bounded),
        plan("2031-03-01", scheduledPeriod={"start": date, "end": date}),
        plan(date, scheduledTiming=weekly),
    ]


def settled(practice: Care) -> None:
    """Timers run, and none fails and is put off."""
    practice.fire()
    assert practice.store.glance(lambda session: session.timers.failing(10)) == []


@pytest.mark.parametrize("date", EDGES)
def test_a_team(practice: Care, date: str) -> None:
    for team in teams(date):
        answer = practice.ask("PUT", "CareTeam/a", team)
        assert answer.status in (200, 201, 422), answer.body
        assert practice.ask("GET", "Patient/ann/$accountable").status == 200
        assert practice.ask("GET", "CareTeam/$gaps").status in (200, 400)
        settled(practice)


@pytest.mark.parametrize("date", EDGES)
def test_a_plan(practice: Care, date: str) -> None:
    for each in plans(date):
        assert practice.ask("PUT", "CarePlan/p", each).status in (200, 201)
        answer = practice.ask("GET", "CarePlan/p/$adherence")
        assert answer.status == 200, answer.body
        settled(practice)


@pytest.mark.parametrize("date", EDGES)
def test_a_huddle(practice: Care, date: str) -> None:
    practice.put(person_team("a", "ann", part(ONE)))
    task = {
        "resourceType": "Task", "id": "t", "status": "requested", "intent": "order",
        "meta": {"source": "http://ehr.example"}, "for": {"reference": "Patient/ann"},
        "code": {"coding": [{"system": "https://carethread.dev/fhir/CodeSystem/careteam-task", "code": "activity"}]},
        "authoredOn": date, "restriction": {"period": {"end": date}},
    }  # fmt: skip
    flag = {"resourceType": "Flag", "id": "f", "status": "active", "period": {"start": date}, **subject("x")}
    for each in (task, flag):
        assert practice.ask("PUT", f"{each['resourceType']}/{each['id']}", each).status in (200, 201)
        answer = practice.ask("GET", "CareTeam/eyes/$huddle")
        assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("path", "name", "others"),
    [
        ("Communication/$notice", "acknowledge-by", (("recipient", ONE), ("sender", ONE), ("text", "x"))),
        ("CareTeam/a/$huddle-minutes", "held", (("present", ONE), ("recorder", ONE), ("text", "x"))),
        ("Task/$hand-off", "deadline", (("patient", "Patient/ann"), ("to", TWO), ("kind", "care"))),
        ("Task/$hand-off", "result-by", (("patient", "Patient/ann"), ("to", TWO), ("kind", "referral"))),
        ("Task/$hand-off", "end-of-shift", (("patient", "Patient/ann"), ("to", TWO), ("kind", "shift"))),
    ],
)
def test_what_is_given_to_an_operation(
    practice: Care, path: str, name: str, others: tuple[tuple[str, str], ...]
) -> None:
    practice.put(person_team("a", "ann", part(ONE), department="eyes"))
    for date in EDGES:
        given: list[Resource] = [{"name": name, "valueInstant" if "T" in date else "valueDateTime": date}]
        for each, value in others:
            said = {"valueReference": {"reference": value}} if "/" in value else {"valueString": value}
            given.append({"name": each, **said})
        answer = practice.ask("POST", path, {"resourceType": "Parameters", "parameter": given})
        assert answer.status in (200, 201, 400, 409, 422), answer.body
        settled(practice)


def test_what_is_asked_of_a_moment(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE)))
    for date in EDGES:
        for path in (f"PractitionerRole/r-one/$workload?end={date}", f"Patient/ann/$accountable?at={date}"):
            answer = practice.ask("GET", path)
            assert answer.status in (200, 400), answer.body

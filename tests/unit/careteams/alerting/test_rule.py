"""Who is called to a critical answer, and what may be done with a call; on resources in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from carethread.careteams.alerting.call import called, due
from carethread.careteams.alerting.chain import chain, department, following, next_of
from carethread.careteams.alerting.rule import call_written
from carethread.careteams.tasks import TASKS
from carethread.careteams.teams.people import DEPARTMENT_TEAM
from carethread.core.context import Context
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir import json
from carethread.core.fhir.search.query import SearchQuery
from carethread.core.ports import FOREVER, Answering, Key, Page, Resource, Session, Stored
from carethread.core.service import Unit
from support.care import OURS, department_team, part, person_team, practitioner, role

NOW = 1_930_000_000_000_000
MINUTE = 60_000_000
BASE = "http://localhost/fhir"


_TEAMS = {f"Organization/{each}": f"CareTeam/{each}s" for each in ("clinic", "house", "lone")}


class Memory:
    """As much of a session as is needed: resources, the teams of departments, who answers for whom."""

    def __init__(self, *resources: Resource) -> None:
        self.known = {(each["resourceType"], each["id"]): each for each in resources}
        self.departments: dict[Key, str] = {}

    @property
    def register(self) -> object:
        ann = Answering("Patient/ann", 0, FOREVER, "Practitioner/doctor", "CareTeam/anns")
        there = ("CareTeam", "anns") in self.known
        return SimpleNamespace(at=lambda patients, moment: {"Patient/ann": ann} if there else {})

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> Mapping[Key, Stored]:
        return {
            key: Stored(*key, 1, 0, False, json.render(self.known[key]), department=self.departments.get(key, ""))
            for key in keys
            if key in self.known
        }

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        teams = _TEAMS if kind == DEPARTMENT_TEAM else {}
        return {each: teams[each] for each in keys if each in teams}

    def search(self, query: SearchQuery, count: int) -> Page:
        """The teams of departments; of people nothing is found."""
        keys = [key for key in self.known if key[0] == query.type == "CareTeam" and key[1] != "anns"]
        is_of_somebody = "patient" in dict(query.used)
        return Page([] if is_of_somebody else list(self.current(keys).values()), "")

    def kin(self, ids: Iterable[str]) -> list[str]:
        return list(ids)

    def referring(self, targets: object, paths: object, count: int) -> list[Key]:
        return []


def practice(*more: Resource) -> Memory:
    return Memory(
        *(practitioner(each) for each in ("duty", "second", "lead", "above", "doctor")),
        department_team("houses", "house", part("Practitioner/above", "on-call")),
        department_team(
            "clinics", "clinic", part("Practitioner/lead"),
            part("Practitioner/duty", "on-call", backup="Practitioner/second"), up="CareTeam/houses",
        ),
        person_team("anns", "ann", part("Practitioner/doctor"), department="clinic"),
        *more,
    )  # fmt: skip


def unit(session: Memory, now: int = NOW) -> Unit:
    return cast(
        "Unit", SimpleNamespace(session=session, now=now, base_url=BASE, context=Context(), own=False, if_match=None)
    )


def call(**members: Any) -> Resource:
    coding = [{"system": TASKS, "code": "critical-answer"}]
    return {
        "resourceType": "Task", "id": "t", "status": "requested", "intent": "order", "priority": "stat",
        "code": {"coding": coding}, "for": {"reference": "Patient/ann"}, **members,
    }  # fmt: skip


def people(session: Memory, task: Resource) -> list[str]:
    real = cast("Session", session)
    return [each.partition("/")[2] for each in chain(real, task, department(real, task, NOW, BASE), NOW, BASE)]


def written(session: Memory, before: Resource | None, after: Resource, now: int = NOW) -> Resource:
    return call_written(unit(session, now), before, after, "t").resource or after


def test_the_chain_of_a_department_with_who_stands_in_and_last_who_answers_for_the_person() -> None:
    assert people(practice(), call()) == ["duty", "second", "lead", "above", "doctor"]


def test_one_person_is_called_once_in_whichever_role() -> None:
    session = practice(role("lead-role", "lead", "clinic"))
    team = session.known["CareTeam", "clinics"]
    team["participant"].append(part("PractitionerRole/lead-role", "on-call"))
    assert people(session, call()) == ["duty", "second", "lead-role", "above", "doctor"]


def test_who_has_left_is_passed_over() -> None:
    assert people(practice(practitioner("duty", active=False)), call()) == ["lead", "above", "doctor"]


def test_round_again_and_who_is_unknown_begins() -> None:
    session = cast("Session", practice())
    order = ["Practitioner/a", "Practitioner/b"]
    asked = ["", "Practitioner/a", "Practitioner/b", "Practitioner/gone"]
    assert [following(session, order, each, NOW, BASE)[-1] for each in asked] == ["a", "b", "a", "a"]
    assert following(session, [], "Practitioner/a", NOW, BASE) == ""


def test_the_department_is_that_of_the_visit_before_that_of_the_team() -> None:
    visit = {"resourceType": "Encounter", "id": "1", "appointment": [{"reference": "Appointment/1"}]}
    session = practice(visit, {"resourceType": "Appointment", "id": "1"})
    task, real = call(encounter={"reference": "Encounter/1"}), cast("Session", session)
    assert department(real, task, NOW, BASE) == "Organization/clinic"
    session.departments["Appointment", "1"] = "ward"
    assert department(real, task, NOW, BASE) == "Organization/ward"
    session.departments["Encounter", "1"] = "house"
    assert department(real, task, NOW, BASE) == "Organization/house"
    said = {"url": OURS + "department", "valueReference": {"reference": "Organization/said"}}
    assert department(real, call(extension=[said]), NOW, BASE) == "Organization/said"


def test_a_new_one_has_somebody_called_at_once() -> None:
    made = written(practice(), None, call())
    assert (called(made, BASE), due(made)) == ("Practitioner/duty", NOW + 5 * MINUTE)
    assert made["authoredOn"]
    assert made["extension"][0]["valueReference"] == {"reference": "Organization/clinic"}


def test_where_nobody_is_there_nobody_is_called_and_it_says_so() -> None:
    task = written(Memory(), None, call())
    assert "owner" not in task
    assert task["businessStatus"]["coding"][0]["code"] == "nobody-there"
    said = {name: value for name, value in task.items() if name != "businessStatus"}
    assert written(Memory(), task, said)["businessStatus"] == task["businessStatus"]
    seen = {**task, "status": "accepted", "owner": {"reference": "Practitioner/duty"}}
    assert "businessStatus" not in written(practice(), task, seen)


def test_of_a_stranger_who_is_on_call_for_the_whole_practice_is_called() -> None:
    stranger = call(**{"for": {"reference": "Patient/other"}})
    task = written(practice(), None, stranger)
    assert (called(task, BASE), "businessStatus" in task) == ("Practitioner/above", False)
    lone = practice(department_team("lones", "lone", part("Practitioner/second", "on-call")))
    assert [next_of(cast("Session", lone), stranger, last, NOW, BASE)[1] for last in ("", "Practitioner/above")] == [
        "Practitioner/above",
        "Practitioner/second",
    ]


def test_history_and_an_ehrs_are_as_they_are_told() -> None:
    session = practice()
    told = SimpleNamespace(session=session, now=NOW, base_url=BASE, context=Context(backfill=True))
    assert call_written(cast("Unit", told), None, call(), "t").resource is None
    assert call_written(unit(session), None, call(meta={"source": "urn:ehr"}), "t").resource is None


STEPS: Collection[tuple[str, dict[str, Any], str]] = [
    ("accepted", {"owner": {"reference": "Practitioner/nobody"}}, "Task.owner"),
    ("accepted", {"owner": {"reference": "Organization/clinic"}}, "Task.owner"),
    ("completed", {}, "Task.statusReason"),
    ("cancelled", {}, "Task.statusReason"),
    ("rejected", {}, "Task.status"),
    ("on-hold", {}, "Task.status"),
    ("requested", {"priority": "routine"}, "Task.priority"),
    ("requested", {"focus": {"reference": "DetectedIssue/2"}}, "Task.focus"),
]


@pytest.mark.parametrize(("status", "members", "where"), STEPS)
def test_what_would_let_it_be_forgotten(status: str, members: dict[str, Any], where: str) -> None:
    session = practice()
    before = written(session, None, call(focus={"reference": "DetectedIssue/1"}))
    with pytest.raises(Invalid) as refused:
        written(session, before, {**before, "status": status, **members})
    assert refused.value.issues[0].expression == where


def test_seen_and_done() -> None:
    session = practice()
    before = written(session, None, call())
    seen = written(session, before, {**before, "status": "accepted"}, NOW + MINUTE)
    done = written(session, seen, {**seen, "status": "completed", "statusReason": {"text": "Safe."}}, NOW + 9 * MINUTE)
    assert seen["executionPeriod"]["start"] == done["executionPeriod"]["start"] < done["executionPeriod"]["end"]
    with pytest.raises(Conflict):
        written(session, done, {**done, "status": "requested"})


def test_given_back_the_next_is_called_and_has_their_whole_time() -> None:
    session = practice()
    before = written(session, None, call())
    seen = written(session, before, {**before, "status": "in-progress"})
    later = NOW + 600 * MINUTE
    back = written(session, seen, {**seen, "status": "requested"}, later)
    assert (called(back, BASE), due(back)) == ("Practitioner/second", later + 5 * MINUTE)
    assert "start" not in back.get("executionPeriod", {})


def test_a_deadline_is_nobodys_to_put_off() -> None:
    session = practice()
    before = written(session, None, call())
    later = {"period": {"end": "2050-01-01T00:00:00Z"}}
    assert due(written(session, before, {**before, "status": "received", "restriction": later})) == due(before)
    other = written(session, before, {**before, "owner": {"reference": "Practitioner/lead"}}, NOW + MINUTE)
    assert (called(other, BASE), due(other)) == ("Practitioner/lead", NOW + 6 * MINUTE)

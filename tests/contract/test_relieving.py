"""Nobody answers beyond their time, on both databases: shifts that end, members who leave, Patients who are merged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.passing import pass_on
from carethread.core.ports import Answering, Resource, Session
from carethread.interactions.writing.unit import WriteUnit
from support.care import OURS, Care, care, department_team, organization, part, patient, person_team, practitioner, role

ONE, TWO, THREE, FOUR = (f"PractitionerRole/r-{name}" for name in ("one", "two", "three", "four"))


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """Four practitioners of a department, and two persons."""
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(organization("eyes"), patient("ann"), patient("ben"))
        for name in ("one", "two", "three", "four"):
            made.tell(practitioner(name), role(f"r-{name}", name, "eyes"))
        yield made


def department(practice: Care, *parts: Resource) -> None:
    """The team of the eye department: TWO is on call, THREE leads."""
    practice.put(department_team("eyes", "eyes", *(parts or (part(THREE), part(TWO, "on-call")))))


def who(practice: Care, person: str = "ann", seconds: int = 0) -> tuple[str, str]:
    """Who answers for somebody, now or so much later, and why."""
    at = practice.micros + seconds * 1_000_000
    found = practice.store.glance(lambda session: accountable(session, f"Patient/{person}", at))
    return (found.member, found.cause) if found else ("", "")


def alarms(practice: Care) -> list[Resource]:
    return practice.found("Task?code=take-over&_sort=_lastUpdated,_id")


def flags(practice: Care) -> list[Resource]:
    """Those that say that nobody answers."""
    return [each for each in practice.found("Flag") if each["code"]["coding"][0]["code"] == "nobody-accountable"]


def test_at_the_end_of_a_shift_who_is_on_call_answers(practice: Care) -> None:
    department(practice)
    practice.put(person_team("a", "ann", part(ONE, start="2031-01-01", until=practice.at(hours=2)), department="eyes"))
    practice.pass_time(hours=1, minutes=59)
    practice.fire()
    assert who(practice) == (ONE, "")
    practice.pass_time(minutes=1)
    practice.fire()
    assert (who(practice, seconds=-1), who(practice)) == ((ONE, ""), (TWO, "on-call"))
    (task,) = alarms(practice)
    assert (task["status"], task["priority"], task["owner"]) == ("requested", "urgent", {"reference": TWO})
    assert (task["for"], task["focus"]) == ({"reference": "Patient/ann"}, {"reference": "CareTeam/a"})
    first, second = practice.read("CareTeam/a")["participant"]
    assert (first["member"], first["period"]["end"]) == ({"reference": ONE}, "2031-03-03T10:00:00.000Z")
    assert "extension" not in first
    assert (second["member"], second["period"]) == ({"reference": TWO}, {"start": "2031-03-03T10:00:00.000Z"})
    practice.fire()
    assert len(alarms(practice)) == 1


def test_a_hand_off_before_the_end_of_the_shift_is_enough(practice: Care) -> None:
    department(practice)
    practice.put(person_team("a", "ann", part(ONE, until=practice.at(hours=2)), department="eyes"))
    practice.pass_time(hours=1)

    def work(session: Session) -> None:
        unit = WriteUnit(practice.runtime, session, practice.own_context())
        pass_on(unit, "Patient/ann", "CareTeam/a", FOUR, practice.micros, "Task/1")
        unit.store()

    practice.store.transact(work)
    practice.pass_time(hours=3)
    practice.fire()
    assert who(practice) == (FOUR, "Task/1")
    assert alarms(practice) == []


def test_who_is_planned_to_follow_does(practice: Care) -> None:
    department(practice)
    night = part(FOUR, start=practice.at(hours=2))
    practice.put(person_team("a", "ann", part(ONE, end=practice.at(hours=2)), night, department="eyes"))
    practice.pass_time(hours=2)
    practice.fire()
    assert (who(practice), alarms(practice)) == ((FOUR, ""), [])


def test_on_call_answers_only_until_who_is_planned_comes(practice: Care) -> None:
    department(practice)
    morning = part(FOUR, start=practice.at(hours=8))
    practice.put(
        person_team("a", "ann", part(ONE, start="2031-01-01", until=practice.at(hours=2)), morning, department="eyes")
    )
    assert who(practice, seconds=3 * 3600) == (ONE, ""), "until somebody has taken over"
    practice.pass_time(hours=2)
    practice.fire()
    assert (who(practice), who(practice, seconds=6 * 3600)) == ((TWO, "on-call"), (FOUR, ""))


@pytest.mark.parametrize(
    ("parts", "up", "then", "cause"),
    [
        ([part(THREE), part(TWO, "on-call", end="2031-01-01")], False, THREE, "accountable"),
        ([part(THREE)], False, THREE, "accountable"),
        ([part(THREE), part("Practitioner/gone", "on-call"), part(TWO, "on-call")], False, TWO, "on-call"),
        ([part(THREE, until="2031-03-03T09:00:00Z", start="2031-01-01")], True, THREE, "accountable"),
    ],
)
def test_who_takes_over(practice: Care, parts: list[Resource], up: bool, then: str, cause: str) -> None:
    practice.tell(practitioner("gone", active=False))
    department(practice, *parts)
    practice.put(person_team("a", "ann", part(ONE, until=practice.at(minutes=30)), department="eyes"))
    practice.pass_time(hours=1)
    practice.fire()
    assert who(practice) == (then, cause)
    assert len(alarms(practice)) >= 1


def test_where_a_department_has_nobody_the_one_above_answers(practice: Care) -> None:
    practice.put(department_team("house", "house", part(FOUR)))
    practice.put(department_team("eyes", "eyes", part(THREE), up="CareTeam/house"))
    practice.put(person_team("a", "ann", part(ONE), department="eyes"))
    practice.tell(practitioner("three", active=False), practitioner("one", active=False))
    practice.fire()
    assert who(practice)[0] == FOUR
    assert practice.read("CareTeam/eyes")["participant"][-1]["member"] == {"reference": FOUR}, "so the department has"


def test_where_there_is_nobody_nobody_answers_and_all_is_said(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE, until=practice.at(hours=2)), department="eyes"))
    practice.pass_time(hours=2)
    practice.fire()
    assert who(practice) == ("", "")
    assert who(practice, seconds=-1) == (ONE, "")
    (task,) = alarms(practice)
    assert task["owner"] == {"reference": "Organization/eyes"}
    (flag,) = flags(practice)
    assert (flag["status"], flag["subject"]) == ("active", {"reference": "Patient/ann"})
    gaps = practice.operate("GET", "CareTeam/$gaps")["parameter"]
    assert "no-lead" in [p["valueCode"] for team in gaps[1:] for g in team["part"] for p in g.get("part", ())[:1]]
    practice.pass_time(hours=1)
    practice.put(person_team("a", "ann", part(FOUR), department="eyes"))
    assert flags(practice)[0]["status"] == "inactive"
    assert (who(practice), who(practice, seconds=-1)) == ((FOUR, ""), ("", ""))


def test_a_coordinator_who_led_goes_on_coordinating(practice: Care) -> None:
    department(practice)
    both = part(ONE, "accountable", "coordinator", until=practice.at(hours=2))
    practice.put(person_team("a", "ann", both, department="eyes"))
    practice.pass_time(hours=2)
    practice.fire()
    _, goes_on, _ = practice.read("CareTeam/a")["participant"]
    assert [c["code"] for c in goes_on["role"][0]["coding"]] == ["coordinator"]
    assert goes_on["period"] == {"start": "2031-03-03T10:00:00.000Z"}
    practice.put(practice.read("CareTeam/a"))


# --- Who leaves ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [ONE, "Practitioner/one"])
def test_when_a_practitioner_leaves_others_take_over(practice: Care, named: str) -> None:
    department(practice)
    people = [f"p{number:02}" for number in range(45)]
    practice.tell(*map(patient, people))
    for person in people:
        practice.put(person_team(person, person, part(named), department="eyes"))
    practice.put(person_team("other", "ann", part(FOUR), part(named, "navigator"), department="eyes"))
    practice.pass_time(hours=1)
    practice.tell(practitioner("one", active=False))
    practice.fire()
    assert {who(practice, person) for person in people} == {(TWO, "on-call")}
    assert who(practice) == (FOUR, "")
    assert len(practice.found("Task?code=take-over&_count=100")) == 45
    practice.tell(practitioner("one", active=False, gender="other"))
    practice.fire()
    assert len(practice.found("Task?code=take-over&_count=100")) == 45


@pytest.mark.parametrize("change", [{"active": False}, {"period": {"end": "2031-03-02"}}])
def test_when_a_role_is_over_others_take_over(practice: Care, change: Resource) -> None:
    department(practice)
    practice.put(person_team("a", "ann", part(ONE), department="eyes"))
    practice.tell(role("r-one", "one", "eyes", **change))
    practice.fire()
    assert who(practice) == (TWO, "on-call")


def test_when_a_role_is_to_be_over_it_is_waited_for(practice: Care) -> None:
    department(practice)
    practice.put(person_team("a", "ann", part(ONE), department="eyes"))
    practice.tell(role("r-one", "one", "eyes", period={"end": practice.at(hours=5)}))
    practice.pass_time(hours=4)
    practice.fire()
    assert who(practice) == (ONE, "")
    practice.pass_time(hours=1)
    practice.fire()
    assert who(practice) == (TWO, "on-call")


def test_who_is_deleted_has_left(practice: Care) -> None:
    department(practice)
    practice.put(person_team("a", "ann", part("Practitioner/one"), department="eyes"))
    gone = {"resourceType": "Practitioner", "id": "one"}
    assert practice.ask("DELETE", "Practitioner/one", service="records").status == 204
    practice.keep(gone)
    practice.fire()
    assert who(practice) == (TWO, "on-call")


def test_who_has_left_by_the_time_they_were_planned_for_does_not_begin(practice: Care) -> None:
    department(practice)
    later = part(FOUR, start=practice.at(hours=2))
    practice.put(person_team("a", "ann", part(ONE, end=practice.at(hours=2)), later, department="eyes"))
    practice.tell(role("r-four", "four", "eyes", active=False))
    practice.fire()
    assert who(practice) == (ONE, "")
    practice.pass_time(hours=2)
    practice.fire()
    assert who(practice) == (TWO, "on-call")


def test_when_a_team_ends_that_leads_another_others_take_over(practice: Care) -> None:
    department(practice)
    practice.put(person_team("inner", "ben", part(ONE)))
    practice.put(person_team("a", "ann", part("CareTeam/inner"), department="eyes"))
    practice.put({**person_team("inner", "ben", part(ONE)), "status": "inactive"})
    practice.fire()
    assert who(practice) == (TWO, "on-call")


def test_nobody_is_relieved_because_of_history(practice: Care) -> None:
    department(practice)
    told = person_team("a", "ann", part(ONE, start="2031-01-01", until="2031-02-01"), department="eyes")
    practice.put(told, backfill=True)
    practice.fire()
    assert who(practice) == (ONE, "")
    since = practice.store.glance(lambda s: s.register.at(["Patient/ann"], practice.micros))["Patient/ann"].since
    assert since < practice.micros - 30 * 86_400_000_000, "what was told of before is entered from then on"


# --- Who is merged ------------------------------------------------------------------------------------------------


def intervals(practice: Care, person: str) -> list[Answering]:
    return practice.store.glance(lambda session: session.register.between([f"Patient/{person}"], 0, 2**62))


def test_merged_patients_are_one_person(practice: Care) -> None:
    coordinated = part(TWO, "accountable", "coordinator")
    practice.put(person_team("b", "ben", part(ONE, "accountable", "coordinator")))
    practice.put(person_team("a", "ann", coordinated))
    practice.pass_time(hours=1)
    link = [{"type": "replaced-by", "other": {"reference": "Patient/ann"}}]
    practice.tell(patient("ben", active=False, link=link))
    practice.fire()
    assert who(practice, "ben") == who(practice, "ann") == (TWO, "")
    assert [who(practice, each, seconds=-1)[0] for each in ("ben", "ann")] == [ONE, TWO], "what is over stays"
    assert intervals(practice, "ben")[-1].until == practice.micros
    status, _ = practice.refusal("PUT", "CareTeam/c", person_team("c", "ann", coordinated))
    assert status == 409
    answer = practice.operate("GET", "Patient/ben/$accountable")["parameter"]
    assert answer[0]["valueReference"] == {"reference": "Patient/ann"}

    practice.pass_time(hours=1)
    practice.tell(patient("ben"))
    practice.fire()
    assert (who(practice, "ben"), who(practice, "ann")) == ((ONE, ""), (TWO, ""))
    practice.fire()


def test_of_merged_patients_the_oldest_team_answers_where_none_did(practice: Care) -> None:
    practice.put(person_team("b", "ben", part(ONE)))
    practice.tell(patient("ben", active=False, link=[{"type": "replaced-by", "other": {"reference": "Patient/ann"}}]))
    practice.fire()
    assert who(practice) == who(practice, "ben") == (ONE, "")
    practice.put(person_team("b", "ben", part(TWO)))
    assert who(practice) == (TWO, "")


# --- A team that ends ---------------------------------------------------------------------------------------------


def plan(id_: str, person: str, status: str = "active") -> Resource:
    return {
        "resourceType": "CarePlan", "id": id_, "status": status, "intent": "plan",
        "subject": {"reference": f"Patient/{person}"},
    }  # fmt: skip


@pytest.mark.parametrize("how", ["inactive", "deleted", "given to another", "its period"])
def test_a_team_that_ends_leaves_nobody_in_silence(practice: Care, how: str) -> None:
    period = {"period": {"end": practice.at(hours=1)}} if how == "its period" else {}
    team = person_team("a", "ann", part(ONE), department="eyes", **period)
    practice.put(team)
    practice.put(plan("p", "ann"))
    practice.pass_time(hours=1)
    if how == "deleted":
        assert practice.ask("DELETE", "CareTeam/a").status == 204
    elif how != "its period":
        ben = {"subject": {"reference": "Patient/ben"}}
        practice.put({**team, **({"status": "inactive"} if how == "inactive" else ben)})
    practice.fire()
    assert who(practice) == ("", "")
    (task,), (flag,) = alarms(practice), flags(practice)
    assert (task["owner"], task["for"]) == ({"reference": "Organization/eyes"}, {"reference": "Patient/ann"})
    assert (flag["status"], flag["subject"]) == ("active", {"reference": "Patient/ann"})
    practice.fire()
    practice.put(person_team("b", "ann", part(TWO)))
    practice.fire()
    assert (len(alarms(practice)), flags(practice)[0]["status"]) == (1, "inactive")


def test_there_is_no_alarm_where_nobody_is_needed_or_somebody_else_answers(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE)))
    practice.put(person_team("b", "ben", part(ONE)))
    practice.put(person_team("c", "ben", part(TWO)))
    practice.put(plan("p", "ann"))
    practice.put(plan("q", "ben"))
    over = [person_team(id_, name, part(ONE), status="inactive") for id_, name in (("a", "ann"), ("b", "ben"))]
    entries = [{"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
               for each in (*over, plan("p", "ann", "completed"))]  # fmt: skip
    answer = practice.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status == 200, answer.body
    practice.fire()
    assert (alarms(practice), flags(practice)) == ([], [])
    practice.put(plan("p", "ann"))
    practice.put(person_team("a", "ann", part(ONE)))
    practice.put(person_team("a", "ann", part(ONE), status="inactive"), backfill=True)
    practice.put(person_team("a", "ann", part(ONE)))
    practice.tell(patient("ann", deceasedBoolean=True))
    practice.put(person_team("a", "ann", part(ONE), status="inactive"))
    practice.fire()
    assert (alarms(practice), flags(practice)) == ([], []), "history, and who has died"


# --- What is kept of who was merged -------------------------------------------------------------------------------


def merged(practice: Care, into: str = "ann") -> None:
    link = [{"type": "replaced-by", "other": {"reference": f"Patient/{into}"}}]
    practice.tell(patient("ben", active=False, link=link) if into else patient("ben"))
    practice.fire()


def needs(practice: Care, person: str) -> list[str]:
    now = practice.micros
    found = practice.store.glance(lambda session: session.needs.between([f"Patient/{person}"], now, now + 1))
    return [each.need for each in found]


def test_needs_are_of_whom_they_are_about_again(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE)))
    merged(practice)
    practice.put(plan("p", "ben"))
    assert (needs(practice, "ann"), needs(practice, "ben")) == (["CarePlan/p"], [])
    practice.pass_time(hours=1)
    merged(practice, "")
    assert (needs(practice, "ann"), needs(practice, "ben")) == ([], ["CarePlan/p"])
    practice.pass_time(hours=1)
    found = practice.operate("GET", "CareTeam/$orphans")["parameter"]
    (person,) = [each["part"] for each in found if each["name"] == "person"]
    assert person[0]["valueReference"] == {"reference": "Patient/ben"}
    merged(practice)
    assert (needs(practice, "ann"), needs(practice, "ben")) == (["CarePlan/p"], [])


def hand_off(practice: Care, id_: str, person: str, sender: str, receiver: str, status: str = "requested") -> Resource:
    kind = {"system": "https://carethread.dev/fhir/CodeSystem/hand-off-kind", "code": "care"}
    return {
        "resourceType": "Task", "id": id_, "meta": {"profile": [OURS + "task-hand-off"]}, "status": status,
        "intent": "order", "code": {"coding": [kind]}, "for": {"reference": f"Patient/{person}"},
        "authoredOn": practice.at(), "requester": {"reference": sender}, "owner": {"reference": receiver},
        "restriction": {"period": {"end": practice.at(hours=9)}},
    }  # fmt: skip


def holders(practice: Care) -> dict[str, str]:
    both = ["Patient/ann", "Patient/ben"]
    return practice.store.glance(lambda session: session.claimed("handing", both))


def test_hand_offs_of_who_is_merged_are_one_or_told(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE)))
    practice.put(person_team("b", "ben", part(TWO)))
    practice.put(hand_off(practice, "of-ben", "ben", TWO, THREE))
    merged(practice)
    assert holders(practice) == {"Patient/ann": "Task/of-ben"}, "it moves the one person that they are"
    assert practice.refusal("PUT", "Task/of-ann", hand_off(practice, "of-ann", "ann", ONE, FOUR))[0] == 409
    merged(practice, "")
    assert holders(practice) == {"Patient/ben": "Task/of-ben"}
    practice.put(hand_off(practice, "of-ann", "ann", ONE, FOUR))
    assert practice.found("Task?code=second-hand-off") == []
    merged(practice)
    assert holders(practice) == {"Patient/ann": "Task/of-ann"}, "one has the place"
    (told,) = practice.found("Task?code=second-hand-off")
    assert (told["focus"], told["owner"]) == ({"reference": "Task/of-ben"}, {"reference": TWO})
    reason = {"name": "reason", "valueString": "Once is enough."}
    practice.operate("POST", "Task/of-ben/$withdraw", reason)
    assert holders(practice) == {"Patient/ann": "Task/of-ann"}

"""Whoever is at high risk has a Flag and a navigator with room for them, or an alarm says that there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.care import OURS, Care, care, part, patient, person_team, practitioner
from support.navigation import assessment, at_risk, flags, named, navigator, people, staff, task, tasks


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(practitioner("doc"))
        yield made


def test_a_high_risk_makes_a_flag_a_navigator_and_a_first_contact(home: Care) -> None:
    staff(home, "nora", 3)
    at_risk(home, "ann", performer={"reference": "Practitioner/doc"})
    home.fire()
    (flag,) = flags(home, "ann")
    assert (flag["status"], flag["code"]["coding"][0]["code"]) == ("active", "high-risk")
    assert (flag["author"]["reference"], flag["extension"][0]["valueReference"]["reference"]) == (
        "Practitioner/doc", "RiskAssessment/risk-ann",
    )  # fmt: skip
    assigned = task(home, "assign-navigator", "ann")
    assert (assigned["status"], assigned["owner"]["reference"]) == ("completed", "PractitionerRole/nora")
    assert assigned["extension"][0]["url"] == OURS + "ranking-reason"
    contact = task(home, "outreach", "ann")
    assert (contact["status"], contact["owner"]["reference"]) == ("requested", "PractitionerRole/nora")
    assert contact["restriction"]["period"]["end"].startswith("2031-03-05T08:00")
    assert people(home, "nora") == ["Patient/ann"]
    home.put(assessment("risk-ann", "ann", "certain"))
    home.put(assessment("other", "ann"))
    home.fire()
    assert len(flags(home, "ann")) == len(tasks(home, "outreach")) == 1, "once for each person"


def waiting(home: Care) -> list[str]:
    return [each["for"]["reference"][8:] for each in tasks(home, "assign-navigator", status="requested")]


def step_down(home: Care, who: str, reason: str = "Lives with her daughter now.") -> None:
    by = {"name": "by", "valueReference": {"reference": "Practitioner/doc"}}
    home.operate("POST", f"Patient/{who}/$step-down", {"name": "reason", "valueString": reason}, by)


def log(home: Care, who: str, outcome: str, **more: str) -> dict[str, str]:
    """Log an attempt on the open contact of somebody; the references of the answer."""
    contact = task(home, "outreach", who, status="requested")
    parts = [{"name": name, "valueString": value} for name, value in {"outcome": outcome, **more}.items()]
    answer = home.operate("POST", f"Task/{contact['id']}/$outreach", *parts)
    return {each["name"]: each["valueReference"]["reference"] for each in answer["parameter"]}


def test_whoever_finds_no_room_waits_and_the_highest_risk_is_next(home: Care) -> None:
    home.put(person_team("of-ben", "ben", part("Practitioner/doc"), department="heart"))
    staff(home, "nora", 1)
    for who, level in (("ann", "high"), ("ben", "high"), ("cleo", "high"), ("dan", "certain")):
        at_risk(home, who, level)
        home.fire()
        home.pass_time(minutes=1)
    assert (people(home, "nora"), waiting(home)) == (["Patient/ann"], ["ben", "cleo", "dan"])
    alarms = {each["for"]["reference"]: each for each in tasks(home, "assign-navigator", status="requested")}
    assert alarms["Patient/ben"]["owner"]["reference"] == "Organization/heart"
    assert [alarms[f"Patient/{who}"]["priority"] for who in ("ben", "dan")] == ["urgent", "asap"]
    assert tasks(home, "outreach", "ben") == [], "nobody could do it"
    overview = home.operate("GET", "CareTeam/$caseloads")
    assert (named(overview, "total"), named(overview, "waiting")) == (1, 3)
    for who, then in (("ann", ["ben", "cleo"]), ("dan", ["cleo"]), ("ben", [])):
        step_down(home, who)
        assert waiting(home) == then
        assert len(people(home, "nora")) == 1, "in the same transaction"
    assert people(home, "nora") == ["Patient/cleo"]


def test_more_room_and_new_navigators_take_those_who_wait(home: Care) -> None:
    for who in ("ann", "ben", "cleo"):
        at_risk(home, who)
    home.fire()
    assert waiting(home) == ["ann", "ben", "cleo"]
    home.tell(practitioner("who-nora"), {k: v for k, v in navigator("nora", 1).items() if k != "active"})
    home.fire()
    home.tell(navigator("nora", 2))
    home.fire()
    assert (len(people(home, "nora")), len(waiting(home))) == (2, 1)
    home.tell(navigator("nora", 1))
    home.fire()
    assert len(people(home, "nora")) == 2, "a lower limit takes nobody's navigator away"
    load = home.operate("GET", "PractitionerRole/nora/$caseload")
    assert [named(load, name) for name in ("limit", "people", "free", "over")] == [1, 2, 0, 1]
    later = {"start": home.at(days=1), "end": home.at(days=3)}
    staff(home, "omar", 5, period=later)
    home.fire()
    assert people(home, "omar") == []
    home.pass_time(days=1)
    home.fire()
    assert (len(people(home, "omar")), waiting(home)) == (1, [])
    home.pass_time(days=4)
    home.fire()
    assert (people(home, "omar"), len(waiting(home))) == ([], 1), "nobody else has room"


@pytest.mark.parametrize("how", ["role", "person", "deleted"])
def test_who_leaves_gives_their_people_to_others_or_there_is_an_alarm(home: Care, how: str) -> None:
    home.put(person_team("of-ann", "ann", part("Practitioner/doc"), department="heart"))
    staff(home, "nora", 2)
    for who in ("ann", "ben"):
        at_risk(home, who)
        home.fire()
        home.pass_time(minutes=1)
    contact = task(home, "outreach", "ann")
    staff(home, "omar", 1)
    match how:
        case "role":
            home.tell(navigator("nora", 2, active=False))
        case "person":
            home.tell({**practitioner("who-nora"), "active": False})
        case _:
            assert home.ask("DELETE", "PractitionerRole/nora", service="records").status in (200, 204)
            home.keep(navigator("nora", 2))
    home.fire()
    assert (people(home, "nora"), people(home, "omar"), waiting(home)) == ([], ["Patient/ann"], ["ben"])
    passed = home.read(f"Task/{contact['id']}")
    assert (passed["owner"]["reference"], passed["status"]) == ("PractitionerRole/omar", "requested")
    first, second = tasks(home, "assign-navigator", "ann")
    assert ("end" in first["executionPeriod"], "end" in second["executionPeriod"]) == (True, False)
    members = home.read("CareTeam/of-ann")["participant"]
    assert [(each["member"]["reference"], "end" in each.get("period", {})) for each in members] == [
        ("Practitioner/doc", False), ("PractitionerRole/nora", True), ("PractitionerRole/omar", False),
    ]  # fmt: skip


def test_the_navigator_joins_the_leading_team_and_leaves_it(home: Care) -> None:
    home.put(person_team("of-ann", "ann", part("Practitioner/doc"), department="heart"))
    staff(home, "nora", 2)
    at_risk(home, "ann")
    home.fire()
    home.pass_time(hours=1)
    lead, new = home.read("CareTeam/of-ann")["participant"]
    assert (lead["member"]["reference"], new["member"]["reference"]) == ("Practitioner/doc", "PractitionerRole/nora")
    assert new["role"][0]["coding"][0]["code"] == "navigator"
    step_down(home, "ann")
    assert "end" in home.read("CareTeam/of-ann")["participant"][1]["period"]
    assert home.store.glance(lambda session: session.register.at(["Patient/ann"], home.micros))[
        "Patient/ann"
    ].member == ("Practitioner/doc")


def test_stepping_down_ends_all_and_says_why(home: Care) -> None:
    staff(home, "nora", 1)
    at_risk(home, "ann")
    home.fire()
    home.pass_time(days=3)
    home.fire()
    assert task(home, "outreach-failed", "ann")["reasonCode"]["coding"][0]["code"] == "overdue"
    step_down(home, "ann")
    (flag,) = flags(home, "ann")
    assert (flag["status"], "end" in flag["period"]) == ("inactive", True)
    assert [task(home, code, "ann")["status"] for code in ("outreach", "outreach-failed")] == ["cancelled", "cancelled"]
    note = task(home, "assign-navigator", "ann")["note"][0]
    assert (note["text"], note["authorReference"]["reference"]) == ("Lives with her daughter now.", "Practitioner/doc")
    home.send()
    (trace,) = home.found("Provenance?_sort=_id")
    assert trace["target"][0]["reference"] == f"Flag/{flag['id']}/_history/2"
    assert home.refusal("POST", "Patient/ann/$step-down", _said("Again", "Practitioner/doc"))[0] == 409
    home.put(assessment("risk-ann", "ann", note=[{"text": "Looked at again."}]))
    home.fire()
    assert people(home, "nora") == [], "that was known when it was decided"
    home.put(assessment("risk-ann", "ann", "certain"))
    home.fire()
    assert people(home, "nora") == ["Patient/ann"], "that is more than was known"
    assert len(flags(home, "ann")) == 2
    step_down(home, "ann")
    home.put(assessment("risk-ann", "ann", "low"))
    home.fire()
    home.put(assessment("risk-ann", "ann", "certain"))
    home.fire()
    assert people(home, "nora") == ["Patient/ann"], "it was low meanwhile"


def _said(reason: str = "", by: str = "") -> dict[str, object]:
    parts = [{"name": "reason", "valueString": reason}] if reason else []
    who = [{"name": "by", "valueReference": {"reference": by}}] if by else []
    return {"resourceType": "Parameters", "parameter": [*parts, *who]}


@pytest.mark.parametrize(
    ("reason", "by", "where"),
    [("", "Practitioner/doc", "reason"), ("Why", "", "by"), ("Why", "Patient/ann", "by"), ("x" * 1001, "", "reason")],
)
def test_stepping_down_needs_a_reason_and_somebody(home: Care, reason: str, by: str, where: str) -> None:
    status, (issue,) = home.refusal("POST", "Patient/ann/$step-down", _said(reason, by))
    assert (status, issue["expression"]) == (400, [where])


def test_a_risk_that_falls_asks_for_a_review_and_no_more(home: Care) -> None:
    staff(home, "nora", 1)
    at_risk(home, "ann")
    home.fire()
    home.put(assessment("risk-ann", "ann", "low"))
    home.fire()
    review = task(home, "step-down-review", "ann")
    assert (review["status"], review["owner"]["reference"]) == ("requested", "PractitionerRole/nora")
    assert people(home, "nora") == ["Patient/ann"]
    home.put(assessment("risk-ann", "ann", "high"))
    home.fire()
    assert task(home, "step-down-review", "ann")["status"] == "cancelled"
    assert home.ask("DELETE", "RiskAssessment/risk-ann").status in (200, 204)
    home.fire()
    assert [each["status"] for each in tasks(home, "step-down-review", "ann")] == ["cancelled", "requested"]
    step_down(home, "ann")
    assert tasks(home, "step-down-review", "ann")[1]["status"] == "completed"


@pytest.mark.parametrize("why", ["deceased", "inactive"])
def test_nobody_is_contacted_who_has_died_or_is_inactive(home: Care, why: str) -> None:
    staff(home, "nora", 1)
    for who in ("ann", "ben"):
        at_risk(home, who)
        home.fire()
        home.pass_time(minutes=1)
    home.tell(patient("ann", **({"deceasedBoolean": True} if why == "deceased" else {"active": False})))
    home.fire()
    assert (people(home, "nora"), waiting(home)) == (["Patient/ben"], [])
    assert (flags(home, "ann")[0]["status"], task(home, "outreach", "ann")["status"]) == (
        "inactive", "cancelled",
    )  # fmt: skip
    at_risk(home, "ann", "certain")
    home.fire()
    assert len(flags(home, "ann")) == 1, "nor flagged again"


def test_whoever_was_merged_is_one_person(home: Care) -> None:
    staff(home, "nora", 2)
    at_risk(home, "ann")
    home.fire()
    home.tell(patient("anna"))
    link = [{"other": {"reference": "Patient/anna"}, "type": "replaced-by"}]
    home.tell(patient("ann", active=False, link=link))
    home.fire()
    assert people(home, "nora") == ["Patient/anna"]
    assert sorted((each["status"], each["subject"]["reference"]) for each in flags(home, "anna")) == [
        ("active", "Patient/anna"), ("inactive", "Patient/ann"),
    ]  # fmt: skip
    at_risk(home, "ann", "certain")
    home.fire()
    assert people(home, "nora") == ["Patient/anna"]


@pytest.mark.parametrize("why", [{"active": False}, {"deceasedBoolean": True}])
def test_who_is_active_again_is_at_high_risk_still(home: Care, why: Resource) -> None:
    staff(home, "nora", 2)
    for who in ("ann", "ben"):
        home.tell(patient(who))
    at_risk(home, "ann")
    home.fire()
    for who in ("ann", "ben"):
        home.tell(patient(who, **why))
    home.fire()
    at_risk(home, "ben")
    home.fire()
    assert people(home, "nora") == []
    for who in ("ann", "ben"):
        home.tell(patient(who))
    home.fire()
    assert people(home, "nora") == ["Patient/ann", "Patient/ben"], "whenever the risk came to be known"
    assert sorted(each["status"] for each in flags(home, "ann")) == ["active", "inactive"]
    assert task(home, "outreach", "ben")["status"] == "requested"
    home.tell(patient("ann", gender="female"))
    home.fire()
    assert len(flags(home, "ann")) == 2, "another change is none"


def test_who_stepped_down_is_not_flagged_again_for_being_active_again(home: Care) -> None:
    staff(home, "nora", 1)
    at_risk(home, "ann")
    home.fire()
    step_down(home, "ann")
    for active in (False, True):
        home.tell(patient("ann", active=active))
        home.fire()
    assert people(home, "nora") == []


def test_who_is_unmerged_has_their_own_risk_again(home: Care) -> None:
    staff(home, "nora", 3)
    home.tell(patient("anna"))
    at_risk(home, "ann")
    home.fire()
    link = [{"other": {"reference": "Patient/anna"}, "type": "replaced-by"}]
    home.tell(patient("ann", active=False, link=link))
    home.fire()
    assert people(home, "nora") == ["Patient/anna"]
    home.tell(patient("ann"))
    home.fire()
    assert people(home, "nora") == ["Patient/ann", "Patient/anna"]
    active = {each["subject"]["reference"] for each in flags(home) if each["status"] == "active"}
    assert active == {"Patient/ann", "Patient/anna"}
    review = task(home, "step-down-review")
    assert review["for"]["reference"] == "Patient/anna", "who has no risk of their own; nobody steps down by themselves"


def test_a_risk_that_is_over_by_itself_asks_for_a_review(home: Care) -> None:
    staff(home, "nora", 1)
    at_risk(home, "ann", occurrencePeriod={"end": home.at(days=3)})
    home.put(assessment("longer", "ann", occurrencePeriod={"end": home.at(days=5)}))
    home.fire()
    for days, reviews in ((2, 0), (2, 0), (2, 1)):
        home.pass_time(days=days)
        home.fire()
        assert len(tasks(home, "step-down-review", "ann")) == reviews
    assert people(home, "nora") == ["Patient/ann"]


def test_what_kind_of_task_it_is_stays(home: Care) -> None:
    staff(home, "nora", 1)
    at_risk(home, "ann")
    home.fire()
    contact, given = task(home, "outreach", "ann"), task(home, "assign-navigator", "ann")
    other = [{"system": "urn:x", "code": "call"}]
    for code in (
        {"text": "Call"},
        {"coding": other},
        {"coding": [{**contact["code"]["coding"][0], "code": "activity"}]},
    ):
        for made, refused in ((contact, (409, 422)), (given, (409,))):  # an outreach is so by its profile too
            for more in ({}, {"status": "cancelled"}, {"meta": {"source": "urn:ehr"}}):
                told, issues = home.refusal("PUT", f"Task/{made['id']}", {**made, "code": code, **more})
                assert told in refused and issues[0]["expression"] == ["Task.code"], (code, more)
    home.put({**given, "code": {"coding": [*given["code"]["coding"], *other]}})
    theirs = {**given, "id": "theirs", "meta": {"source": "urn:ehr"}}
    home.put(theirs)
    home.put({**theirs, "code": {"coding": other}})


def test_imported_history_does_nothing(home: Care) -> None:
    staff(home, "nora", 2)
    home.fire()
    home.tell(patient("ann"))
    home.put(assessment("risk-ann", "ann"), backfill=True)
    old = {
        "resourceType": "Task", "id": "old", "status": "requested", "intent": "order",
        "for": {"reference": "Patient/ann"},
        "code": {"coding": [{"system": "https://carethread.dev/fhir/CodeSystem/careteam-task", "code": "outreach"}]},
        "restriction": {"period": {"end": "2020-01-01T10:00:00Z"}},
    }  # fmt: skip
    home.put(old, backfill=True)
    assert home.fire() == 0
    assert (flags(home, "ann"), people(home, "nora")) == ([], [])


def test_a_flag_of_ours_ends_by_stepping_down_only(home: Care) -> None:
    staff(home, "nora", 1)
    at_risk(home, "ann")
    home.fire()
    (flag,) = flags(home, "ann")
    status, (issue,) = home.refusal("PUT", f"Flag/{flag['id']}", _ended(flag))
    assert (status, issue["expression"]) == (409, ["Flag.status"])
    assert "$step-down" in issue["diagnostics"]
    assert home.refusal("DELETE", f"Flag/{flag['id']}")[0] == 409
    assert home.ask("PUT", f"Flag/{flag['id']}", {**flag, "encounter": {"reference": "Encounter/1"}}).status == 200
    other = {**flag, "id": "other", "subject": {"reference": "Patient/ann"}}
    home.put(other)
    home.put(_ended(other))


def _ended(flag: Resource) -> Resource:
    return {**flag, "status": "inactive", "period": {**flag["period"], "end": "2031-03-04T08:00:00Z"}}


def test_attempts_are_logged_and_the_next_contact_is_planned(home: Care) -> None:
    home.put(person_team("of-ann", "ann", part("Practitioner/doc"), department="heart"))
    staff(home, "nora", 1)
    at_risk(home, "ann")
    home.fire()
    first = log(home, "ann", "not-reached", channel="phone", note="Rang twice.")
    said = home.read(first["communication"])
    assert (said["status"], said["statusReason"]["coding"][0]["code"]) == ("not-done", "not-reached")
    assert (said["sender"]["reference"], said["note"][0]["text"]) == ("PractitionerRole/nora", "Rang twice.")
    assert home.read(first["task"])["output"][1]["valueReference"]["reference"] == first["communication"]
    second = log(home, "ann", "not-reached", channel="sms")
    assert home.read(second["communication"])["status"] == "in-progress"
    assert "alarm" not in second
    third = log(home, "ann", "not-reached")
    alarm = home.read(third["alarm"])
    assert (alarm["owner"]["reference"], alarm["priority"], alarm["reasonCode"]["coding"][0]["code"]) == (
        "Practitioner/doc", "urgent", "not-reached",
    )  # fmt: skip
    assert home.read(third["next"])["restriction"]["period"]["end"].startswith("2031-03-10T08")
    reached = log(home, "ann", "reached", next=home.at(days=4))
    assert home.read(third["alarm"])["status"] == "completed"
    assert home.read(reached["next"])["restriction"]["period"]["end"].startswith("2031-03-07T08")
    assert "input" not in home.read(reached["next"]), "attempts in vain are counted anew"
    load = home.operate("GET", "PractitionerRole/nora/$caseload")
    found = {each["name"]: each for each in load["parameter"][-1]["part"]}
    assert found["last-contact"]["valueDateTime"] == home.read(reached["communication"])["sent"]
    assert (found["next"]["valueReference"]["reference"], found["risk"]["valueCode"]) == (reached["next"], "high")


def test_a_contact_that_is_closed_by_itself_is_followed_by_the_next(home: Care) -> None:
    staff(home, "nora", 3)
    at_risk(home, "ann")
    home.fire()
    first = task(home, "outreach", "ann", status="requested")
    for status in ("completed", "cancelled"):
        home.put({**task(home, "outreach", "ann", status="requested"), "status": status})
        home.fire()
    after = task(home, "outreach", "ann", status="requested")
    assert (after["owner"], after["priority"]) == (first["owner"], "urgent")
    assert len(tasks(home, "outreach", "ann")) == 3
    log(home, "ann", "declined")
    home.fire()
    assert tasks(home, "outreach", "ann", status="requested") == []


@pytest.mark.parametrize("code", ["outreach", "assign-navigator"])
def test_what_somebody_has_to_do_is_not_deleted(home: Care, code: str) -> None:
    staff(home, "nora", 1 if code == "outreach" else 0)
    at_risk(home, "ann")
    home.fire()
    open_ = task(home, code, "ann", status="requested")
    assert home.ask("DELETE", f"Task/{open_['id']}").status == 409
    home.put({**open_, "status": "cancelled", "statusReason": {"text": "Written twice."}})
    assert home.ask("DELETE", f"Task/{open_['id']}").status == 409, "it tells what was"


def test_who_declines_is_not_asked_again(home: Care) -> None:
    staff(home, "nora", 1)
    at_risk(home, "ann")
    home.fire()
    said = log(home, "ann", "declined")
    assert set(said) == {"task", "communication", "alarm"}
    assert tasks(home, "outreach", "ann", status="requested") == []
    home.tell(navigator("nora", 1, active=False))
    staff(home, "omar", 1)
    home.fire()
    assert people(home, "omar") == ["Patient/ann"]
    assert tasks(home, "outreach", "ann", status="requested") == [], "nor by another navigator"


def test_an_overdue_contact_is_told_once(home: Care) -> None:
    staff(home, "nora", 2)
    at_risk(home, "ann")
    home.fire()
    home.pass_time(days=2)
    home.fire()
    contact = task(home, "outreach", "ann")
    assert (contact["status"], contact["businessStatus"]["coding"][0]["code"]) == ("requested", "overdue")
    assert task(home, "outreach-failed", "ann")["status"] == "requested"
    assert home.fire() == 0
    home.put({**contact, "restriction": {"period": {"end": home.at(days=1)}}})
    home.pass_time(days=1)
    home.fire()
    assert len(tasks(home, "outreach-failed", "ann")) == 1
    log(home, "ann", "reached")
    assert task(home, "outreach-failed", "ann")["status"] == "completed"


def test_no_contact_is_due_at_night(home: Care) -> None:
    zone = [{"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": "America/New_York"}]
    home.tell({"resourceType": "Organization", "id": "heart", "name": "Heart", "extension": zone})
    staff(home, "nora", 2)
    at_risk(home, "ann")
    home.fire()
    assert task(home, "outreach", "ann")["restriction"]["period"]["end"].startswith("2031-03-05T13:00")


@pytest.mark.parametrize(
    ("said", "status", "where"),
    [
        ({}, 400, "outcome"),
        ({"outcome": "gone"}, 400, "outcome"),
        ({"outcome": "reached", "channel": "fax"}, 400, "channel"),
        ({"outcome": "reached", "next": "2020-01-01"}, 400, "next"),
        ({"outcome": "reached", "next": "soon"}, 400, "next"),
        ({"outcome": "reached", "when": "2039-01-01"}, 400, "when"),
        ({"outcome": "declined", "next": "2031-03-06"}, 400, "next"),
        ({"outcome": "reached", "by": "Patient/ann"}, 400, "by"),
        ({"outcome": "reached", "note": "x" * 2001}, 400, "note"),
        ({"outcome": "reached", "mood": "good"}, 400, "mood"),
    ],
)
def test_an_attempt_is_told_as_it_must_be(home: Care, said: dict[str, str], status: int, where: str) -> None:
    staff(home, "nora", 2)
    at_risk(home, "ann")
    home.fire()
    contact = task(home, "outreach", "ann")
    parts = [{"name": name, "valueString": value} for name, value in said.items()]
    body = {"resourceType": "Parameters", **({"parameter": parts} if parts else {})}
    found, (issue,) = home.refusal("POST", f"Task/{contact['id']}/$outreach", body)
    assert (found, issue["expression"]) == (status, [where])
    assert task(home, "outreach", "ann")["status"] == "requested", "nothing is written"


def test_an_attempt_is_logged_on_an_open_contact_only(home: Care) -> None:
    staff(home, "nora", 2)
    at_risk(home, "ann")
    home.fire()
    body = {"resourceType": "Parameters", "parameter": [{"name": "outcome", "valueCode": "reached"}]}
    contact, assigned = task(home, "outreach", "ann")["id"], task(home, "assign-navigator", "ann")["id"]
    assert home.refusal("POST", "Task/absent/$outreach", body)[0] == 404
    assert home.refusal("POST", f"Task/{assigned}/$outreach", body)[0] == 422
    assert home.ask("POST", f"Task/{contact}/$outreach", body).status == 200
    assert home.refusal("POST", f"Task/{contact}/$outreach", body)[0] == 409
    assert home.refusal("GET", "PractitionerRole/absent/$caseload")[0] == 404
    assert home.refusal("GET", "PractitionerRole/nora/$caseload?_count=0")[0] == 400
    assert home.refusal("GET", "PractitionerRole/nora/$caseload?_offset=x")[0] == 400
    assert home.refusal("GET", "CareTeam/$caseloads?department=Patient/1")[0] == 400


def test_a_caseload_comes_in_pages(home: Care) -> None:
    staff(home, "nora", 5)
    for who in ("ann", "ben", "cleo"):
        at_risk(home, who)
    home.fire()
    page = home.operate("GET", "PractitionerRole/nora/$caseload?_count=2")
    assert (named(page, "people"), named(page, "next-offset")) == (3, 2)
    rest = home.operate("GET", "PractitionerRole/nora/$caseload?_count=2&_offset=2")
    listed = [each["part"][0]["valueReference"]["reference"] for each in rest["parameter"] if each["name"] == "person"]
    assert (listed, named(rest, "next-offset")) == (["Patient/cleo"], None)

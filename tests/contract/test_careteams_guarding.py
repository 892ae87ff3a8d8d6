"""What a client may not do by plain writes: forge or lose minutes, notices, a rule's assessments, and Tasks of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.careteams.risk.assessments import RULES, id_of
from carethread.careteams.risk.following import look
from carethread.core.ports import Resource, Session
from carethread.interactions.writing.unit import WriteUnit
from support.care import OURS, Care, care, department_team, organization, part, patient, person_team, practitioner, role
from support.navigation import assessment, named, people, staff, task, tasks
from support.person import condition, consent, deny, permit

MINUTES = "CareTeam/home/$huddle-minutes"
TASKS = "https://carethread.dev/fhir/CodeSystem/careteam-task"


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """A department with a team of two, of which Ada leads, and two people of hers."""
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(organization("home"), practitioner("ada"), practitioner("bo"), patient("ann"), patient("ben"))
        made.tell(role("ada-home", "ada", "home"), role("bo-home", "bo", "home"))
        made.put(person_team("of-ann", "ann", part("Practitioner/ada"), department="home"))
        made.put(department_team("home", "home", part("Practitioner/ada"), part("Practitioner/bo", "on-call")))
        yield made


def ref(name: str, reference: str) -> Resource:
    return {"name": name, "valueReference": {"reference": reference}}


def text(name: str, said: str) -> Resource:
    return {"name": name, "valueString": said}


def decision(said: str, due: str = "2031-03-05", **about: str) -> Resource:
    parts = [text("text", said), ref("owner", "Practitioner/bo"), ref("decided-by", "Practitioner/ada")]
    parts += [{"name": "due", "valueDate": due}, *(ref(name, each) for name, each in about.items())]
    return {"name": "decision", "part": parts}


def about_ann(note: str, *more: Resource) -> list[Resource]:
    parts = [ref("patient", "Patient/ann"), *([text("note", note)] if note else []), *more]
    return [ref("present", "Practitioner/ada"), {"name": "person", "part": parts}]


def refused(home: Care, *parts: Resource, path: str = MINUTES, **more: Any) -> tuple[int, str]:
    status, issues = home.refusal("POST", path, {"resourceType": "Parameters", "parameter": list(parts)}, **more)
    return status, issues[0].get("expression", [""])[0] if issues else ""


def put(home: Care, resource: Resource, **more: Any) -> int:
    return home.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **more).status


@pytest.mark.parametrize(
    "person",
    [
        about_ann("She told of her schizophrenia"),
        about_ann("", decision("See the psychiatrist")),
        about_ann("", decision("Call her", about="Condition/mood")),
        about_ann("", ref("about", "Condition/mood")),
        about_ann("Zzmood is worse"),
    ],
)
def test_what_minutes_say_of_somebody_needs_their_consent(home: Care, person: list[Resource]) -> None:
    home.tell(condition("mood", "F32.1", "Zzmood"))
    assert refused(home, *person)[0] == 422
    home.put(consent("c", permit("PSY", to="Practitioner/bo")))
    assert refused(home, *person)[0] == 422, "it names somebody else"
    for each in ("Practitioner/ada", "CareTeam/home", "Organization/home"):
        home.put(consent("c", permit("PSY", to=each)))
        home.operate("POST", MINUTES, *person)
    home.put(consent("d", deny("PSY", to="PractitionerRole/ada-home")))
    assert refused(home, *person)[0] == 422, "a refusal of one role is one of the person"
    home.operate("POST", MINUTES, *about_ann("Missed two visits."))


def test_an_agenda_names_nothing_that_rests_on_what_is_sensitive(home: Care) -> None:
    home.tell(condition("mood", "F32.1", "Zzmood"), condition("sugar", "E11.9", "Diabetes"))
    code = {"coding": [{"system": "urn:x", "code": "x", "display": "Zztitle"}]}
    urgent = {"resourceType": "Task", "status": "requested", "intent": "order", "priority": "urgent", "code": code,
              "for": {"reference": "Patient/ann"}}  # fmt: skip
    home.put({**urgent, "id": "a", "focus": {"reference": "Condition/mood"}})
    home.put({**urgent, "id": "b", "partOf": [{"reference": "Task/a"}]})
    home.put({**urgent, "id": "c", "focus": {"reference": "Condition/nobody-knows"}})
    home.put({**urgent, "id": "d", "focus": {"reference": "Condition/sugar"}})
    home.put(assessment("e", "ann", basis=[{"reference": "Task/b"}], method=code))
    home.put(assessment("f", "ann", basis=[{"reference": "Condition/sugar"}], method=code))
    parts = [
        part for each in home.operate("GET", "CareTeam/of-ann/$huddle")["parameter"] for part in each.get("part", ())
    ]
    found = {
        next(p["valueReference"]["reference"] for p in each["part"] if p["name"] == "about")
        for each in parts
        if each["name"] == "reason" and any(p["name"] == "title" for p in each["part"])
    }
    assert found == {"Task/d", "RiskAssessment/f"}


def test_minutes_may_come_to_say_again_what_they_said(home: Care) -> None:
    first = named(home.operate("POST", MINUTES, *about_ann("", decision("A"))), "minutes")
    why = [ref("amends", first), text("reason", "It was otherwise.")]
    for said, new in (("X", True), ("Y", True), ("X", True), ("X", False)):
        assert named(home.operate("POST", MINUTES, *about_ann("", decision(said)), *why), "new") is new
    assert [each["description"] for each in home.found("Task?code=huddle-decision&status=requested")] == ["X"]
    key = {"Idempotency-Key": "k"}
    once = [named(home.operate("POST", MINUTES, *about_ann("", decision("Z")), *why, **key), "new") for _ in range(2)]
    assert once == [True, False]
    home.operate("POST", MINUTES, *about_ann("", decision("Y")), *why)
    assert named(home.operate("POST", MINUTES, *about_ann("", decision("Z")), *why, **key), "new") is False
    assert refused(home, *about_ann("", decision("Q")), *why, headers=key)[0] == 409


def test_minutes_are_neither_forged_nor_lost(home: Care) -> None:
    name = named(home.operate("POST", MINUTES, *about_ann("Missed two visits.")), "minutes")
    made = home.read(name)
    for change in (
        {"payload": [{"contentString": "Nothing."}]},
        {"status": "entered-in-error"},
        {"meta": {"tag": [{"code": "x"}]}},
        {"meta": {**made["meta"], "source": "urn:ehr"}},
        {"sent": "2031-01-01T00:00:00Z"},
    ):
        assert put(home, {**made, **change}) == 409
        assert put(home, {**made, **change}, backfill=True) == 409
    assert home.ask("DELETE", name).status == 409
    assert home.ask("DELETE", name, backfill=True).status == 409
    forged = {**{k: v for k, v in made.items() if k not in ("id", "meta")}, "sent": home.at(hours=-1)}
    assert home.ask("POST", "Communication", {**forged, "meta": {"profile": [OURS + "huddle-minutes"]}}).status == 422
    assert home.ask("POST", "Communication", {**forged, "meta": {"profile": [OURS + "huddle-minutes|1"]}}).status == 422
    home.pass_time(hours=2)
    late = {**forged, "sent": home.at(hours=-1)}
    home.put({**late, "id": "none"})
    home.put({**late, "id": "ehr", "meta": {"profile": [OURS + "huddle-minutes"], "source": "urn:ehr"}})
    assert named(home.operate("GET", "CareTeam/home/$huddle"), "previous") == name


def test_a_task_of_ours_stays_about_whom_it_is(home: Care) -> None:
    staff(home, "nora", 5, "home")
    home.operate("POST", MINUTES, *about_ann("", decision("Call her")))
    home.put(assessment("high", "ben"))
    home.fire()
    for each in (task(home, "huddle-decision", "ann"), task(home, "outreach", "ben"), task(home, "assign-navigator")):
        other = {"reference": "Patient/ben" if each["for"]["reference"] == "Patient/ann" else "Patient/ann"}
        for wrong, status in (
            ({"for": other}, 409),
            ({"restriction": {"period": {"end": "2999-01-01"}}}, 422),
            ({"owner": {"reference": "Practitioner/nobody"}}, 422),
            ({"owner": {"reference": "https://elsewhere.example/fhir/Practitioner/ada"}}, 422),
        ):
            assert put(home, {**each, **wrong}) == status
            assert put(home, {**each, **wrong, "meta": {"source": "urn:ehr"}}) == status
        assert home.ask("DELETE", f"Task/{each['id']}").status == 409
        home.put({**each, "owner": {"reference": "PractitionerRole/bo-home"}})
    outreach = tasks(home, "outreach", "ben")[0]
    assert put(home, {k: v for k, v in outreach.items() if k != "restriction"}) == 422, "it would be due never"
    home.put({**outreach, "restriction": {"period": {"end": "2031-04-01"}}})
    foreign = {**outreach, "id": "ehr", "meta": {"source": "urn:ehr"}}
    home.put(foreign)
    home.put({**foreign, "for": {"reference": "Patient/ann"}})


def test_a_notice_that_was_sent_reads_as_it_did(home: Care) -> None:
    parts = [ref("recipient", "Organization/home"), ref("sender", "Practitioner/bo"), text("text", "We open earlier.")]
    parts.append({"name": "acknowledge-by", "valueInstant": home.at(days=2)})
    name = named(home.operate("POST", "Communication/$notice", *parts), "communication")
    made = home.read(name)
    closed = {"status": "additional", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Closed.</div>'}
    assert put(home, {**made, "text": closed}) == 409
    assert put(home, {**made, "statusReason": {"text": "x"}}) == 409
    noted = {**made, "note": [{"text": "Asked again."}]}
    home.put(noted)
    assert put(home, {**noted, "note": [{"text": "Never asked."}]}) == 409
    home.put({**noted, "status": "stopped", "statusReason": {"text": "A mistake."}})
    assert put(home, {**noted, "status": "stopped", "statusReason": {"text": "Another."}}) == 409


URL = "https://care.example/rules/x"


def of_rule(who: str, subject: str = "", **members: Any) -> Resource:
    made = assessment(id_of(URL, f"Patient/{who}"), subject or who, **members)
    return {**made, "method": {"coding": [{"system": RULES, "code": URL}]}}


def test_a_rules_assessment_stays_the_persons(home: Care) -> None:
    made = home.put(of_rule("ann"))
    assert put(home, {**made, "subject": {"reference": "Patient/ben"}}) == 409
    assert put(home, {**made, "subject": {"reference": "Patient/ben"}, "meta": {"source": "urn:ehr"}}) == 409
    assert put(home, {k: v for k, v in made.items() if k != "method"}) == 409
    home.put({**made, "note": [{"text": "Seen."}]})


def test_one_that_was_moved_comes_back(home: Care) -> None:
    made = home.put(of_rule("ann"))

    def moved(session: Session) -> None:
        unit = WriteUnit(home.runtime, session, home.own_context())
        unit.update({**made, "subject": {"reference": "Patient/ben"}})
        unit.store()

    home.store.transact(moved)
    home.store.transact(lambda session: look(home.runtime, session, ["ben"], home.own_context()))
    assert home.read(f"RiskAssessment/{made['id']}")["subject"] == {"reference": "Patient/ann"}
    home.fire()
    assert home.found("RiskAssessment?subject=Patient/ben") == []


def test_nobody_is_navigated_who_is_not_known(home: Care) -> None:
    staff(home, "nora", 5, "home")
    home.tell(patient("gone"))
    home.ask("DELETE", "Patient/gone", service="records")
    home.keep(patient("gone"))
    for who in ("gone", "none", "ann"):
        home.put(assessment(f"risk-{who}", who))
    home.fire()
    assert people(home, "nora") == ["Patient/ann"]
    high = [each["subject"]["reference"] for each in home.found("Flag") if "high-risk" in str(each["code"])]
    assert high == ["Patient/ann"]
    home.tell(patient("none"))
    home.fire()
    assert people(home, "nora") == ["Patient/ann", "Patient/none"], "once there is a copy"
    home.ask("DELETE", "Patient/none", service="records")
    home.keep(patient("none"))
    home.fire()
    assert people(home, "nora") == ["Patient/ann"]


@pytest.mark.parametrize("period", [1e28, 1e300, 0.1234567890123456789, 1e-30])
@pytest.mark.parametrize("unit", ["s", "d", "mo", "a"])
def test_a_period_of_any_size_can_be_asked_about(home: Care, period: float, unit: str) -> None:
    repeat = {"frequency": 1, "period": period, "periodUnit": unit}
    timing: dict[str, Any] = {"repeat": {**repeat, "boundsDuration": {"value": period, "code": unit}}}
    detail = {"status": "in-progress", "code": {"text": "w"}, "scheduledTiming": timing}
    plan = {
        "resourceType": "CarePlan", "id": "p", "status": "active", "intent": "plan", "activity": [{"detail": detail}],
        "subject": {"reference": "Patient/ann"}, "period": {"start": "2026-01-05"},
    }  # fmt: skip
    assert put(home, plan) in (201, 422)
    assert home.ask("GET", "CarePlan/p/$adherence").status in (200, 404)
    walked = {"resourceType": "Task", "id": "t", "status": "completed", "intent": "order", "code": {"text": "w"},
              "basedOn": [{"reference": "CarePlan/p"}], "for": {"reference": "Patient/ann"}}  # fmt: skip
    home.put(walked)
    home.fire()

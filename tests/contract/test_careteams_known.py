"""Who decides, and who is asked about, is somebody; and what is sent again under one key is done once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.care import Care, care, department_team, organization, part, patient, person_team, practitioner, role
from support.navigation import assessment, named, staff, task
from support.risk import reads, rule

NOBODY = "Practitioner/nobody"


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """A department of three, of which Ada leads; and somebody at high risk with a navigator."""
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        called = {"name": [{"family": "Miller", "given": ["Ada"]}]}
        made.tell(organization("home"), practitioner("ada", **called), practitioner("bo"), practitioner("cy"))
        made.tell(role("ada-home", "ada", "home"), role("bo-home", "bo", "home"), role("cy-home", "cy", "home"))
        made.tell(patient("ann", name=[{"text": "Ann Person"}]))
        made.put(person_team("of-ann", "ann", part("Practitioner/ada"), department="home"))
        made.put(department_team("home", "home", part("Practitioner/ada")))
        staff(made, "nora", 5, "home")
        made.put(assessment("high", "ann"))
        made.fire()
        yield made


def ref(name: str, reference: str) -> Resource:
    return {"name": name, "valueReference": {"reference": reference}}


def text(name: str, said: str) -> Resource:
    return {"name": name, "valueString": said}


def refused(home: Care, path: str, *parts: Resource) -> tuple[int, str]:
    body = {"resourceType": "Parameters", "parameter": list(parts)} if parts else None
    status, issues = home.refusal("POST" if parts else "GET", path, body)
    return status, issues[0].get("expression", [""])[0] if issues else ""


OPTIONS = [{"name": "option", "part": [text("text", each)]} for each in ("Talking", "Pills")]
CHOICE = [text("decision", "Talking"), text("preference", "Talking"), *OPTIONS]


def notice(home: Care) -> str:
    parts = [ref("recipient", "Organization/home"), ref("sender", "Practitioner/bo"), text("text", "We open earlier.")]
    parts.append({"name": "acknowledge-by", "valueInstant": home.at(days=2)})
    return str(named(home.operate("POST", "Communication/$notice", *parts), "communication"))


def test_who_decides_is_known(home: Care) -> None:
    assert refused(home, "Patient/ann/$step-down", text("reason", "Well."), ref("by", NOBODY)) == (422, "by")
    assert refused(home, "Patient/ann/$shared-decision", *CHOICE, ref("by", NOBODY)) == (422, "by")
    assert refused(home, f"{notice(home)}/$recall", text("reason", "Wrong."), ref("by", NOBODY)) == (422, "by")
    contact = f"Task/{task(home, 'outreach')['id']}/$outreach"
    assert refused(home, contact, text("outcome", "reached"), ref("by", NOBODY)) == (422, "by")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("CareTeam/$huddle?department=Organization/none", 422),
        ("CareTeam/$caseloads?department=Organization/none", 422),
        ("CareTeam/$workload?department=Organization/none", 422),
        (f"Communication/$unread?reader={NOBODY}", 422),
        (f"Patient/ann/$about-me?recipient={NOBODY}", 422),
        (f"Patient/ann/$transfer-summary?recipient={NOBODY}", 422),
        (f"Patient/ann/$transfer-summary?author={NOBODY}", 422),
        ("PractitionerRole/none/$caseload", 404),
    ],
)
def test_who_is_asked_about_is_known(home: Care, path: str, status: int) -> None:
    assert refused(home, path)[0] == status


@pytest.mark.parametrize("who", ["Practitioner/bo", "PractitionerRole/bo-home", "Practitioner/ada"])
def test_a_notice_is_recalled_by_its_sender_or_who_leads_the_department(home: Care, who: str) -> None:
    sent = notice(home)
    for other in ("Practitioner/cy", "PractitionerRole/nora"):
        assert refused(home, f"{sent}/$recall", text("reason", "Wrong."), ref("by", other)) == (422, "by")
    home.operate("POST", f"{sent}/$recall", text("reason", "Wrong."), ref("by", who))
    assert home.read(sent)["status"] == "stopped"


def test_a_plan_is_applied_once_under_one_key(home: Care) -> None:
    template = {
        "resourceType": "PlanDefinition", "id": "walk", "url": "https://care.example/walk", "status": "active",
        "goal": [{"id": "g", "description": {"text": "To walk"}}],
        "action": [{"id": "a", "title": "Walk", "goalId": ["g"]}],
    }  # fmt: skip
    home.put(template)
    parts = [ref("subject", "Patient/ann"), {"name": "store", "valueBoolean": True}]
    key = {"Idempotency-Key": "k"}
    plans = [home.operate("POST", "PlanDefinition/walk/$apply", *parts, **key)["id"] for _ in range(2)]
    assert len(set(plans)) == 1
    assert (len(home.found("CarePlan")), len(home.found("Goal"))) == (1, 1)
    other = {"resourceType": "Parameters", "parameter": [*parts, {"name": "status", "valueCode": "active"}]}
    assert home.refusal("POST", "PlanDefinition/walk/$apply", other, headers=key)[0] == 409
    home.operate("POST", "PlanDefinition/walk/$apply", *parts)
    assert len(home.found("CarePlan")) == 2
    assert home.ask("DELETE", f"CarePlan/{plans[0]}").status in (200, 204)
    again = {"resourceType": "Parameters", "parameter": parts}
    assert home.refusal("POST", "PlanDefinition/walk/$apply", again, headers=key)[0] == 410


def test_all_that_is_wrong_with_minutes_is_told_at_once_and_their_document_names_people(home: Care) -> None:
    parts = [text("text", "Call her"), ref("owner", NOBODY), ref("decided-by", "Practitioner/bo")]
    parts.append({"name": "due", "valueDate": "2020-01-01"})
    person = [ref("patient", "Patient/ann"), {"name": "decision", "part": parts}]
    given = [ref("present", "PractitionerRole/ada-home"), {"name": "person", "part": person}]
    body = {"resourceType": "Parameters", "parameter": given}
    status, issues = home.refusal("POST", "CareTeam/home/$huddle-minutes", body)
    assert status == 422
    said = " ".join(each["diagnostics"] for each in issues)
    assert all(each in said for each in ("due has to be later", "Who decided was present", "The owner is not here"))
    parts[1:] = [ref("owner", "Practitioner/bo"), ref("decided-by", "PractitionerRole/ada-home")]
    parts.append({"name": "due", "valueDate": "2031-03-05"})
    home.operate("POST", "CareTeam/home/$huddle-minutes", *given)
    home.send()
    (bundle,) = home.found("Bundle?type=document")
    attendance, ann = bundle["entry"][0]["resource"]["section"]
    assert "Ada Miller: present" in attendance["text"]["div"]
    assert ann["title"] == "Ann Person"
    assert "decided by Ada Miller" in ann["text"]["div"]
    assert "Practitioner/bo, until" in ann["text"]["div"], "who has no name is named by the reference"


def test_of_one_url_one_rule_is_active(home: Care) -> None:
    first = rule("one", "%m.exists()", reads("m", "Encounter", 1))
    home.put(first)
    second = {**first, "id": "two"}
    status, issues = home.refusal("PUT", "PlanDefinition/two", second)
    assert (status, issues[0]["expression"]) == (409, ["PlanDefinition.url"])
    assert "PlanDefinition/one" in issues[0]["diagnostics"]
    home.put({**second, "status": "draft"})
    home.put({**first, "version": "2"})
    home.put({**first, "status": "retired"})
    home.put(second)


def test_a_rule_is_tried_on_the_facts_of_a_moment(home: Care) -> None:
    then = {
        "resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": "Patient/ann"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "EMER"},
        "period": {"start": "2031-02-01T08:00:00Z", "end": "2031-02-01T09:00:00Z"},
    }  # fmt: skip
    home.tell(then)
    given = [{"name": "rule", "resource": rule("one", "%m.exists()", reads("m", "Encounter", 1))}]
    for at, flagged in (("2031-01-31", 0), ("2031-02-02", 1)):
        tried = home.operate("POST", "PlanDefinition/$try", *given, {"name": "at", "valueDateTime": at})
        assert (named(tried, "people"), named(tried, "flagged")) == (1, flagged)


def test_a_page_tells_needs_and_calls_codes_by_their_names(home: Care) -> None:
    def answer(id_: str, code: str, answered: str) -> Resource:
        return {
            "resourceType": "Observation", "id": id_, "status": "final", "subject": {"reference": "Patient/ann"},
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": answered}]},
        }  # fmt: skip

    home.tell(answer("no", "93030-5", "LA32-8"), answer("none", "88124-3", "LA19983-8"))
    home.tell(answer("yes", "93033-9", "LA33-6"))
    page = home.ask("GET", "Patient/ann/$about-me?page=true").body.decode()
    assert "Worried about losing housing: LA33-6" in page
    assert "transportation" not in page and "Food" not in page

"""Care teams of ours on both databases: what is refused, what an EHR may say all the same, and what is unique."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from carethread.careteams.teams.answering import accountable
from carethread.core.clock import system_clock, to_micros
from carethread.core.ports import Resource
from support.care import (
    OURS,
    START,
    Care,
    care,
    department_team,
    organization,
    part,
    patient,
    person_team,
    practitioner,
    role,
)
from support.owners import URN, entry, put
from support.owners import patient as patient_of
from support.owners import practice as across

ONE, TWO, THREE = "PractitionerRole/r-one", "PractitionerRole/r-two", "PractitionerRole/r-three"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """Three practitioners of one department, and two persons."""
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(organization("eyes"), patient("ann"), patient("ben"))
        for name in ("one", "two", "three"):
            made.tell(practitioner(name), role(f"r-{name}", name, "eyes"))
        yield made


@pytest.mark.parametrize(
    ("parts", "where", "said"),
    [
        ([part(ONE, start=START.isoformat()), part(TWO, start="2031-03-03T09:00:00Z")], "[1].period", "two are"),
        ([part(ONE, end="2031-03-03T09:00:00Z"), part(TWO, start="2031-03-04")], "[0].period", "nobody is accountable"),
        ([part(ONE, backup=ONE)], f"[0].extension('{OURS}backup').value", "in a circle"),
    ],
)
def test_what_a_team_of_ours_may_not_say(practice: Care, parts: list[Resource], where: str, said: str) -> None:
    status, issues = practice.refusal("PUT", "CareTeam/a", person_team("a", "ann", *parts))
    assert (status, [issue["expression"] for issue in issues]) == (422, [[f"CareTeam.participant{where}"]])
    assert said in issues[0]["diagnostics"]
    assert practice.ask("GET", "CareTeam/a").status == 404


def test_a_team_that_begins_later_needs_its_lead_then(practice: Care) -> None:
    later: Resource = {"period": {"start": practice.at(hours=24)}}
    practice.put(person_team("a", "ann", part(ONE, start=practice.at(hours=24))) | later)
    status, issues = practice.refusal(
        "PUT", "CareTeam/b", person_team("b", "ann", part(ONE, start=practice.at(hours=25))) | later
    )
    assert (status, issues[0]["expression"]) == (422, ["CareTeam.participant"])


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"participant": [{**part(ONE), "period": {"start": "2031-04-02", "end": "2031-04-01"}}]}, "period"),
        ({"participant": [part(ONE), {"member": {"reference": TWO}}]}, "CareTeam.participant[1]"),
        ({"participant": [part("Practitioner/one"), part("RelatedPerson/sister")]}, "CareTeam.participant[1]"),
        ({"subject": {"reference": "Group/all"}}, "CareTeam.subject"),
    ],
)
def test_what_the_profile_asks(practice: Care, change: Resource, where: str) -> None:
    status, issues = practice.refusal("PUT", "CareTeam/a", {**person_team("a", "ann", part(ONE)), **change})
    assert status == 422
    assert any(where in each for issue in issues for each in issue.get("expression", [])), issues


def test_a_lead_is_somebody_who_can_be_found(practice: Care) -> None:
    unnamed = {**part(ONE), "member": {"type": "Practitioner", "display": "Somebody"}}
    status, issues = practice.refusal("PUT", "CareTeam/a", person_team("a", "ann", unnamed))
    assert status == 422
    assert ["CareTeam.participant[0].member"] in [issue["expression"] for issue in issues]


def test_who_does_not_work_here_any_more_leads_nothing(practice: Care) -> None:
    practice.tell(practitioner("one", active=False))
    practice.tell(role("r-two", "two", "eyes", period={"end": "2031-03-01"}))
    for who in ("Practitioner/one", ONE, TWO):
        status, issues = practice.refusal("PUT", "CareTeam/a", person_team("a", "ann", part(who)))
        assert (status, issues[0]["expression"]) == (422, ["CareTeam.participant[0].member"])
    practice.put(person_team("a", "ann", part("Practitioner/unknown")), backfill=True)


def test_what_is_not_active_promises_nothing(practice: Care) -> None:
    practice.put({**person_team("a", "ann", part(ONE, end="2031-01-01")), "status": "proposed"})


@pytest.mark.parametrize("mark", [{"source": "urn:ehr"}, {"profile": [OURS + "care-team"], "source": "urn:ehr"}])
def test_what_an_ehr_sends_is_stored_as_sent(practice: Care, mark: Resource) -> None:
    sent = {**person_team("a", "ann", part(ONE, end="2031-01-01")), "meta": mark}
    assert practice.put(sent)["participant"] == sent["participant"]
    answer = practice.operate("GET", "Patient/ann/$accountable")
    assert [each["name"] for each in answer["parameter"]] == ["patient", "at"], "it answers for nobody"


def test_a_team_of_ours_stays_one(practice: Care) -> None:
    made = practice.put(person_team("a", "ann", part(ONE)))
    bare = {name: value for name, value in made.items() if name != "meta"}
    for told in (bare, {**bare, "meta": {"source": "urn:ehr"}}):
        kept = practice.put(told)["meta"]
        assert (kept["profile"], "source" in kept) == ([OURS + "care-team"], False)
    assert practice.put(bare, backfill=True)["meta"]["profile"] == [OURS + "care-team"]
    nobody = {**bare, "meta": {"source": "urn:ehr"}, "participant": [part(ONE, end="2031-01-01")]}
    assert practice.refusal("PUT", "CareTeam/a", nobody)[0] == 422
    assert practice.refusal("PUT", "CareTeam/a", {**bare, "subject": {"reference": "Group/all"}})[0] == 422
    practice.put({**bare, "status": "inactive"})


def test_only_the_service_says_why_somebody_leads(practice: Care) -> None:
    forged = part(ONE)
    forged["extension"] = [{"url": OURS + "accountable-cause", "valueString": "Task/none"}]
    first = {"url": OURS + "leading-since", "valueInstant": "2031-01-01T00:00:00Z"}
    stored = practice.put(person_team("a", "ann", forged, extension=[first]))
    assert "extension" not in stored
    assert "extension" not in stored["participant"][0]


def test_history_is_stored_as_it_is_told(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE, end="2030-01-01")), backfill=True)
    practice.put(person_team("b", "ann", part(ONE, "accountable", "coordinator")), backfill=True)
    practice.put(person_team("c", "ann", part(ONE, "accountable", "coordinator")), backfill=True)
    assert practice.store.glance(lambda session: session.timers.ahead("lead", 10)) == []


# --- What there is one of -----------------------------------------------------------------------------------------


def coordinated(id_: str, person: str = "ann") -> Resource:
    return person_team(id_, person, part(ONE, "accountable", "coordinator"))


def test_a_person_has_one_coordinator(practice: Care) -> None:
    practice.put(coordinated("a"))
    practice.put(coordinated("of-another", "ben"))
    status, issues = practice.refusal("PUT", "CareTeam/b", coordinated("b"))
    assert (status, issues[0]["expression"]) == (409, ["CareTeam.participant"])
    assert "CareTeam/a has a coordinator" in issues[0]["diagnostics"]
    practice.put({**coordinated("a"), "status": "inactive"})
    practice.put(coordinated("b"))
    assert practice.ask("DELETE", "CareTeam/b").status == 204
    practice.put(coordinated("c"))


def test_a_coordinator_whose_time_is_over_is_none(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE), part(TWO, "coordinator", end=practice.at(hours=1))))
    assert practice.refusal("PUT", "CareTeam/b", coordinated("b"))[0] == 409
    practice.pass_time(hours=1)
    practice.put(coordinated("b"))


def test_coordinators_are_swapped_in_one_transaction(practice: Care) -> None:
    practice.put(coordinated("a"))
    practice.put(person_team("b", "ann", part(TWO)))
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"CareTeam/{each['id']}"}}
        for each in (coordinated("b"), person_team("a", "ann", part(ONE)))
    ]
    answer = practice.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status == 200, answer.body


def test_a_department_has_one_team(practice: Care) -> None:
    practice.put(department_team("d", "eyes", part(ONE)))
    status, issues = practice.refusal("PUT", "CareTeam/e", department_team("e", "eyes", part(TWO)))
    assert (status, issues[0]["expression"]) == (409, ["CareTeam.managingOrganization"])
    assert "CareTeam/d" in issues[0]["diagnostics"]
    practice.put(department_team("e", "ears", part(TWO)))
    status, _ = practice.refusal("PUT", "CareTeam/e", department_team("e", "eyes", part(TWO)))
    assert status == 409, "nor by moving"


def test_departments_do_not_escalate_in_a_circle(practice: Care) -> None:
    practice.put(department_team("a", "A", part(ONE)))
    practice.put(department_team("b", "B", part(ONE), up="CareTeam/a"))
    practice.put(department_team("c", "C", part(ONE), up="CareTeam/b"))
    where = [f"CareTeam.extension('{OURS}escalates-to').value"]
    for up in ("CareTeam/a", "CareTeam/b", "CareTeam/c"):
        status, issues = practice.refusal("PUT", "CareTeam/a", department_team("a", "A", part(ONE), up=up))
        assert (status, issues[0]["expression"]) == (422, where), up
        assert "circle" in issues[0]["diagnostics"]
    practice.put(person_team("of-ann", "ann", part(ONE)))
    for up in ("CareTeam/none", "CareTeam/of-ann"):
        status, issues = practice.refusal("PUT", "CareTeam/a", department_team("a", "A", part(ONE), up=up))
        assert (status, issues[0]["code"], issues[0]["expression"]) == (422, "not-found", where), up


def at_once(practice: Care, *wanted: Resource) -> list[int]:
    """The statuses of writes that come at the same moment."""
    ready, found = Barrier(len(wanted)), [0] * len(wanted)

    def one(number: int, resource: Resource) -> None:
        ready.wait()
        found[number] = practice.ask("PUT", f"CareTeam/{resource['id']}", resource).status

    threads = [Thread(target=one, args=each) for each in enumerate(wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_coordinators_at_once_one_stays(practice: Care) -> None:
    statuses = at_once(practice, *(coordinated(f"t{number}") for number in range(6)))
    assert sorted(statuses) == [201, 409, 409, 409, 409, 409]


def test_departments_at_once_make_no_circle(practice: Care) -> None:
    for name in "abc":
        practice.put(department_team(name, name.upper(), part(ONE)))
    wanted = [department_team(x, x.upper(), part(ONE), up=f"CareTeam/{y}") for x, y in ("ab", "bc", "ca")]
    statuses = at_once(practice, *wanted)
    assert sorted(statuses) == [200, 200, 422]


def test_whatever_leads_change_at_once_one_answers(practice: Care) -> None:
    practice.put(person_team("t0", "ann", part(ONE)))
    wanted = [person_team(f"t{number % 3}", "ann", part(who)) for number, who in enumerate((ONE, TWO, THREE) * 3)]
    assert set(at_once(practice, *wanted)) <= {200, 201}
    now = practice.micros
    (found,) = practice.store.glance(lambda s: s.register.between(["Patient/ann"], now, now + 1))
    lead = practice.read(found.team)["participant"][0]["member"]["reference"]
    assert (found.team, found.member) == ("CareTeam/t0", lead)


def test_a_change_of_who_answers_is_told_as_one(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE)))
    practice.put(person_team("a", "ann", part(ONE), name="Renamed"))
    practice.put(person_team("a", "ann", part(TWO)))
    practice.put(person_team("a", "ann", part(TWO, end=practice.at(hours=1)), part(ONE, start=practice.at(hours=1))))
    told = practice.store.glance(lambda s: s.committed(["CareTeam"], 0, 2**62, (0, 0, 0), 10))
    assert [event.verb for _, event in told] == ["created", "updated", "leadchanged", "updated"]


def test_a_transaction_across_services_enters_what_it_has_committed(tmp_path: Path, database_url: str) -> None:
    """Of what is tried and comes to nothing, no place is taken and nothing is in the register."""
    with across(tmp_path, postgres="" if database_url.startswith("sqlite") else database_url) as made:
        store = made.stores["careteams"]
        team = person_team("a", "x", part(ONE, "accountable", "coordinator"), subject={"reference": URN(1)})
        new = entry("POST", "Patient", patient_of("1"), URN(1))
        refused = put({**team, "id": "b", "subject": {"reference": URN(1)}})
        assert made.transact(new, put(team), refused)[0] == 409, "two coordinate the same person"
        assert store.glance(lambda session: session.places("coordinator", "CareTeam/a")) == []
        status, answer = made.transact(new, put(team))
        assert status == 200, answer
        subject = made.read("CareTeam/a")["subject"]["reference"]
        now = to_micros(system_clock())
        found = store.glance(lambda session: accountable(session, subject, now))
        assert found and (found.member, found.team) == (ONE, "CareTeam/a")
        assert store.glance(lambda session: session.places("coordinator", "CareTeam/a")) == [subject]
